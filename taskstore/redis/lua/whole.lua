-- Whether the indexes name every task. An index is evicted as a whole, and then its length no longer fits the others. Where
-- all are gone, the store is empty or they were evicted.
local function is_whole()
  if redis.call('EXISTS', PARTIAL) == 1 then return false end
  local all, final = 0, 0
  for _, status in ipairs({STATUSES}) do
    local count = redis.call('ZCARD', status_index(status))
    all = all + count
    if FINAL[status] then final = final + count end
  end
  return all > 0 and redis.call('ZCARD', CREATED) == all and redis.call('ZCARD', DEADLINES) == all
    and redis.call('ZCARD', FINISHED) == final or not may_have_evicted()
end
