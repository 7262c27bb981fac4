-- One page, newest first. ARGV: bound of the sweep, status (empty: any), limit, offset, microseconds and id of the cursor
-- (empty: none), most bytes of a record, bytes after which no further record is read, and most records (empty: all).
-- Returns 1 if it is to be run again, 2 if indexes are missing, or else 0, the total, the next cursor (empty: none), ids,
-- the records of the first of them, and with a most also the microseconds of all; '' stands for a value of another type.
-- The caller reads the other records.
local bound, status, limit, offset, after_us, after_id, most_bytes, budget, most_records = unpack(ARGV)
if sweep(bound) then return {1} end
if not is_whole(status ~= '') then return {2} end
local index = status == '' and CREATED or status_index(status)
local total = redis.call('ZCARD', index)

-- Lua's < compares as the server's locale does, the index by bytes.
local function is_less(one, other)
  for i = 1, math.min(#one, #other) do
    local a, b = string.byte(one, i), string.byte(other, i)
    if a ~= b then return a < b end
  end
  return #one < #other
end

-- The rank of the first entry behind the cursor. Its task may be gone, or in another index: then a binary search finds
-- the place among the entries of the same microsecond.
local function rank_behind()
  local rank = redis.call('ZREVRANK', index, after_id)
  if rank and tonumber(redis.call('ZSCORE', index, after_id)) == tonumber(after_us) then return rank + 1 end
  local low = redis.call('ZCOUNT', index, '(' .. after_us, '+inf')
  local high = low + redis.call('ZCOUNT', index, after_us, after_us)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if is_less(redis.call('ZREVRANGE', index, middle, middle)[1], after_id) then
      high = middle
    else
      low = middle + 1
    end
  end
  return low
end

local first = after_us == '' and tonumber(offset) or rank_behind()
if limit == '0' or first >= total then return {0, total, '', {}, {}, {}} end
local ids = redis.call('ZREVRANGE', index, first, first + limit - 1)
-- GETRANGE, and not MGET, since a value that is no record may be of any size.
local records, left, most, doubtful = {}, tonumber(budget), tonumber(most_records) or #ids, {}
for i, id in ipairs(ids) do
  local key = record_key(id)
  if left > 0 and i <= most then
    local record, fault = read(id, most_bytes)
    if fault and fault.err then return fault end
    record = record or ''
    records[i] = record
    left = left - #record
    if record == '' then doubtful[#doubtful + 1] = key end
  else
    doubtful[#doubtful + 1] = key
  end
end

-- Entries whose record somebody deleted or evicted would be counted for ever.
if #doubtful > 0 and redis.call('EXISTS', unpack(doubtful)) < #doubtful then
  local ghosts = {}
  for _, id in ipairs(redis.call('ZREVRANGE', index, first, first + math.max(limit, bound) - 1)) do
    if #ghosts < tonumber(bound) and redis.call('EXISTS', record_key(id)) == 0 then ghosts[#ghosts + 1] = id end
  end
  forget(ghosts)
  return {1}
end

local following = ''
if first + #ids < total then
  local last = ids[#ids]
  following = string.format('%.0f', redis.call('ZSCORE', index, last)) .. '.' .. last
end
local moments = {}
if most_records ~= '' then
  local scored = redis.call('ZREVRANGE', index, first, first + limit - 1, 'WITHSCORES')
  for i = 2, #scored, 2 do moments[i / 2] = tonumber(scored[i]) end
end
return {0, total, following, ids, records, moments}
