-- The next mail that is due on a way out, hidden from other senders for a while. None beyond the pace of that
-- way, and none while it is closed, but for the one that tries it once the pause is over.
local doubt = distrust()
if doubt then return { doubt } end
local due, pace, closed = key('outbox', 'due', args.way), key('outbox', 'pace', args.way), key('outbox', 'closed', args.way)
local first = redis.call('ZRANGEBYSCORE', due, '-inf', now_ms, 'LIMIT', 0, 1)[1]
if not first then return { 'NONE' } end

local opens = tonumber(redis.call('HGET', closed, 'until') or '0')
if opens > now_ms then return { 'CLOSED' } end
if args.perMinute then
  local back = redis.call('LINDEX', pace, args.perMinute - 1)
  if back and tonumber(back) > now_ms - 60000 then return { 'PACED' } end
  redis.call('LPUSH', pace, now_ms)
  redis.call('LTRIM', pace, 0, args.perMinute - 1)
  redis.call('PEXPIRE', pace, 60000)
end
if opens > 0 then redis.call('HSET', closed, 'until', now_ms + args.hideMs) end

redis.call('ZADD', due, now_ms + args.hideMs, first)
local tries = redis.call('HINCRBY', key('outbox', 'tries'), first, 1)
local unknown = tonumber(redis.call('HGET', key('outbox', 'unknown'), first) or '0')
local done = redis.call('HGET', key('outbox', 'done'), first) or '[]'
return { 'OK', redis.call('HGET', key('meta'), 'seq'), first, redis.call('HGET', key('outbox'), first), tries, unknown, done }
