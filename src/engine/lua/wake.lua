-- A run that waits looks again now: the clock that it lives by says that it is time.
local doubt = distrust()
if doubt then return { doubt } end
if redis.call('HGET', run_key(args.run), 'state') == 'waiting' then wake(args.run) end
return { 'OK', next_seq() }
