-- Mails that were taken and not tried after all show again at once.
local doubt = distrust()
if doubt then return { doubt } end
for _, id in ipairs(args.ids) do
  if redis.call('ZSCORE', key('outbox', 'due', args.way), id) then
    redis.call('ZADD', key('outbox', 'due', args.way), now_ms, id)
    redis.call('HINCRBY', key('outbox', 'tries'), id, -1)
  end
end
return { 'OK', next_seq() }
