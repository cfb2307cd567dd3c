-- Sends the requests of a file in turn, and ends with a line of JSON. In the file they are one a line, with
-- a tab in the place of each line break.
--
-- Arguments: the file; and `once` if no request may be sent twice.

local requests = {}
local last = 0
local once = false
local threads = {}
exhausted = false

function setup(thread)
  threads[#threads + 1] = thread
end

function init(args)
  for line in io.lines(args[1]) do
    requests[#requests + 1] = (line:gsub('\t', '\r\n'))
  end
  once = args[2] == 'once'
end

function request()
  if last == #requests then
    if once then
      exhausted = true
      wrk.thread:stop()
    end
    last = 0
  end
  last = last + 1
  return requests[last]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\nJSON {"requests":%d,"seconds":%f,"p50":%f,"p99":%f,"refused":%d,"broken":%d,"exhausted":%s}\n',
    summary.requests, summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    tostring(threads[1]:get('exhausted'))
  ))
end
