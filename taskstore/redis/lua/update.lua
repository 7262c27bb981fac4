-- One update of a record that can be read. ARGV: id, life in ms, most bytes of a task, whether the caller waits for replicas
-- ('1'), and the fields that are set with their values.
local id, life, most_bytes, waits = unpack(ARGV)
local key = record_key(id)
local values = redis.call('HMGET', key, unpack(FIELDS))
local old_status, progress, created, updated, completed, own_id, step, _, _, _, video_ids, metadata = unpack(values)
-- Whether `record.decode` can read the record. Of a text only the ends are looked at, so that this costs the same for every size.
local function is_readable()
  if FINAL[old_status] ~= (completed ~= false) or own_id ~= id or not (step and video_ids and metadata) then return false end
  local began, changed = moment_of(created), moment_of(updated)
  local ended = began
  if completed then ended = moment_of(completed) end
  if not (began and changed and ended and began <= ended and ended <= changed) then return false end
  local number = progress and find(progress, '^[0-9.eE+-]+$') and tonumber(progress)
  if not (number and number >= 0 and number <= 100) then return false end
  return find(video_ids, '^%s*%[%s*"') and find(video_ids, '[%]%s]', -1) and find(metadata, '^%s*{') and find(metadata, '[}%s]', -1)
end
if not is_readable() then
  return {redis.call('EXISTS', key) == 1 and 'unreadable' or 'missing', ''}
end
local fields, differs = {unpack(ARGV, 5)}, false
for i = 1, #fields, 2 do
  local place = PLACE[fields[i]]
  differs = differs or values[place] ~= fields[i + 1]
  values[place] = fields[i + 1]
end
if FINAL[old_status] then
  if differs then return {'final', old_status} end
  if waits == '1' then write('HSET', key, 'status', old_status) end  -- WAIT is about what its connection has written
  return {'ok', values}
end
if size_of(values) > tonumber(most_bytes) then return {'large', size_of(values)} end
local function set(name, value)
  fields[#fields + 1], fields[#fields + 2] = name, value
  values[PLACE[name]] = value
end
local status, ended = values[PLACE.status], ''
local now = tonumber(updated) > tonumber(now_us) and updated or now_us  -- a clock may step back
set('updated_at', now)
if FINAL[status] then
  ended = now
  set('completed_at', now)
end
keep(id, life, fields, status, created, ended)
if status ~= old_status then write('ZREM', index_of(old_status), id) end
return {'ok', values}
