-- What every script begins with. KEYS[1] is the base: what all keys of one partition begin with. Set already are FIELDS, the
-- fields of a record in the order in which they are read, PLACE, their places, and FINAL, whether a status is final.
local find, tonumber = string.find, tonumber
local base = KEYS[1]
local CREATED = base .. ':created'      -- every task, by microsecond of creation
local DEADLINES = base .. ':deadlines'  -- every task, by the last millisecond of its life
local FINISHED = base .. ':finished'    -- every final task, by microsecond of completion
local clock = redis.call('TIME')
local now_us = clock[1] .. string.sub('00000' .. clock[2], -6)  -- text: a Lua number of that size loses digits when printed
local now_ms = string.sub(now_us, 1, -4)

local function record_key(id) return base .. ':task:' .. id end
local function index_of(status) return CREATED .. ':' .. status end
local function indexes()
  local all = {CREATED, DEADLINES, FINISHED}
  for status in pairs(FINAL) do all[#all + 1] = index_of(status) end
  return all
end

-- A script reads and decides first. An error before its first write means that nothing was written.
local has_written = false
local function write(...)
  local reply = redis.call(...)
  has_written = true
  return reply
end
local function run(script)
  local done, reply = pcall(script)
  if done then return reply end
  local fault = type(reply) == 'table' and reply.err or tostring(reply)
  return has_written and {'written', fault} or redis.error_reply(fault)
end

-- A moment is microseconds since 1970, before 2242, which a Lua number and a score hold exactly: digits, and no zero before
-- others. Returns the number, or nothing for another text. `record.moment` says the same.
local function moment_of(text)
  local number = text and (find(text, '^[1-9]%d*$') or text == '0') and tonumber(text)
  if number and number < 2 ^ 33 * 1e6 then return number end
end

local function size_of(values)
  local size = 0
  for i = PLACE.current_step, #FIELDS do
    local value = values[i]
    if value then size = size + #value end
  end
  return size
end

-- Removes tasks with all their index entries. Returns how many records there were.
local function forget(ids)
  local keys = {}
  for i, id in ipairs(ids) do keys[i] = record_key(id) end
  local removed = write('UNLINK', unpack(keys))
  for _, index in ipairs(indexes()) do write('ZREM', index, unpack(ids)) end
  return removed
end

-- Forgets up to `most` tasks that have expired. Returns whether there may be more.
local function sweep(most)
  local due = redis.call('ZRANGEBYSCORE', DEADLINES, '-inf', '(' .. now_ms, 'LIMIT', 0, most)
  if #due > 0 then forget(due) end
  return #due == most
end

-- Writes fields of a record, gives it a new life, and enters it in the indexes. The record comes first: where the server
-- refuses writes, it refuses that one. An index lives at least as long as its tasks, and that of the deadlines longest.
local function keep(id, life, fields, status, created, completed)
  local deadline = string.format('%.0f', now_ms + life)
  life = tonumber(life)
  local function enter(index, score, least)
    local added = write('ZADD', index, score, id)
    if redis.call('PTTL', index) < least then write('PEXPIRE', index, string.format('%.0f', least + life / 2)) end
    return added
  end
  write('HSET', record_key(id), unpack(fields))
  write('PEXPIREAT', record_key(id), deadline)
  enter(DEADLINES, deadline, 1.5 * life)
  enter(index_of(status), created, life)
  if completed ~= '' then enter(FINISHED, completed, life) end
  local is_new = enter(CREATED, created, life) == 1
  sweep(100)
  return is_new
end
