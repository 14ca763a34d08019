-- Ends a run at once, whoever owns it: the new fence makes its owner stop at its next word.
local doubt = distrust()
if doubt then return { doubt } end
local hash = run_key(args.run)
local state = redis.call('HGET', hash, 'state')
if not state then return { 'GONE' } end
if terminal[state] then return { 'ENDED', 0, state } end
local steps = redis.call('ZRANGE', hash .. ':steps', 0, -1)
redis.call('HSET', hash, 'fence', next_fence(args.run))
close_run(args.run, args.state, { 'error', args.error, 'killed', '1' })
audit(args.run, 'kill', args.by, args.error)
return { 'OK', next_seq(), steps }
