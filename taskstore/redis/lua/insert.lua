-- A new task, unless its id is taken. ARGV: id, life in ms, status, microseconds of creation (empty: now) and of completion
-- (empty: none), whether the caller waits for replicas ('1'), and the fields of the record with their values.
local id, life, status, created, completed, waits = unpack(ARGV)
if redis.call('EXISTS', record_key(id)) == 1 then
  local values = redis.call('HMGET', record_key(id), unpack(FIELDS))
  local other = values[1]  -- the status, unless the record is damaged
  if waits == '1' and other then write('HSET', record_key(id), 'status', other) end  -- WAIT is about what its connection wrote
  return {'exists', values}
end
local fields = {unpack(ARGV, 7)}
if created == '' then
  created = now_us
  fields = {'created_at', now_us, 'updated_at', now_us, unpack(fields)}
end
if not keep(id, life, fields, status, created, completed) then  -- an expired task of this id stands in other indexes
  for other in pairs(FINAL) do
    if other ~= status then write('ZREM', index_of(other), id) end
  end
  if completed == '' then write('ZREM', FINISHED, id) end
end
return {'ok', created}
