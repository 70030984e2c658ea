import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseAssertion } from '../src/asserts.ts';
import { backoffMs } from '../../lib/backoff.ts';
import { CountLedger } from '../src/count-ledger.ts';
import { behaviourOf } from '../src/plan.ts';
import { Progress } from '../src/progress.ts';
import { hintOfCloseReason, hintOfHeader, hintOfJson } from '../src/retry-hint.ts';
import { SCENARIOS } from '../src/scenarios.ts';
import { nextDue } from '../src/send-schedule.ts';
import { parseMessage } from '../src/server-message.ts';
import { parseTarget } from '../src/target.ts';
import { Timeline } from '../src/timeline.ts';
import { Tally } from '../src/tally.ts';

describe('the ledger of counts', () => {
  const told = (count: number): CountLedger => {
    const ledger = new CountLedger();
    ledger.connected();
    for (let next = 1; next <= count; next += 1) {
      ledger.sent();
      assert.equal(ledger.replied(next, 0), undefined);
    }
    return ledger;
  };
  const send = (ledger: CountLedger, messages: number): void => {
    for (let sent = 0; sent < messages; sent += 1) ledger.sent();
  };

  it('takes a count that is further on by messages that a cut left unanswered, and no further', () => {
    for (const [count, kind] of [
      [6, undefined],
      [8, undefined],
      [9, 'skipped'],
      [5, 'lost'],
      [1, 'reset'],
    ] as const) {
      const ledger = told(5);
      send(ledger, 2);
      assert.equal(ledger.disconnected(false), 2);
      ledger.connected();
      ledger.sent();
      assert.equal(ledger.replied(count, 10)?.kind, kind, `count ${count}`);
    }
  });

  it('takes late counts for a while, as bytes of a cut connection may be read after those of the next one', () => {
    const ledger = told(5);
    send(ledger, 2);
    ledger.disconnected(false);
    ledger.connected();
    send(ledger, 3);
    assert.equal(ledger.replied(6, 1000), undefined);
    assert.equal(ledger.replied(9, 2000), undefined);
    assert.equal(ledger.countedUnanswered, 2);
    assert.equal(ledger.replied(11, 2000)?.kind, 'skipped');
  });

  it('does not take them for ever', () => {
    const ledger = told(5);
    send(ledger, 2);
    ledger.disconnected(false);
    ledger.connected();
    send(ledger, 2);
    assert.equal(ledger.replied(6, 1000), undefined);
    assert.equal(ledger.replied(8, 60_000)?.kind, 'skipped');
  });

  it('takes exactly the next count after a bye, for what it left unanswered was not counted', () => {
    for (const [count, kind] of [
      [6, undefined],
      [7, 'skipped'],
    ] as const) {
      const ledger = told(5);
      send(ledger, 2);
      assert.equal(ledger.bye(5), undefined);
      assert.equal(ledger.disconnected(true), 2);
      ledger.connected();
      ledger.sent();
      assert.equal(ledger.replied(count, 0)?.kind, kind);
    }
  });

  it('takes any count as the first one of a connection where sessions are not kept, and exactly the next one after it', () => {
    const ledger = new CountLedger(false);
    ledger.connected();
    send(ledger, 1);
    assert.equal(ledger.replied(1, 0), undefined);
    ledger.disconnected(false);
    for (const first of [1, 40, 7]) {
      ledger.connected();
      send(ledger, 3);
      assert.equal(ledger.replied(first, 0), undefined);
      assert.equal(ledger.replied(first + 1, 0), undefined);
      assert.equal(ledger.replied(first + 3, 0)?.kind, 'skipped');
      assert.equal(ledger.bye(first + 3), undefined);
      ledger.disconnected(true);
    }
  });

  it('tells one fault once', () => {
    const ledger = told(5);
    send(ledger, 3);
    assert.equal(ledger.replied(5, 0)?.kind, 'repeated');
    assert.equal(ledger.replied(6, 0), undefined);
    assert.equal(ledger.replied(2, 0)?.kind, 'back');
  });
});

describe('messages of the service', () => {
  it('are told apart', () => {
    assert.deepEqual(parseMessage('{"count": 12}'), { kind: 'reply', count: 12 });
    assert.deepEqual(parseMessage('{"count": 1, "more": 2}'), { kind: 'reply', count: 1 });
    assert.deepEqual(parseMessage('{"ts": "2024-01-15T10:30:00Z"}'), { kind: 'heartbeat' });
    assert.deepEqual(parseMessage('{"bye": true, "total": 3, "session_id": "x", "retry_after_ms": 5}'), {
      kind: 'bye',
      bye: { total: 3, sessionId: 'x', retryAfterMs: 5, resume: undefined },
    });
    for (const text of [
      '',
      'nonsense',
      '3',
      'null',
      '{}',
      '{"bye": true}',
      '{"count": "1"}',
      '{"count": -1}',
      '{"count": 1.5}',
    ])
      assert.equal(parseMessage(text).kind, 'unknown', text);
  });
});

describe('waiting', () => {
  it('is at random from nothing to a bound that doubles', () => {
    const bounds = { baseMs: 100, maxMs: 1000 };
    assert.equal(backoffMs(0, bounds, 0.5), 50);
    assert.equal(backoffMs(2, bounds, 0.5), 200);
    assert.equal(backoffMs(50, bounds, 0.5), 500);
    assert.equal(backoffMs(3, bounds, 0), 0);
  });

  it('is as long as the service says, in whatever way', () => {
    assert.equal(hintOfJson({ retry_after_ms: 250 }), 250);
    assert.equal(hintOfJson({ retry_after_ms: 'soon' }), undefined);
    assert.equal(hintOfJson(undefined), undefined);
    assert.equal(hintOfCloseReason('retry_after_ms=120'), 120);
    assert.equal(hintOfCloseReason('drain'), undefined);
    assert.equal(hintOfHeader('2', 0, 0.5), 2500);
    assert.equal(hintOfHeader(new Date(5000).toUTCString(), 1000, 0), 4000);
    assert.equal(hintOfHeader('soon'), undefined);
    assert.equal(hintOfHeader(undefined), undefined);
  });
});

describe('the schedule', () => {
  it('gives each socket as many messages as its rate asks for', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.1, max: 50, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (rate, share) => {
          const steps = [
            { fromMs: 0, times: 1 },
            { fromMs: 4000, times: 10 },
            { fromMs: 5000, times: 0 },
            { fromMs: 7000, times: 1 },
          ];
          const pace = { perSecond: rate, steps, untilMs: 10_000 };
          let sent = 0;
          for (let due = nextDue(0, pace, share); due < Infinity; due = nextDue(due, pace)) sent += 1;
          // 4 s once, 1 s tenfold, 2 s of silence, 3 s once.
          assert.ok(Math.abs(sent - rate * 17) <= 2, `${sent} sent, ${rate * 17} were due`);
        },
      ),
    );
  });

  it('has nothing to send at rate 0', () => {
    assert.equal(nextDue(5, { perSecond: 0, steps: [{ fromMs: 0, times: 1 }], untilMs: Infinity }), Infinity);
  });
});

describe('scenarios', () => {
  for (const { name, clients = [], sendRate = [], drops = [] } of SCENARIOS)
    it(`${name} adds up`, () => {
      if (clients.length > 0) assert.ok(Math.abs(clients.reduce((sum, { share }) => sum + share, 0) - 1) < 1e-9);
      const times = [...sendRate, ...drops].map(({ at }) => at);
      assert.ok(times.every((at) => at >= 0 && at < 1));
      assert.deepEqual(
        sendRate.map(({ at }) => at),
        sendRate.map(({ at }) => at).toSorted((a, b) => a - b),
      );
    });

  it('give each behaviour its share of the clients, however few there are', () => {
    for (const { clients = [] } of SCENARIOS)
      for (const sockets of [100, 1000])
        for (const { behaviour, share } of clients) {
          let members = 0;
          for (let index = 0; index < sockets; index += 1) if (behaviourOf(index, clients) === behaviour) members += 1;
          assert.ok(Math.abs(members - share * sockets) <= 3, `${members} of ${sockets} are ${behaviour}`);
        }
  });
});

describe('a host', () => {
  it('has the path of the service unless it names one', () => {
    assert.equal(parseTarget('ws://localhost:8080').path, '/ws/chat/');
    assert.equal(parseTarget('ws://localhost:8080/').path, '/ws/chat/');
    assert.equal(parseTarget('wss://chat.example.com/other?tenant=1').path, '/other?tenant=1');
    assert.equal(parseTarget('wss://chat.example.com').port, 443);
    assert.equal(parseTarget('wss://chat.example.com').metricsUrl, 'https://chat.example.com/metrics/');
    assert.equal(parseTarget('ws://[::1]:8080').hostname, '::1');
  });

  it('must not hold what would be lost', () => {
    for (const raw of ['ws://user:secret@host', 'ws://host/#part', 'host:8080', 'ws://'])
      assert.throws(() => parseTarget(raw), RangeError);
  });
});

describe('an assertion', () => {
  it('is read with its unit', () => {
    assert.deepEqual(parseAssertion('p99<10ms'), {
      text: 'p99<10ms',
      name: 'p99',
      operator: '<',
      limit: 10,
      percent: false,
    });
    assert.equal(parseAssertion('max <= 1.5s').limit, 1500);
    assert.equal(parseAssertion('errors<0.1%').percent, true);
    assert.equal(parseAssertion('lost==0').operator, '=');
  });

  it('is refused where the unit does not fit', () => {
    for (const text of ['p99<10', 'p99<10%', 'lost<1ms', 'lost<1%', 'p99~10ms', ''])
      assert.throws(() => parseAssertion(text), RangeError, text);
  });
});

describe('the progress display', () => {
  /** One sample, as a process with two clients would give it. */
  const sampleOf = (timeline: Timeline, second: number): Parameters<Progress['sample']> => {
    const tally = new Tally();
    tally.counters.replied = 100 * second;
    tally.times.reply.push(1.5);
    const sums = { ...tally.sums, open: 2, away: 0, everOpen: 2, uncertain: 0, leftAway: 0, cpuSeconds: 0.1 };
    const loopDelay = { p50: 0, p90: 0, p99: 0, 'p99.9': 0, max: 0 };
    const lastFirstOpenMs = 5;
    const news = tally.takeNews();
    const report = { worker: 0, second, sums, lastFirstOpenMs, busy: 0.1, lateMs: 1, loopDelay, ...news };
    const totals = { ...sums, lastFirstOpenMs, closeSpanMs: 0, loopDelay };
    const sample = timeline.add(report, totals);
    assert.ok(sample !== undefined);
    return [sample, totals];
  };

  it('rewrites one line in a terminal, no longer than it is wide', () => {
    let text = '';
    const progress = new Progress({ isTTY: true, columns: 61, write: (part) => (text += part) }, 2);
    const timeline = new Timeline(1, 10);
    progress.phase('running');
    for (const second of [1, 2, 3]) progress.sample(...sampleOf(timeline, second));
    progress.end();
    const lines = text.split('\r\u001b[K');
    assert.deepEqual(lines.slice(1, 3), [
      'all sockets open',
      'running      1 s  open 2/2  100 msg/s  p99 1.50 ms  errors 0',
    ]);
    assert.ok(lines.every((line) => line.length <= 60));
    assert.ok(!text.includes('\n'));
    assert.equal(lines.at(-1), '');
  });

  it('writes a line each five seconds elsewhere', () => {
    let text = '';
    const progress = new Progress({ write: (part) => (text += part) }, 2);
    const timeline = new Timeline(1, 20);
    for (let second = 1; second <= 12; second += 1) progress.sample(...sampleOf(timeline, second));
    assert.deepEqual(
      text
        .trimEnd()
        .split('\n')
        .map((line) => /\d+ s/.exec(line)?.[0]),
      ['1 s', '6 s', '11 s'],
    );
  });
});
