import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import hdr from 'hdr-histogram-js';
import { parseAssertion } from '../src/asserts.ts';
import { fullJitterMs } from '../src/backoff.ts';
import { CountLedger } from '../src/count-ledger.ts';
import { closePayload, encodeFrame, FrameReader, OPCODES } from '../src/frames.ts';
import { Handshake } from '../src/handshake.ts';
import { Histogram } from '../src/histogram.ts';
import { behaviourOf } from '../src/plan.ts';
import { Progress } from '../src/progress.ts';
import { hintOfCloseReason, hintOfHeader, hintOfJson } from '../src/retry-hint.ts';
import { SCENARIOS } from '../src/scenarios.ts';
import { nextDue } from '../src/send-schedule.ts';
import { countOf, parseMessage } from '../src/server-message.ts';
import { parseTarget } from '../src/target.ts';
import { Timeline } from '../src/timeline.ts';
import { Timer, TimerWheel } from '../src/timer-wheel.ts';
import { Tally } from '../src/tally.ts';

const QUANTILES = [0, 0.1, 0.5, 0.9, 0.99, 0.999, 1];

describe('the histogram', () => {
  it('gives the quantiles that hdr-histogram-js gives', () => {
    const micros = fc.array(
      fc.integer({ min: 0, max: 3_600_000_000 }).map((value) => value >>> (value % 31)),
      { minLength: 1, maxLength: 500 },
    );
    fc.assert(
      fc.property(micros, (values) => {
        const own = new Histogram();
        const reference = hdr.build({
          lowestDiscernibleValue: 1,
          highestTrackableValue: 2 ** 32,
          numberOfSignificantValueDigits: 3,
        });
        for (const value of values) {
          own.record(value / 1000);
          reference.recordValue(value);
        }
        for (const quantile of QUANTILES) {
          const known = reference.getValueAtPercentile(quantile * 100);
          const found = own.quantileMs(quantile) * 1000;
          assert.ok(
            Math.abs(found - known) <= 1 + known * 0.001,
            `${quantile}: ${found} µs, hdr-histogram-js says ${known} µs`,
          );
        }
      }),
    );
  });

  it('adds up to the same, however it was divided', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1e6, noNaN: true })),
        fc.integer({ min: 1, max: 5 }),
        (values, parts) => {
          const whole = new Histogram();
          const sum = new Histogram();
          const pieces = Array.from({ length: parts }, () => new Histogram());
          for (const [index, value] of values.entries()) {
            whole.record(value);
            pieces[index % parts]?.record(value);
          }
          for (const piece of pieces) sum.add(piece.take());
          assert.deepEqual(sum.snapshot(), whole.snapshot());
          assert.equal(sum.total, values.length);
          assert.ok(pieces.every(({ total }) => total === 0));
        },
      ),
    );
  });
});

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

  it('tells one fault once', () => {
    const ledger = told(5);
    send(ledger, 3);
    assert.equal(ledger.replied(5, 0)?.kind, 'repeated');
    assert.equal(ledger.replied(6, 0), undefined);
    assert.equal(ledger.replied(2, 0)?.kind, 'back');
  });
});

describe('the timer wheel', () => {
  it('runs each timer once, not before it is due, in the first millisecond from then on', async () => {
    const clock = (): number => performance.now();
    const wheel = new TimerWheel(clock);
    wheel.start();
    const start = clock();
    const ran: { due: number; at: number }[] = [];
    await new Promise<void>((resolve) => {
      for (let index = 0; index < 300; index += 1) {
        const due = start + Math.random() * 250;
        wheel.set(
          new Timer(() => {
            ran.push({ due, at: clock() });
          }),
          due,
        );
      }
      wheel.set(
        new Timer(() => {
          resolve();
        }),
        start + 260,
      );
    });
    wheel.stop();
    assert.equal(ran.length, 300);
    for (const { due, at } of ran) assert.ok(at >= due, `ran ${due - at} ms too early`);
    const late = ran.map(({ due, at }) => at - due).toSorted((a, b) => a - b);
    assert.ok((late[150] ?? Infinity) < 3, `half of them more than ${late[150]} ms late`);
  });

  it('knows timers further off than it has slots, and timers set anew or cleared', () => {
    let now = 0;
    const wheel = new TimerWheel(() => now);
    const ran: string[] = [];
    const timer = (name: string): Timer =>
      new Timer(() => {
        ran.push(name);
      });
    const [far, moved, cleared, passed] = [timer('far'), timer('moved'), timer('cleared'), timer('passed')];
    wheel.set(far, 20_000);
    wheel.set(moved, 10);
    wheel.set(moved, 30_000);
    wheel.set(cleared, 10);
    wheel.clear(cleared);
    wheel.set(passed, -5);
    for (const [time, expected] of [
      [1, ['passed']],
      [19_999, ['passed']],
      [20_000, ['passed', 'far']],
      [40_000, ['passed', 'far', 'moved']],
    ] as const) {
      now = time;
      wheel.turn();
      assert.deepEqual(ran, expected, `at ${time} ms`);
    }
  });
});

describe('frames', () => {
  /** What a server sends: the same frame without its mask. */
  const unmasked = (opcode: number, payload: Buffer, final = true): Buffer => {
    const head =
      payload.length < 126
        ? Buffer.from([0, payload.length])
        : Buffer.from([0, 126, payload.length >> 8, payload.length & 255]);
    head[0] = (final ? 0x80 : 0) | opcode;
    return Buffer.concat([head, payload]);
  };
  const readAll = (
    chunks: readonly Buffer[],
  ): { messages: string[]; controls: [number, string][]; broken: string[] } => {
    const seen = { messages: [] as string[], controls: [] as [number, string][], broken: [] as string[] };
    const reader = new FrameReader({
      message: (bytes, from, to) => seen.messages.push(bytes.toString('utf8', from, to)),
      control: (opcode, payload) => seen.controls.push([opcode, payload.toString()]),
      broken: (problem) => seen.broken.push(problem),
    });
    for (const chunk of chunks) reader.push(chunk);
    return seen;
  };

  it('are read the same, however the bytes are cut up', () => {
    const texts = ['{"count": 1}', 'x'.repeat(300), '', 'é'.repeat(40)];
    const bytes = Buffer.concat([
      ...texts.map((text) => unmasked(OPCODES.text, Buffer.from(text))),
      unmasked(OPCODES.text, Buffer.from('in '), false),
      unmasked(OPCODES.ping, Buffer.from('p')),
      unmasked(OPCODES.continuation, Buffer.from('pieces')),
      unmasked(OPCODES.close, closePayload(1001, 'drain')),
    ]);
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length)), (cuts) => {
        const edges = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
        const seen = readAll(edges.slice(1).map((edge, index) => bytes.subarray(edges[index], edge)));
        assert.deepEqual(seen.messages, [...texts, 'in pieces']);
        assert.deepEqual(
          seen.controls.map(([opcode]) => opcode),
          [OPCODES.ping, OPCODES.close],
        );
        assert.deepEqual(seen.broken, []);
      }),
    );
  });

  for (const [what, bytes] of [
    ['a masked frame', encodeFrame(OPCODES.text, Buffer.from('x'))],
    ['reserved bits', Buffer.from([0xc1, 0])],
    ['a frame of gigabytes', Buffer.from([0x81, 127, 0, 0, 0, 1, 0, 0, 0, 0])],
    ['a continuation of nothing', Buffer.from([0x80, 0])],
    ['a fragmented ping', Buffer.from([0x09, 0])],
  ] as const)
    it(`break off at ${what}`, () => {
      assert.equal(readAll([bytes, unmasked(OPCODES.text, Buffer.from('later'))]).broken.length, 1);
      assert.deepEqual(readAll([bytes, unmasked(OPCODES.text, Buffer.from('later'))]).messages, []);
    });
});

describe('the handshake', () => {
  it('is not taken from a server that can not show that it read the key', () => {
    const handshake = new Handshake({ host: 'h', path: '/', headers: [] });
    const answer =
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: bm90IHRoaXMgb25l\r\n\r\n';
    assert.deepEqual(handshake.push(Buffer.from(answer)), { problem: 'a wrong Sec-WebSocket-Accept' });
  });
});

describe('messages of the service', () => {
  const count = (text: string): number => countOf(Buffer.from(text), 0, Buffer.byteLength(text));

  it('are read from the bytes if they are replies', () => {
    assert.equal(count('{"count": 12}'), 12);
    assert.equal(count('{"count":7}'), 7);
    for (const text of [
      '{"count": -1}',
      '{"count": 1.5}',
      '{"count": 1',
      '{"ts": "now"}',
      '{"count": 1, "more": 2}',
      '{}',
      '',
    ])
      assert.equal(count(text), -1, text);
  });

  it('are told apart', () => {
    assert.deepEqual(parseMessage('{"count": 1, "more": 2}'), { kind: 'reply', count: 1 });
    assert.deepEqual(parseMessage('{"ts": "2024-01-15T10:30:00Z"}'), { kind: 'heartbeat' });
    assert.equal(parseMessage('{"bye": true, "total": 3, "session_id": "x", "retry_after_ms": 5}').kind, 'bye');
    for (const text of ['', 'nonsense', '3', 'null', '{"bye": true}', '{"count": "1"}'])
      assert.equal(parseMessage(text).kind, 'unknown', text);
  });
});

describe('waiting', () => {
  it('is at random from nothing to a bound that doubles', () => {
    const bounds = { baseMs: 100, maxMs: 1000 };
    assert.equal(fullJitterMs(0, bounds, 0.5), 50);
    assert.equal(fullJitterMs(2, bounds, 0.5), 200);
    assert.equal(fullJitterMs(50, bounds, 0.5), 500);
    assert.equal(fullJitterMs(3, bounds, 0), 0);
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
          let sent = 0;
          for (let due = nextDue(0, rate, steps, share); due < 10_000; due = nextDue(due, rate, steps)) sent += 1;
          // 4 s once, 1 s tenfold, 2 s of silence, 3 s once.
          assert.ok(Math.abs(sent - rate * 17) <= 2, `${sent} sent, ${rate * 17} were due`);
        },
      ),
    );
  });

  it('has nothing to send at rate 0', () => {
    assert.equal(nextDue(5, 0, [{ fromMs: 0, times: 1 }]), Infinity);
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
  /** One sample, as a worker with two clients would give it. */
  const sampleOf = (timeline: Timeline, second: number): Parameters<Progress['sample']> => {
    const tally = new Tally();
    tally.counters.replied = 100 * second;
    tally.reply.record(1.5);
    const state = { open: 2, away: 0, everOpen: 2, lastFirstOpenMs: 5, uncertain: 0, leftAway: 0 };
    const sample = timeline.add({
      worker: 0,
      second,
      state,
      busy: 0.1,
      cpuSeconds: 0.1,
      final: false,
      ...tally.report(),
    });
    assert.ok(sample !== undefined);
    return [sample, timeline.totals()];
  };

  it('writes one line anew in a terminal, no longer than it is wide', () => {
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
