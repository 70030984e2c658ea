import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ViolationKind } from '../src/count-ledger.ts';
import { CountingServer, type ServerOptions } from '../../testkit/counting-server.ts';
import { readResult, startRun } from '../../testkit/run-loadtest.ts';
import type { Result } from '../src/result.ts';

const SOCKETS = 5;
/** Runs mostly wait: some at a time load two cores little. */
const TOGETHER = { concurrency: 6 };

/** A short run; `midway` is done to the server when each session has been told some counts. */
async function runAgainst(
  options: ServerOptions,
  midway?: (server: CountingServer) => void,
  args: readonly string[] = [],
): Promise<{ status: number | null; result: Result; sessions: Set<string> }> {
  const server = await CountingServer.start(options);
  try {
    const running = startRun([
      ...['--json', '--host', server.host, '--sockets', String(SOCKETS), '--rate', '100', '--send-rate', '20'],
      ...['--duration', '4', '--reply-timeout', '1.5', ...args],
    ]);
    if (midway !== undefined) {
      await server.told(SOCKETS, 3);
      midway(server);
    }
    const { status, result } = readResult(await running.finished);
    return {
      status,
      result,
      sessions: new Set(server.handshakes.map(({ url }) => url.searchParams.get('session_id') ?? '')),
    };
  } finally {
    await server.stop();
  }
}

/** A run that must fail for one kind of wrong count, told once for each session. */
async function findsBug(
  kind: ViolationKind,
  options: ServerOptions,
  midway?: (server: CountingServer) => void,
  times = SOCKETS,
): Promise<Result> {
  const { status, result, sessions } = await runAgainst(options, midway);
  assert.equal(status, 1);
  assert.deepEqual(result.counts.byKind, { [kind]: times });
  assert.equal(result.verdict.passed, false);
  assert.match(result.verdict.failures[0] ?? '', new RegExp(`${times} × ${kind}`));
  for (const violation of result.counts.first)
    assert.ok(sessions.has(violation.sessionId), 'names a session of the run');
  return result;
}

const drain = (server: CountingServer): void => {
  server.drain();
};
const cut = (server: CountingServer): void => {
  server.cut();
};

describe('a server that is right', TOGETHER, () => {
  it('passes, and its metrics agree', async () => {
    const { status, result } = await runAgainst({});
    assert.deepEqual(result.verdict.failures, []);
    assert.equal(status, 0);
    assert.equal(result.metrics.compared, true);
    assert.equal(result.messages.replied, result.messages.sent);
    assert.ok(result.messages.sent > 0);
  });

  it('passes when it drains: each session goes on where its bye left it', async () => {
    const { status, result } = await runAgainst({}, drain);
    assert.deepEqual(result.verdict.failures, []);
    assert.equal(status, 0);
    assert.equal(result.messages.byes, SOCKETS);
    assert.equal(result.sockets.reconnects, SOCKETS);
    assert.equal(result.sockets.closes['1001'], SOCKETS);
    assert.equal(result.errors.total, 0);
  });

  it('passes when connections are cut: messages unanswered at that moment are told apart from lost ones', async () => {
    const { status, result } = await runAgainst({ delayMs: 100 }, cut, ['--backoff-base', '0.05']);
    assert.deepEqual(result.verdict.failures, []);
    assert.equal(status, 0);
    assert.equal(result.sockets.closes['1006'], SOCKETS);
    assert.ok(result.messages.unansweredAtDisconnect > 0);
    assert.equal(result.counts.lost, 0);
    assert.deepEqual(result.errors.byKind, { 'closed with 1006': SOCKETS });
  });
});

describe('a server made wrong on purpose is found out:', TOGETHER, () => {
  it('a count skipped', async () => {
    const { counts } = await findsBug('skipped', { skipAt: 5 });
    assert.match(counts.first[0]?.detail ?? '', /count 6 came, 5 was expected/);
  });

  it('a count doubled', async () => {
    await findsBug('skipped', { doubleAt: 7 });
  });

  it('a count told to two messages', async () => {
    await findsBug('repeated', { repeatCountAt: 5 });
  });

  it('a reply sent twice', async () => {
    const { status, result } = await runAgainst({ repeatReplyAt: 5 });
    assert.equal(status, 1);
    // One that comes while the next message waits for its reply is taken for that one, too.
    const { repeated, ...others } = result.counts.byKind;
    assert.deepEqual(others, { unasked: SOCKETS }, `and ${repeated ?? 0} repeated`);
  });

  it('a count that goes back', async () => {
    await findsBug('back', { backAt: 6 });
  });

  it('a session reset on resume', async () => {
    const { counts } = await findsBug('reset', { resetOnResume: true }, drain);
    assert.ok(counts.lost > 0);
  });

  it('a count lost at the drain', async () => {
    const { counts } = await findsBug('lost', { loseAtDrain: 1 }, drain);
    assert.equal(counts.lost, SOCKETS);
  });

  it('a bye with a wrong total', async () => {
    await findsBug('bye_total', { byeTotalOff: 1 }, drain);
  });

  it('a bye for another session', async () => {
    await findsBug('session', { wrongSession: true }, drain);
  });

  it('a message swallowed', async () => {
    const { counts } = await findsBug('unanswered', { swallowAt: 5 });
    assert.equal(counts.lost, SOCKETS);
  });

  it('a message that is not of the protocol', async () => {
    await findsBug('malformed', { nonsenseAt: 3 });
  });
});

describe('a metric that is wrong is found out:', TOGETHER, () => {
  async function findsDifference(options: ServerOptions, what: RegExp): Promise<void> {
    const { status, result } = await runAgainst(options);
    assert.equal(status, 1);
    assert.deepEqual(result.counts.byKind, {});
    const different = result.metrics.rows.filter(({ same }) => !same);
    assert.equal(different.length, result.metrics.differences);
    assert.match(different.map((row) => row.what).join(), what);
    assert.match(result.verdict.failures[0] ?? '', /^The metrics differ: /);
  }

  it('messages off by one', async () => {
    await findsDifference({ messagesMetricOff: 1 }, /^messages$/);
  });

  it('messages one too few', async () => {
    await findsDifference({ messagesMetricOff: -1 }, /^messages$/);
  });

  it('connections opened off by one', async () => {
    await findsDifference({ openedMetricOff: 1 }, /^connections opened$/);
  });

  it('a close counted under another code', async () => {
    await findsDifference({ closeMetricWrong: true }, /^closes with 1000,closes with 1001$/);
  });
});
