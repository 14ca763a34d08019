-- The next mail that is due, hidden from other senders for a while.
local doubt = distrust()
if doubt then return { doubt } end
local due = redis.call('ZRANGEBYSCORE', key('outbox', 'due'), '-inf', now_ms, 'LIMIT', 0, 1)
if #due == 0 then return { 'NONE' } end
redis.call('ZADD', key('outbox', 'due'), now_ms + args.hideMs, due[1])
local tries = redis.call('HINCRBY', key('outbox', 'tries'), due[1], 1)
local unknown = tonumber(redis.call('HGET', key('outbox', 'unknown'), due[1]) or '0')
return { 'OK', redis.call('HGET', key('meta'), 'seq'), due[1], redis.call('HGET', key('outbox'), due[1]), tries, unknown }
