-- Keeps the deadlines of runs and steps for owners that outlive them, or are gone; all open runs at once.
local doubt = distrust()
if doubt then return { doubt } end

local function seize(run)
  local hash = run_key(run)
  local was = redis.call('HMGET', hash, 'state', 'claims')
  if not was[1] or terminal[was[1]] then return false end

  local noticed = redis.call('HEXISTS', hash, 'expiredAt') == 1
  local expired = expire(run)
  -- What was never begun, or was not put back in time, ends here.
  if expired and (was[2] == '0' or expired + args.graceMs < now_ms) then
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

local seized = 0
for _, run in ipairs(redis.call('ZRANGE', key('open'), 0, -1)) do
  if seize(run) then seized = seized + 1 end
end
return { 'OK', seized > 0 and next_seq() or redis.call('HGET', key('meta'), 'seq') }
