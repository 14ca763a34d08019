-- A person's word on one row of a table; without a value the row goes.
local doubt = distrust()
if doubt then return { doubt } end
local rows = key('table', args.table)
if redis.call('HGET', rows, args.row) == (args.value or false) then return { 'SAME', 0 } end
if args.value then
  redis.call('HSET', rows, args.row, args.value)
else
  redis.call('HDEL', rows, args.row)
end
audit('', (args.value and 'set ' or 'delete ') .. args.table .. ' ' .. args.row, args.by, args.why)
return { 'OK', next_seq() }
