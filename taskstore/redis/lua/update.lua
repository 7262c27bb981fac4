-- One update of a record that can be read. ARGV: id, life in ms, most bytes of a task, whether the caller waits for replicas
-- ('1'), and the fields that are set with their values.
local id, life, most_bytes, waits = unpack(ARGV)
local key = record_key(id)
local values = redis.call('HMGET', key, unpack(FIELDS))
local old, place = {}, {}
for i, name in ipairs(FIELDS) do
  old[name], place[name] = values[i], i
end
-- Whether `record.decode` can read the record. Of a text only the ends are looked at, so that this costs the same for every size.
local function is_readable()
  local created, updated, ended = moment_of(old.created_at), moment_of(old.updated_at), moment_of(old.completed_at)
  if FINAL[old.status] ~= (old.completed_at ~= false) then return false end
  if not old.completed_at then ended = created end
  if not (created and ended and updated and created <= ended and ended <= updated) then return false end
  local progress = old.progress and string.find(old.progress, '^[0-9.eE+-]+$') and tonumber(old.progress)
  if not (progress and progress >= 0 and progress <= 100) then return false end
  if old.task_id ~= id or not (old.current_step and old.video_ids and old.metadata) then return false end
  local is_list = string.find(old.video_ids, '^%s*%[%s*"') and string.find(old.video_ids, '[%]%s]', -1)
  return is_list and string.find(old.metadata, '^%s*{') and string.find(old.metadata, '[}%s]', -1)
end
if not is_readable() then
  return {redis.call('EXISTS', key) == 1 and 'unreadable' or 'missing', ''}
end
local fields, differs = {unpack(ARGV, 5)}, false
for i = 1, #fields, 2 do
  differs = differs or old[fields[i]] ~= fields[i + 1]
  values[place[fields[i]]] = fields[i + 1]
end
if FINAL[old.status] then
  if differs then return {'final', old.status} end
  if waits == '1' then write('HSET', key, 'status', old.status) end  -- WAIT is about what its connection has written
  return {'ok', values}
end
if size_of(values) > tonumber(most_bytes) then return {'large', size_of(values)} end
local status, completed = values[place.status], ''
local updated = tonumber(old.updated_at) > tonumber(now_us) and old.updated_at or now_us  -- a clock may step back
local function set(name, value)
  fields[#fields + 1], fields[#fields + 2] = name, value
  values[place[name]] = value
end
set('updated_at', updated)
if FINAL[status] then
  completed = updated
  set('completed_at', updated)
end
keep(id, life, fields, status, old.created_at, completed)
if status ~= old.status then write('ZREM', index_of(old.status), id) end
return {'ok', values}
