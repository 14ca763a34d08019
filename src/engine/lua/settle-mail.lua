-- What came of a try to send: sent or given up for good, or due again. A sender that was taken for dead
-- does not bring back what another has settled meanwhile.
local doubt = distrust()
if doubt then return { doubt } end
local due, closed = key('outbox', 'due', args.way), key('outbox', 'closed', args.way)
-- A way that is closed for one mail is closed for all; it opens when a mail is answered for itself.
if args.closedMs then
  local failures = redis.call('HINCRBY', closed, 'failures', 1)
  redis.call('HSET', closed, 'until', now_ms + math.min(args.closedMs * 2 ^ math.min(failures - 1, 20), args.mostClosedMs))
else
  redis.call('DEL', closed)
end
if not redis.call('ZSCORE', due, args.id) then return { 'SETTLED' } end
-- Whom it was refused for is for jobs to read.
for address, refusal in pairs(args.refused or {}) do redis.call('HSET', key('table', args.refusals), address, refusal) end
if args.done then redis.call('HSET', key('outbox', 'done'), args.id, args.done) end
if args.closedMs then
  redis.call('HINCRBY', key('outbox', 'tries'), args.id, -1)
  redis.call('ZADD', due, now_ms, args.id)
elseif args.retryMs then
  redis.call('ZADD', due, now_ms + args.retryMs, args.id)
  if args.unknown then redis.call('HINCRBY', key('outbox', 'unknown'), args.id, 1) end
else
  redis.call('ZREM', due, args.id)
  redis.call('ZADD', key('outbox', 'settled'), now_ms, args.id)
  redis.call('HDEL', key('outbox', 'tries'), args.id)
  redis.call('HDEL', key('outbox', 'unknown'), args.id)
  redis.call('HDEL', key('outbox', 'done'), args.id)
end
redis.call('HSET', key('outbox', 'state'), args.id, args.state)
return { 'OK', next_seq() }
