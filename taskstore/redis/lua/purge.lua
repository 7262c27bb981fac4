-- Forgets final tasks completed before a moment. ARGV: bound, microseconds since 1970.
-- Returns 1 if it is to be run again, 2 if indexes are missing, or else 0; and how many were forgotten. What fails after
-- records were removed is told as after a write; before that it is an error.
local bound, before_us = unpack(ARGV)
if sweep(bound) then return {1, 0} end
if not is_whole(true) then return {2} end
local old = redis.call('ZRANGEBYSCORE', FINISHED, '-inf', '(' .. before_us, 'LIMIT', 0, bound)
if #old > 0 then
  local forgotten, fault = pcall(forget, old)
  if not forgotten and redis.call('EXISTS', record_key(old[1])) == 1 then error(fault, 0) end
  if not forgotten then return {'written', type(fault) == 'table' and fault.err or tostring(fault)} end
end
return {#old == tonumber(bound) and 1 or 0, #old}
