import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { LineClock } from '../src/loki/lines.ts';
import { CHUNK_BYTES, LokiQueue } from '../src/loki/queue.ts';

describe('The queue', () => {
  it('returns what was added, in order', () => {
    const queue = new LokiQueue(4 * CHUNK_BYTES, () => undefined);
    const added = Array.from({ length: 50 }, (_, index) => `${index} ${'é'.repeat(15_000)}`);
    for (const line of added) queue.add(Buffer.from(`${line}\n`), 1);
    assert.ok(queue.bytes < 2 * CHUNK_BYTES, 'all but the newest two chunks are compressed');
    queue.away = true;
    assert.ok(queue.bytes < CHUNK_BYTES, 'all but the newest chunk is, when it is to wait for long');
    assert.deepEqual(takeAll(queue), added);
    assert.equal(queue.bytes, 0);
    assert.equal(queue.since, Infinity);
  });

  it('gives about 250 lines at a time while it is calm, and a whole chunk while another waits behind it', () => {
    const queue = new LokiQueue(4 * CHUNK_BYTES, () => undefined);
    const line = Buffer.from(`${'x'.repeat(329)}\n`);
    const chunkLines = Math.floor(CHUNK_BYTES / line.length);
    const add = (lines: number): void => {
      for (let count = 0; count < lines; count += 1) queue.add(line, 1);
    };
    add(600);
    assert.deepEqual([taken(queue), taken(queue)], [249, 249]);
    add(3 * chunkLines);
    assert.deepEqual([taken(queue), taken(queue)], [102, chunkLines]);
    assert.deepEqual([taken(queue), taken(queue)], [249, 249]);
  });

  it('frees no memory but its own, however small a chunk is', () => {
    const queue = new LokiQueue(4 * CHUNK_BYTES, () => undefined);
    queue.away = true;
    const added = ['small', 'x'.repeat(CHUNK_BYTES - 1)];
    for (const line of added) queue.add(Buffer.from(`${line}\n`), 1);
    const neighbour = Buffer.from('shares the pool of small buffers');
    assert.deepEqual(takeAll(queue), added);
    assert.equal(neighbour.toString(), 'shares the pool of small buffers');
  });

  it('drops the oldest when it is full, those of a chunk that was begun too, and says how many lines they were', () => {
    let dropped = 0;
    const queue = new LokiQueue(2 * CHUNK_BYTES, (lines) => {
      dropped += lines;
    });
    // Random: they can't be made smaller.
    const added = Array.from({ length: 100 }, (_, index) => `${index} ${randomBytes(22_500).toString('base64')}`);
    queue.add(Buffer.from(`${added[0] ?? ''}\n`), 1);
    queue.add(Buffer.from(`${added.slice(1, 10).join('\n')}\n`), 9);
    const begun = queue.take()?.lines ?? [];
    assert.ok(begun.length > 0 && begun.length < 10);
    for (const line of added.slice(10)) {
      queue.add(Buffer.from(`${line}\n`), 1);
      assert.ok(queue.bytes <= 2 * CHUNK_BYTES);
    }
    assert.ok(dropped > 10);
    assert.deepEqual([...begun, ...takeAll(queue)], [...begun, ...added.slice(begun.length + dropped)]);
  });
});

describe('The clock of lines', () => {
  it('gives each line a nanosecond of its own, later than the one before', () => {
    const clock = new LineClock();
    const ticks = [1000, 1000, 1001, 1000, 1001, 2500, 2400].map((ms) => clock.tick(new Date(ms).toISOString()));
    assert.deepEqual(ticks, [
      '1000000000',
      '1000000001',
      '1001000000',
      '1001000001',
      '1001000002',
      '2500000000',
      '2500000001',
    ]);
    // Set back by hours: the lines follow.
    assert.equal(clock.tick(new Date(100).toISOString()), '100000000');
  });
});

function taken(queue: LokiQueue): number | undefined {
  return queue.take()?.lines.length;
}

function takeAll(queue: LokiQueue): string[] {
  const all: string[] = [];
  for (let taken = queue.take(); taken !== undefined; taken = queue.take()) all.push(...taken.lines);
  return all;
}
