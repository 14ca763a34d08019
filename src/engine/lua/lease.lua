-- First come, first served; the answer names who has it.
local stop = fenced(args.run)
if stop then return { stop } end
-- A replay passes through what it has given up: it would wait for others in vain, and others for it for ever.
local given_up = redis.call('HGET', run_key(args.run) .. ':released', args.name)
if given_up and tonumber(given_up) >= args.nth then return { 'OK', next_seq() } end
local lease, queue = key('lease', args.name), key('lease', args.name, 'queue')
local holder = redis.call('HGET', lease, 'run')
local state = holder and redis.call('HGET', run_key(holder), 'state')
if holder and (not state or terminal[state]) then
  pass_on(args.name)
  holder = redis.call('HGET', lease, 'run')
end
if not holder then
  redis.call('HSET', lease, 'run', args.run, 'why', args.why, 'since', now_ms)
  redis.call('SADD', run_key(args.run) .. ':leases', args.name)
  return { 'OK', next_seq() }
end
if holder == args.run then return { 'OK', next_seq() } end
local cancel = redis.call('HGET', run_key(args.run), 'cancel')
if cancel then return { 'CANCELLED', 0, cancel } end
redis.call('ZADD', queue, 'NX', now_us, args.run)
redis.call('HSET', key('lease', args.name, 'why'), args.run, args.why)
redis.call('SADD', run_key(args.run) .. ':queued', args.name)
return { 'WAIT', next_seq(), holder, redis.call('HGET', lease, 'why') or '' }
