-- Stands before every script. KEYS[1] is the key prefix, one hash tag for all keys; ARGV[1] the
-- arguments by name, as JSON; ARGV[2] a blob where there is one.
-- A script answers {verdict, seq, ...}. Numbers that grow past 2^53 never leave Lua as numbers.
local prefix = KEYS[1]
local args = cjson.decode(ARGV[1])

local function key(...) return prefix .. ':' .. table.concat({...}, ':') end
local function run_key(id) return key('run', id) end

local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local now_us = tonumber(time[1]) * 1000000 + tonumber(time[2])
local function text(number) return string.format('%.0f', number) end

-- A flushed Redis has no epoch or another; a rolled-back one has counted less than the caller saw.
local function distrust()
  local meta = redis.call('HMGET', key('meta'), 'epoch', 'seq')
  if meta[1] ~= args.epoch then return 'EPOCH' end
  if tonumber(meta[2] or '0') < args.mark then return 'ROLLBACK' end
  return nil
end

local function next_seq() return redis.call('HINCRBY', key('meta'), 'seq', 1) end

local function audit(run, act, by, why)
  redis.call('XADD', key('audit'), 'MAXLEN', '~', 100000, '*', 'run', run, 'act', act, 'by', by or '', 'why', why or '')
end

local terminal = { succeeded = true, failed = true, cancelled = true, quarantined = true }

-- Larger than any fence before, also after a rollback of Redis, because time has gone on.
local function next_fence(run)
  local last = tonumber(redis.call('HGET', run_key(run), 'fence') or '0')
  return text(math.max(last + 1, now_us))
end

-- Nil when the caller owns the run still, else the verdict that tells it to stop; and how many owners it
-- lost since it last got on, if any.
local function fenced(run)
  local doubt = distrust()
  if doubt then return doubt end
  local held = redis.call('HMGET', run_key(run), 'fence', 'state', 'losses')
  if not held[2] then return 'GONE' end
  if held[1] ~= args.fence or held[2] ~= 'running' then return 'FENCE' end
  return nil, held[3]
end

-- Since when the run takes longer than it may; nil while it does not. Said once, so that it has time to put back.
local function expire(run)
  local deadline = redis.call('HGET', run_key(run), 'deadline')
  if not deadline or tonumber(deadline) > now_ms then return nil end
  redis.call('HSETNX', run_key(run), 'expiredAt', now_ms)
  return tonumber(redis.call('HGET', run_key(run), 'expiredAt'))
end

-- The time that a run may take begins now.
local function set_deadline(run)
  local hash = run_key(run)
  local timeout_ms = redis.call('HGET', hash, 'timeoutMs')
  redis.call('HDEL', hash, 'expiredAt', 'deadline')
  if timeout_ms then redis.call('HSET', hash, 'deadline', text(now_ms + timeout_ms)) end
end

-- A person's word comes a second time because its answer was lost.
local function is_said(run)
  return redis.call('HGET', run_key(run), 'said') == args.nonce
end

local function wake(run, at)
  redis.call('ZADD', key('open'), at or now_ms, run)
end

-- Takes a run out of waiting. Its next owner replays it and finds what it waited for, or waits again.
local function requeue(run)
  redis.call('HSET', run_key(run), 'state', 'queued')
  redis.call('HDEL', run_key(run), 'waitingFor', 'waitingSince', 'waitingUntil', 'frozen')
  wake(run)
end

-- Something has happened that a run may wait for. One that is just about to wait is told by its parking.
local function stir(run)
  local state = redis.call('HGET', run_key(run), 'state')
  if state == 'waiting' then requeue(run) end
  if state == 'running' then redis.call('HSET', run_key(run), 'stirred', '1') end
end

-- Gives a lease to the first living run that waits for it, or lets it go.
local function pass_on(name)
  local lease, queue = key('lease', name), key('lease', name, 'queue')
  while true do
    local first = redis.call('ZPOPMIN', queue)
    if #first == 0 then
      redis.call('DEL', lease)
      return
    end
    local run = first[1]
    local state = redis.call('HGET', run_key(run), 'state')
    if state and not terminal[state] then
      local why = redis.call('HGET', key('lease', name, 'why'), run) or ''
      redis.call('HDEL', key('lease', name, 'why'), run)
      redis.call('HSET', lease, 'run', run, 'why', why, 'since', now_ms)
      redis.call('SADD', run_key(run) .. ':leases', name)
      if state == 'waiting' then requeue(run) end
      return
    end
    redis.call('HDEL', key('lease', name, 'why'), run)
  end
end

local function release(run, name)
  redis.call('SREM', run_key(run) .. ':leases', name)
  redis.call('ZREM', key('lease', name, 'queue'), run)
  redis.call('HDEL', key('lease', name, 'why'), run)
  if redis.call('HGET', key('lease', name), 'run') == run then pass_on(name) end
end

-- A mail is put out once: its id says which, for as long as its run is known; one of no run is posted by
-- what happens once.
local function post(mails)
  for _, mail in ipairs(mails or {}) do
    redis.call('SADD', args.run and run_key(args.run) .. ':mails' or key('outbox', 'of-no-run'), mail.id)
    if redis.call('HSETNX', key('outbox'), mail.id, mail.body) == 1 then
      redis.call('ZADD', key('outbox', 'due', mail.way), now_ms, mail.id)
    end
  end
end

-- There is a place for this run, and nobody came before it.
local function slot_is_free(name, run)
  local places = tonumber(redis.call('HGET', key('slots'), name) or '1')
  local ahead = redis.call('ZRANK', key('slot', name, 'queue'), run) or 0
  return redis.call('ZCARD', key('slot', name)) + ahead < places
end

-- Wakes those in line for whom there are places now; one that is just about to wait looks itself when it parks.
local function call_next(name)
  local places = tonumber(redis.call('HGET', key('slots'), name) or '1')
  local free = places - redis.call('ZCARD', key('slot', name))
  if free <= 0 then return end
  for _, run in ipairs(redis.call('ZRANGE', key('slot', name, 'queue'), 0, free - 1)) do
    if redis.call('HGET', run_key(run), 'state') == 'waiting' then requeue(run) end
  end
end

-- Lets go of every slot that the run has.
local function leave_slots(run)
  for _, name in ipairs(redis.call('SMEMBERS', run_key(run) .. ':slots')) do
    redis.call('ZREM', key('slot', name), run)
    call_next(name)
  end
  redis.call('DEL', run_key(run) .. ':slots')
end

-- Steps out of every line but those named: whoever stands in one and waits for something else holds up all behind.
local function leave_lines(run, but)
  local stays = {}
  for _, name in ipairs(but or {}) do stays[name] = true end
  for _, name in ipairs(redis.call('SMEMBERS', run_key(run) .. ':lined')) do
    if not stays[name] then
      redis.call('SREM', run_key(run) .. ':lined', name)
      redis.call('ZREM', key('slot', name, 'queue'), run)
      call_next(name)
    end
  end
end

-- A run comes into being, due at once.
local function create_run()
  local hash = run_key(args.run)
  redis.call('HSET', hash, 'job', args.job, 'state', 'queued', 'createdAt', now_ms, 'fence', '0', 'claims', 0, 'nonce', args.nonce,
    'options', args.options, 'trigger', args.trigger, 'acting', args.acting, 'definition', args.definition)
  if args.timeoutMs then redis.call('HSET', hash, 'timeoutMs', text(args.timeoutMs)) end
  set_deadline(args.run)
  if args.alone then redis.call('HSET', hash, 'alone', '1') end
  -- Under its own digest, so whoever comes later has the same one to store.
  if args.source then redis.call('HSETNX', key('definitions'), args.definition, args.source) end
  if args.parent then
    redis.call('HSET', hash, 'parent', args.parent)
    redis.call('RPUSH', run_key(args.parent) .. ':children', args.run)
    if args.attached then redis.call('HSET', hash, 'attached', '1') end
  end
  redis.call('ZADD', key('runs'), now_ms, args.run)
  redis.call('ZADD', key('runs', args.job), now_ms, args.run)
  wake(args.run)
  audit(args.run, 'create', args.by, '')
end

-- What operators are to be told: kept until a daemon has made a mail of it, then gone.
local function raise(kind, alert)
  local id = (alert.run or alert.job) .. ' ' .. kind .. ' ' .. text(now_ms)
  alert.kind, alert.at = kind, now_ms
  redis.call('HSET', key('alerts'), id, cjson.encode(alert))
  return id
end

-- While a job fails, its operators hear again after a day, two more, four more, then once a week. A day is
-- an hour short: a nightly run that fails a little sooner than yesterday's is a day later all the same.
local function remind_at(reminders)
  return now_ms + math.min(2 ^ reminders, 7) * 86400000 - 3600000
end

-- A run that ended tells how its job does; people are told when that changes. Not every run tells: a called
-- child is its parent's business, who cancels knows, and who asks for a dry run sees what comes of it.
local function judge(run, state)
  local hash = run_key(run)
  local is = redis.call('HMGET', hash, 'job', 'acting', 'trigger', 'parent', 'error', 'failedStep')
  local job = is[1]
  local by_hand = is[2] ~= '1' and cjson.decode(is[3] or '{}').kind ~= 'cron'
  if state == 'cancelled' or by_hand or redis.call('HEXISTS', hash, 'attached') == 1 then return end

  local known = key('alert', job)
  local was = redis.call('HMGET', known, 'state', 'since', 'failures', 'run', 'remindAt', 'thread')
  local failing = was[1] == 'failing'
  if state == 'succeeded' then
    -- Runs that one campaign started go side by side: the success of one is no answer to the failure of another.
    local sibling = is[4] and was[4] ~= run and was[4] and redis.call('HGET', run_key(was[4]), 'parent') == is[4]
    if not failing or sibling then return end
    redis.call('DEL', known)
    redis.call('HSET', known, 'state', 'ok', 'since', now_ms)
    raise('recovered', { job = job, run = run, since = tonumber(was[2]), failures = tonumber(was[3]), thread = was[6] })
    return
  end

  local failures = redis.call('HINCRBY', known, 'failures', 1)
  redis.call('HSET', known, 'run', run, 'error', is[5] or '')
  local alert = { job = job, run = run, state = state, failures = failures, why = is[5] or nil, failedStep = is[6] or nil }
  if not failing then
    alert.since = now_ms
    redis.call('HSET', known, 'state', 'failing', 'since', now_ms, 'reminders', 0, 'remindAt', text(remind_at(0)))
    redis.call('HSET', known, 'thread', raise('failing', alert))
  elseif tonumber(was[5]) <= now_ms then
    alert.since, alert.thread = tonumber(was[2]), was[6]
    local reminders = redis.call('HINCRBY', known, 'reminders', 1)
    redis.call('HSET', known, 'remindAt', text(remind_at(reminders)))
    raise('reminder', alert)
  end
end

local function close_run(run, state, fields)
  local hash = run_key(run)
  redis.call('HSET', hash, 'state', state, 'endedAt', now_ms, unpack(fields or {}))
  redis.call('HDEL', hash, 'owner', 'leaseUntil', 'waitingFor', 'waitingSince', 'waitingUntil', 'frozen')
  redis.call('ZREM', key('open'), run)
  redis.call('HINCRBY', key('ended'), redis.call('HGET', hash, 'job') .. ' ' .. state, 1)
  for _, name in ipairs(redis.call('SMEMBERS', hash .. ':leases')) do release(run, name) end
  for _, name in ipairs(redis.call('SMEMBERS', hash .. ':queued')) do release(run, name) end
  leave_slots(run)
  leave_lines(run)
  redis.call('DEL', hash .. ':leases', hash .. ':queued', hash .. ':steps')
  local parent = redis.call('HGET', hash, 'parent')
  if parent then stir(parent) end
  judge(run, state)
end
