-- What every script begins with. KEYS[1] is what all keys of one partition begin with: {prefix:partition}.
local base = KEYS[1]
local CREATED = base .. ':created'      -- every task, by microsecond of creation
local DEADLINES = base .. ':deadlines'  -- every task, by the last millisecond of its life
local FINISHED = base .. ':finished'    -- every final task, by microsecond of completion

-- {FINAL} and {'pending','analyzing','llm_pass1','llm_pass2','clipping','uploading','completed','failed','cancelled'} are filled in from TaskStatus.
local FINAL = {completed=true,failed=true,cancelled=true}

local function record_key(id) return base .. ':task:' .. id end
local function status_index(status) return CREATED .. ':' .. status end
local function indexes()
  local all = {CREATED, DEADLINES, FINISHED}
  for _, status in ipairs({'pending','analyzing','llm_pass1','llm_pass2','clipping','uploading','completed','failed','cancelled'}) do all[#all + 1] = status_index(status) end
  return all
end

-- Microseconds since 1970 as text: a Lua number of that size loses digits when it is printed.
local clock = redis.call('TIME')
local now_us = clock[1] .. string.format('%06d', clock[2])
local now_ms = string.sub(now_us, 1, -4)

-- Text of microseconds to ISO 8601 in UTC. Days to date after H. Hinnant, "chrono-Compatible Low-Level Date Algorithms",
-- civil_from_days, for days since 1970-01-01 that are not negative.
local function iso(us)
  local seconds = tonumber(string.sub(us, 1, -7))
  local days = math.floor(seconds / 86400) + 719468
  local era = math.floor(days / 146097)
  local doe = days - era * 146097
  local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local mp = math.floor((5 * doy + 2) / 153)
  local day = doy - math.floor((153 * mp + 2) / 5) + 1
  local month = mp < 10 and mp + 3 or mp - 9
  local year = yoe + era * 400 + (month <= 2 and 1 or 0)
  local rest = seconds % 86400
  return string.format('"%04d-%02d-%02dT%02d:%02d:%02d.%sZ"', year, month, day,
    math.floor(rest / 3600), math.floor(rest / 60) % 60, rest % 60, string.sub(us, -6))
end

-- Records and index entries go together.
local function forget(ids)
  local keys = {}
  for i, id in ipairs(ids) do keys[i] = record_key(id) end
  redis.call('UNLINK', unpack(keys))
  for _, index in ipairs(indexes()) do redis.call('ZREM', index, unpack(ids)) end
end

-- Forgets up to `most` tasks whose deadline has passed; true if more may be due. Where no task is left alive the indexes go
-- as they are: the server frees them beside its work, however long they are.
local function sweep(most)
  local due = redis.call('ZRANGEBYSCORE', DEADLINES, '-inf', '(' .. now_ms, 'LIMIT', 0, most)
  if #due == 0 then return false end
  local more = #due == tonumber(most)
  if more and redis.call('ZCOUNT', DEADLINES, now_ms, '+inf') == 0 then
    redis.call('UNLINK', unpack(indexes()))
    return false
  end
  forget(due)
  return more
end

-- The end of a write, which put the task into these indexes: the record lives one more lifetime, and every index at least as
-- long. At most a lifetime longer, so that not each write has to prolong it; no index goes before that of the deadlines.
-- Indexes come before the record: should one fail, what is left is an entry without a record, which the next listing
-- removes, and never a record that no listing shows. The first write of a script has to be one that needs memory: there a
-- server that is out of memory refuses; after another it would let the rest pass.
local function keep(id, record, entered, lifetime_ms)
  local deadline = string.format('%.0f', now_ms + lifetime_ms)
  redis.call('ZADD', DEADLINES, deadline, id)
  local left = redis.call('PTTL', DEADLINES)
  local is_short = left < tonumber(lifetime_ms)
  if is_short then left, entered = 2 * lifetime_ms, indexes() end
  for _, index in ipairs(entered) do
    if is_short or redis.call('PTTL', index) == -1 then redis.call('PEXPIRE', index, left) end
  end
  redis.call('SET', record_key(id), record, 'PXAT', deadline)
end
-- One update. ARGV: bound of the sweep, lifetime in ms, most bytes, id, then status, progress, current_step, result_url,
-- error_message and error_traceback as JSON text, empty where the field is left as it is.
local bound, lifetime_ms, most_bytes, id = unpack(ARGV)

local record = redis.pcall('GET', record_key(id))
if not record then return {'missing'} end
if type(record) == 'table' then return {'unreadable', 'it is not a string'} end

-- One field a line. JSON has no raw newline inside a value, so this takes a record apart without reading JSON; () is a
-- place in the text.
local FORM = '^{"v":1,"revision":(%d+),"created_us":(%d+)\
,"status":("[a-z0-9_]+")\
,"progress":([^\n]+)\
,"current_step":([^\n]+)\
,"result_url":([^\n]+)\
,"error_message":([^\n]+)\
,"error_traceback":([^\n]+)\
,"updated_at":[^\n]+\
,"completed_at":[^\n]+()\
,"created_at":[^\n]+\
,"task_id":[^\n]+\
,"video_ids":()[^\n]+()\
,"metadata":(){[^\n]*}()\
}$'
local found = {string.match(record, FORM)}
if #found == 0 then return {'unreadable', 'it is not a record of version 1'} end
local revision, created_us = found[1], found[2]
local rest, videos, videos_end, metadata, metadata_end = unpack(found, 9)

-- What the call would leave: status, progress, current_step, result_url, error_message, error_traceback.
local fields, differs = {}, false
for i = 1, 6 do
  local old, given = found[i + 2], ARGV[i + 4]
  if given == '' or given == old then
    fields[i] = old
  else
    fields[i] = given
    differs = true
  end
end
local old_status = string.sub(found[3], 2, -2)
local status = string.sub(fields[1], 2, -2)
if FINAL[old_status] then
  if differs then return {'final', old_status} end
  return {'ok', record}
end
local size = #fields[3] + #fields[4] + #fields[5] + #fields[6] + (videos_end - videos) + (metadata_end - metadata)
if size > tonumber(most_bytes) then return {'large', tostring(size)} end

local now = iso(now_us)
record = '{"v":1,"revision":' .. (revision + 1) .. ',"created_us":' .. created_us
  .. '\n,"status":' .. fields[1]
  .. '\n,"progress":' .. fields[2]
  .. '\n,"current_step":' .. fields[3]
  .. '\n,"result_url":' .. fields[4]
  .. '\n,"error_message":' .. fields[5]
  .. '\n,"error_traceback":' .. fields[6]
  .. '\n,"updated_at":' .. now
  .. '\n,"completed_at":' .. (FINAL[status] and now or 'null')
  .. string.sub(record, rest)

local entered = {}
if status ~= old_status then
  redis.call('ZADD', status_index(status), created_us, id)
  entered[1] = status_index(status)
end
if FINAL[status] then
  redis.call('ZADD', FINISHED, now_us, id)
  entered[2] = FINISHED
end
keep(id, record, entered, lifetime_ms)
if status ~= old_status then redis.call('ZREM', status_index(old_status), id) end
sweep(bound)
return {'ok', record}
