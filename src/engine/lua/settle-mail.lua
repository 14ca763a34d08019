-- What came of a try to send: sent or refused for good, or due again.
local doubt = distrust()
if doubt then return { doubt } end
if args.retryMs then
  redis.call('ZADD', key('outbox', 'due'), now_ms + args.retryMs, args.id)
else
  redis.call('ZREM', key('outbox', 'due'), args.id)
  redis.call('HDEL', key('outbox', 'tries'), args.id)
end
redis.call('HSET', key('outbox', 'state'), args.id, args.state)
return { 'OK', next_seq() }
