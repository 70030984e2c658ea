import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type Server, type ServerOptions } from 'ws';
import { authorization, isDenied, type Authorization, type Authorize, type Denial } from './authorization.ts';
import { AddressLimiter } from './address-limiter.ts';
import { clientAddressOf, networkOf } from '../http/client-address.ts';
import { endWithError } from '../http/raw-answer.ts';
import { Connection, type Client, type ConnectionContext } from './connection.ts';
import { HandshakeChecks, isWebSocketPath, type Rejection, type SessionRequest } from './handshake-checks.ts';
import type { Connections } from './open-connections.ts';
import type { Lifecycle } from '../lifecycle/lifecycle.ts';
import { oneChunkAtATime } from './one-chunk-at-a-time.ts';
import { OwnedSocket } from './owned-socket.ts';
import { CLOSE_CODES, REJECTIONS, type ErrorBody, type RejectionReason } from '../protocol/protocol.ts';
import { requestIdOf, type RequestId } from '../protocol/request-id.ts';
import { traceContextOf, traceFields, type TraceContext } from '../tracing/trace-context.ts';
import { SPANS, type Span, type Tracing } from '../tracing/tracing.ts';
import {
  StoreFullError,
  StoreUnavailableError,
  type OpenedSession,
  type SessionId,
} from '../sessions/session-store.ts';

/** Dependencies of the handshakes. */
export interface HandshakeContext extends Omit<ConnectionContext, 'onClosed'> {
  readonly lifecycle: Lifecycle;
  readonly connections: Connections;
  readonly authorize: Authorize;
  /** `undefined` if no spans are sent. */
  readonly tracing: Tracing | undefined;
}

/** The answer to a handshake. */
export interface HandshakeAnswer {
  /** HTTP status; 101 if it is accepted. */
  readonly status: number;
  /** Why it is rejected. */
  readonly body?: ErrorBody;
}

/** Turns HTTP upgrades into connections, or rejects them with a status and a JSON body that says why. */
export class Handshakes {
  /** When the last handshake for the WebSocket path came, on `performance.now`'s clock. The preStop hook reads it. */
  lastArrivalAt = -Infinity;
  readonly #context: HandshakeContext;
  readonly #connectionContext: ConnectionContext;
  readonly #limiter: AddressLimiter;
  readonly #checks: HandshakeChecks;
  readonly #server: Server<typeof OwnedSocket>;
  readonly #addressOf: (request: IncomingMessage) => string;
  /** Handshakes that wait for `authorize` or the store. They count towards MAX_CONNECTIONS, or a burst would exceed it. */
  #pending = 0;

  constructor(context: HandshakeContext) {
    const { config, connections } = context;
    this.#context = context;
    this.#connectionContext = {
      ...context,
      onClosed: (connection) => {
        connections.remove(connection);
        this.#limiter.closed(connection.network);
      },
    };
    this.#limiter = new AddressLimiter({
      handshakesPerSecond: config.handshakeRatePerAddress,
      connections: config.maxConnectionsPerAddress,
    });
    this.#checks = new HandshakeChecks({
      ...context,
      limiter: this.#limiter,
      connections: () => connections.size + this.#pending,
    });
    this.#addressOf = clientAddressOf(config);
    this.#server = this.#createServer();
  }

  /** Listener of the HTTP server's `upgrade` event. */
  handle(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const client = this.#arrived(request);
    if (isWebSocketPath(request.url)) this.lastArrivalAt = performance.now();
    const checked = this.#checks.check(request, client.network);
    if ('reason' in checked) this.#reject(socket, checked, client);
    else this.#authorize({ request, socket, head, client }, checked);
    // Without a listener an error of the socket would end the process. `ws` listens on those that it accepted.
    if (socket.listenerCount('error') === 0) socket.on('error', ignore);
  }

  /**
   * The answer that a plain request for the WebSocket path would get as a handshake: web pages can't see the answer of
   * a real one. It is not counted in metrics, log and limits, so it opens no session that a signed resume token does not
   * name: only the store knows whether a token is older than the session.
   */
  async preflight(request: IncomingMessage): Promise<HandshakeAnswer> {
    const client = this.#identify(request);
    const checked = this.#checks.checkPlain(request, client.network);
    const rejection =
      'reason' in checked ? checked : ((await this.#checkAuthorization(request)) ?? (await this.#checkToken(checked)));
    if (rejection === undefined) return { status: 101 };
    return { status: statusOf(rejection), body: this.#errorBody(rejection, client) };
  }

  async #checkAuthorization(request: IncomingMessage): Promise<Rejection | undefined> {
    const answer = await this.#authorizationOf(request);
    return isDenied(answer) ? denial(answer) : undefined;
  }

  async #checkToken({ id, options }: SessionRequest): Promise<Rejection | undefined> {
    if (options.floor === undefined) return undefined;
    const { store } = this.#context;
    try {
      const opened = await store.open(id, options);
      store.release(opened.session);
      return this.#checks.checkOpened(opened, options);
    } catch (error) {
      if (error instanceof StoreFullError) return noMoreSessions(error);
      // The handshake would be accepted, and its connection closed with 1013.
      if (error instanceof StoreUnavailableError) return undefined;
      throw error;
    }
  }

  /** Counts and logs a plain request for the WebSocket path. @returns its id */
  countNotUpgrade(request: IncomingMessage): RequestId {
    const { requestId, address, trace } = this.#identify(request);
    this.countRejection('not_upgrade', address, { requestId, trace });
    return requestId;
  }

  /** Counts and logs a handshake that was rejected before it was complete: malformed, never finished. */
  countRejection(
    reason: RejectionReason,
    address: string,
    { requestId, trace, status = REJECTIONS[reason].status }: RejectedRequest = {},
  ): void {
    const { metrics, warnings } = this.#context;
    metrics.errors.inc({ type: 'handshake_rejected' });
    metrics.handshakesRejected.inc({ reason });
    warnings.warn('WebSocket handshake rejected', {
      event: 'websocket_handshake_rejected',
      reason,
      status,
      request_id: requestId,
      client_ip: address,
      ...traceFields(trace),
    });
  }

  /** The id of a request, and its client. */
  #identify(request: IncomingMessage): Client {
    const address = this.#addressOf(request);
    const trace = traceContextOf(request.headers['traceparent']);
    return { requestId: requestIdOf(request), address, network: this.#networkOf(address), trace };
  }

  /** Begins the span of a handshake, if spans are sent. */
  #arrived(request: IncomingMessage): TracedClient {
    const client = this.#identify(request);
    const span = this.#context.tracing?.start(SPANS.handshake, {
      parent: client.trace,
      server: true,
      attributes: { 'client.address': client.address, 'request.id': client.requestId },
    });
    return span === undefined ? client : { ...client, trace: span.context, span };
  }

  #networkOf(address: string): string {
    const { maxConnectionsPerAddress, handshakeRatePerAddress, ipv6ClientPrefix } = this.#context.config;
    const limited = maxConnectionsPerAddress > 0 || handshakeRatePerAddress > 0;
    return limited ? networkOf(address, ipv6ClientPrefix) : address;
  }

  #createServer(): Server<typeof OwnedSocket> {
    const { config } = this.#context;
    const options: WsOptions = {
      noServer: true,
      WebSocket: OwnedSocket,
      clientTracking: false,
      maxPayload: config.maxMessageBytes,
      // The defaults of `ws`, unless a message of the maximum size may have more at 64 bytes each.
      maxFragments: Math.max(16_384, Math.floor(config.maxMessageBytes / 64)),
      maxBufferedChunks: Math.max(262_144, Math.floor(config.maxMessageBytes / 64)),
      perMessageDeflate: config.perMessageDeflate,
      // Messages of `ws` and of the fast path keep their order only if `ws` emits each of its own at once.
      allowSynchronousEvents: true,
      // A connection answers pings itself.
      autoPong: false,
      closeTimeout: config.closeTimeoutSeconds * 1000,
    };
    const server = new WebSocketServer(options);
    server.on('wsClientError', (error, socket, request) => {
      this.#reject(socket, { reason: 'malformed', message: `${error.message}.` }, this.#identify(request));
    });
    server.on('headers', (headers, request: IdentifiedRequest) => {
      if (request.session !== undefined) headers.push(...identityHeaders(request.session, request.requestId ?? ''));
    });
    return server;
  }

  #authorizationOf(request: IncomingMessage): Authorization | Promise<Authorization> {
    const { authorize, config } = this.#context;
    return authorization(authorize, request, config.handshakeTimeoutSeconds);
  }

  #authorize(handshake: Handshake, asked: SessionRequest): void {
    let answer: Authorization | Promise<Authorization>;
    try {
      answer = this.#authorizationOf(handshake.request);
    } catch (error) {
      this.#rejectUnopened(error, handshake);
      return;
    }
    if (answer instanceof Promise)
      this.#later(handshake, answer, (authorized) => {
        this.#authorized(handshake, asked, authorized);
      });
    else this.#authorized(handshake, asked, answer);
  }

  #authorized(handshake: Handshake, asked: SessionRequest, answer: Authorization): void {
    const { client, socket } = handshake;
    if (isDenied(answer)) this.#reject(socket, denial(answer), client);
    else if (answer.user === undefined) this.#openSession(handshake, asked);
    else this.#openSession({ ...handshake, client: { ...client, user: answer.user } }, asked);
  }

  #openSession(handshake: Handshake, asked: SessionRequest): void {
    const startedAt = performance.now();
    let opened: OpenedSession | Promise<OpenedSession>;
    try {
      opened = this.#context.store.open(asked.id, asked.options);
    } catch (error) {
      this.#rejectUnopened(error, handshake);
      return;
    }
    // The store in memory answers at once, and the handshake ends in this turn of the event loop.
    if (opened instanceof Promise)
      this.#later(handshake, opened, (session) => {
        this.#accept(handshake, asked, session, startedAt);
      });
    else this.#accept(handshake, asked, opened, startedAt);
  }

  #later<T>(handshake: Handshake, due: Promise<T>, proceed: (value: T) => void): void {
    this.#pending += 1;
    due.then(
      (value) => {
        this.#pending -= 1;
        proceed(value);
      },
      (error: unknown) => {
        this.#pending -= 1;
        this.#rejectUnopened(error, handshake);
      },
    );
  }

  #accept(handshake: Handshake, { options }: SessionRequest, opened: OpenedSession, startedAt: number): void {
    const { store, metrics, tracing } = this.#context;
    if (opened.resumed)
      tracing
        ?.start(SPANS.resume, {
          parent: handshake.client.trace,
          secondsAgo: (performance.now() - startedAt) / 1000,
          attributes: { 'session.id': opened.session.id },
        })
        .end();
    const rejection = this.#checks.checkOpened(opened, options);
    if (rejection !== undefined) {
      store.release(opened.session);
      this.#reject(handshake.socket, rejection, handshake.client);
      return;
    }
    if (options.floor !== undefined) metrics.resumeTokens.inc({ result: 'accepted' });
    this.#upgrade(handshake, opened);
  }

  #upgrade(handshake: Handshake, opened: OpenedSession): void {
    const { request, socket, client } = handshake;
    request.session = opened.session.id;
    request.requestId = client.requestId;
    const webSocket = this.#handleUpgrade(handshake);
    if (webSocket !== undefined) this.#open(webSocket, socket, opened, client);
    else {
      this.#context.store.release(opened.session);
      client.span?.end({}, 'the client is gone');
    }
  }

  /** @returns `undefined` if `ws` rejects the handshake, or the client is gone */
  #handleUpgrade({ request, socket, head }: Handshake): OwnedSocket | undefined {
    const accepted: OwnedSocket[] = [];
    const upgrade = (): void => {
      this.#server.handleUpgrade(request, socket, head, (webSocket) => accepted.push(webSocket));
    };
    // Without compression `ws` finishes each chunk at once.
    if (this.#context.config.perMessageDeflate) oneChunkAtATime(upgrade);
    else upgrade();
    return accepted[0];
  }

  #open(socket: OwnedSocket, stream: Duplex, { session, resumed }: OpenedSession, client: TracedClient): void {
    const { metrics, log, connections } = this.#context;
    // `ws` listens for errors now; a second listener, left from a wait for the store, would only take memory.
    stream.off('error', ignore);
    const connection = new Connection(socket, stream, session, client, this.#connectionContext);
    connections.add(connection);
    this.#limiter.opened(client.network);
    metrics.connectionsOpened.inc();
    if (resumed) metrics.sessionsResumed.inc();
    else metrics.sessionsCreated.inc();
    log.connected({ connection, resumed });
    client.span?.end({ [STATUS]: 101, 'session.id': session.id });
  }

  #rejectUnopened(error: unknown, handshake: Handshake): void {
    const { connections, logger, metrics } = this.#context;
    const { socket, client } = handshake;
    if (error instanceof StoreFullError) this.#reject(socket, noMoreSessions(error), client);
    else if (error instanceof StoreUnavailableError) this.#acceptToClose(handshake, connections.retryAfterMs());
    else {
      logger.error('WebSocket handshake failed', {
        event: 'websocket_internal_error',
        request_id: client.requestId,
        client_ip: client.address,
        ...traceFields(client.trace),
        error,
      });
      metrics.errors.inc({ type: 'internal' });
      this.#reject(socket, { reason: 'internal', message: 'The service failed: try again later.' }, client);
    }
  }

  /**
   * Accepts, and closes with 1013 at once: a web page can't see why a handshake was rejected, but it sees a close code
   * and the delay in its reason.
   */
  #acceptToClose(handshake: Handshake, retryAfterMs: number): void {
    const { metrics, warnings } = this.#context;
    const { code } = CLOSE_CODES.tryAgainLater;
    const webSocket = this.#handleUpgrade(handshake);
    handshake.client.span?.end({ [STATUS]: 101 }, 'store');
    if (webSocket === undefined) return;
    metrics.connectionsOpened.inc();
    metrics.errors.inc({ type: 'store' });
    webSocket.on('error', ignore).on('close', () => {
      metrics.connectionsClosed.inc({ code: String(code), initiator: 'server' });
    });
    webSocket.close(code, `retry_after_ms=${retryAfterMs}`);
    warnings.warn('WebSocket session could not be read from its store', {
      event: 'websocket_client_error',
      reason: 'store',
      request_id: handshake.client.requestId,
      client_ip: handshake.client.address,
      ...traceFields(handshake.client.trace),
    });
  }

  #reject(socket: Duplex, rejection: Rejection, client: TracedClient): void {
    const { reason, tokenFault } = rejection;
    const status = statusOf(rejection);
    if (tokenFault !== undefined) this.#context.metrics.resumeTokens.inc({ result: tokenFault });
    this.countRejection(reason, client.address, { ...client, status });
    client.span?.end({ [STATUS]: status }, reason);
    endWithError(socket, status, this.#errorBody(rejection, client));
  }

  #errorBody(rejection: Rejection, { requestId }: Client): ErrorBody {
    const { reason, message } = rejection;
    const status = statusOf(rejection);
    const canRetry = status === 503 || status === 429;
    return {
      error: reason,
      message,
      request_id: requestId,
      ...(canRetry && { retry_after_ms: this.#context.connections.retryAfterMs() }),
    };
  }
}

function denial({ status, message }: Denial): Rejection {
  return { reason: 'unauthorized', status, message };
}

function statusOf({ reason, status }: Rejection): number {
  return status ?? REJECTIONS[reason].status;
}

function noMoreSessions({ message }: StoreFullError): Rejection {
  return { reason: 'capacity', message: `No more sessions: ${message}.` };
}

/** `closeTimeout` (ms) came with ws 8.19; @types/ws does not know it yet. */
type WsOptions = ServerOptions<typeof OwnedSocket> & { readonly closeTimeout: number };

/** A handshake whose request is valid. */
interface Handshake {
  readonly request: IdentifiedRequest;
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly client: TracedClient;
}

/** The client of a handshake, with the handshake's span. */
interface TracedClient extends Client {
  /** `undefined` if no spans are sent. */
  readonly span?: Span;
}

/** What is known of a handshake that is rejected. */
interface RejectedRequest {
  readonly requestId?: string;
  readonly trace?: TraceContext | undefined;
  /** That of its reason, if it is not said. */
  readonly status?: number;
}

/** HTTP status, by OpenTelemetry's semantic conventions. */
const STATUS = 'http.response.status_code';

/** A request during its upgrade, with the values of the answer's headers. */
interface IdentifiedRequest extends IncomingMessage {
  session?: SessionId;
  requestId?: string;
}

/** Header lines of the 101 answer. */
function identityHeaders(sessionId: SessionId, requestId: string): string[] {
  return [`X-Session-Id: ${sessionId}`, `X-Request-Id: ${requestId}`];
}

function ignore(): void {
  // The `close` event follows.
}
