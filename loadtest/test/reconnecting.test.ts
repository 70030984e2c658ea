import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CountingServer, type ServerOptions } from '../../testkit/counting-server.ts';
import { readResult, startRun } from '../../testkit/run-loadtest.ts';
import type { Result } from '../src/result.ts';

const SOCKETS = 4;

interface Story {
  readonly result: Result;
  readonly status: number | null;
  readonly server: CountingServer;
  /** When the connections were ended, on `performance.now`'s clock. */
  readonly endedAt: number;
  /** Handshakes after that, first ones of each session. */
  readonly comebacks: readonly { readonly url: URL; readonly at: number }[];
}

/**
 * Ends all connections in the middle of a run, and sees who comes back when. The run goes on until every session has been told
 * more, or for `--duration`: its stop ends it with 130, or with 1 where the clients found something wrong.
 */
async function afterTheEnd(
  end: (server: CountingServer) => void,
  options: ServerOptions = {},
  args: readonly string[] = [],
): Promise<Story> {
  const server = await CountingServer.start(options);
  try {
    const running = startRun([
      ...['--json', '--host', server.host, '--sockets', String(SOCKETS), '--rate', '100', '--send-rate', '20'],
      ...(args.includes('--duration') ? args : ['--duration', '60', ...args]),
    ]);
    await server.told(SOCKETS, 3);
    const endedAt = performance.now();
    const { highest } = server;
    end(server);
    if (!args.includes('--duration')) {
      await Promise.race([server.told(SOCKETS, highest + 2), running.finished]);
      running.stop();
    }
    const { status, result } = readResult(await running.finished);
    const later = server.handshakes.filter(({ at }) => at > endedAt);
    const sessions = new Map(
      later.toReversed().map((handshake) => [handshake.url.searchParams.get('session_id'), handshake]),
    );
    return { result, status, server, endedAt, comebacks: [...sessions.values()] };
  } finally {
    await server.stop();
  }
}

function assertCameBack({ comebacks, endedAt }: Story, leastMs: number, mostMs: number): void {
  assert.equal(comebacks.length, SOCKETS);
  for (const { at } of comebacks)
    assert.ok(
      at - endedAt >= leastMs && at - endedAt <= mostMs,
      `came back after ${at - endedAt} ms, not ${leastMs} to ${mostMs}`,
    );
}

describe('a client whose connection ends', { concurrency: 4 }, () => {
  it('waits as long as the bye says, and resumes its session', async () => {
    const story = await afterTheEnd(
      (server) => {
        server.drain();
      },
      { retryAfterMs: 400 },
    );
    assertCameBack(story, 400, 5000);
    assert.equal(story.result.messages.byes, SOCKETS);
    assert.ok((story.result.latency.away.p50 ?? 0) >= 400);
    assert.equal(story.status, 130);
  });

  it('gives the resume token of a bye back', async () => {
    const story = await afterTheEnd(
      (server) => {
        server.drain();
      },
      { resumeToken: 'a b/c' },
    );
    assert.deepEqual(
      story.comebacks.map(({ url }) => url.searchParams.get('resume')),
      Array<string>(SOCKETS).fill('a b/c'),
    );
  });

  it('waits as long as the reason of a 1013 says', async () => {
    const story = await afterTheEnd((server) => {
      server.closeAll(1013, 'retry_after_ms=500');
    });
    assertCameBack(story, 500, 5000);
    assert.deepEqual(story.result.errors.byKind, { 'closed with 1013': SOCKETS });
  });

  it('backs off with full jitter when nothing is said', async () => {
    const story = await afterTheEnd(
      (server) => {
        server.cut();
      },
      {},
      ['--backoff-base', '0.8'],
    );
    assertCameBack(story, 0, 5000);
    const waits = story.comebacks.map(({ at }) => at - story.endedAt);
    assert.ok(Math.max(...waits) - Math.min(...waits) > 5, `they came back together: ${waits.join(', ')} ms`);
  });

  it('comes back at once with --reconnect immediately, whatever the bye says', async () => {
    const story = await afterTheEnd(
      (server) => {
        server.drain();
      },
      { retryAfterMs: 60_000 },
      ['--reconnect', 'immediately'],
    );
    assertCameBack(story, 0, 5000);
  });

  it('stays away with --no-reconnect', async () => {
    const story = await afterTheEnd(
      (server) => {
        server.drain();
      },
      {},
      ['--no-reconnect', '--duration', '2.2'],
    );
    assert.equal(story.comebacks.length, 0);
    assert.equal(story.result.sockets.reconnects, 0);
    assert.equal(story.result.sockets.leftAway, SOCKETS);
    assert.match(story.result.verdict.warnings.join(), /4 sessions had no connection at the end/);
  });
});

describe('a client whose handshake is refused', { concurrency: 4 }, () => {
  /** Cuts all connections and refuses the next handshake of each session. */
  async function refusedOnce(
    refusal: { status: number; headers?: Record<string, string>; body?: unknown },
    args: readonly string[] = [],
  ): Promise<Story> {
    const refuse = refuseInTurn([refusal]);
    let cut = false;
    return afterTheEnd(
      (server) => {
        cut = true;
        server.cut();
      },
      { refuse: (url) => (cut ? refuse(url) : undefined) },
      ['--backoff-base', '0.01', '--backoff-max', '0.02', ...args],
    );
  }

  it('waits as long as the body says', async () => {
    const story = await refusedOnce({ status: 503, body: { error: 'draining', retry_after_ms: 600 } });
    assert.equal(story.result.errors.byKind['refused with 503 draining'], SOCKETS);
    assert.ok((story.result.latency.away.p50 ?? 0) >= 600);
    assert.equal(story.result.sockets.reconnects, SOCKETS);
    assert.equal(story.status, 130);
  });

  it('waits as long as Retry-After says', async () => {
    const story = await refusedOnce({ status: 429, headers: { 'retry-after': '1' } });
    assert.equal(story.result.errors.byKind['refused with 429'], SOCKETS);
    const last = story.server.handshakes.filter(({ at }) => at > story.endedAt).slice(SOCKETS);
    for (const { at } of last) assert.ok(at >= story.endedAt + 1000, 'came back before Retry-After was over');
    assert.ok(last.length > 0);
  });

  it('keeps its resume token over a refusal, and comes back without it once the token itself was refused', async () => {
    const refuse = refuseInTurn([
      { status: 503, body: { error: 'draining', retry_after_ms: 300 } },
      { status: 403, body: { error: 'resume_token' } },
    ]);
    let draining = false;
    const { result, server, endedAt } = await afterTheEnd(
      (running) => {
        draining = true;
        running.drain();
      },
      { resumeToken: 'token', refuse: (url) => (draining ? refuse(url) : undefined) },
      ['--backoff-base', '0.01', '--backoff-max', '0.02'],
    );
    const attempts = server.handshakes.filter(({ at }) => at > endedAt);
    for (const session of new Set(attempts.map(({ url }) => url.searchParams.get('session_id'))))
      assert.deepEqual(
        attempts
          .filter(({ url }) => url.searchParams.get('session_id') === session)
          .map(({ url }) => url.searchParams.get('resume')),
        ['token', 'token', null],
      );
    assert.equal(result.sockets.leftAway, 0);
  });

  it('gives up on a 403', async () => {
    const story = await refusedOnce({ status: 403 }, ['--duration', '3.5']);
    assert.equal(story.result.errors.byKind['refused with 403'], SOCKETS);
    assert.equal(story.comebacks.length, SOCKETS);
    assert.equal(story.result.sockets.leftAway, SOCKETS);
  });
});

/** Refuses the handshakes of each session in these ways, one after the other, however the sessions come in between. */
function refuseInTurn<Refusal>(refusals: readonly Refusal[]): (url: URL) => Refusal | undefined {
  const attempts = new Map<string | null, number>();
  return (url) => {
    const session = url.searchParams.get('session_id');
    const attempt = attempts.get(session) ?? 0;
    attempts.set(session, attempt + 1);
    return refusals[attempt];
  };
}
