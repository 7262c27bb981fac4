-- One update. ARGV: bound of the sweep, lifetime in ms, most bytes, id, then status, progress, current_step, result_url,
-- error_message and error_traceback as JSON text, empty where the field is left as it is.
local bound, lifetime_ms, most_bytes, id = unpack(ARGV)
local NAMES = {'status', 'progress', 'current_step', 'result_url', 'error_message', 'error_traceback', 'updated_at',
  'completed_at', 'created_at', 'task_id', 'video_ids', 'metadata'}

local key = record_key(id)
local record = redis.pcall('GET', key)
if not record then return {'missing'} end
if type(record) == 'table' then return {'unreadable', 'it is not a string'} end

-- One field a line: JSON has no raw newline inside a value, so lines can be exchanged without reading JSON.
local lines = {}
for line in string.gmatch(record, '[^\n]+') do lines[#lines + 1] = line end
local revision, created_us = string.match(lines[1] or '', '^{"v":1,"revision":(%d+),"created_us":(%d+)$')
if not revision or #lines ~= #NAMES + 2 or lines[#lines] ~= '}' then
  return {'unreadable', 'it is not a record of version 1'}
end
local values = {}
for i, name in ipairs(NAMES) do
  local label = ',"' .. name .. '":'
  if string.sub(lines[i + 1], 1, #label) ~= label then return {'unreadable', 'it has no ' .. name .. ' where it should'} end
  values[i] = string.sub(lines[i + 1], #label + 1)
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
  if ARGV[4 + i] ~= '' then values[i] = ARGV[4 + i] end
end
local size = #values[3] + #values[4] + #values[5] + #values[6] + #values[11] + #values[12]
if size > tonumber(most_bytes) then return {'large', tostring(size)} end

local status = string.sub(values[1], 2, -2)
local completed_us = ''
values[7] = iso(now_us)
if FINAL[status] then
  completed_us = now_us
  values[8] = values[7]
end
local changed = {'{"v":1,"revision":' .. (revision + 1) .. ',"created_us":' .. created_us}
for i, name in ipairs(NAMES) do changed[i + 1] = ',"' .. name .. '":' .. values[i] end
changed[#changed + 1] = '}'
record = table.concat(changed, '\n')

store(id, record, status, created_us, completed_us, lifetime_ms)
if status ~= old_status then redis.call('ZREM', status_index(old_status), id) end
sweep(bound)
return {'ok', record}
