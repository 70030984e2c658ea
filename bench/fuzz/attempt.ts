import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { constants, inflateRawSync } from 'node:zlib';
import type { Config } from '../../service/src/config/options.ts';
import { REFUSALS } from '../../service/src/protocol/protocol.ts';
import { OPCODE } from '../../testkit/raw-client.ts';
import { closeFrame } from './frame-inputs.ts';
import { parseResponse, type HttpResponse } from './http-response.ts';
import type { Prediction } from './frame-model.ts';
import type { Ledger } from './ledger.ts';
import type { Part } from './parts.ts';
import type { Plan, PlannedRequest, PlannedStream } from './plan.ts';

/** What an attempt works against. */
export interface AttemptContext {
  readonly port: number;
  readonly part: Part;
  /** What the service of the part was told. */
  readonly config: Config;
  readonly ledger: Ledger;
  /** Hears of what must not happen. */
  readonly fault: (text: string) => void;
}

/** How long a client that has sent all waits for an answer before it sends a FIN: what it sent may be half a request. */
const IMPATIENCE_MS = 300;
/** How long anything may take; every time-out of the parts is shorter. */
const PATIENCE_MS = 15_000;
/** Frames of one connection that count as inputs, at most. */
const MAX_COUNTED_FRAMES = 500;
/** Times half a megabyte. */
const MAX_FLOOD = 200;
/** Closes that limits bring about, which no prediction can know. */
const LIMIT_CLOSES: ReadonlySet<number> = new Set([1001, 1008]);
/** Refusals that limits bring about. */
const LIMIT_STATUSES: ReadonlySet<number> = new Set([403, 429, 503]);
/** What Node.js' HTTP server and Express answer by themselves. */
const HTTP_STATUSES: ReadonlySet<number> = new Set([200, 304, 400, 404, 405, 408, 413, 414, 417, 426, 431, 503]);

/** One connection of a run, from its first byte to its last: does what its plan says, and checks what comes back. */
export class Attempt {
  /** Counts that its session reached, as far as it was told. */
  replies = 0;
  /** Only its session can tell how many messages were counted. */
  uncertain = false;
  /** Session that the service says the connection is of. */
  sessionId: string | undefined;
  readonly plan: Plan;
  readonly #context: AttemptContext;
  readonly #socket: Socket;
  readonly #startedAt = performance.now();
  readonly #ended = Promise.withResolvers<undefined>();
  /** An answer may come before all of a damaged request is sent: what is left of it is read before any frame. */
  readonly #requestsSent = Promise.withResolvers<undefined>();
  #received: Buffer = Buffer.alloc(0);
  #answers = 0;
  #lastCount = 0;
  #pongs = 0;
  #opened = false;
  #sentAllAt = Infinity;
  #closeReceived: number | undefined;
  #bye = false;
  #finished = false;
  #wasReset = false;
  #gaveUp = false;
  /** permessage-deflate was agreed on. */
  #deflate = false;
  #sentFrames = false;
  /** The service said that it answers no further request on this connection. */
  #lastAnswer = false;

  constructor(plan: Plan, context: AttemptContext) {
    this.plan = plan;
    this.#context = context;
    this.#socket = connect({
      port: context.port,
      host: '127.0.0.1',
      localAddress: `127.0.0.${plan.addressByte}`,
      allowHalfOpen: true,
      noDelay: true,
    });
    this.#socket
      .on('close', () => {
        this.#ended.resolve(undefined);
      })
      .on('error', () => undefined)
      .on('connect', () => void this.#begin())
      .on('data', (chunk) => {
        this.#read(chunk);
      })
      .on('end', () => this.#socket.end());
  }

  /** Waits until the connection has ended, and settles what came of it. */
  async run(): Promise<void> {
    await this.#ended.promise;
    this.#settle();
  }

  /** Called now and then: sends a FIN after half a request, and gives up on a service that hangs. */
  tick(now: number): void {
    if (now - this.#startedAt > PATIENCE_MS && !this.#finished) {
      this.#fail(`the connection hangs; so far: ${this.#answers} answers, ${this.replies} replies`);
      this.#socket.destroy();
      this.#ended.resolve(undefined);
    } else if (this.#mayBeHalf && now - this.#sentAllAt > IMPATIENCE_MS) {
      this.#gaveUp = true;
      this.#socket.end();
    }
  }

  /** Whether all is sent, and what waits for its answer may be half a request. */
  get #mayBeHalf(): boolean {
    const { requests } = this.plan;
    return this.#answers === requests.length - 1 && requests[this.#answers]?.statuses === undefined;
  }

  async #begin(): Promise<void> {
    const { requests, stream } = this.plan;
    this.#context.ledger.connections += 1;
    this.#context.ledger.inputs += requests.length;
    for (const [index, request] of requests.entries()) {
      // The answer to a broken request overtakes those before it, which are lost: so a strict part asks in turn.
      while (this.#context.part.strict && this.#answers < index && this.#socket.writable)
        await new Promise((resolve) => setImmediate(resolve));
      await this.#write(request.chunks);
      this.#sentAllAt = performance.now();
    }
    this.#requestsSent.resolve(undefined);
    if (stream?.early === true) await this.#writeFrames(stream);
    this.#sentAllAt = performance.now();
  }

  async #writeFrames(stream: PlannedStream): Promise<void> {
    // A flood is few inputs, however many frames it takes: it would make a run look longer than it is.
    this.#context.ledger.inputs += stream.deaf ? 1 : Math.min(stream.prediction.frames, MAX_COUNTED_FRAMES);
    if (stream.deaf) {
      await this.#flood(stream);
      return;
    }
    await this.#write(stream.chunks);
    this.#sentFrames = true;
    if (this.#closeReceived !== undefined) this.#answerClose(this.#closeReceived);
    if (stream.prediction.close !== undefined) return;
    if (stream.ending === 'fin' && !stream.early && !stream.deaf) this.#socket.end();
    if (stream.ending === 'reckless') this.#reset();
    this.#endIfDone();
  }

  /** The kernel's buffers of both sides take some megabytes before it is seen that a client does not read. */
  async #flood({ chunks }: PlannedStream): Promise<void> {
    this.#context.ledger.floods += 1;
    this.#socket.pause();
    for (let times = 0; times < MAX_FLOOD; times += 1) {
      if (!this.#socket.writable) return;
      const [flood] = chunks;
      if (flood === undefined || this.#socket.write(flood)) continue;
      await Promise.race([once(this.#socket, 'drain').catch(() => undefined), this.#ended.promise]);
    }
    this.#fail('the service did not end a client that does not read');
    this.#socket.destroy();
  }

  async #write(parts: readonly Buffer[]): Promise<void> {
    for (const part of parts) {
      if (!this.#socket.writable) return;
      this.#socket.write(part);
      // The next part goes out as a segment of its own.
      if (parts.length > 1) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #reset(): void {
    this.#wasReset = true;
    // After a FIN a reset is an error (uv_tcp_close_reset), and Node.js then tells of no close.
    if (this.#socket.writableEnded) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }

  #read(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    try {
      if (!this.#opened) this.#readAnswers();
      if (this.#opened) this.#readFrames();
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error));
      this.#socket.destroy();
    }
  }

  #readAnswers(): void {
    for (;;) {
      // A damaged request may have become two.
      const request = this.plan.requests[this.#answers] ?? this.plan.requests.at(-1);
      const response = parseResponse(this.#received, request?.method ?? 'GET');
      if (response === undefined || this.#opened) return;
      this.#received = this.#received.subarray(response.length);
      if (response.status === 100) continue;
      this.#answers += 1;
      this.#lastAnswer = response.headers['connection'] === 'close';
      this.#checkStatus(response.status, request?.statuses);
      if (response.status === 101) this.#open(response);
      else this.#checkRefusal(response, request?.method);
      if (response.status !== 101 && this.#answers >= this.plan.requests.length) this.#socket.end();
    }
  }

  #checkStatus(status: number, statuses: ReadonlySet<number> | undefined): void {
    const { strict } = this.#context.part;
    const allowed =
      statuses === undefined ? status === 101 || HTTP_STATUSES.has(status) || status in KNOWN : statuses.has(status);
    if (allowed || (!strict && LIMIT_STATUSES.has(status))) return;
    this.#fail(`the answer was ${status}, expected ${statuses === undefined ? 'another' : [...statuses].join(' or ')}`);
  }

  #checkRefusal({ status, body, headers }: HttpResponse, method: string | undefined): void {
    // The answer to a HEAD has no body to tell it.
    if (method === 'HEAD' && status === REFUSALS.not_upgrade.status) this.#context.ledger.refusals.add('not_upgrade');
    if (status < 400 || body === '' || headers['content-type']?.startsWith('application/json') !== true) return;
    const { error, message } = JSON.parse(body) as { error?: string; message?: unknown };
    if (status === 503 && error === undefined) return;
    if (typeof error !== 'string' || typeof message !== 'string')
      this.#fail(`the body of a ${status} says nothing: ${body}`);
    else if (error in REFUSALS) {
      const known = REFUSALS[error as keyof typeof REFUSALS];
      if (known.status !== status) this.#fail(`the answer was ${status} for ${error}, whose status is ${known.status}`);
      this.#context.ledger.refusals.add(error);
    }
  }

  #open({ headers }: HttpResponse): void {
    const { stream } = this.plan;
    this.#opened = true;
    this.#context.ledger.opened += 1;
    this.sessionId = headers['x-session-id'];
    this.#deflate = headers['sec-websocket-extensions'] !== undefined;
    if (this.sessionId === undefined) this.#fail('the 101 tells no X-Session-Id');
    if (stream === undefined || this.#answers < this.plan.requests.length) this.#fail('a 101 came where none could');
    else if (stream.early) this.#endIfDone();
    else void this.#requestsSent.promise.then(() => this.#writeFrames(stream));
  }

  #readFrames(): void {
    let at = 0;
    for (;;) {
      const bytes = this.#received;
      if (bytes.length - at < 2) break;
      const [first, second] = [bytes[at] as number, bytes[at + 1] as number];
      const lengthBytes = second === 126 ? 2 : 0;
      const compressed = (first & 0x40) !== 0;
      if (second > 126 || (first & 0xb0) !== 0x80 || (compressed && !this.#deflate))
        throw new Error(`a frame began with ${first} ${second}`);
      if (bytes.length - at < 2 + lengthBytes) break;
      const end = at + 2 + lengthBytes + (lengthBytes === 0 ? second : bytes.readUInt16BE(at + 2));
      if (bytes.length < end) break;
      const payload = bytes.subarray(at + 2 + lengthBytes, end);
      this.#frame(first & 0x0f, compressed ? inflateMessage(payload) : payload);
      at = end;
    }
    this.#received = this.#received.subarray(at);
    this.#endIfDone();
  }

  #frame(opcode: number, payload: Buffer): void {
    if (this.#closeReceived !== undefined) this.#fail(`a frame with opcode ${opcode} came after the close frame`);
    if (opcode === OPCODE.text) this.#text(payload.toString());
    else if (opcode === OPCODE.pong) this.#pongs += 1;
    // A ping is not answered: the pong might land inside of a frame. No connection lives for two heartbeats.
    else if (opcode === OPCODE.ping) return;
    else if (opcode === OPCODE.close) this.#closed(payload.length >= 2 ? payload.readUInt16BE() : 1005);
    else this.#fail(`a frame with opcode ${opcode} came`);
  }

  #text(text: string): void {
    const count = /^\{"count": (\d+)\}$/.exec(text)?.[1];
    if (count !== undefined) this.#counted(Number(count));
    else if (text.startsWith('{"bye": true') || text.startsWith('{"bye":true')) this.#bye = true;
    else if (!/^\{"ts": "[-0-9T:.]+Z"\}$/.test(text)) this.#fail(`an unknown message came: ${text}`);
  }

  #counted(count: number): void {
    const shared = this.plan.stream?.shared === true;
    if (shared ? count <= this.#lastCount : count !== this.#lastCount + 1)
      this.#fail(`the count was ${count} after ${this.#lastCount}`);
    this.#lastCount = count;
    this.replies += 1;
  }

  /** A close frame came. */
  #closed(code: number): void {
    this.#closeReceived = code;
    if (this.#sentFrames) this.#answerClose(code);
  }

  #answerClose(code: number): void {
    const { stream, random } = this.plan;
    const onClose = stream?.onClose ?? 'answer';
    if (stream?.prediction.close?.by === 'client' && !this.#limited(code)) this.#socket.end();
    else if (onClose === 'fin') this.#socket.end();
    else if (onClose === 'reset') this.#reset();
    else if (onClose === 'answer') this.#socket.end(closeFrame(random, code === 1005 ? 1000 : code));
  }

  /** Ends a connection that its frames do not end, once all that is known to come has come. */
  #endIfDone(): void {
    const { stream } = this.plan;
    if (stream === undefined || !this.#opened || !this.#sentFrames || stream.deaf) return;
    if (stream.prediction.close !== undefined || this.#closeReceived !== undefined) return;
    if (this.replies < stream.prediction.replies || this.#pongs < stream.prediction.pings) return;
    if (stream.ending === 'reset') this.#reset();
    else if (stream.ending === 'fin') this.#socket.end();
  }

  /** Whether a limit, rather than the client's bytes, brought about this close. */
  #limited(code: number | undefined): boolean {
    if (this.#context.part.strict) return false;
    return code === undefined || LIMIT_CLOSES.has(code);
  }

  /** Enters what came of the connection into the ledger. */
  #settle(): void {
    this.#finished = true;
    const { stream } = this.plan;
    const { ledger, part } = this.#context;
    if (!this.#opened) {
      // A damaged request may have become two, and have got two answers.
      const unanswered = Math.max(0, this.plan.requests.length - this.#answers);
      if (!part.strict) ledger.unanswered += unanswered;
      else if (unanswered > 0 && !this.#lastAnswer && !isBlank(this.plan.requests.at(-1)))
        this.#fail('a request was not answered');
      return;
    }
    if (stream === undefined) return;
    // Replies are compressed beside the event loop: a FIN may come before they are written, though they are counted.
    const lost = this.#deflate && this.#closeReceived === undefined;
    this.uncertain = (this.#wasReset && stream.ending === 'reckless') || stream.deaf || lost;
    if (!this.uncertain) ledger.messages += this.replies;
    if (stream.shared && !this.uncertain && stream.sessionId !== undefined)
      ledger.shared.add(stream.sessionId, this.replies);
    if (!this.uncertain) this.#compare(this.#gaveUp ? stream.predictionUnsent : stream.prediction);
  }

  #compare(prediction: Prediction): void {
    const { ledger, part } = this.#context;
    const limited = this.#limited(this.#closeReceived);
    const { replies, close, pings } = prediction;
    if (this.replies > replies && prediction.certain)
      this.#fail(`${this.replies} messages were answered, of ${replies}`);
    this.#compareRate();
    if (limited || !prediction.certain) return;
    if (this.replies !== replies) this.#fail(`${this.replies} of ${replies} messages were answered`);
    if (this.#closeReceived !== close?.code)
      this.#fail(`the close code was ${this.#closeReceived ?? 'none'}, expected ${close?.code ?? 'none'}`);
    if (this.#pongs !== pings) this.#fail(`${this.#pongs} of ${pings} pings were answered`);
    if (!part.strict) return;
    ledger.closed(close?.code ?? 1006, close?.by ?? 'client');
    for (const error of prediction.errors) ledger.errors.add(error);
    for (const rejection of prediction.rejections) ledger.rejections.add(rejection);
    if (this.#bye) this.#fail('a bye came without a reason');
  }

  /** No more messages are answered than the token bucket holds and gets while the connection lasts. */
  #compareRate(): void {
    const { messageRate, messageBurst } = this.#context.config;
    const most = messageBurst + 1 + ((performance.now() - this.#startedAt) / 1000) * messageRate;
    if (messageRate > 0 && this.replies > most)
      this.#fail(`${this.replies} messages were answered, ${most} are allowed`);
  }

  #fail(text: string): void {
    this.#context.fault(`${this.plan.kind}: ${text}`);
  }
}

/** RFC 7692, section 7.2.2, for the first message of a connection, or one of a connection without context takeover. */
function inflateMessage(payload: Buffer): Buffer {
  return inflateRawSync(Buffer.concat([payload, Buffer.from([0, 0, 0xff, 0xff])]), {
    finishFlush: constants.Z_SYNC_FLUSH,
  });
}

/** Whether damage left nothing of a request but line ends, which a server may ignore (RFC 9112, section 2.2); nor does Node.js answer CONNECT. */
function isBlank(request: PlannedRequest | undefined): boolean {
  if (request === undefined) return false;
  const text = Buffer.concat(request.chunks).toString('latin1');
  return text.trim() === '' || text.startsWith('CONNECT ');
}

/** Statuses that are a refusal's. */
const KNOWN: Readonly<Record<number, true>> = Object.fromEntries(
  Object.values(REFUSALS)
    .filter(({ status }) => status !== 500)
    .map(({ status }) => [status, true]),
);
