-- One update. ARGV: bound of the sweep, lifetime in ms, most bytes, id, then status, progress, current_step, result_url,
-- error_message and error_traceback as JSON text, empty where the field is left as it is.
local bound, lifetime_ms, most_bytes, id = unpack(ARGV)
local LABELS = {',"status":', ',"progress":', ',"current_step":', ',"result_url":', ',"error_message":',
  ',"error_traceback":', ',"updated_at":', ',"completed_at":', ',"created_at":', ',"task_id":', ',"video_ids":',
  ',"metadata":'}

local record = redis.pcall('GET', record_key(id))
if not record then return {'missing'} end
if type(record) == 'table' then return {'unreadable', 'it is not a string'} end

-- One field a line: JSON has no raw newline inside a value, so lines can be exchanged without reading JSON.
local lines = {}
for line in string.gmatch(record, '[^\n]+') do lines[#lines + 1] = line end
local revision, created_us = string.match(lines[1] or '', '^{"v":1,"revision":(%d+),"created_us":(%d+)$')
if not revision or #lines ~= #LABELS + 2 or lines[#lines] ~= '}' then
  return {'unreadable', 'it is not a record of version 1'}
end
local values = {}
for i, label in ipairs(LABELS) do
  local line = lines[i + 1]
  if string.sub(line, 1, #label) ~= label then return {'unreadable', 'it has no ' .. label .. ' where it should'} end
  values[i] = string.sub(line, #label + 1)
end
local function set(i, value)
  values[i] = value
  lines[i + 1] = LABELS[i] .. value
end

local old_status = string.sub(values[1], 2, -2)
if FINAL[old_status] then
  for i = 1, 6 do
    local given = ARGV[4 + i]
    if given ~= '' and given ~= values[i] then return {'final', old_status} end
  end
  return {'ok', record}
end

for i = 1, 6 do
  if ARGV[4 + i] ~= '' then set(i, ARGV[4 + i]) end
end
local size = #values[3] + #values[4] + #values[5] + #values[6] + #values[11] + #values[12]
if size > tonumber(most_bytes) then return {'large', tostring(size)} end

local status = string.sub(values[1], 2, -2)
local now = iso(now_us)
set(7, now)
if FINAL[status] then set(8, now) end
lines[1] = '{"v":1,"revision":' .. (revision + 1) .. ',"created_us":' .. created_us
record = table.concat(lines, '\n')

if status ~= old_status then redis.call('ZADD', status_index(status), created_us, id) end
if FINAL[status] then redis.call('ZADD', FINISHED, now_us, id) end
keep(id, record, status, lifetime_ms)
if status ~= old_status then redis.call('ZREM', status_index(old_status), id) end
sweep(bound)
return {'ok', record}
