-- One update. ARGV: bound of the sweep, lifetime in ms, most bytes, id, place of the last byte that is read, the record
-- if the client knows that it is readable, then status, progress, current_step, result_url, error_message and
-- error_traceback as JSON text, empty where the field is left as it is, and whether the caller waits for replicas (empty: no).
local _, lifetime_ms, most_bytes, id, last, known = unpack(ARGV)

local record, fault = read(id, last)
if fault then return fault end
if record == '' and redis.call('EXISTS', record_key(id)) == 0 then return {'missing'} end

-- One field a line. JSON has no raw newline inside a value, so this takes a record apart without reading JSON; () is a
-- place in the text.
local FORM = '^{"v":1,"revision":(%d+),"created_us":(%d+)\
,"status":("[a-z0-9_]+")\
,"progress":([ -~]+)\
,"current_step":([ -~]+)\
,"result_url":([ -~]+)\
,"error_message":([ -~]+)\
,"error_traceback":([ -~]+)\
,"updated_at":([ -~]+)\
,"completed_at":([ -~]+)()\
,"created_at":([ -~]+)\
,"task_id":([ -~]+)\
,"video_ids":([ -~]+)\
,"metadata":({[ -~]*})\
}$'
local found = {string.match(record, FORM)}
local is_ascii = #found > 0
if not is_ascii then found = {string.match(record, (string.gsub(FORM, '%[ %-~]', '[^\n]')))} end
local revision, created_us, old_status = found[1], found[2], string.sub(found[3] or '', 2, -2)
local updated_at, completed_at, rest, created_at, task_id, video_ids, metadata = unpack(found, 9)
local now, written_us = iso(now_us), now_us

-- Whether the record is readable beyond doubt. The client's definition is the one that counts (`record.decode`), and a
-- script cannot repeat all of it: cjson takes NaN, "1.", control characters and what is no UTF-8. In doubt the client looks.
local function is_text(json)
  if string.find(json, '^"[^"\\]*"$') then return true end
  local read, value = pcall(cjson.decode, '[' .. json .. ']')
  return read and #value == 1 and type(value[1]) == 'string'
end
local function is_array_of_texts(json)
  if string.find(json, '^%["[^"\\]*"]$') then return true end
  local read, values = pcall(cjson.decode, json)
  if not read or string.sub(json, 1, 1) ~= '[' or #values == 0 then return false end
  for _, value in ipairs(values) do
    if type(value) ~= 'string' then return false end
  end
  return true
end
local function is_object(json)
  if not pcall(cjson.decode, json) then return false end
  if string.find(json, '\\', 1, true) then json = string.gsub(json, '\\.', '') end
  local bare = string.gsub(json, '"[^"]*"', '')
  if #bare > 300 and (#bare > 4300 or select(2, string.gsub(bare, '[%[{]', '')) > 150) then return false end
  return not string.find(bare, '[^]%[{}:,truefalsn%d.-]') and not string.find(bare, 'na', 1, true)
    and not string.find(bare, '[.-]%D') and not string.find(bare, '[^%d.]0%d')
    and not string.find(bare, 'e%d') and not (#bare > 200 and string.find(bare, string.rep('%d', 200)))
end
local function is_utf8(text)
  text = string.gsub(text, '[\n -\127]+', '.')
  for _, character in ipairs({
    '[\225-\236\238\239][\128-\191][\128-\191]', '[\194-\223][\128-\191]', '\224[\160-\191][\128-\191]',
    '\237[\128-\159][\128-\191]', '\240[\144-\191][\128-\191][\128-\191]',
    '[\241-\243][\128-\191][\128-\191][\128-\191]', '\244[\128-\143][\128-\191][\128-\191]', '$',
  }) do
    if string.find(text, '^%.*$') then return true end
    text = string.gsub(text, character, '.')
  end
  return false
end
local function is_time(time)
  local is_of_today = string.sub(time, 1, 11) == string.sub(now, 1, 11)
  return is_of_today and string.find(time, 'T[01]%d:[0-5]%d:[0-5]%d%.%d%d%d%d%d%dZ"$') == 12 or micros(time) ~= nil
end
local function is_readable()
  if #found == 0 or #record > 65536 or #revision > 15 or FINAL[old_status] == nil then return false end
  if not string.find(found[4], '^[1-9]?%d%.%d+$') and found[4] ~= '100.0' then return false end
  if not is_text(found[5]) then return false end
  for i = 6, 8 do
    if found[i] ~= 'null' and not is_text(found[i]) then return false end
  end
  return micros(created_at) == created_us and is_time(updated_at)
    and (completed_at ~= 'null') == FINAL[old_status]
    and (completed_at == 'null' or completed_at == updated_at or is_time(completed_at))
    and task_id == '"' .. id .. '"' and not string.find(id, '["\\]')
    and is_array_of_texts(video_ids) and is_object(metadata) and (is_ascii or is_utf8(record))
end
if (record == '' or record ~= known) and not is_readable() then return {'doubtful', record} end

-- What the call would leave: status, progress, current_step, result_url, error_message, error_traceback.
local fields, differs = {}, false
for i = 1, 6 do
  local old, given = found[i + 2], ARGV[i + 6]
  if given == '' or given == old then
    fields[i] = old
  else
    fields[i] = given
    differs = true
  end
end
local status = string.sub(fields[1], 2, -2)
if FINAL[old_status] then
  if differs then return {'final', old_status} end
  write_for_wait(ARGV[13])
  return {'ok', record}
end
local size = #fields[3] + #fields[4] + #fields[5] + #fields[6] + #video_ids + #metadata
if size > tonumber(most_bytes) then return {'large', size} end

-- Times of one form compare as text. A clock may step back.
for _, time in ipairs({updated_at, created_at}) do
  if time > now then now, written_us = time, micros(time) end
end
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

local steps = {}
if status ~= old_status then
  steps[1] = {'ZREM', status_index(old_status), id, score = created_us}
  steps[2] = {'ZADD', status_index(status), created_us, id}
end
if FINAL[status] then steps[#steps + 1] = {'ZADD', FINISHED, written_us, id} end
return keep(id, record, lifetime_ms, steps)
