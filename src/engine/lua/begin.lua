-- The intent to act, on disk before the act.
local stop = fenced(args.run)
if stop then return { stop } end
local hash = run_key(args.run)
if args.disruptive then
  local cancel = redis.call('HGET', hash, 'cancel')
  if cancel then return { 'CANCELLED', 0, cancel } end
  local mode = redis.call('HMGET', key('meta'), 'mode', 'modeWhy')
  if mode[1] and mode[1] ~= '' then return { 'FROZEN', 0, mode[2] or '' } end
end
redis.call('HSET', hash .. ':journal', args.key, args.record)
redis.call('ZADD', hash .. ':steps', now_ms + args.timeoutMs, args.key)
return { 'OK', next_seq() }
