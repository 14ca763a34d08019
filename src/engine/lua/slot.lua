-- One of some places, first come, first served; given up when the run parks.
local stop = fenced(args.run)
if stop then return { stop } end
local holders, queue = key('slot', args.name), key('slot', args.name, 'queue')
redis.call('HSET', key('slots'), args.name, args.places)
if redis.call('ZSCORE', holders, args.run) then return { 'OK', next_seq() } end
local cancel = redis.call('HGET', run_key(args.run), 'cancel')
if cancel then return { 'CANCELLED', 0, cancel } end
redis.call('ZADD', queue, 'NX', now_us, args.run)
if slot_is_free(args.name, args.run) then
  redis.call('ZREM', queue, args.run)
  redis.call('SREM', run_key(args.run) .. ':lined', args.name)
  redis.call('ZADD', holders, now_us, args.run)
  redis.call('SADD', run_key(args.run) .. ':slots', args.name)
  return { 'OK', next_seq() }
end
redis.call('SADD', run_key(args.run) .. ':lined', args.name)
return { 'WAIT', next_seq() }
