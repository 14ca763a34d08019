-- The run is over, one way or the other; its leases go to those who wait.
local held = redis.call('HMGET', run_key(args.run), 'fence', 'state')
-- Asked again because the answer was lost.
if held[1] == args.fence and held[2] == args.state then return { 'OK', redis.call('HGET', key('meta'), 'seq') } end
local stop = fenced(args.run)
if stop then return { stop } end
post(args.mails)
local fields = {}
if args.error then fields = { 'error', args.error } end
if args.result then fields = { 'result', args.result } end
if args.failedStep then fields[#fields + 1] = 'failedStep'; fields[#fields + 1] = args.failedStep end
close_run(args.run, args.state, fields)
audit(args.run, args.state, '', args.error)
return { 'OK', next_seq() }
