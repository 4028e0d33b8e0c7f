-- wrk's side of the throughput benchmark: chat requests of about 1 KB, no two alike in a run.
-- 1. A body differs from the others in its text (512 texts), in its number, and between rounds.
-- 2. Texts are made beforehand: a request costs one concatenation, so that wrk is not what is measured.
-- Argument: a number that differs from round to round.

local words = {}
for word in ("the moon palace rabbit pounds cassia bark under an old tree while nobody on earth is looking"):gmatch("%a+") do
  words[#words + 1] = word
end

local heads, number, round = {}, 0, "0"

function init(args)
  round = args[1] or "0"
  math.randomseed(tonumber(round) + 1)
  local fixed = "POST /v1/chat/completions HTTP/1.1\r\nHost: " .. wrk.host .. ":" .. wrk.port ..
    "\r\nAuthorization: Bearer sk-bench-0123456789abcdef0123456789abcdef" ..
    "\r\nContent-Type: application/json\r\nAccept: */*\r\nUser-Agent: bench\r\n"
  for at = 1, 512 do
    local text, length = {}, 0
    while length < 860 do
      local word = words[math.random(#words)]
      text[#text + 1] = word
      length = length + #word + 1
    end
    local body = '{"model":"kimi-k2","messages":[{"role":"user","content":"' .. table.concat(text, " ") ..
      '"}],"user":"bench-' .. round .. '","seed":'
    heads[at] = fixed .. "Content-Length: " .. (#body + 11) .. "\r\n\r\n" .. body
  end
end

function request()
  number = number + 1
  return heads[number % 512 + 1] .. (1000000000 + number) .. "}"
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('{"requests":%d,"us":%d,"bad":%d,"broken":%d,"p50":%.1f,"p99":%.1f}\n',
    summary.requests, summary.duration, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
