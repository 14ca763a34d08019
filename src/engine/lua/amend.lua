-- A person's word on a run that nobody works on: journal records replaced or dropped, then it goes on.
-- `expect` is the fence under which the caller read the journal: nobody may have worked since.
local doubt = distrust()
if doubt then return { doubt } end
local hash = run_key(args.run)
local was = redis.call('HMGET', hash, 'state', 'fence')
if not was[1] then return { 'GONE' } end
if is_said(args.run) then return { 'OK', redis.call('HGET', key('meta'), 'seq') } end
if was[2] ~= args.expect or was[1] == 'running' then return { 'MOVED', 0, was[1] } end
for step, record in pairs(args.records or {}) do redis.call('HSET', hash .. ':journal', step, record) end
for _, step in ipairs(args.drop or {}) do redis.call('HDEL', hash .. ':journal', step) end
-- Steps that run anew need the leases that they ran under.
redis.call('UNLINK', hash .. ':released')
redis.call('HSET', hash, 'said', args.nonce)
redis.call('HDEL', hash, 'endedAt', 'error', 'failedStep', 'losses', 'killed', 'killedIn')
if args.act == 'resume' then
  redis.call('HDEL', hash, 'cancel')
  redis.call('HINCRBY', hash, 'resumes', 1)
end
if args.act == 'resume' or terminal[was[1]] then set_deadline(args.run) end
requeue(args.run)
audit(args.run, args.act, args.by, args.why)
return { 'OK', next_seq() }
