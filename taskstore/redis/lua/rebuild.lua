-- Fills the indexes anew from the records. ARGV: lifetime in ms, then
-- * 'begin': empties the indexes, unless another caller is filling them; returns the token of this rebuild;
-- * 'add', most bytes of a record, bytes to read, ids: enters these tasks; returns how many ids it came to;
-- * 'end', token: from now on the indexes are whole, unless a later rebuild has begun.
local lifetime_ms, step = ARGV[1], ARGV[2]
if step == 'begin' then
  local token = redis.call('GET', PARTIAL)
  if token and token ~= '' then return token end
  redis.call('SET', PARTIAL, now_us, 'PX', lifetime_ms)
  redis.call('UNLINK', unpack(indexes()))
  return now_us
elseif step == 'end' then
  if redis.call('GET', PARTIAL) == ARGV[3] then redis.call('DEL', PARTIAL) end
  return 0
end

local HEAD = '^{"v":1,"revision":%d+,"created_us":(%-?%d+)\n,"status":"([a-z0-9_]+)"\n'
local TIME = '\n,"completed_at":("[^\n]+")\n'
local longest, left, done = tonumber(lifetime_ms), tonumber(ARGV[4]), 0
for i = 5, #ARGV do
  if left <= 0 then break end
  done = done + 1
  local id, key = ARGV[i], record_key(ARGV[i])
  local head, fault = read(id, 255)
  if fault and fault.err then return fault end
  local created_us, status = string.match(head or '', HEAD)
  local completed_us
  if FINAL[status] then
    local record = redis.call('GETRANGE', key, 0, ARGV[3])
    left = left - #record
    completed_us = micros(string.match(record, TIME) or '')
  end
  if completed_us or FINAL[status] == false then
    local life = redis.call('PTTL', key)
    longest = math.max(longest, life)
    redis.call('ZADD', CREATED, created_us, id)
    redis.call('ZADD', status_index(status), created_us, id)
    redis.call('ZADD', DEADLINES, life < 0 and '+inf' or string.format('%.0f', now_ms + life), id)
    if completed_us then redis.call('ZADD', FINISHED, completed_us, id) end
  end
end
local life = string.format('%.0f', math.max(2 * longest, redis.call('PTTL', DEADLINES)))
for _, index in ipairs(indexes()) do redis.call('PEXPIRE', index, life) end
return done
