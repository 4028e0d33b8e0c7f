-- wrk's side of the transforms' benchmark: conversations of four messages and about 1 KB, no two requests alike.
-- Arguments: a number that differs from round to round; how many tokens to answer; `stream` to ask for a stream.

local words = {}
for word in ("the moon palace rabbit pounds cassia bark under an old tree while nobody on earth is looking"):gmatch("%a+") do
  words[#words + 1] = word
end

local heads, number = {}, 0

local function text(size)
  local found, length = {}, 0
  while length < size do
    local word = words[math.random(#words)]
    found[#found + 1] = word
    length = length + #word + 1
  end
  return table.concat(found, " ")
end

function init(args)
  local round, tokens, stream = args[1] or "0", args[2] or "12", args[3] == "stream"
  math.randomseed(tonumber(round) + 1)
  local fixed = "POST /v1/chat/completions HTTP/1.1\r\nHost: " .. wrk.host .. ":" .. wrk.port ..
    "\r\nAuthorization: Bearer sk-bench-0123456789abcdef0123456789abcdef" ..
    "\r\nContent-Type: application/json\r\nAccept: */*\r\nUser-Agent: bench\r\n"
  local function message(role, size)
    return '{"role":"' .. role .. '","content":"' .. text(size) .. '"}'
  end
  for at = 1, 512 do
    local body = '{"model":"kimi-k2.6","max_tokens":' .. tokens .. (stream and ',"stream":true' or "") ..
      ',"messages":[' .. message("system", 160) .. "," .. message("user", 160) .. "," .. message("assistant", 240) ..
      "," .. message("user", 120) .. '],"user":"bench-' .. round .. '","seed":'
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
