-- What every script begins with. KEYS[1] is what all keys of one partition begin with: {prefix:partition}.
local base = KEYS[1]
local CREATED = base .. ':created'      -- every task, by microsecond of creation
local DEADLINES = base .. ':deadlines'  -- every task, by the last millisecond of its life
local FINISHED = base .. ':finished'    -- every final task, by microsecond of completion
local PARTIAL = base .. ':partial'      -- there while the indexes may lack tasks

-- {FINAL} and {STATUSES} are filled in from TaskStatus.
local FINAL = {FINAL}

local function record_key(id) return base .. ':task:' .. id end
local function status_index(status) return CREATED .. ':' .. status end
local function indexes()
  local all = {CREATED, DEADLINES, FINISHED}
  for _, status in ipairs({STATUSES}) do all[#all + 1] = status_index(status) end
  return all
end

-- Microseconds since 1970 as text: a Lua number of that size loses digits when it is printed.
local clock = redis.call('TIME')
local now_us = clock[1] .. string.format('%06d', clock[2])
local now_ms = string.sub(now_us, 1, -4)

-- Where a repeated call has nothing to write. A caller that waits for replicas needs a write, since WAIT is about what its own
-- connection has written: without one it would count every replica.
local function write_for_wait(waits)
  if waits == 'waits' then redis.call('SET', base .. ':repeated', '', 'PX', 1) end
end

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

-- The other way round; nil for what is not surely a time in our form. After the same source, days_from_civil.
local function micros(time)
  local year, month, day, hour, minute, second, rest = string.match(time,
    '^"(%d%d%d%d)%-(%d%d)%-(%d%d)T(%d%d):([0-5]%d):([0-5]%d)%.(%d%d%d%d%d%d)Z"$')
  if not year or month < '01' or month > '12' or day < '01' or hour > '23' then return nil end
  local y, m, d = tonumber(year), tonumber(month), tonumber(day)
  if d > ({31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31})[m] or (m == 2 and d == 29 and (y % 4 > 0 or (y % 100 == 0 and y % 400 > 0))) then return nil end
  if m <= 2 then y, m = y - 1, m + 12 end
  local era = math.floor(y / 400)
  local yoe = y - era * 400
  local doe = yoe * 365 + math.floor(yoe / 4) - math.floor(yoe / 100) + math.floor((153 * (m - 3) + 2) / 5) + d - 1
  return string.format('%.0f', ((era * 146097 + doe - 719468) * 24 + hour) * 3600 + minute * 60 + second) .. rest
end

-- A record up to its byte `last`, empty if there is none; or nil, and what the script has to reply.
local function read(id, last)
  local record = redis.pcall('GETRANGE', record_key(id), 0, last)
  if type(record) ~= 'table' then return record end
  if string.find(tostring(record.err), 'WRONGTYPE', 1, true) then record = {'unreadable', 'it is not a string'} end
  return nil, record
end

-- Records and index entries go together. If an index fails, `unlinked` says how many records are gone.
local unlinked = 0
local function forget(ids)
  local keys = {}
  for i, id in ipairs(ids) do keys[i] = record_key(id) end
  unlinked = redis.call('UNLINK', unpack(keys))
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

-- Whether the server has evicted keys, as far as it says: since its start, or before, if its settings allow it.
local function may_have_evicted()
  local function info(section, pattern) return string.match(tostring(redis.pcall('INFO', section)), pattern) end
  return (info('stats', 'evicted_keys:(%d+)') or '0') ~= '0' or (info('memory', 'maxmemory:(%d+)') or '0') ~= '0'
    and info('memory', 'maxmemory_policy:(%a+)') ~= 'noeviction'
end

-- The reply where what the caller asked for was written, and something failed afterwards.
local function written(fault)
  return {'written', type(fault) == 'table' and fault.err or tostring(fault)}
end

-- The end of a write: the record lives one more lifetime, and every index at least as long. At most a lifetime longer, so
-- that not each write has to prolong it; no index goes before that of the deadlines. `steps` are the commands on indexes.
-- The record is written last. If a command before it fails, those that were made are undone, and its error is the reply: it
-- means that nothing was written. The first command is one that needs memory: there a server that is out of memory refuses;
-- after another it would let the rest pass. What fails after the record was written is told beside the verdict.
local function keep(id, record, lifetime_ms, steps)
  local deadline = string.format('%.0f', now_ms + lifetime_ms)
  local left, short = redis.call('PTTL', DEADLINES), {}
  -- There is no index: either there was no task, or it was evicted, and tasks live that no index names.
  if left == -2 and may_have_evicted() then redis.call('SET', PARTIAL, '', 'PX', lifetime_ms, 'NX') end
  if left < tonumber(lifetime_ms) then
    left, short = 2 * lifetime_ms, indexes()
  else
    for _, step in ipairs(steps) do
      if step[1] == 'ZADD' and redis.call('PTTL', step[2]) < 0 then short[#short + 1] = step[2] end
    end
  end
  table.insert(steps, 1, {'ZADD', DEADLINES, deadline, id})
  for _, index in ipairs(short) do steps[#steps + 1] = {'PEXPIRE', index, left} end
  steps[#steps + 1] = {'SET', record_key(id), record, 'PXAT', deadline}
  for at, step in ipairs(steps) do
    local reply = redis.pcall(unpack(step))
    if type(reply) == 'table' and reply.err then
      local life = at > 1 and redis.call('PTTL', record_key(id)) or 0
      for back = at - 1, 1, -1 do
        local command, index = unpack(steps[back])
        local score = steps[back].score or (back == 1 and life > 0 and string.format('%.0f', now_ms + life))
        if score then
          redis.pcall('ZADD', index, score, id)
        elseif command == 'ZADD' then
          redis.pcall('ZREM', index, id)
        end
      end
      return reply
    end
  end
  local swept, fault = pcall(sweep, ARGV[1])
  if swept then return {'ok', record} end
  return written(fault)
end
