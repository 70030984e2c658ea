import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { Inbox } from './inbox.ts';

/**
 * What is wrong with it: a status that it answers, or
 *  - `hang`: takes requests and never answers
 *  - `cut`: ends the connection in the middle of a body
 *  - `swallow`: stores what is pushed and ends the connection without an answer
 */
export type Fault = 'none' | 'hang' | 'cut' | 'swallow' | 400 | 401 | 429 | 500 | 503;

/** One entry of a push. */
export interface PushedLine {
  readonly labels: Readonly<Record<string, string>>;
  readonly nanoseconds: bigint;
  readonly line: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** A push that came. */
interface Push {
  readonly headers: IncomingHttpHeaders;
  readonly fault: Fault;
  /** When, on `performance.now`'s clock. */
  readonly at: number;
}

/** A server with Loki's push and query API, which can be told to fail. What it stores are the lines of pushes that it answered. */
export class FaultyLoki {
  fault: Fault = 'none';
  /** Whether it can be asked what it has. If not, it answers 404. */
  readable = true;
  /** Lines that it stored, in the order in which they came. */
  readonly lines: PushedLine[] = [];
  /** Pushes with lines, whatever became of them, for those who wait for one. */
  readonly pushes = new Inbox<Push>();
  readonly #server: Server;
  readonly #host: string;
  #port = 0;

  private constructor(host: string, tls?: { key: string; cert: string }) {
    this.#host = host;
    const handle = (request: IncomingMessage, response: ServerResponse): void => {
      void this.#handle(request, response);
    };
    this.#server = tls === undefined ? createServer(handle) : createSecureServer(tls, handle);
  }

  /**
   * Starts one, which ends with the test.
   * @param host address that it listens on
   */
  static async start(
    t: Pick<TestContext, 'after'>,
    tls?: { key: string; cert: string },
    host = '127.0.0.1',
  ): Promise<FaultyLoki> {
    const loki = new FaultyLoki(host, tls);
    await loki.up();
    t.after(() => loki.down());
    return loki;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get secureUrl(): string {
    return `https://localhost:${this.#port}`;
  }

  /** Listens, on the port that it had before. */
  async up(): Promise<void> {
    this.#server.listen(this.#port, this.#host);
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Listens no more: connections are refused. */
  async down(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  /** Ends the fault: connections that hang are left alone, as a broken network leaves them. */
  mend(): void {
    this.fault = 'none';
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { fault } = this;
    request.on('error', () => undefined);
    if (fault === 'cut') {
      request.once('data', () => request.socket.destroy());
      return;
    }
    const body = await bodyOf(request);
    // The client gave up.
    if (!request.complete) return;
    const lines = request.method === 'POST' ? readPush(body) : [];
    if (lines.length > 0) this.pushes.put({ headers: request.headers, fault, at: performance.now() });
    if (fault === 'hang') return;
    if (typeof fault === 'number') {
      response.writeHead(fault).end('as the test wants it');
      return;
    }
    if (request.method === 'GET') {
      this.#answerQuery(new URL(request.url ?? '', this.url), response);
      return;
    }
    this.lines.push(...lines);
    if (fault === 'swallow') request.socket.destroy();
    else response.writeHead(204).end();
  }

  #answerQuery({ searchParams }: URL, response: ServerResponse): void {
    if (!this.readable) {
      response.writeHead(404).end();
      return;
    }
    const start = BigInt(searchParams.get('start') ?? 0);
    const end = BigInt(searchParams.get('end') ?? 0);
    const found = this.lines.filter(({ nanoseconds }) => nanoseconds >= start && nanoseconds < end);
    const values = found.map(({ nanoseconds, line }) => [String(nanoseconds), line]);
    response.end(
      JSON.stringify({ status: 'success', data: { resultType: 'streams', result: [{ stream: {}, values }] } }),
    );
  }
}

/** Reads a body of Loki's push API (JSON). */
function readPush(body: Buffer): PushedLine[] {
  const { streams } = JSON.parse(body.toString()) as { streams: PushedStream[] };
  return streams.flatMap(({ stream: labels, values }) =>
    values.map(([nanoseconds, line, metadata]) => ({ labels, nanoseconds: BigInt(nanoseconds), line, metadata })),
  );
}

interface PushedStream {
  readonly stream: Readonly<Record<string, string>>;
  readonly values: readonly [string, string, Readonly<Record<string, string>>][];
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  } catch {
    // It is incomplete.
  }
  return Buffer.concat(chunks);
}
