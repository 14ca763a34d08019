-- The owner gives the run back: queued for the next owner, waiting for an event, or for a person.
local hash = run_key(args.run)
local held = redis.call('HMGET', hash, 'fence', 'state')
-- Asked again because the answer was lost: nobody has had the run since.
if held[1] == args.fence and held[2] ~= 'running' and not terminal[held[2]] then
  return { 'OK', redis.call('HGET', key('meta'), 'seq'), held[2] }
end
local stop = fenced(args.run)
if stop then return { stop } end
redis.call('HDEL', hash, 'owner', 'leaseUntil')
redis.call('DEL', hash .. ':steps')
post(args.mails)
if args.state == 'queued' then
  requeue(args.run)
  return { 'OK', next_seq() }
end
redis.call('HSET', hash, 'state', args.state, 'waitingFor', args.why)
redis.call('HSETNX', hash, 'waitingSince', now_ms)
if args.sinceMs then redis.call('HSET', hash, 'waitingSince', text(args.sinceMs)) end
redis.call('HDEL', hash, 'waitingUntil')
if args.untilMs then redis.call('HSET', hash, 'waitingUntil', text(args.untilMs)) end
wake(args.run, args.wakeInMs and now_ms + args.wakeInMs or '+inf')
leave_slots(args.run)
if args.frozen then
  redis.call('HSET', hash, 'frozen', '1')
  if (redis.call('HGET', key('meta'), 'mode') or '') == '' then requeue(args.run) end
end
-- A lease may have come free, and a cancel may have come, that the owner has not heard of.
for _, lease in ipairs(args.leases or {}) do
  if redis.call('HGET', key('lease', lease), 'run') == args.run then requeue(args.run) end
end
for _, slot in ipairs(args.slots or {}) do
  if slot_is_free(slot, args.run) then requeue(args.run) end
end
-- A person may take days: the line goes on meanwhile.
leave_lines(args.run, redis.call('HGET', hash, 'state') ~= 'needs-decision' and args.slots or {})
if redis.call('HDEL', hash, 'stirred') == 1 then requeue(args.run) end
if redis.call('HEXISTS', hash, 'cancel') == 1 and not args.cancelKnown then requeue(args.run) end
-- A question about a step goes out with `mails`; other reasons to stop for a person are told as well.
if args.state == 'needs-decision' and #(args.mails or {}) == 0 then
  raise('undecided', { job = redis.call('HGET', hash, 'job'), run = args.run, why = args.why })
end
audit(args.run, args.state, '', args.why)
return { 'OK', next_seq(), redis.call('HGET', hash, 'state') }
