import { createHash } from 'node:crypto';

/** Prefix of the results of a batch if the store does not know the batch before it. */
export const LOST_MARK = '!';

/**
 * Applies one batch of a writer, atomically (a script runs alone, and is replicated as a whole).
 *
 * KEYS[1] is the writer's own key, with `sequence:results` of the last batch applied. A batch that comes again, since
 * its reply was lost, gets those results and is not applied twice, so that counts stay exact even if another writer
 * added meanwhile. The other keys are sessions.
 *
 * ARGV: sequence, time to live of sessions, time to live of the writer's key (seconds); then for each session the last
 * known count and what to add. It is added to the larger of known and stored count, so that a store that lost data
 * (restarted empty, failed over to a replica that was behind) never sets a count below what a process knows.
 *
 * Batches come one by one. If the last one applied is not the one before this, the store lost data, and the results
 * begin with {@link LOST_MARK}.
 *
 * It writes whenever it succeeds, a batch that comes again too: on a new connection a `WAIT` behind it would otherwise
 * be satisfied at once, whoever has the batch.
 *
 * Everything is read and computed before the first write, so that nothing can fail between two writes.
 */
export const APPLY_BATCH = `
local last = redis.call('GET', KEYS[1])
local applied = 0
if last then
  local colon = string.find(last, ':', 1, true)
  applied = tonumber(string.sub(last, 1, colon - 1))
  if applied >= tonumber(ARGV[1]) then
    redis.call('EXPIRE', KEYS[1], ARGV[3])
    return string.sub(last, colon + 1)
  end
end
local stored = redis.call('MGET', unpack(KEYS, 2))
local counts = {}
for i = 1, #stored do
  local count = math.max(tonumber(stored[i] or '0') or 0, tonumber(ARGV[2 + 2 * i])) + tonumber(ARGV[3 + 2 * i])
  counts[i] = string.format('%.0f', count)
end
local results = table.concat(counts, ',')
if applied < tonumber(ARGV[1]) - 1 then results = '${LOST_MARK}' .. results end
redis.call('SET', KEYS[1], ARGV[1] .. ':' .. results, 'EX', ARGV[3])
for i = 1, #counts do
  if counts[i] ~= '0' then redis.call('SET', KEYS[i + 1], counts[i], 'EX', ARGV[2]) end
end
return results
`;

/** Name of the script for EVALSHA. */
export const APPLY_BATCH_SHA = createHash('sha1').update(APPLY_BATCH).digest('hex');

/** Maximum sessions in a batch: a script blocks the server, and Lua's `unpack` has a limit (about 8,000). */
export const MAX_BATCH_SESSIONS = 1000;
