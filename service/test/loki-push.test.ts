import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LineClock, LineReader } from '../src/loki/lines.ts';
import { PushEncoder } from '../src/loki/push.ts';
import { CHUNK_BYTES, LokiQueue } from '../src/loki/queue.ts';
import { SnappyWriter } from '../src/loki/snappy-writer.ts';
import { decodePush, unsnap, type PushedLine } from '../../testkit/push-decoder.ts';

const IDENTITY = { labels: { service: 'a "service"', environment: 'back\\slash' }, metadata: { pod: 'pod-1' } };

describe('A push', () => {
  it('holds each line once, whole and in order, with its label and its metadata, whatever the lines are', () => {
    const encoder = new PushEncoder(IDENTITY);
    const reader = new LineReader();
    fc.assert(
      fc.property(fc.array(anyLine, { minLength: 1, maxLength: 40 }), (lines) => {
        const bytes = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
        const pushed = decodePush(encoder.encode(bytes, reader.read(bytes)));
        assert.deepEqual(pushed.map(described).sort(), lines.map(expected).sort());
        for (const level of LEVELS)
          assert.deepEqual(
            pushed.filter(({ labels }) => labels.includes(`level="${level}"`)).map(({ line }) => line),
            lines.filter((line) => line.level === level).map((line) => JSON.stringify(line)),
          );
      }),
      { numRuns: 500 },
    );
  });

  it('says of lines like the one before only what differs', () => {
    const encoder = new PushEncoder(IDENTITY);
    const lines = Array.from({ length: 1000 }, (_, index) => ({ ...CONNECTION_LINE, message_count: index }));
    const bytes = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    const body = encoder.encode(bytes, new LineReader().read(bytes));
    assert.equal(decodePush(body).length, 1000);
    assert.ok(body.length < bytes.length, `${body.length} bytes of ${bytes.length}`);
  });

  it('refers to no line that is too far away, however far it is', () => {
    const encoder = new PushEncoder(IDENTITY);
    const short = { ...CONNECTION_LINE, request_id: 'a', message_count: 1, message_length: 1 };
    const long = { ...short, request_id: 'b'.repeat(120), session_id: 'c'.repeat(120) };
    for (let between = 63_900; between < 65_536; between += 1) {
      const lines = [short, { ...CONNECTION_LINE, event: 'other', detail: 'x'.repeat(between) }, long];
      const bytes = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
      const pushed = decodePush(encoder.encode(bytes, new LineReader().read(bytes)));
      assert.deepEqual(
        pushed.map(({ line }) => line),
        lines.map((line) => JSON.stringify(line)),
      );
    }
  });

  it('without lines is one that Loki can read', () => {
    assert.deepEqual(decodePush(new PushEncoder(IDENTITY).encode(Buffer.alloc(0), [])), []);
  });

  it('gives each line a time of its own, later than the one before', () => {
    const clock = new LineClock();
    const ticks = [1000, 1000, 1001, 1000, 1001, 2500, 2400].map((ms) => {
      clock.tick(ms);
      return clock.seconds * 1e9 + clock.nanos;
    });
    assert.deepEqual(ticks, [1e9, 1e9 + 1, 1.001e9, 1.001e9 + 1, 1.001e9 + 2, 2.5e9, 2.5e9 + 1]);
    // Set back by hours: the lines follow.
    clock.tick(100);
    assert.deepEqual([clock.seconds, clock.nanos], [0, 100_000_000]);
  });
});

describe('Snappy', () => {
  it('is read as it was written, with any mix of new text and text that stood there before', () => {
    const writer = new SnappyWriter();
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(300), fc.boolean(), fc.nat()), { minLength: 1 }), (parts) => {
        writer.reset();
        let text = Buffer.alloc(0);
        for (const [length, repeat, where] of parts) {
          writer.reserve(length);
          const from = text.length === 0 ? 0 : where % text.length;
          const again = repeat && length > 0 && from + length <= text.length;
          const part = again ? text.subarray(from, from + length) : randomBytes(length);
          if (again) writer.again(from, length);
          else writer.bytes(part);
          text = Buffer.concat([text, part]);
        }
        assert.ok(unsnap(writer.finish()).equals(text));
        assert.equal(writer.length, text.length);
      }),
    );
  });
});

describe('The queue', () => {
  it('gives back what it was given, in order', () => {
    const queue = new LokiQueue(4 * CHUNK_BYTES, () => undefined);
    const given = Array.from({ length: 50 }, (_, index) => `${index} ${'x'.repeat(30_000)}\n`);
    for (const line of given) queue.add(Buffer.from(line), 1);
    assert.ok(queue.bytes < 2 * CHUNK_BYTES, 'all but the newest two chunks are compressed');
    queue.away = true;
    assert.ok(queue.bytes < CHUNK_BYTES, 'all but the newest chunk is, when it is to wait for long');
    assert.equal(takeAll(queue), given.join(''));
    assert.equal(queue.bytes, 0);
    assert.equal(queue.since, Infinity);
  });

  it('frees no memory but its own, however small a chunk is', () => {
    const queue = new LokiQueue(4 * CHUNK_BYTES, () => undefined);
    queue.away = true;
    const given = ['small\n', `${'x'.repeat(CHUNK_BYTES - 1)}\n`];
    for (const line of given) queue.add(Buffer.from(line), 1);
    const neighbour = Buffer.from('shares the pool of small buffers');
    assert.equal(takeAll(queue), given.join(''));
    assert.equal(neighbour.toString(), 'shares the pool of small buffers');
  });

  it('drops the oldest when it is full, and says how many lines they were', () => {
    let dropped = 0;
    const queue = new LokiQueue(2 * CHUNK_BYTES, (lines) => {
      dropped += lines;
    });
    // Random bytes: they can't be made smaller.
    const given = Array.from(
      { length: 100 },
      (_, index) => `${index} ${randomBytes(30_000).toString('latin1').replaceAll('\n', ' ')}\n`,
    );
    for (const line of given) {
      queue.add(Buffer.from(line, 'latin1'), 1);
      assert.ok(queue.bytes <= 2 * CHUNK_BYTES);
    }
    assert.ok(dropped > 0);
    assert.equal(takeAll(queue), given.slice(dropped).join(''));
  });
});

function takeAll(queue: LokiQueue): string {
  let text = '';
  for (let chunk = queue.take(); chunk !== undefined; chunk = queue.take()) {
    text += chunk.bytes.toString('latin1');
    queue.giveBack(chunk);
  }
  return text;
}

const LEVELS = ['CRITICAL', 'ERROR', 'WARN', 'INFO', 'DEBUG'] as const;

const CONNECTION_LINE = {
  timestamp: '2024-01-15T10:30:00.123Z',
  level: 'INFO',
  logger: 'chat.consumers',
  message: 'WebSocket message received',
  event: 'websocket_message_received',
  request_id: '3f1d3c52-8a0e-4a52-9d4a-2f6f6a1f7a10',
  session_id: '6f1f7a5e-0000-4000-8000-000000000001',
  client_ip: '127.0.0.1',
};

interface Line {
  readonly level: string;
  readonly message: string;
  readonly event: string;
  readonly request_id?: string | undefined;
  readonly session_id?: string | undefined;
}

/** Lines as the logger writes them, and others: more text than ASCII, fields in another order, identifiers left out or odd. */
const anyLine: fc.Arbitrary<Line> = fc
  .record({
    timestamp: fc
      .date({ min: new Date('2024-01-01'), max: new Date('2030-01-01'), noInvalidDate: true })
      .map((date) => date.toISOString()),
    level: fc.constantFrom(...LEVELS),
    logger: fc.constantFrom('chat.consumers', 'chat.service'),
    message: fc.oneof(
      fc.constantFrom('WebSocket connected', 'WebSocket disconnected'),
      fc.string({ unit: 'binary', maxLength: 30 }),
    ),
    event: fc.constantFrom('websocket_connected', 'service_stopped'),
    reason: fc.option(fc.string({ unit: 'binary' }), { nil: undefined }),
    request_id: fc.option(fc.oneof(fc.uuid(), fc.string({ minLength: 1 })), { nil: undefined }),
    session_id: fc.option(fc.oneof(fc.uuid(), fc.string({ minLength: 1 })), { nil: undefined }),
    detail: fc.option(fc.string({ unit: 'binary', maxLength: 2000 }), { nil: undefined }),
  })
  .chain(({ timestamp, level, logger, message, event, reason, request_id, session_id, detail }) =>
    fc.constantFrom(
      { timestamp, level, logger, message, event, request_id, session_id, reason, detail },
      { timestamp, level, logger, message, event, reason, request_id, session_id, detail },
      { timestamp, level, logger, message, event, session_id, request_id, detail },
    ),
  );

/** Labels, line and metadata of an entry, in one text, so that entries can be sorted. */
function described({ labels, line, metadata }: PushedLine): string {
  return JSON.stringify([labels, line, Object.entries(metadata).sort()]);
}

function expected(line: Line): string {
  const { level, message, event, request_id: requestId, session_id: sessionId } = line;
  const metadata = { pod: 'pod-1', message, event, request_id: plain(requestId), session_id: plain(sessionId) };
  const said = Object.entries(metadata).filter(([, value]) => value !== undefined && value !== '');
  const labels = `{service="a \\"service\\"", environment="back\\\\slash", level="${level}"}`;
  return JSON.stringify([labels, JSON.stringify(line), said.sort()]);
}

/** An identifier is taken from where it stands in the line. One that is escaped there, which none of the service's is, is left out. */
function plain(id: string | undefined): string | undefined {
  return id !== undefined && JSON.stringify(id) === `"${id}"` ? id : undefined;
}
