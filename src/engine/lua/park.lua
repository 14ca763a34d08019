-- The owner gives the run back: queued for the next owner, waiting for an event, or for a person.
local stop = fenced(args.run)
if stop then return { stop } end
local hash = run_key(args.run)
redis.call('HDEL', hash, 'owner', 'leaseUntil')
redis.call('DEL', hash .. ':steps')
post(args.mails)
if args.state == 'queued' then
  requeue(args.run)
  return { 'OK', next_seq() }
end
redis.call('HSET', hash, 'state', args.state, 'waitingFor', args.why)
redis.call('HSETNX', hash, 'waitingSince', now_ms)
wake(args.run, '+inf')
if args.frozen then
  redis.call('HSET', hash, 'frozen', '1')
  if (redis.call('HGET', key('meta'), 'mode') or '') == '' then requeue(args.run) end
end
-- The lease may have come free between asking for it and parking.
if args.lease and redis.call('HGET', key('lease', args.lease), 'run') == args.run then requeue(args.run) end
audit(args.run, args.state, '', args.why)
return { 'OK', next_seq(), redis.call('HGET', hash, 'state') }
