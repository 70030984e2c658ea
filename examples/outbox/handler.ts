/**
 * An outbox: each message is appended to the Redis stream `{outbox}`, once, before it is answered. Copy this file to
 * service/src/handler.ts, where its imports are right too.
 */
import { readFile } from 'node:fs/promises';
import { createClient } from 'redis';
import type { Authorize } from '../../service/src/connections/authorization.ts';
import type { Handle } from '../../service/src/connections/message-handler.ts';

/** Seconds for which a message is known by its session and sequence: longer than anyone would try it again. */
const REMEMBER_SECONDS = 3600;
/** One script, so that nothing comes between the mark and the entry. */
const APPEND_ONCE = `
  if redis.call('SET', KEYS[2], '', 'NX', 'EX', ARGV[1]) then
    redis.call('XADD', KEYS[1], '*', 'session', ARGV[2], 'sequence', ARGV[3], 'text', ARGV[4])
  end`;

const {
  REDIS_URL: url = 'redis://localhost:6379',
  REDIS_USERNAME: username,
  REDIS_PASSWORD,
  REDIS_PASSWORD_FILE,
} = process.env;
const redis = createClient({
  url,
  ...((REDIS_PASSWORD_FILE ?? REDIS_PASSWORD) !== undefined && { credentialsProvider: provider() }),
});
// It connects again by itself. Messages that can't wait for that close their connections with 1011.
redis.on('error', () => undefined);
const connected = redis.connect();

export const handle: Handle = async ({ sessionId, sequence, text }) => {
  await connected;
  await redis.eval(APPEND_ONCE, {
    // The braces put both keys into one slot of a Redis Cluster.
    keys: ['{outbox}', `{outbox}:${sessionId}:${sequence}`],
    arguments: [String(REMEMBER_SECONDS), sessionId, String(sequence), text],
  });
};

export const authorize: Authorize = () => ({});

/** The password as it is at each connect. */
function provider() {
  return {
    type: 'async-credentials-provider' as const,
    credentials: async () => ({
      ...(username && { username }),
      password: REDIS_PASSWORD_FILE ? (await readFile(REDIS_PASSWORD_FILE, 'utf8')).trim() : (REDIS_PASSWORD ?? ''),
    }),
  };
}
