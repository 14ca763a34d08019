-- One owner at a time: refuses runs that ended or wait, and those whose owner renewed lately.
local doubt = distrust()
if doubt then return { doubt } end
local hash = run_key(args.run)
local was = redis.call('HMGET', hash, 'state', 'owner', 'leaseUntil')
local state, owner, lease_until = was[1], was[2], tonumber(was[3] or '0')
if not state then return { 'GONE' } end
if terminal[state] or state == 'needs-decision' then return { 'NOT_DUE', 0, state } end
if state == 'waiting' and tonumber(redis.call('ZSCORE', key('open'), args.run) or '+inf') > now_ms then return { 'NOT_DUE', 0, state } end
if owner and owner ~= args.node then
  -- While Redis was away a living owner could not renew: it gets `patience` to come back first.
  local left = math.max(lease_until - now_ms, args.patienceMs)
  if left > 0 then return { 'BUSY', 0, text(left) } end
end
local fence = next_fence(args.run)
redis.call('HSET', hash, 'state', 'running', 'owner', args.node, 'fence', fence, 'leaseUntil', now_ms + args.leaseMs)
redis.call('HSETNX', hash, 'startedAt', now_ms)
redis.call('HDEL', hash, 'waitingFor', 'waitingSince', 'waitingUntil', 'frozen', 'stirred')
redis.call('DEL', hash .. ':steps')
redis.call('HINCRBY', hash, 'claims', 1)
-- An owner that was lost with nothing done since the one before it: the run may be what kills them.
if state == 'running' then
  local losses = redis.call('HINCRBY', hash, 'losses', 1)
  if losses > args.mostLosses then
    close_run(args.run, 'quarantined', { 'error', losses .. ' owners were lost one after the other with no step done between' })
    audit(args.run, 'quarantined', args.node, '')
    return { 'QUARANTINED', next_seq() }
  end
end
-- Whoever takes a run that is over its time has as long as any other to put back what it holds.
if expire(args.run) then redis.call('HSET', hash, 'expiredAt', now_ms) end
wake(args.run, now_ms + args.leaseMs)
audit(args.run, 'claim', args.node, '')
return { 'OK', next_seq(), fence, redis.call('HGETALL', hash), redis.call('HGETALL', hash .. ':journal') }
