-- A new record, unless its id is taken. ARGV: bound of the sweep, lifetime in ms, id, status, microseconds of creation and
-- of completion (both empty: created now), the record's lines before, of (empty: now) and after its times, the place of the
-- last byte of a record that is returned where the id is taken (empty: none), whether the id is new (empty: perhaps not), and
-- whether the caller waits for replicas (empty: no).
local _, lifetime_ms, id, status, created_us, completed_us, head, times, tail, last, is_new, waits = unpack(ARGV)
if redis.call('EXISTS', record_key(id)) == 1 then
  if last == '' then return {'exists', ''} end
  local record, fault = read(id, last)
  if fault then return fault end
  write_for_wait(waits)
  return {'exists', record}
end
if times == '' then
  created_us = now_us
  local now = iso(now_us)
  times = '\n,"updated_at":' .. now .. '\n,"completed_at":null\n,"created_at":' .. now
end
local steps = {{'ZADD', CREATED, created_us, id}, {'ZADD', status_index(status), created_us, id}}
if completed_us ~= '' then steps[3] = {'ZADD', FINISHED, completed_us, id} end
if is_new == '' then
  -- An expired task of this id may still stand in other indexes.
  for _, other in ipairs({STATUSES}) do
    if other ~= status then steps[#steps + 1] = {'ZREM', status_index(other), id} end
  end
  if completed_us == '' then steps[#steps + 1] = {'ZREM', FINISHED, id} end
end
return keep(id, '{"v":1,"revision":1,"created_us":' .. created_us .. head .. times .. tail, lifetime_ms, steps)
