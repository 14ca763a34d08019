-- The next mails that are due on a way out, a line's share of them, hidden from other senders for a while. None
-- beyond the pace of that way, and none while it is closed, but for one that tries it once the pause is over.
local doubt = distrust()
if doubt then return { doubt } end
local due, pace, closed = key('outbox', 'due', args.way), key('outbox', 'pace', args.way), key('outbox', 'closed', args.way)
local waiting = redis.call('ZCOUNT', due, '-inf', now_ms)
if waiting == 0 then return { 'NONE' } end
local count = math.min(args.most, math.ceil(waiting / args.lines))

local opens = tonumber(redis.call('HGET', closed, 'until') or '0')
if opens > now_ms then return { 'CLOSED' } end
if args.perMinute then
  redis.call('ZREMRANGEBYSCORE', pace, '-inf', now_ms - 60000)
  count = math.min(count, args.perMinute - redis.call('ZCARD', pace))
  if count <= 0 then return { 'PACED' } end
end
if opens > 0 then
  count = 1
  redis.call('HSET', closed, 'until', now_ms + args.hideMs)
end

local taken = {}
for i, id in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now_ms, 'LIMIT', 0, count)) do
  redis.call('ZADD', due, now_ms + args.hideMs, id)
  local tries = redis.call('HINCRBY', key('outbox', 'tries'), id, 1)
  if args.perMinute then
    redis.call('ZADD', pace, now_ms, id .. ' ' .. tries)
    redis.call('PEXPIRE', pace, 60000)
  end
  local unknown = tonumber(redis.call('HGET', key('outbox', 'unknown'), id) or '0')
  local done = redis.call('HGET', key('outbox', 'done'), id) or '[]'
  taken[i] = { id, redis.call('HGET', key('outbox'), id), tries, unknown, done }
end
return { 'OK', redis.call('HGET', key('meta'), 'seq'), unpack(taken) }
