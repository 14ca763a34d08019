-- Before its run ends a lease is given up; giving up what one does not hold is nothing.
local stop = fenced(args.run)
if stop then return { stop } end
release(args.run, args.name)
return { 'OK', next_seq() }
