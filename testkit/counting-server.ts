import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';

/** Ways in which the server can be wrong on purpose. Message numbers are those of a session, from 1. */
export interface Faults {
  /** Gives this count and the next one for one message. */
  readonly skipAt?: number;
  /** Counts this message twice, silently. */
  readonly doubleAt?: number;
  /** Tells the count of this message twice. */
  readonly repeatReplyAt?: number;
  /** Counts this message like the one before. */
  readonly repeatCountAt?: number;
  /** Falls back by three counts at this message. */
  readonly backAt?: number;
  /** Neither counts nor answers this message. */
  readonly swallowAt?: number;
  /** Starts sessions that come back from 0 again. */
  readonly resetOnResume?: boolean;
  /** Forgets this many counts of each session when it says goodbye. */
  readonly loseAtDrain?: number;
  /** Added to the total of each bye. */
  readonly byeTotalOff?: number;
  /** Names another session in each bye. */
  readonly wrongSession?: boolean;
  /** Added to `websocket_messages_total`. */
  readonly messagesMetricOff?: number;
  /** Added to `websocket_connections_opened_total`. */
  readonly openedMetricOff?: number;
  /** Counts closes with 1000 as 1001. */
  readonly closeMetricWrong?: boolean;
  /** Answers some messages with nonsense. */
  readonly nonsenseAt?: number;
}

/** How the server answers. */
export interface ServerOptions extends Faults {
  /** Time between a message and its reply, in milliseconds. */
  readonly delayMs?: number;
  /** Answers a handshake for this address with this status while it says so. */
  readonly refuse?: (
    url: URL,
  ) =>
    | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: unknown }
    | undefined;
  /** Has no `/metrics/`. */
  readonly noMetrics?: boolean;
  /** Path of its WebSockets. */
  readonly path?: string;
  /** Time to wait that its byes ask for, in milliseconds. */
  readonly retryAfterMs?: number;
  /** `resume` of its byes. */
  readonly resumeToken?: string;
}

/** A test, or anything else that ends. */
export interface Test {
  after(work: () => Promise<void>): void;
}

/** A small server with the service's protocol and metrics, which can be wrong on purpose. */
export class CountingServer {
  /** Requests for a WebSocket: path with query, when, from which address. */
  readonly handshakes: { readonly url: URL; readonly at: number; readonly from: string }[] = [];
  /** Time from a message to its reply as the server itself took it, in milliseconds. */
  readonly takenMs: number[] = [];
  readonly #options: ServerOptions;
  readonly #http: Server;
  readonly #sockets = new WebSocketServer({ noServer: true });
  readonly #connections = new Set<Socket>();
  readonly #counts = new Map<string, number>();
  readonly #received = new Map<string, number>();
  readonly #closes = new Map<string, number>();
  readonly #waiting: (() => void)[] = [];
  #messages = 0;
  #opened = 0;
  #stalled: (() => void)[] | undefined;

  private constructor(options: ServerOptions) {
    this.#options = options;
    this.#http = createServer((request, response) => {
      this.#answer(request, response);
    });
    this.#http.on('connection', (socket) => {
      this.#connections.add(socket);
      socket.on('close', () => this.#connections.delete(socket));
    });
    this.#http.on('upgrade', (request, socket, head) => {
      this.#upgrade(request, socket, head);
    });
  }

  /** Starts a server on a free port of 127.0.0.1. It is stopped when `test` ends, if one is given. */
  static async start(options: ServerOptions = {}, test?: Test): Promise<CountingServer> {
    const server = new CountingServer(options);
    test?.after(() => server.stop());
    await new Promise<void>((resolve) => {
      server.#http.listen(0, '127.0.0.1', resolve);
    });
    return server;
  }

  get port(): number {
    return (this.#http.address() as AddressInfo).port;
  }

  /** What `--host` takes. */
  get host(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  get metricsUrl(): string {
    return `http://127.0.0.1:${this.port}/metrics/`;
  }

  get open(): number {
    return this.#sockets.clients.size;
  }

  /** Counts of all sessions together. */
  get counted(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** The highest count that a session was told. */
  get highest(): number {
    return Math.max(0, ...this.#counts.values());
  }

  /** Resolves once this many sessions have been told this count each. */
  async told(sessions: number, count: number): Promise<void> {
    while (this.#counts.size < sessions || [...this.#counts.values()].some((each) => each < count))
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Says goodbye to all clients, as a drain does. */
  drain(): void {
    for (const socket of this.#sockets.clients) this.#sayBye(socket as SessionSocket);
  }

  /** Ends all connections without a close frame. */
  cut(): void {
    for (const socket of this.#sockets.clients) socket.terminate();
  }

  /** Closes all connections with a code. */
  closeAll(code: number, reason = ''): void {
    for (const socket of this.#sockets.clients) socket.close(code, reason);
  }

  /** Answers nothing for a while; what arrives meanwhile is answered then. */
  stall(ms: number): void {
    const waiting: (() => void)[] = [];
    this.#stalled = waiting;
    setTimeout(() => {
      this.#stalled = undefined;
      for (const answer of waiting) answer();
    }, ms);
  }

  /** Ends all connections and frees the port. */
  async stop(): Promise<void> {
    for (const socket of this.#connections) socket.destroy();
    await new Promise((resolve) => this.#http.close(resolve));
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const url = new URL(request.url ?? '', this.host);
    this.handshakes.push({ url, at: performance.now(), from: request.socket.remoteAddress ?? '' });
    const refusal =
      this.#options.refuse?.(url) ??
      (url.pathname === (this.#options.path ?? '/ws/chat/') ? undefined : { status: 404 });
    if (refusal !== undefined) {
      const body = JSON.stringify(refusal.body ?? {});
      const headers = Object.entries({ 'content-length': body.length, connection: 'close', ...refusal.headers });
      socket.end(
        `HTTP/1.1 ${refusal.status} Refused\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`,
      );
      return;
    }
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
      this.#accept(webSocket as SessionSocket, url.searchParams.get('session_id') ?? '');
    });
  }

  #accept(socket: SessionSocket, session: string): void {
    this.#opened += 1;
    socket.session = session;
    if (this.#options.resetOnResume) this.#counts.delete(session);
    socket.on('message', () => {
      const arrivedAt = performance.now();
      this.#after(() => {
        this.#count(socket);
        this.takenMs.push(performance.now() - arrivedAt);
      });
    });
    socket.on('error', () => undefined);
    socket.on('close', (code) => {
      const sent = socket.sentCode ?? code;
      const label = this.#options.closeMetricWrong && sent === 1000 ? '1001' : String(sent);
      this.#closes.set(label, (this.#closes.get(label) ?? 0) + 1);
    });
  }

  #after(answer: () => void): void {
    const { delayMs = 0 } = this.#options;
    if (this.#stalled !== undefined) this.#stalled.push(answer);
    else if (delayMs === 0) answer();
    else setTimeout(answer, delayMs).unref();
  }

  #count(socket: SessionSocket): void {
    if (socket.readyState !== WebSocket.OPEN) return;
    const faults = this.#options;
    const { session } = socket;
    const number = (this.#received.get(session) ?? 0) + 1;
    this.#received.set(session, number);
    if (number === faults.swallowAt) return;
    if (number === faults.nonsenseAt) socket.send('nonsense');
    const count = Math.max(0, (this.#counts.get(session) ?? 0) + 1 + offsetAt(number, faults));
    this.#counts.set(session, count);
    this.#messages += 1;
    socket.send(`{"count": ${count}}`);
    if (number === faults.repeatReplyAt) socket.send(`{"count": ${count}}`);
    for (const look of this.#waiting.splice(0)) look();
  }

  #sayBye(socket: SessionSocket): void {
    const { loseAtDrain = 0, byeTotalOff = 0, wrongSession, retryAfterMs = 50, resumeToken } = this.#options;
    const count = this.#counts.get(socket.session) ?? 0;
    socket.send(
      JSON.stringify({
        bye: true,
        total: count + byeTotalOff,
        session_id: wrongSession ? '00000000-0000-4000-8000-000000000000' : socket.session,
        retry_after_ms: retryAfterMs,
        ...(resumeToken !== undefined && { resume: resumeToken }),
      }),
    );
    this.#counts.set(socket.session, Math.max(0, count - loseAtDrain));
    socket.sentCode = 1001;
    socket.close(1001);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    if (request.url !== '/metrics/' || this.#options.noMetrics) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(this.#metricsText());
  }

  #metricsText(): string {
    const { messagesMetricOff = 0, openedMetricOff = 0 } = this.#options;
    // What is off is so from the first message on, or the change would be right.
    const off = (value: number): number => (this.#messages > 0 ? value : 0);
    return [
      `websocket_messages_total ${this.#messages + off(messagesMetricOff)}`,
      `websocket_connections_opened_total ${this.#opened + off(openedMetricOff)}`,
      `websocket_active_connections ${this.open}`,
      ...['1000', '1001', 'other'].map((code) => this.#closeLine(code)),
      ...[...this.#closes.keys()]
        .filter((code) => !['1000', '1001'].includes(code))
        .map((code) => this.#closeLine(code)),
      '',
    ].join('\n');
  }

  #closeLine(code: string): string {
    return `websocket_connections_closed_total{code="${code}",initiator="client"} ${this.#closes.get(code) ?? 0}`;
  }
}

interface SessionSocket extends WebSocket {
  session: string;
  sentCode?: number;
}

/** How far off the count of a message is. */
function offsetAt(number: number, { skipAt, doubleAt, repeatCountAt, backAt }: Faults): number {
  if (number === skipAt || number === doubleAt) return 1;
  if (number === repeatCountAt) return -1;
  return number === backAt ? -3 : 0;
}
