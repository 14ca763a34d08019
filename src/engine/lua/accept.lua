-- A person accepts a Redis that lost its past: a new epoch begins. Runs that were open may have done
-- more than their journals say, so each waits for a person.
local meta = redis.call('HMGET', key('meta'), 'epoch', 'replaces')
local replaces = meta[2] and cjson.decode(meta[2]) or {}
for _, epoch in ipairs(args.replaces) do replaces[#replaces + 1] = epoch end
if meta[1] then replaces[#replaces + 1] = meta[1] end
redis.call('HSET', key('meta'), 'epoch', args.newEpoch, 'replaces', cjson.encode(replaces))
redis.call('HSETNX', key('meta'), 'seq', 0)
local parked = 0
for _, run in ipairs(redis.call('ZRANGE', key('open'), 0, -1)) do
  local hash = run_key(run)
  if redis.call('HGET', hash, 'claims') ~= '0' then
    redis.call('HSET', hash, 'fence', next_fence(run), 'state', 'needs-decision', 'waitingSince', now_ms,
      'waitingFor', 'Redis lost some of its past; this run may have done more than its journal says. Look, then resume or kill it')
    redis.call('HDEL', hash, 'owner', 'leaseUntil', 'frozen')
    redis.call('DEL', hash .. ':steps')
    wake(run, '+inf')
    parked = parked + 1
  end
end
audit('', 'accept-redis', args.by, '')
return { 'OK', next_seq(), parked }
