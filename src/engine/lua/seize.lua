-- Keeps the deadlines of runs and steps for owners that outlive them, or are gone; all open runs at once.
local doubt = distrust()
if doubt then return { doubt } end

local function seize(run)
  local hash = run_key(run)
  local was = redis.call('HMGET', hash, 'state', 'claims')
  if not was[1] or terminal[was[1]] then return false end

  local noticed = redis.call('HEXISTS', hash, 'expiredAt') == 1
  local expired = expire(run)
  -- What was never begun, or was not put back in time by somebody who could, ends here.
  if expired and (was[2] == '0' or (was[1] ~= 'queued' and expired + args.graceMs < now_ms)) then
    redis.call('HSET', hash, 'fence', next_fence(run))
    close_run(run, 'failed', { 'error', 'the run took longer than it may' })
    audit(run, 'failed', args.node, 'the run took longer than it may')
    return true
  end
  if expired and not noticed and was[1] ~= 'running' then
    requeue(run)
    audit(run, 'expire', args.node, 'the run took longer than it may')
    return true
  end

  local step = redis.call('ZRANGE', hash .. ':steps', 0, 0, 'WITHSCORES')
  if was[1] ~= 'running' or not step[2] or tonumber(step[2]) + args.graceMs >= now_ms then return false end
  redis.call('HSET', hash, 'fence', next_fence(run))
  redis.call('HDEL', hash, 'owner', 'leaseUntil')
  redis.call('DEL', hash .. ':steps')
  requeue(run)
  audit(run, 'seize', args.node, 'step ' .. step[1] .. ' took longer than it may')
  return true
end

-- Nothing goes on without us while one of its children works.
local function awaits_child(run)
  for _, child in ipairs(redis.call('LRANGE', run_key(run) .. ':children', 0, -1)) do
    local is = redis.call('HMGET', run_key(child), 'state', 'attached')
    if is[1] and is[2] and not terminal[is[1]] then return true end
  end
  return false
end

-- Says once of each wait that it takes long. One that was promised an end is only late when that is over.
local function overstay(run)
  local hash = run_key(run)
  local is = redis.call('HMGET', hash, 'job', 'state', 'waitingFor', 'waitingSince', 'waitingUntil', 'overstayed')
  local job, state, why, since, promised, told = unpack(is, 1, 6)
  local most = args.longWaitMs and args.longWaitMs[job]
  if not most or not since or told == since or (state ~= 'waiting' and state ~= 'needs-decision') then return end
  local late = promised and tonumber(promised) + 3600000 or tonumber(since) + most
  if late >= now_ms or awaits_child(run) then return end
  redis.call('HSET', hash, 'overstayed', since)
  raise('waiting', { job = job, run = run, state = state, why = why, since = tonumber(since), promised = tonumber(promised or nil) })
end

local seized = 0
for _, run in ipairs(redis.call('ZRANGE', key('open'), 0, -1)) do
  if seize(run) then seized = seized + 1 else overstay(run) end
end
return { 'OK', seized > 0 and next_seq() or redis.call('HGET', key('meta'), 'seq') }
