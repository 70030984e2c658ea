import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { LineReader } from '../src/loki/lines.ts';
import { LokiQueue, MAX_PUSH_BYTES } from '../src/loki/queue.ts';
import { monotonicMs } from '../src/runtime/monotonic.ts';

const MIB = 1024 * 1024;

describe('The queue', () => {
  it('returns what was added, in order, as much at once as fits into a push', () => {
    const queue = new LokiQueue(4 * MIB, () => undefined);
    const added = Array.from({ length: 50 }, (_, index) => `${index} ${'é'.repeat(15_000)}`);
    for (const line of added) queue.add(ownMemory(`${line}\n`), 1);
    assert.equal(takeAll(queue, MAX_PUSH_BYTES), added.join('\n'));
    assert.equal(queue.bytes, 0);
    assert.equal(queue.since, Infinity);
    assert.equal(queue.take(), undefined);
  });

  it('knows how long a line has waited, though the clock of the machine jumps', (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() });
    const queue = new LokiQueue(4 * MIB, () => undefined);
    queue.add(ownMemory('a line\n'), 1);
    t.mock.timers.setTime(Date.now() + 900_000);
    const waitedMs = monotonicMs() - queue.since;
    assert.ok(waitedMs >= 0 && waitedMs < 60_000, `${waitedMs} ms`);
  });

  it('takes a line for itself that is larger than a push', () => {
    const queue = new LokiQueue(4 * MIB, () => undefined);
    for (const line of ['small', 'x'.repeat(MAX_PUSH_BYTES), 'small']) queue.add(ownMemory(`${line}\n`), 1);
    assert.deepEqual(
      [queue.take(), queue.take(), queue.take()].map((taken) => taken?.bytes),
      [6, MAX_PUSH_BYTES + 1, 6],
    );
  });

  it('compresses what waits for longer than a push takes, and all but the newest when it is to wait for long', () => {
    const queue = new LokiQueue(4 * MIB, () => undefined);
    const lines = `${'x'.repeat(99)}\n`.repeat(800);
    for (let count = 0; count < 20; count += 1) queue.add(ownMemory(lines), 800);
    assert.ok(queue.bytes > 6 * lines.length && queue.bytes < 7 * lines.length);
    queue.away = true;
    assert.ok(queue.bytes > lines.length && queue.bytes < 2 * lines.length);
    assert.equal(takeAll(queue), lines.repeat(20).trimEnd());
  });

  it('frees no memory but its own, however small a chunk is', () => {
    const queue = new LokiQueue(4 * MIB, () => undefined);
    queue.away = true;
    const added = ['small', 'x'.repeat(600_000), 'also small'];
    for (const line of added) queue.add(ownMemory(`${line}\n`), 1);
    const neighbour = Buffer.from('shares the pool of small buffers');
    assert.equal(takeAll(queue), added.join('\n'));
    assert.equal(neighbour.toString(), 'shares the pool of small buffers');
  });

  it('drops the oldest when it is full, and says how many lines they were', () => {
    let dropped = 0;
    const queue = new LokiQueue(MIB, (lines) => {
      dropped += lines;
    });
    // Random: they can't be made smaller than by a quarter.
    const added = Array.from({ length: 100 }, (_, index) => `${index} ${randomBytes(22_500).toString('base64')}`);
    for (const line of added) {
      queue.add(ownMemory(`${line}\n`), 1);
      assert.ok(queue.bytes <= MIB);
    }
    assert.ok(dropped > 10);
    assert.equal(takeAll(queue), added.slice(dropped).join('\n'));
  });
});

describe('A line', () => {
  it('gets a nanosecond of its own, later than the one before', () => {
    const reader = new LineReader({});
    const nanoseconds = (ms: number): string => {
      const { entry } = reader.read(JSON.stringify({ timestamp: new Date(ms).toISOString(), level: 'INFO' }));
      return entry[0];
    };
    const expected = {
      '1000': ['1000000000', '1000000001'],
      '1001': ['1001000000', '1001000001', '1001000002'],
      '2500': ['2500000000', '2500000001'],
    };
    const given = [1000, 1000, 1001, 1000, 1001, 2500, 2400].map(nanoseconds);
    assert.deepEqual(given, Object.values(expected).flat());
    // Set back by hours: the lines follow.
    assert.equal(nanoseconds(100), '100000000');
  });
});

/** Bytes as the queue gets them: not a part of Node.js' pool of small buffers. */
function ownMemory(text: string): Buffer {
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text));
  bytes.write(text);
  return bytes;
}

function takeAll(queue: LokiQueue, maxBytes = Infinity): string {
  const all: string[] = [];
  for (let taken = queue.take(); taken !== undefined; taken = queue.take()) {
    assert.ok(taken.bytes <= maxBytes);
    all.push(...taken.lines);
  }
  return all.join('\n');
}
