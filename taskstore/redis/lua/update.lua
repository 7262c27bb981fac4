-- One update. ARGV: bound of the sweep, lifetime in ms, most bytes, id, then status, progress, current_step, result_url,
-- error_message and error_traceback as JSON text, empty where the field is left as it is.
local bound, lifetime_ms, most_bytes, id = unpack(ARGV)

local record = redis.pcall('GET', record_key(id))
if not record then return {'missing'} end
if type(record) == 'table' then return {'unreadable', 'it is not a string'} end

-- One field a line. JSON has no raw newline inside a value, so this takes a record apart without reading JSON; () is a
-- place in the text.
local FORM = '^{"v":1,"revision":(%d+),"created_us":(%d+)\
,"status":("[a-z0-9_]+")\
,"progress":([^\n]+)\
,"current_step":([^\n]+)\
,"result_url":([^\n]+)\
,"error_message":([^\n]+)\
,"error_traceback":([^\n]+)\
,"updated_at":[^\n]+\
,"completed_at":[^\n]+()\
,"created_at":[^\n]+\
,"task_id":[^\n]+\
,"video_ids":()[^\n]+()\
,"metadata":(){[^\n]*}()\
}$'
local found = {string.match(record, FORM)}
if #found == 0 then return {'unreadable', 'it is not a record of version 1'} end
local revision, created_us = found[1], found[2]
local rest, videos, videos_end, metadata, metadata_end = unpack(found, 9)

-- What the call would leave: status, progress, current_step, result_url, error_message, error_traceback.
local fields, differs = {}, false
for i = 1, 6 do
  local old, given = found[i + 2], ARGV[i + 4]
  if given == '' or given == old then
    fields[i] = old
  else
    fields[i] = given
    differs = true
  end
end
local old_status = string.sub(found[3], 2, -2)
local status = string.sub(fields[1], 2, -2)
if FINAL[old_status] then
  if differs then return {'final', old_status} end
  return {'ok', record}
end
local size = #fields[3] + #fields[4] + #fields[5] + #fields[6] + (videos_end - videos) + (metadata_end - metadata)
if size > tonumber(most_bytes) then return {'large', tostring(size)} end

local now = iso(now_us)
record = '{"v":1,"revision":' .. (revision + 1) .. ',"created_us":' .. created_us
  .. '\n,"status":' .. fields[1]
  .. '\n,"progress":' .. fields[2]
  .. '\n,"current_step":' .. fields[3]
  .. '\n,"result_url":' .. fields[4]
  .. '\n,"error_message":' .. fields[5]
  .. '\n,"error_traceback":' .. fields[6]
  .. '\n,"updated_at":' .. now
  .. '\n,"completed_at":' .. (FINAL[status] and now or 'null')
  .. string.sub(record, rest)

local entered = {}
if status ~= old_status then
  redis.call('ZADD', status_index(status), created_us, id)
  entered[1] = status_index(status)
end
if FINAL[status] then
  redis.call('ZADD', FINISHED, now_us, id)
  entered[2] = FINISHED
end
keep(id, record, entered, lifetime_ms)
if status ~= old_status then redis.call('ZREM', status_index(old_status), id) end
sweep(bound)
return {'ok', record}
