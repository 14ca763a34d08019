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
create_run()
if request then
  redis.call('HSET', request, 'run', args.run, 'digest', args.request.digest)
  redis.call('PEXPIRE', request, args.request.keptMs)
end
return { 'OK', next_seq() }
