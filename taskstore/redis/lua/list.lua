-- One page, newest first. ARGV: status (empty: any), limit, offset, microseconds and id of a cursor (empty: none), most records
-- and most bytes that are read. Returns {'again'}, or the total, how many tasks follow, ids with microseconds, and records.
local status, limit, offset, after_us, after_id, most_records, most_bytes = unpack(ARGV)
if sweep(250) then return {'again'} end
local index = status == '' and CREATED or index_of(status)
local total = redis.call('ZCARD', index)
local function is_less(one, other)  -- by bytes, as the index: `<` compares as the server's locale does
  for i = 1, math.min(#one, #other) do
    local a, b = string.byte(one, i), string.byte(other, i)
    if a ~= b then return a < b end
  end
  return #one < #other
end
local first = tonumber(offset)
if after_us ~= '' then  -- the task of the cursor may be gone: look for its place among those of its microsecond
  first = redis.call('ZCOUNT', index, '(' .. after_us, '+inf')
  local last = first + redis.call('ZCOUNT', index, after_us, after_us)
  while first < last do
    local middle = math.floor((first + last) / 2)
    if is_less(redis.call('ZREVRANGE', index, middle, middle)[1], after_id) then last = middle else first = middle + 1 end
  end
end
local entries = limit == '0' and {} or redis.call('ZREVRANGE', index, first, first + limit - 1, 'WITHSCORES')
local records, ghosts, most, left = {}, {}, tonumber(most_records), tonumber(most_bytes)
for i = 1, #entries / 2 do
  local id = entries[2 * i - 1]
  local key, values = record_key(id), false
  if left > 0 and i <= most then
    values = redis.pcall('HMGET', key, unpack(FIELDS))
    if values.err then values = false else left = left - size_of(values) end
  end
  -- The entry of a record that somebody removed would be counted for ever.
  if not (values and values[1]) and #ghosts < 250 and redis.call('EXISTS', key) == 0 then ghosts[#ghosts + 1] = id end
  records[i] = values
end
if #ghosts > 0 then
  forget(ghosts)
  return {'again'}
end
return {total, math.max(total - first - #records, 0), entries, records}
