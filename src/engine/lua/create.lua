-- A run comes into being, or is found: the same nonce asking again is the same asker.
local doubt = distrust()
if doubt then return { doubt } end
local request = args.request and key('request', args.request.key)
if request then
  local made = redis.call('HMGET', request, 'run', 'digest')
  if made[1] and redis.call('EXISTS', run_key(made[1])) == 1 then return { 'ASKED', 0, made[1], made[2] } end
end
local hash = run_key(args.run)
if redis.call('EXISTS', hash) == 1 then
  if redis.call('HGET', hash, 'nonce') == args.nonce then return { 'OK', redis.call('HGET', key('meta'), 'seq') } end
  return { 'EXISTS' }
end
redis.call('HSET', hash, 'job', args.job, 'state', 'queued', 'createdAt', now_ms, 'fence', '0', 'claims', 0, 'nonce', args.nonce,
  'options', args.options, 'trigger', args.trigger, 'acting', args.acting, 'definition', args.definition)
if args.timeoutMs then redis.call('HSET', hash, 'deadline', text(now_ms + args.timeoutMs)) end
redis.call('ZADD', key('runs'), now_ms, args.run)
redis.call('ZADD', key('runs', args.job), now_ms, args.run)
if request then
  redis.call('HSET', request, 'run', args.run, 'digest', args.request.digest)
  redis.call('PEXPIRE', request, args.request.keptMs)
end
wake(args.run)
audit(args.run, 'create', args.by, '')
return { 'OK', next_seq() }
