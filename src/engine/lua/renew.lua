-- The owner lives. Tells it on the way whether somebody, or the clock, wants it to stop.
local stop = fenced(args.run)
if stop then return { stop } end
redis.call('HSET', run_key(args.run), 'leaseUntil', now_ms + args.leaseMs)
wake(args.run, now_ms + args.leaseMs)
local meta = redis.call('HMGET', key('meta'), 'seq', 'mode', 'modeWhy')
local cancel = redis.call('HGET', run_key(args.run), 'cancel') or ''
return { 'OK', meta[1], cancel, meta[2] or '', meta[3] or '', expire(args.run) and '1' or '' }
