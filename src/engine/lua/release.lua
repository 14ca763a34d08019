-- Before its run ends a lease is given up; giving up what one does not hold is nothing. `nth`: how often the run
-- has asked for it so far, in this replay. What was given up by then is not given up again: it may have been had
-- anew since, for what the replay has yet to come to.
local stop = fenced(args.run)
if stop then return { stop } end
local given_up = run_key(args.run) .. ':released'
if tonumber(redis.call('HGET', given_up, args.name) or '0') < args.nth then
  release(args.run, args.name)
  redis.call('HSET', given_up, args.name, args.nth)
end
return { 'OK', next_seq() }
