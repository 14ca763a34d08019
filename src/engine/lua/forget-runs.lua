-- Forgets those of `runs` that ended long ago, each with its children, and these with theirs: a family goes
-- whole or stays whole. Looks at them in turn until `most` are forgotten, and says how many it has looked at in
-- vain. Asked again, it finds nothing.
local doubt = distrust()
if doubt then return { doubt } end
local before = now_ms - args.keptMs

-- Nothing waits for it, nobody will resume it, and later runs of its job are there to be looked at.
local function is_past(run)
  local is = redis.call('HMGET', run_key(run), 'state', 'endedAt', 'job')
  if not terminal[is[1]] or tonumber(is[2]) >= before then return false end
  if (redis.call('ZREVRANK', key('runs', is[3]), run) or args.newest) < args.newest then return false end
  -- A mail that is not out yet is settled under an id that must be known.
  for _, mail in ipairs(redis.call('SMEMBERS', run_key(run) .. ':mails')) do
    if redis.call('ZSCORE', key('outbox', 'due'), mail) or redis.call('ZSCORE', key('outbox', 'due', 'channels'), mail) then return false end
  end
  return true
end

-- The run and all that came of it, parents first; nil when one of them is needed still.
local function family_of(root)
  local family, i = { root }, 1
  while family[i] do
    if not is_past(family[i]) then return nil end
    for _, child in ipairs(redis.call('LRANGE', run_key(family[i]) .. ':children', 0, -1)) do
      if redis.call('EXISTS', run_key(child)) == 1 then family[#family + 1] = child end
    end
    i = i + 1
  end
  return family
end

local function forget(run)
  local hash = run_key(run)
  for _, mail in ipairs(redis.call('SMEMBERS', hash .. ':mails')) do
    redis.call('HDEL', key('outbox'), mail)
    redis.call('HDEL', key('outbox', 'state'), mail)
    redis.call('ZREM', key('outbox', 'settled'), mail)
  end
  redis.call('ZREM', key('runs'), run)
  redis.call('ZREM', key('runs', redis.call('HGET', hash, 'job')), run)
  for _, blob in ipairs(redis.call('SMEMBERS', hash .. ':blobs')) do redis.call('UNLINK', hash .. ':blob:' .. blob) end
  -- Leases, slots and queues went when it ended.
  redis.call('UNLINK', hash, hash .. ':journal', hash .. ':blobs', hash .. ':notes', hash .. ':children', hash .. ':answers',
    hash .. ':mails', hash .. ':released')
end

local forgotten, stay = 0, 0
for _, run in ipairs(args.runs) do
  if forgotten >= args.most then break end
  local is = redis.call('HMGET', run_key(run), 'state', 'parent')
  -- Children come with the run that began them.
  if is[1] and not (is[2] and redis.call('EXISTS', run_key(is[2])) == 1) then
    local family = family_of(run)
    for _, one in ipairs(family or {}) do
      forget(one)
      forgotten = forgotten + 1
    end
  end
  if redis.call('ZSCORE', key('runs'), run) then stay = stay + 1 end
end
return { 'OK', forgotten > 0 and next_seq() or redis.call('HGET', key('meta'), 'seq'), forgotten, stay }
