-- Empties mails that were sent or given up long ago. The ids of those that a run posted stay, so that its
-- replay posts none again, until the run is forgotten.
local doubt = distrust()
if doubt then return { doubt } end
local settled = key('outbox', 'settled')
local old = redis.call('ZRANGEBYSCORE', settled, '-inf', now_ms - args.keptMs, 'LIMIT', 0, args.most)
for _, id in ipairs(old) do
  if redis.call('SREM', key('outbox', 'of-no-run'), id) == 1 then
    redis.call('HDEL', key('outbox'), id)
    redis.call('HDEL', key('outbox', 'state'), id)
  else
    -- What a server said of a mail may name its reader.
    local state = redis.call('HGET', key('outbox', 'state'), id) or ''
    redis.call('HSET', key('outbox', 'state'), id, state:match('^[^:]*'))
    redis.call('HSET', key('outbox'), id, '')
  end
  redis.call('ZREM', settled, id)
end
return { 'OK', #old > 0 and next_seq() or redis.call('HGET', key('meta'), 'seq'), #old }
