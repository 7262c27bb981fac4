-- Forgets final tasks completed before a moment. ARGV: bound, microseconds since 1970.
-- Returns whether to ask again, and how many were forgotten.
local bound, before_us = unpack(ARGV)
if sweep(bound) then return {1, 0} end
local old = redis.call('ZRANGEBYSCORE', FINISHED, '-inf', '(' .. before_us, 'LIMIT', 0, bound)
if #old > 0 then forget(old) end
return {#old == tonumber(bound) and 1 or 0, #old}
