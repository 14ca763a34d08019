-- Takes a run from an owner that outlived a deadline: the step's, or the run's own.
local doubt = distrust()
if doubt then return { doubt } end
local hash = run_key(args.run)
local was = redis.call('HMGET', hash, 'state', 'deadline', 'owner', 'leaseUntil')
if not was[1] or terminal[was[1]] then return { 'ENDED' } end
local living = was[3] and tonumber(was[4] or '0') > now_ms
local grace = living and args.graceMs or 0
if was[2] and tonumber(was[2]) + grace < now_ms then
  redis.call('HSET', hash, 'fence', next_fence(args.run))
  close_run(args.run, 'failed', { 'error', 'the run took longer than it may' })
  audit(args.run, 'failed', args.node, 'the run took longer than it may')
  return { 'EXPIRED', next_seq() }
end
local step = redis.call('ZRANGE', hash .. ':steps', 0, 0, 'WITHSCORES')
if was[1] == 'running' and step[2] and tonumber(step[2]) + args.graceMs < now_ms then
  redis.call('HSET', hash, 'fence', next_fence(args.run))
  redis.call('HDEL', hash, 'owner', 'leaseUntil')
  redis.call('DEL', hash .. ':steps')
  requeue(args.run)
  audit(args.run, 'seize', args.node, 'step ' .. step[1] .. ' took longer than it may')
  return { 'SEIZED', next_seq() }
end
return { 'FINE' }
