-- Notes, report and progress: what a run tells people while it works.
local stop = fenced(args.run)
if stop then return { stop } end
local hash = run_key(args.run)
for subject, note in pairs(args.notes or {}) do
  redis.call('HSET', hash .. ':notes', subject, note)
  redis.call('HSET', key('why'), subject, cjson.encode({ run = args.run, note = note, at = now_ms }))
end
if args.report then redis.call('HSET', hash, 'report', args.report) end
if args.progress then redis.call('HSET', hash, 'progress', args.progress) end
return { 'OK', next_seq() }
