-- wrk's side of the mock's benchmark: chat requests of three messages, no two alike.
-- Argument: a number that differs from round to round.

local number, round, head = 0, "0", ""

function init(args)
  round = args[1] or "0"
  head = "POST /v1/chat/completions HTTP/1.1\r\nHost: " .. wrk.host .. ":" .. wrk.port ..
    "\r\nAuthorization: Bearer sk-bench-0123456789abcdef0123456789abcdef" ..
    "\r\nContent-Type: application/json\r\nAccept: */*\r\nUser-Agent: bench\r\nContent-Length: "
end

function request()
  number = number + 1
  local body = '{"model":"kimi-k2.6","thinking":{"type":"disabled"},"messages":[' ..
    '{"role":"system","content":"You are a helpful assistant."},' ..
    '{"role":"user","content":"What stands on page ' .. number .. ' of volume ' .. round .. '?"}]}'
  return head .. #body .. "\r\n\r\n" .. body
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('{"requests":%d,"us":%d,"bad":%d,"broken":%d,"p50":%.1f,"p99":%.1f}\n',
    summary.requests, summary.duration, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
