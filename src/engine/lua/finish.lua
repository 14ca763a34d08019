-- What came of a step, and with it all that must be true if and only if it is: mails, tables, leases.
local stop, losses = fenced(args.run)
if stop then return { stop } end
local hash = run_key(args.run)
if args.blob then
  redis.call('SET', hash .. ':blob:' .. args.blob, ARGV[2])
  redis.call('SADD', hash .. ':blobs', args.blob)
end
redis.call('HSET', hash .. ':journal', args.key, args.record)
redis.call('ZREM', hash .. ':steps', args.key)
if losses then redis.call('HDEL', hash, 'losses') end
post(args.mails)
for _, write in ipairs(args.writes or {}) do
  if write.value then
    redis.call('HSET', key('table', write.table), write.key, write.value)
  else
    redis.call('HDEL', key('table', write.table), write.key)
  end
end
return { 'OK', next_seq() }
