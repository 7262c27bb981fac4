-- Forgets up to 250 final tasks that were completed before the microsecond ARGV[1]. Returns how many, and '1' if there may be more.
local old = redis.call('ZRANGEBYSCORE', FINISHED, '-inf', '(' .. ARGV[1], 'LIMIT', 0, 250)
return {#old > 0 and forget(old) or 0, #old == 250 and '1' or ''}
