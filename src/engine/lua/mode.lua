-- Freeze, halt or thaw the whole installation.
local doubt = distrust()
if doubt then return { doubt } end
redis.call('HSET', key('meta'), 'mode', args.mode, 'modeWhy', args.why, 'modeSince', now_ms)
audit('', args.mode == '' and 'thaw' or args.mode, args.by, args.why)
if args.mode == '' then
  for _, run in ipairs(redis.call('ZRANGE', key('open'), 0, -1)) do
    if redis.call('HGET', run_key(run), 'frozen') then requeue(run) end
  end
end
return { 'OK', next_seq() }
