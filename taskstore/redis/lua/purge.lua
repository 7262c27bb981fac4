-- Forgets final tasks completed before a moment. ARGV: bound, microseconds since 1970.
-- Returns 1 if it is to be run again, 2 if indexes are missing, or else 0; and how many were removed. If an index fails
-- when records are gone already, the reply is that of a write after which something failed.
local bound, before_us = unpack(ARGV)
if sweep(bound) then return {1, 0} end
if not is_whole(true) then return {2} end
local old = redis.call('ZRANGEBYSCORE', FINISHED, '-inf', '(' .. before_us, 'LIMIT', 0, bound)
local removed = 0
if #old > 0 then
  local forgotten, fault = pcall(forget, old)
  if not forgotten and unlinked == 0 then error(fault) end
  if not forgotten then return written(fault) end
  removed = unlinked  -- records that were removed behind the store's back are none of them
end
return {#old == tonumber(bound) and 1 or 0, removed}
