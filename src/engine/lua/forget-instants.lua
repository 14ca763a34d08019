-- Forgets what became of instants long ago. The floor remembers up to where, so that none of them, nor an
-- earlier one, can become a run again.
local doubt = distrust()
if doubt then return { doubt } end
local ledger, order = key('ledger', args.job), key('ledger', args.job, 'order')
local old = redis.call('ZRANGEBYSCORE', order, '-inf', now_ms - args.keptMs, 'LIMIT', 0, args.most)
if #old == 0 then return { 'OK', redis.call('HGET', key('meta'), 'seq'), 0 } end
redis.call('HSET', key('floor'), args.job, redis.call('ZSCORE', order, old[#old]))
for _, instant in ipairs(old) do
  redis.call('HDEL', ledger, instant)
  redis.call('ZREM', order, instant)
end
return { 'OK', next_seq(), #old }
