-- A person's answer to a question of a run, perhaps before it is asked; the first one holds.
local doubt = distrust()
if doubt then return { doubt } end
local answers = run_key(args.run) .. ':answers'
local first = redis.call('HSETNX', answers, args.key, args.answer)
if first == 0 then return { 'ANSWERED', 0, redis.call('HGET', answers, args.key) } end
stir(args.run)
audit(args.run, 'approve', args.by, args.key .. ': ' .. args.answer)
return { 'OK', next_seq() }
