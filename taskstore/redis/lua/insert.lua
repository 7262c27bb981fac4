-- A new record, unless its id is taken. ARGV: bound of the sweep, lifetime in ms, id, status, microseconds of creation and
-- of completion (both empty: created now), the record's lines before, of (empty: now) and after its times.
local bound, lifetime_ms, id, status, created_us, completed_us, head, times, tail = unpack(ARGV)
if redis.call('EXISTS', record_key(id)) == 1 then return {'exists'} end
local times_given = times ~= ''
if not times_given then
  created_us = now_us
  local now = iso(now_us)
  times = '\n,"updated_at":' .. now .. '\n,"completed_at":null\n,"created_at":' .. now
end
local record = '{"v":1,"revision":1,"created_us":' .. created_us .. head .. times .. tail
redis.call('ZADD', CREATED, created_us, id)
redis.call('ZADD', status_index(status), created_us, id)
local entered = {CREATED, status_index(status)}
if completed_us ~= '' then
  redis.call('ZADD', FINISHED, completed_us, id)
  entered[3] = FINISHED
end
keep(id, record, entered, lifetime_ms)
if times_given then
  -- An expired task of this id may still stand in other indexes.
  for _, other in ipairs({STATUSES}) do
    if other ~= status then redis.call('ZREM', status_index(other), id) end
  end
  if completed_us == '' then redis.call('ZREM', FINISHED, id) end
end
sweep(bound)
return {'ok', record}
