-- Asks a run to stop and put back what it holds; one that never began just ends.
local doubt = distrust()
if doubt then return { doubt } end
local hash = run_key(args.run)
local was = redis.call('HMGET', hash, 'state', 'claims')
if not was[1] then return { 'GONE' } end
if is_said(args.run) then return { 'OK', redis.call('HGET', key('meta'), 'seq'), was[1] } end
if terminal[was[1]] then return { 'ENDED', 0, was[1] } end
redis.call('HSET', hash, 'said', args.nonce)
local why = args.by .. ': ' .. args.why

-- With its attached children, who end first.
local function cancel(run)
  local is = redis.call('HMGET', run_key(run), 'state', 'claims')
  if not is[1] or terminal[is[1]] then return end
  redis.call('HSET', run_key(run), 'cancel', why)
  audit(run, 'cancel', args.by, args.why)
  for _, child in ipairs(redis.call('LRANGE', run_key(run) .. ':children', 0, -1)) do
    if redis.call('HGET', run_key(child), 'attached') then cancel(child) end
  end
  if is[2] == '0' then
    close_run(run, 'cancelled', { 'error', 'cancelled by ' .. why })
  elseif is[1] == 'waiting' or is[1] == 'needs-decision' then
    requeue(run)
  end
end
cancel(args.run)
return { 'OK', next_seq(), redis.call('HGET', hash, 'state') }
