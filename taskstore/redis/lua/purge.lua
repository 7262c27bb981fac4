-- Forgets final tasks completed before a moment. ARGV: bound, microseconds since 1970.
-- Returns 1 if it is to be run again, 2 if indexes are missing, or else 0; and how many were forgotten.
local bound, before_us = unpack(ARGV)
if sweep(bound) then return {1, 0} end
if not is_whole(true) then return {2} end
local old = redis.call('ZRANGEBYSCORE', FINISHED, '-inf', '(' .. before_us, 'LIMIT', 0, bound)
if #old > 0 then forget(old) end
return {#old == tonumber(bound) and 1 or 0, #old}
