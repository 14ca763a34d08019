-- Keeps the deadlines of runs and steps for owners that outlive them, or are gone.
local doubt = distrust()
if doubt then return { doubt } end
local hash = run_key(args.run)
local was = redis.call('HMGET', hash, 'state', 'claims')
if not was[1] or terminal[was[1]] then return { 'ENDED' } end

local noticed = redis.call('HEXISTS', hash, 'expiredAt') == 1
local expired = expire(args.run)
-- What was never begun, or was not put back in time, ends here.
if expired and (was[2] == '0' or expired + args.graceMs < now_ms) then
  redis.call('HSET', hash, 'fence', next_fence(args.run))
  close_run(args.run, 'failed', { 'error', 'the run took longer than it may' })
  audit(args.run, 'failed', args.node, 'the run took longer than it may')
  return { 'EXPIRED', next_seq() }
end
if expired and not noticed and was[1] ~= 'running' then
  requeue(args.run)
  audit(args.run, 'expire', args.node, 'the run took longer than it may')
  return { 'EXPIRES', next_seq() }
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
