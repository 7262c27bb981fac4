-- Compares index entries with records. ARGV: life in ms of a record that has no end, whether to mend what is wrong ('1'), ids.
-- Returns 'ok' and the ids whose entries were wrong. A record that indexes cannot hold keeps the entries that it has.
local wrong = {}
local function has_place(status, created, completed)
  if FINAL[status] ~= (completed ~= false) or not moment_of(created) then return false end
  return moment_of(completed) or not completed
end
for i = 3, #ARGV do
  local id, expected, agrees = ARGV[i], {}, true
  local status, created, completed = unpack(redis.pcall('HMGET', record_key(id), 'status', 'created_at', 'completed_at'))
  local life = redis.call('PTTL', record_key(id))
  local is_placed = has_place(status, created, completed)
  if is_placed then
    if life < 0 then life = tonumber(ARGV[1]) end
    expected = {[CREATED] = created, [index_of(status)] = created, [DEADLINES] = now_ms + life, [FINISHED] = completed}
  end
  for _, index in ipairs(indexes()) do
    local score, wanted = redis.call('ZSCORE', index, id), expected[index] or false
    local gap = score and wanted and math.abs(score - wanted) or 0
    -- A page takes whole microseconds only. A life goes on between two looks at it.
    agrees = agrees and (score ~= false) == (wanted ~= false) and gap <= (index == DEADLINES and 999 or 0)
  end
  if not agrees and (is_placed or life == -2) then
    wrong[#wrong + 1] = id
    if ARGV[2] == '1' then
      for _, index in ipairs(indexes()) do write('ZREM', index, id) end
      if is_placed then keep(id, life, {'status', status}, status, created, completed or '') end
    end
  end
end
return {'ok', wrong}
