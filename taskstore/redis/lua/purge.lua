-- Forgets up to 250 final tasks that were completed before the microsecond ARGV[1]. Returns whether there may be more ('1'), and
-- how many were removed.
if sweep(250) then return {'1', 0} end
local old = redis.call('ZRANGEBYSCORE', FINISHED, '-inf', '(' .. ARGV[1], 'LIMIT', 0, 250)
return {#old == 250 and '1' or '', #old > 0 and forget(old) or 0}
