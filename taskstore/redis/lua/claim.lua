-- In how many partitions the tasks of a prefix are; asked of the first of them. ARGV: the number to record if there is none and
-- no task (0: record nothing). It is the reply then. A single partition is not recorded.
local PARTITIONS = base .. ':partitions'
local number = redis.call('GET', PARTITIONS)
if number then return number end
if redis.call('EXISTS', PARTIAL, unpack(indexes())) > 0 then return '1' end
if tonumber(ARGV[1]) > 1 then redis.call('SET', PARTITIONS, ARGV[1]) end
return ARGV[1]
