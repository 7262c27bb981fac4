-- One page, newest first. ARGV: bound of the sweep, status (empty: any), limit, offset.
-- Returns whether to ask again (what is due is not swept yet), and if not: the total, ids and records, and ids without a
-- readable string. Costs a look-up by rank and one MGET, whatever the number of tasks.
local bound, status, limit, offset = unpack(ARGV)
if sweep(bound) then return {1} end
local index = status == '' and CREATED or status_index(status)
local total = redis.call('ZCARD', index)
if limit == '0' or tonumber(offset) >= total then return {0, total, {}, {}, {}} end

local ids = redis.call('ZREVRANGE', index, offset, offset + limit - 1)
local keys = {}
for i, id in ipairs(ids) do keys[i] = record_key(id) end
local records = redis.call('MGET', unpack(keys))
local wrong, ghosts = {}, {}
for i = #ids, 1, -1 do
  if not records[i] then
    local id = table.remove(ids, i)
    table.remove(records, i)
    if redis.call('EXISTS', keys[i]) == 1 then
      wrong[#wrong + 1] = id
    else
      ghosts[#ghosts + 1] = id
    end
  end
end
-- Entries whose record somebody deleted or evicted would be counted for ever.
if #ghosts > 0 then
  forget(ghosts)
  return {1}
end
return {0, total, ids, records, wrong}
