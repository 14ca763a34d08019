-- An instant of a schedule becomes one run, or a row that says why not. Asked again, by whichever
-- daemon, it changes nothing.
local doubt = distrust()
if doubt then return { doubt } end
local ledger = key('ledger', args.job)
local floor = tonumber(redis.call('HGET', key('floor'), args.job) or '0')
if tonumber(args.instantMs) <= floor or redis.call('HEXISTS', ledger, args.instant) == 1 then return { 'KNOWN', 0 } end
redis.call('ZADD', key('ledger', args.job, 'order'), args.instantMs, args.instant)
redis.call('HSET', key('cursor'), args.cursor, args.instantMs)

local open
for _, run in ipairs(redis.call('ZREVRANGE', key('runs', args.job), 0, 99)) do
  local state = redis.call('HGET', run_key(run), 'state')
  if state and not terminal[state] then open = run end
end
local why = args.missed and 'missed: ' .. args.missed
if not why and open and args.overlap == 'skip' then why = 'skipped: ' .. open .. ' was not over' end
-- The first of the instants that an outage cost tells of all of them.
local outage = args.outage
if args.missed and outage and tonumber(args.instantMs) > tonumber(redis.call('HGET', key('missed'), args.job) or '0') then
  redis.call('HSET', key('missed'), args.job, text(outage.last))
  raise('missed', { job = args.job, first = outage.first, last = outage.last, missed = outage.missed, late = outage.late })
end
if why then
  redis.call('HSET', ledger, args.instant, why)
  audit('', 'leave out', args.by, args.job .. ' ' .. args.instant .. ' ' .. why)
  return { 'LEFT_OUT', next_seq(), why }
end
redis.call('HSET', ledger, args.instant, args.run)
create_run()
return { 'OK', next_seq() }
