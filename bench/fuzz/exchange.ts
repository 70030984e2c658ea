import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { constants, inflateRawSync } from 'node:zlib';
import { REJECTIONS, type ErrorBody } from '../../service/src/protocol/protocol.ts';
import { frame, OPCODE } from '../../testkit/raw-client.ts';
import type { Connection } from './connections.ts';

/** What a client got. */
export interface Outcome {
  /** Of the answer to the request; undefined if none came. */
  readonly status: number | undefined;
  /** `error` of a refusal's body. */
  readonly refusal: string | undefined;
  /** Frames of the service, as opcode and text; heartbeats left out. */
  readonly frames: readonly string[];
  readonly replies: number;
  readonly pongs: number;
  readonly close: number | undefined;
  readonly seconds: number;
}

/** Longest that a connection may take: every time-out of the service is far shorter, on a busy machine as well. */
const PATIENCE_MS = 60_000;
/** The kernel's buffers on both sides take some megabytes before the service sees that a client does not read. */
const MAX_FLOOD_BYTES = 100_000_000;

/**
 * Does what a connection is to do, to its end.
 * @throws {Error} if the service answers what is no HTTP and no RFC 6455, undocumented, or not at all
 */
export async function exchange(port: number, connection: Connection): Promise<Outcome> {
  const startedAt = performance.now();
  const client = new ExchangeClient(port, connection);
  const read = await client.run();
  return { ...read, seconds: (performance.now() - startedAt) / 1000 };
}

class ExchangeClient {
  readonly #connection: Connection;
  readonly #socket: Socket;
  readonly #ended: Promise<unknown>;
  /** The answer to the request is there. */
  readonly #answered = Promise.withResolvers<undefined>();
  #received = Buffer.alloc(0);
  #sentAll = false;

  constructor(port: number, connection: Connection) {
    this.#connection = connection;
    const localAddress = `127.0.0.${connection.address}`;
    this.#socket = connect({ port, host: '127.0.0.1', localAddress, noDelay: true });
    this.#ended = new Promise((resolve) => this.#socket.on('close', resolve));
    this.#socket
      .on('error', () => undefined)
      .on('data', (chunk) => {
        this.#received = Buffer.concat([this.#received, chunk]);
        this.#look();
      });
  }

  async run(): Promise<Omit<Outcome, 'seconds'>> {
    const overdue = setTimeout(() => {
      this.#socket.destroy(new Error('overdue'));
    }, PATIENCE_MS);
    void this.#send();
    await this.#ended;
    this.#answered.resolve(undefined);
    clearTimeout(overdue);
    if (this.#socket.errored?.message === 'overdue')
      throw new Error(`the connection hangs; received: ${this.#received.toString('latin1')}`);
    return readOutcome(this.#received, this.#connection.method);
  }

  async #send(): Promise<void> {
    const { request, stream, early } = this.#connection;
    if (early) await this.#write(Buffer.concat([request, stream.bytes]));
    else {
      await this.#write(request);
      await this.#answered.promise;
      if (this.#received.includes('HTTP/1.1 101 ')) await this.#write(stream.bytes);
    }
    this.#sentAll = true;
    await this.#end();
    this.#look();
  }

  async #end(): Promise<void> {
    const { ending } = this.#connection;
    if (ending === 'shutdown') this.#socket.end();
    else if (ending === 'reset') this.#socket.resetAndDestroy();
    else if (ending === 'flood') await this.#flood();
  }

  async #flood(): Promise<void> {
    await this.#answered.promise;
    this.#socket.pause();
    const pings = Buffer.concat(Array.from({ length: 4000 }, () => frame(OPCODE.ping, Buffer.alloc(125))));
    while (this.#socket.writable && this.#socket.bytesWritten < MAX_FLOOD_BYTES)
      if (!this.#socket.write(pings))
        await Promise.race([once(this.#socket, 'drain').catch(() => undefined), this.#ended]);
    this.#socket.resume();
  }

  /** Writes the chunks one by one, each as a segment of its own. */
  async #write(bytes: Buffer): Promise<void> {
    let at = 0;
    for (const length of [...this.#connection.chunks, Infinity]) {
      if (at >= bytes.length || !this.#socket.writable) return;
      this.#socket.write(bytes.subarray(at, at + length));
      at += length;
      await turn();
    }
  }

  /** Acts upon what came: a whole answer, or a close frame. */
  #look(): void {
    const answer = readAnswer(this.#received, this.#connection.method);
    if (answer === undefined) return;
    this.#answered.resolve(undefined);
    if (answer.status !== 101) this.#socket.end();
    else if (this.#sentAll && this.#connection.ending === 'answer') {
      const close = readFrames(this.#received.subarray(answer.length)).find(({ opcode }) => opcode === OPCODE.close);
      if (close !== undefined && this.#socket.writable)
        this.#socket.end(frame(OPCODE.close, close.payload.subarray(0, 2)));
    }
  }
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly isJson: boolean;
  /** Bytes that it took. */
  readonly length: number;
}

/** The first answer in some bytes; undefined if it is not there whole. */
function readAnswer(bytes: Buffer, method: string): Answer | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const head = bytes.toString('latin1', 0, end);
  const status = Number(/^HTTP\/1\.1 (\d{3}) [ -~]*(\r\n[!#$%&'*+.^_`|~\w-]+: [^\r\n]*)*$/.exec(head)?.[1] ?? NaN);
  if (Number.isNaN(status)) throw new Error(`the answer is not HTTP: ${JSON.stringify(head)}`);
  const start = end + 4;
  if (status === 100) return readAnswer(bytes.subarray(start), method);
  // What is refused before its method is known has a body, and ends the connection.
  const bodiless = status === 101 || status === 304 || (method === 'HEAD' && !/\r\nconnection: close/i.test(head));
  const size = bodiless ? 0 : Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
  if (bytes.length < start + size) return undefined;
  const isJson = /\r\ncontent-type: application\/json/i.test(head);
  return { status, isJson, body: bytes.toString('utf8', start, start + size), length: start + size };
}

function readOutcome(bytes: Buffer, method: string): Omit<Outcome, 'seconds'> {
  const answer = readAnswer(bytes, method);
  if (answer?.status !== 101)
    return { status: answer?.status, refusal: refusalIn(answer), frames: [], replies: 0, pongs: 0, close: undefined };
  const frames = readFrames(bytes.subarray(answer.length));
  let [replies, pongs] = [0, 0];
  let close: number | undefined;
  for (const { opcode, payload } of frames) {
    if (close !== undefined) throw new Error(`a frame with opcode ${opcode} came after the close frame`);
    if (opcode === OPCODE.text) replies = afterText(payload.toString(), replies);
    else if (opcode === OPCODE.pong) pongs += 1;
    else if (opcode === OPCODE.close) close = payload.length < 2 ? 1005 : payload.readUInt16BE();
    else if (opcode !== OPCODE.ping) throw new Error(`a frame with opcode ${opcode} came`);
  }
  const kept = frames.filter(({ opcode, payload }) => opcode !== OPCODE.ping && !payload.includes('{"ts"'));
  return {
    status: 101,
    refusal: undefined,
    frames: kept.map(({ opcode, payload }) => `${opcode} ${payload.toString('latin1')}`),
    replies,
    pongs,
    close,
  };
}

/** @returns the count after a text of the service */
function afterText(text: string, count: number): number {
  if (text === `{"count": ${count + 1}}`) return count + 1;
  if (!/^\{"(ts|bye)":/.test(text)) throw new Error(`after a count of ${count} came ${text}`);
  return count;
}

/** The documented name in the body of a refusal. @throws {Error} if the body of an error is not as documented */
function refusalIn(answer: Answer | undefined): string | undefined {
  if (answer === undefined || answer.status < 400 || answer.body === '') return undefined;
  const wrong = `a ${answer.status} has the body ${JSON.stringify(answer.body)}, not the documented JSON`;
  if (!answer.isJson) throw new Error(wrong);
  const { error, message, retry_after_ms: retryAfterMs } = JSON.parse(answer.body) as Partial<ErrorBody>;
  // The probes say in words of their own why they fail.
  if (answer.status === 503 && error === undefined) return undefined;
  if (typeof error !== 'string' || typeof message !== 'string') throw new Error(wrong);
  if (error in REJECTIONS && REJECTIONS[error as keyof typeof REJECTIONS].status !== answer.status)
    throw new Error(wrong);
  if ((answer.status === 429 || answer.status === 503) && typeof retryAfterMs !== 'number') throw new Error(wrong);
  return error;
}

interface ServerFrame {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** The whole frames of a server: final, without a mask, short. */
function readFrames(bytes: Buffer): ServerFrame[] {
  const frames: ServerFrame[] = [];
  for (let at = 0; bytes.length - at >= 2;) {
    const [first = 0, second = 0] = bytes.subarray(at, at + 2);
    if ((first & 0xb0) !== 0x80 || second > 125) throw new Error(`a frame began with ${first} ${second}`);
    if (bytes.length - at < 2 + second) break;
    const payload = bytes.subarray(at + 2, at + 2 + second);
    frames.push({ opcode: first & 0x0f, payload: (first & COMPRESSED) === 0 ? payload : inflate(payload) });
    at += 2 + second;
  }
  return frames;
}

/** RSV1 (RFC 7692, section 6). */
const COMPRESSED = 0x40;

function inflate(payload: Buffer): Buffer {
  return inflateRawSync(Buffer.concat([payload, Buffer.from([0, 0, 0xff, 0xff])]), {
    finishFlush: constants.Z_SYNC_FLUSH,
  });
}
