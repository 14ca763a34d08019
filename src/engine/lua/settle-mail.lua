-- What came of a try to send: sent or given up for good, or due again. A sender that was taken for dead
-- does not bring back what another has settled meanwhile.
local doubt = distrust()
if doubt then return { doubt } end
if not redis.call('ZSCORE', key('outbox', 'due'), args.id) then return { 'SETTLED' } end
if args.retryMs then
  redis.call('ZADD', key('outbox', 'due'), now_ms + args.retryMs, args.id)
  if args.unknown then redis.call('HINCRBY', key('outbox', 'unknown'), args.id, 1) end
else
  redis.call('ZREM', key('outbox', 'due'), args.id)
  redis.call('ZADD', key('outbox', 'settled'), now_ms, args.id)
  redis.call('HDEL', key('outbox', 'tries'), args.id)
  redis.call('HDEL', key('outbox', 'unknown'), args.id)
end
redis.call('HSET', key('outbox', 'state'), args.id, args.state)
return { 'OK', next_seq() }
