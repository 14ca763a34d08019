-- What operators are to be told becomes mails, in one go: never none and never twice.
local doubt = distrust()
if doubt then return { doubt } end
if redis.call('HDEL', key('alerts'), args.id) == 0 then return { 'SETTLED' } end
post(args.mails)
return { 'OK', next_seq() }
