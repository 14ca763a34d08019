-- Asks a run to stop and put back what it holds; one that never began just ends.
local doubt = distrust()
if doubt then return { doubt } end
local hash = run_key(args.run)
local was = redis.call('HMGET', hash, 'state', 'claims')
if not was[1] then return { 'GONE' } end
if terminal[was[1]] then return { 'ENDED', 0, was[1] } end
local why = args.by .. ': ' .. args.why
redis.call('HSET', hash, 'cancel', why)
audit(args.run, 'cancel', args.by, args.why)
if was[2] == '0' then
  close_run(args.run, 'cancelled', { 'error', 'cancelled by ' .. why })
elseif was[1] == 'waiting' or was[1] == 'needs-decision' then
  requeue(args.run)
end
return { 'OK', next_seq(), redis.call('HGET', hash, 'state') }
