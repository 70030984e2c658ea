import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { WebSocket, WebSocketServer } from 'ws';
import { takeShortTexts, type ShortTextReceiver } from '../src/connections/fast-path/short-text-scanner.ts';
import { Connection } from '../src/connections/connection.ts';
import fc from '../../testkit/fast-check.ts';
import { startApp, type RunningApp } from '../../testkit/app.ts';
import { frame, handshake, OPCODE, RawClient } from '../../testkit/raw-client.ts';
import { LONG } from '../../testkit/seed.ts';

const MAX_BYTES = 300;

describe('The scanner', () => {
  it('takes each message that is one short frame of ASCII text, and leaves nothing of it', async () => {
    const { stream, story } = await scannedStream();
    stream.push(Buffer.concat(['', 'a', 'message message ', 'x'.repeat(125)].map((text) => frame(OPCODE.text, text))));
    assert.deepEqual(story, ['taken 0', 'taken 1', 'taken 16', 'taken 125']);
  });

  const others: Readonly<Record<string, Buffer>> = {
    'longer ones': frame(OPCODE.text, 'x'.repeat(126)),
    'other characters': frame(OPCODE.text, 'é'),
    'binary ones': frame(OPCODE.binary, 'x'),
    pings: frame(OPCODE.ping, 'x'),
    closes: frame(OPCODE.close, Buffer.from([3, 232])),
    fragments: frame(OPCODE.text, 'x', { fin: false }),
    continuations: frame(OPCODE.continuation, 'x'),
    'unmasked ones': frame(OPCODE.text, 'x', { masked: false }),
    'reserved bits': Buffer.from([0xc1, 0x80, 0, 0, 0, 0]),
  };
  for (const [name, bytes] of Object.entries(others))
    it(`leaves ${name} to ws`, async () => {
      const { stream, story } = await scannedStream();
      stream.push(bytes);
      assert.deepEqual(story, [`left ${bytes.length}`]);
    });

  it('leaves a message over the size limit to ws', async () => {
    const { stream, story } = await scannedStream(10);
    stream.push(frame(OPCODE.text, 'x'.repeat(11)));
    assert.deepEqual(story, ['left 17']);
  });

  it('takes messages again after what it left to ws, wherever that was cut', async () => {
    for (const length of [0, 20, 126, 65_536]) {
      const left = frame(OPCODE.binary, 'x'.repeat(length));
      // Its head has to be in one piece.
      for (const cut of new Set([14, 15, left.length - 1].filter((at) => at < left.length))) {
        const { stream, story } = await scannedStream();
        stream.push(left.subarray(0, cut));
        stream.push(left.subarray(cut));
        stream.push(frame(OPCODE.text, 'found'));
        assert.deepEqual(story, [`left ${cut}`, `left ${left.length - cut}`, 'taken 5']);
      }
    }
  });

  it('takes nothing any more once a head was cut, since it does not know where frames begin', async () => {
    const { stream, story } = await scannedStream();
    const message = frame(OPCODE.text, 'cut');
    stream.push(message.subarray(0, 1));
    stream.push(message.subarray(1));
    stream.push(message);
    assert.deepEqual(story, ['left 1', 'left 8', 'left 9']);
  });

  it('takes nothing after its receiver closes in the middle of a chunk', async () => {
    const { stream, story, receiver } = await scannedStream();
    receiver.closeAfter = 2;
    const message = frame(OPCODE.text, 'x');
    stream.push(Buffer.concat([message, message, message]));
    assert.deepEqual(story, ['taken 1', 'taken 1', 'left 7']);
  });

  it('keeps the order while its stream is paused, and takes messages again once it flows', async () => {
    const { stream, story } = await scannedStream();
    const message = (text: string): boolean => stream.push(frame(OPCODE.text, text));
    message('1');
    stream.pause();
    message('22');
    stream.resume();
    message('333');
    await turn();
    message('4444');
    assert.deepEqual(story, ['taken 1', 'left 8', 'left 9', 'taken 4']);
  });

  it('leaves a stream alone that has bytes nobody read', () => {
    const stream = new Duplex({ read: () => undefined });
    stream.push(Buffer.from([0x81]));
    takeShortTexts(stream, new Receiver([], MAX_BYTES));
    assert.ok(!Object.hasOwn(stream, 'push'));
  });

  it('receives every chunk of a socket: Node.js still hands them to `push`', async (t) => {
    const story: string[] = [];
    const server = createServer((socket) => {
      socket.resume();
      takeShortTexts(socket, new Receiver(story, MAX_BYTES));
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    t.after(() => server.close());
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    client.end(Buffer.concat(Array.from({ length: 1000 }, () => frame(OPCODE.text, 'message'))));
    await once(client.resume(), 'close');
    assert.deepEqual(story, Array<string>(1000).fill('taken 7'));
  });
});

describe('With the fast path on and off, the same bytes get the same replies, closes, lines and counts', () => {
  it('as a client of ws sends them, in any chunks', async (t) => {
    const pair = await Pair.start(t);
    const bytes = await record((socket) => {
      for (const text of ['', 'hello', 'x'.repeat(125), 'x'.repeat(126), 'é', '会話']) socket.send(text);
      socket.send('in ', { fin: false });
      socket.ping('between');
      socket.send('fragments');
      socket.send('last');
      socket.close(1000, 'done');
    });
    for (const size of [1, 2, 3, 7, 50, bytes.length]) await pair.compare(inChunks(bytes, size));
    await pair.compareRest();
  });

  it('as generated: good messages, and whatever else there is', async (t) => {
    const pair = await Pair.start(t);
    await fc.assert(
      fc.asyncProperty(fc.array(frames(), { maxLength: 20 }).chain(chunked), (chunks) => pair.compare(chunks)),
      { numRuns: LONG ? 10_000 : 300 },
    );
    await pair.compareRest();
  });
});

/** Notes what it receives. */
class Receiver implements ShortTextReceiver {
  open = true;
  closeAfter = Infinity;
  readonly maxMessageBytes: number;
  readonly #story: string[];

  constructor(story: string[], maxMessageBytes: number) {
    this.#story = story;
    this.maxMessageBytes = maxMessageBytes;
  }

  receivedText(length: number): void {
    this.open = this.#story.push(`taken ${length}`) < this.closeAfter;
  }
}

/** A stream that flows, and the story of what is taken from it and what is left to its listener. */
async function scannedStream(maxBytes = MAX_BYTES): Promise<{ stream: Duplex; story: string[]; receiver: Receiver }> {
  const stream = new Duplex({ read: () => undefined });
  const story: string[] = [];
  const receiver = new Receiver(story, maxBytes);
  stream.on('data', (chunk: Buffer) => story.push(`left ${chunk.length}`));
  takeShortTexts(stream, receiver);
  stream.read(0);
  await turn();
  return { stream, story, receiver };
}

/** Two services, one with the fast path and one without, that get the same bytes. */
class Pair {
  readonly #t: TestContext;
  readonly #on: RunningApp;
  readonly #off: RunningApp;
  readonly #taken: () => number;

  static async start(t: TestContext): Promise<Pair> {
    // A heartbeat would come to one of the two.
    const quiet = { HEARTBEAT_INTERVAL_SECONDS: '3600', WARN_INTERVAL_SECONDS: '0' };
    const env = { MAX_MESSAGE_BYTES: String(MAX_BYTES), MESSAGE_RATE: '0', ...quiet };
    const start = (fastPath: boolean): Promise<RunningApp> => startApp(t, { ...env, FAST_PATH: String(fastPath) });
    return new Pair(t, await start(true), await start(false));
  }

  private constructor(t: TestContext, on: RunningApp, off: RunningApp) {
    this.#t = t;
    this.#on = on;
    this.#off = off;
    const { mock } = t.mock.method(Connection.prototype, 'receivedText');
    this.#taken = () => mock.calls.filter(({ arguments: [, content] }) => content === undefined).length;
  }

  /** Sends the chunks to both, and compares what comes back until they close. */
  async compare(chunks: readonly Buffer[]): Promise<void> {
    const path = `/ws/chat/?session_id=${randomUUID()}`;
    const headers = { 'X-Request-Id': 'compared' };
    const [on, off] = await Promise.all(
      [this.#on, this.#off].map(async ({ port }) => {
        const client = new RawClient(port);
        client.socket.setNoDelay().write(handshake({ path, headers }));
        await client.until((text) => text.includes('\r\n\r\n'));
        client.take(client.text.indexOf('\r\n\r\n') + 4);
        for (const chunk of chunks) await writeAlone(client.socket, chunk);
        client.socket.end();
        await client.ended;
        return client.text;
      }),
    );
    assert.deepEqual(on, off);
  }

  /** Compares the lines and counts of all that was sent. */
  async compareRest(): Promise<void> {
    const [on, off] = await Promise.all(
      [this.#on, this.#off].map(async (side) => [await stories(side), await counts(side)]),
    );
    assert.deepEqual(on, off);
    assert.ok(this.#taken() > 0, 'no message took the fast path: nothing was compared');
    this.#t.diagnostic(`${this.#taken()} messages took the fast path`);
  }
}

/** Writes a chunk that the service reads by itself: a turn's poll phase lies between two check phases. */
async function writeAlone(socket: Socket, chunk: Buffer): Promise<void> {
  socket.write(chunk);
  await turn();
  await turn();
}

/** The lines of each session, without what differs by nature. */
async function stories({ log, app }: RunningApp): Promise<Record<string, unknown[]>> {
  while (app.connections.size > 0) await turn();
  const sessions: Record<string, unknown[]> = {};
  for (const { timestamp, duration_ms, ...line } of await log()) {
    assert.ok(timestamp !== undefined && duration_ms !== null);
    (sessions[String(line['session_id'])] ??= []).push(line);
  }
  delete sessions['undefined'];
  return sessions;
}

async function counts({ origin }: RunningApp): Promise<string[]> {
  const text = await (await fetch(`${origin}/metrics/`)).text();
  return text.split('\n').filter((line) => /^websocket_(?!log_)\w+_(total|count)\b/.test(line));
}

/** What a client of `ws` puts on the wire until it has closed. */
async function record(send: (socket: WebSocket) => void): Promise<Buffer> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const recorded = new Promise<Buffer>((resolve) => {
    server.on('connection', (_socket, request) => {
      const chunks: Buffer[] = [];
      request.socket
        .on('data', (chunk: Buffer) => chunks.push(Buffer.from(chunk)))
        .on('close', () => {
          resolve(Buffer.concat(chunks));
        });
    });
  });
  const socket = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, {
    perMessageDeflate: false,
  });
  await once(socket, 'open');
  send(socket);
  const bytes = await recorded;
  server.close();
  return bytes;
}

/** Frames of clients: mostly good messages, and what else there is. */
function frames(): fc.Arbitrary<Buffer> {
  const text = fc.string({ unit: 'grapheme-ascii', maxLength: 125 });
  const short = text.map((payload) => frame(OPCODE.text, payload));
  return fc.oneof(
    { weight: 12, arbitrary: short },
    fc.string({ unit: 'grapheme', maxLength: 30 }).map((payload) => frame(OPCODE.text, payload)),
    fc.integer({ min: 126, max: 310 }).map((length) => frame(OPCODE.text, 'x'.repeat(length))),
    text.map((payload) => frame(OPCODE.ping, payload)),
    fc
      .tuple(text, text)
      .map(([first, last]) =>
        Buffer.concat([
          frame(OPCODE.text, first, { fin: false }),
          frame(OPCODE.ping, 'between'),
          frame(OPCODE.continuation, last),
        ]),
      ),
    fc.constantFrom(
      frame(OPCODE.binary, 'binary'),
      frame(OPCODE.close, Buffer.from([3, 232])),
      frame(OPCODE.continuation, 'alone'),
      frame(OPCODE.text, 'open', { fin: false }),
      frame(OPCODE.text, 'unmasked', { masked: false }),
      frame(OPCODE.text, Buffer.from([0xff])),
      Buffer.from([0xc1, 0x80, 0, 0, 0, 0]),
    ),
  );
}

/** The same frames each by itself, all in one chunk, or cut anywhere. */
function chunked(parts: readonly Buffer[]): fc.Arbitrary<readonly Buffer[]> {
  const bytes = Buffer.concat(parts);
  return fc.oneof(
    fc.constant(parts),
    fc.constant([bytes]),
    fc.array(fc.nat({ max: 400 })).map((sizes) => cutAt(bytes, sizes)),
  );
}

function inChunks(bytes: Buffer, size: number): Buffer[] {
  return cutAt(bytes, Array<number>(Math.ceil(bytes.length / size)).fill(size));
}

/** Chunks of these sizes, and the rest. */
function cutAt(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let at = 0;
  for (const length of sizes) {
    if (length > 0 && at < bytes.length) chunks.push(bytes.subarray(at, at + length));
    at += length;
  }
  if (at < bytes.length) chunks.push(bytes.subarray(at));
  return chunks;
}
