-- Ends a run at once, whoever owns it: the new fence makes its owner stop at its next word.
local doubt = distrust()
if doubt then return { doubt } end
local hash = run_key(args.run)
local state = redis.call('HGET', hash, 'state')
if not state then return { 'GONE' } end
if is_said(args.run) then
  return { 'OK', redis.call('HGET', key('meta'), 'seq'), cjson.decode(redis.call('HGET', hash, 'killedIn')) }
end
if terminal[state] then return { 'ENDED', 0, state } end
local steps = redis.call('ZRANGE', hash .. ':steps', 0, -1)
redis.call('HSET', hash, 'fence', next_fence(args.run), 'said', args.nonce, 'killedIn', #steps > 0 and cjson.encode(steps) or '[]')
close_run(args.run, args.state, { 'error', args.error, 'killed', '1' })
audit(args.run, 'kill', args.by, args.error)
return { 'OK', next_seq(), steps }
