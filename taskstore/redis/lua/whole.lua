-- Whether the indexes name every task: those of all tasks, and with `by_status` the others too. An index is evicted as a
-- whole, and then its length no longer fits the others. Where all are gone, the store is empty or they were evicted: it is
-- empty if they have just been filled, which the last of ARGV says then.
local function is_whole(by_status)
  if redis.call('EXISTS', PARTIAL) == 1 then return false end
  local all = redis.call('ZCARD', CREATED)
  local fits = (all > 0 or ARGV[#ARGV] == 'filled') and redis.call('ZCARD', DEADLINES) == all
  if fits and by_status then
    local named, final = 0, 0
    for _, status in ipairs({STATUSES}) do
      local count = redis.call('ZCARD', status_index(status))
      named = named + count
      if FINAL[status] then final = final + count end
    end
    fits = named == all and redis.call('ZCARD', FINISHED) == final
  end
  return fits or not may_have_evicted()
end
