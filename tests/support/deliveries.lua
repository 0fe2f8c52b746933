-- Sends the requests of a file, each once, and writes down how each was answered:
--
--     wrk --threads N --connections N --script deliveries.lua URL -- FOLDER
--
-- Thread n sends the requests in FOLDER/share-n, one after the other. Each of them follows a line with
-- its key and its length in bytes. FOLDER/answers gets a line for each response, as soon as it has
-- arrived: the key of the request, and the status.
--
-- wrk doesn't say which request a response belongs to. So each thread must have only one connection:
-- its response belongs to the last request. If the server closes the connection instead, wrk connects
-- again and asks for the next request, and the last one stays without an answer.

local requests, position = {}, 0
local answers
local started = 0

-- wrk calls this in an environment of its own, once for each thread, before the thread's init.
function setup(thread)
   started = started + 1
   thread:set("share", started)
end

function init(arguments)
   local folder = arguments[1]
   local file = assert(io.open(folder .. "/share-" .. share, "rb"))
   for line in file:lines() do
      local key, length = line:match("^(%S+) (%d+)$")
      table.insert(requests, {key = key, text = file:read(tonumber(length))})
   end
   file:close()
   answers = assert(io.open(folder .. "/answers", "a"))
   answers:setvbuf("line")
end

-- wrk calls this once more in the first thread before it starts, and only checks the result. A thread
-- that stops still sends what this returns, but reads no response.
function request()
   if position == #requests then
      wrk.thread:stop()
   else
      position = position + 1
   end
   return requests[position].text
end

function response(status)
   answers:write(requests[position].key .. " " .. status .. "\n")
end
