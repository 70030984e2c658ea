import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type Server, type ServerOptions } from 'ws';
import { AddressLimiter } from './address-limiter.ts';
import { clientAddressOf } from '../http/client-address.ts';
import { endWithError } from '../http/raw-answer.ts';
import { Connection, type Client, type ConnectionContext } from './connection.ts';
import type { Connections } from './open-connections.ts';
import type { Lifecycle } from '../lifecycle/lifecycle.ts';
import { originCheck } from './origin-check.ts';
import { OwnedSocket } from './owned-socket.ts';
import {
  CLOSE_CODES,
  REFUSALS,
  requestedSessionId,
  WEBSOCKET_PATH,
  type ErrorBody,
  type Refusal,
} from '../protocol/protocol.ts';
import { requestIdOf } from '../protocol/request-id.ts';
import { TOKEN_FAULTS, type TokenFault } from '../sessions/resume-token.ts';
import {
  StoreFullError,
  StoreUnavailableError,
  type OpenedSession,
  type OpenOptions,
  type SessionId,
} from '../sessions/session-store.ts';
import { acceptPlain, isPlain } from './upgrade.ts';
import { newUuid } from '../protocol/uuid.ts';

/** What the handshakes need beside what a connection needs. */
export interface HandshakeContext extends Omit<ConnectionContext, 'onClosed'> {
  readonly lifecycle: Lifecycle;
  readonly connections: Connections;
}

/** RFC 6455, section 4.1: 16 bytes in base64. */
const KEY = /^[+/0-9A-Za-z]{22}==$/;

/** Takes HTTP upgrades and makes connections of them, or refuses them with a status and a JSON body that says why. */
export class Handshakes {
  /** When the last handshake for the WebSocket path came, on `performance.now`'s clock: what the preStop hook waits for. */
  lastArrivalAt = -Infinity;
  readonly #context: HandshakeContext;
  readonly #connectionContext: ConnectionContext;
  readonly #limiter: AddressLimiter;
  readonly #server: Server<typeof OwnedSocket>;
  readonly #addressOf: (request: IncomingMessage) => string;
  readonly #originAllowed: (origin: string | undefined, host: string | undefined) => boolean;
  /** Handshakes that wait for the store: they count towards the limit, or a burst would pass it. */
  #pending = 0;

  constructor(context: HandshakeContext) {
    const { config } = context;
    this.#context = context;
    this.#connectionContext = {
      ...context,
      onClosed: (connection) => {
        context.connections.remove(connection);
        this.#limiter.closed(connection.address);
      },
    };
    this.#limiter = new AddressLimiter({
      handshakesPerSecond: config.handshakeRatePerAddress,
      connections: config.maxConnectionsPerAddress,
    });
    this.#addressOf = clientAddressOf(config.trustedProxies);
    this.#originAllowed = originCheck(config.allowedOrigins);
    const options: WsOptions = {
      noServer: true,
      WebSocket: OwnedSocket,
      clientTracking: false,
      maxPayload: config.maxMessageBytes,
      perMessageDeflate: config.perMessageDeflate,
      // A connection answers pings itself.
      autoPong: false,
      closeTimeout: config.closeTimeoutSeconds * 1000,
    };
    this.#server = new WebSocketServer(options);
    this.#server.on('wsClientError', (error, socket, request) => {
      this.#refuse(socket, 'malformed', `${error.message}.`, this.#identify(request));
    });
    this.#server.on('headers', (headers, request: IdentifiedRequest) => {
      if (request.session !== undefined) headers.push(...identityHeaders(request.session, request.requestId ?? ''));
    });
  }

  /** Takes a request to upgrade. Listener of the HTTP server's `upgrade` event. */
  handle(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const client = this.#identify(request);
    const [path, query] = splitUrl(request.url ?? '');
    if (path === WEBSOCKET_PATH) this.lastArrivalAt = performance.now();
    const sessionId = requestedSessionId(query);
    const refusal = this.#refusal(request, path, sessionId, client.address);
    if (refusal !== undefined) this.#refuse(socket, ...refusal, client);
    else this.#resume(query, sessionId ?? undefined, { request, socket, head, client });
    // Errors come in later turns. `ws` listens for them where there is a connection by now.
    if (socket.listenerCount('error') === 0) socket.on('error', ignore);
  }

  /** Opens the session that is asked for: by its id, from a resume token's count, or a new one. */
  #resume(query: URLSearchParams, asked: SessionId | undefined, handshake: Handshake): void {
    const token = query.get('resume');
    if (token === null) {
      const id = asked ?? (newUuid() as SessionId);
      this.#accept(handshake, id, { fresh: asked === undefined });
      return;
    }
    const verified = this.#context.resumeTokens?.verify(token, asked) ?? 'unconfigured';
    if (typeof verified === 'number' && asked !== undefined) this.#accept(handshake, asked, { floor: verified });
    else this.#refuseToken(typeof verified === 'number' ? 'foreign' : verified, handshake);
  }

  #refuseToken(fault: TokenFault, { socket, client }: Handshake): void {
    this.#context.metrics.resumeTokens.inc({ result: fault });
    const message = `The resume token is not taken: ${TOKEN_FAULTS[fault]}. Connect with session_id alone.`;
    this.#refuse(socket, 'resume_token', message, client);
  }

  /** Counts a handshake that the HTTP layer refused: not an upgrade, malformed, never finished. */
  countRefusal(reason: Refusal, address: string, requestId?: string): void {
    const { metrics, warnings } = this.#context;
    metrics.errors.inc({ type: 'handshake_rejected' });
    metrics.handshakesRejected.inc({ reason });
    warnings.warn('WebSocket handshake rejected', {
      event: 'websocket_handshake_rejected',
      reason,
      status: REFUSALS[reason].status,
      request_id: requestId,
      client_ip: address,
    });
  }

  /** The id of a request and the address of its client. */
  #identify(request: IncomingMessage): Client {
    return { requestId: requestIdOf(request), address: this.#addressOf(request) };
  }

  /** Checks in the order in which they cost least and tell most. */
  #refusal(
    request: IncomingMessage,
    path: string,
    sessionId: SessionId | null | undefined,
    address: string,
  ): [Refusal, string] | undefined {
    const { lifecycle, connections, config } = this.#context;
    const { headers } = request;
    if (path !== WEBSOCKET_PATH) return ['path', `WebSockets are served at ${WEBSOCKET_PATH}.`];
    if (!lifecycle.accepting)
      return ['draining', 'This instance is shutting down or starting: try again, another one answers.'];
    if (request.method !== 'GET') return ['method', 'A WebSocket handshake is a GET (RFC 6455, section 4.1).'];
    if (!KEY.test(headers['sec-websocket-key'] ?? ''))
      return ['malformed', 'Sec-WebSocket-Key must be 16 bytes in base64 (RFC 6455, section 4.1).'];
    if (headers['sec-websocket-version'] !== '13')
      return ['malformed', 'Sec-WebSocket-Version must be 13 (RFC 6455, section 4.1).'];
    if (sessionId === null)
      return [
        'malformed',
        'session_id must be one UUID, for example 3f2b8c1e-7d4a-4f0e-9b6a-2c5d8e1f0a9b; leave it out for a new session.',
      ];
    if (!this.#originAllowed(headers.origin, headers.host)) return ['origin', 'This Origin is not in ALLOWED_ORIGINS.'];
    const overLimit = this.#limiter.admit(address);
    if (overLimit === 'rate') return ['rate', 'Too many handshakes from this address: slow down.'];
    if (overLimit === 'address_connections')
      return ['address_connections', 'Too many open connections from this address: close some.'];
    if (connections.size + this.#pending >= config.maxConnections)
      return ['capacity', 'This instance is full: try again, another one may answer.'];
    return undefined;
  }

  #accept(handshake: Handshake, id: SessionId, options: OpenOptions): void {
    let opened: OpenedSession | Promise<OpenedSession>;
    try {
      opened = this.#context.store.open(id, options);
    } catch (error) {
      this.#refuseUnopened(error, handshake);
      return;
    }
    // A store in memory answers at once: then the handshake is done in this turn.
    if (opened instanceof Promise) this.#acceptLater(handshake, options, opened);
    else this.#acceptOpened(handshake, options, opened);
  }

  #acceptLater(handshake: Handshake, options: OpenOptions, opening: Promise<OpenedSession>): void {
    this.#pending += 1;
    opening.then(
      (opened) => {
        this.#pending -= 1;
        this.#acceptOpened(handshake, options, opened);
      },
      (error: unknown) => {
        this.#pending -= 1;
        this.#refuseUnopened(error, handshake);
      },
    );
  }

  #acceptOpened(handshake: Handshake, options: OpenOptions, opened: OpenedSession): void {
    const { store, lifecycle } = this.#context;
    const { socket, client } = handshake;
    if (!lifecycle.accepting) {
      store.release(opened.session);
      this.#refuse(socket, 'draining', 'This instance is shutting down: try again, another one answers.', client);
      return;
    }
    if (options.floor !== undefined) {
      if (opened.session.count > options.floor) {
        store.release(opened.session);
        this.#refuseToken('older', handshake);
        return;
      }
      this.#context.metrics.resumeTokens.inc({ result: 'accepted' });
    }
    this.#upgrade(handshake, opened);
  }

  #upgrade({ request, socket, head, client }: Handshake, { session, resumed }: OpenedSession): void {
    const { connections, store } = this.#context;
    const { options } = this.#server;
    const key = request.headers['sec-websocket-key'];
    if (key !== undefined && isPlain(request, options)) {
      const webSocket = acceptPlain(socket, head, key, identityHeaders(session.id, client.requestId), options);
      if (webSocket === undefined) store.release(session);
      else this.#open(webSocket, socket, { session, resumed }, client);
      return;
    }
    request.session = session.id;
    request.requestId = client.requestId;
    const before = connections.size;
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      this.#open(webSocket, socket, { session, resumed }, client);
    });
    // If there is no more connection now, `ws` found something wrong and answered it, or the client is gone already.
    if (connections.size === before) store.release(session);
  }

  #open(socket: OwnedSocket, stream: Duplex, { session, resumed }: OpenedSession, client: Client): void {
    const { metrics, log, connections } = this.#context;
    // From here on `ws` listens for errors, and a second listener, there if the store took its time, is memory for good.
    stream.off('error', ignore);
    const connection = new Connection(socket, stream, session, client, this.#connectionContext);
    connections.add(connection);
    this.#limiter.opened(client.address);
    metrics.connectionsOpened.inc();
    if (resumed) metrics.sessionsResumed.inc();
    else metrics.sessionsCreated.inc();
    log.connected({ connection, resumed });
  }

  #refuseUnopened(error: unknown, handshake: Handshake): void {
    const { connections, logger } = this.#context;
    const { socket, client } = handshake;
    if (error instanceof StoreFullError)
      this.#refuse(socket, 'capacity', `No more sessions: ${error.message}.`, client);
    else if (error instanceof StoreUnavailableError) this.#acceptToClose(handshake, connections.retryAfterMs());
    else {
      logger.error('WebSocket handshake failed', {
        event: 'websocket_internal_error',
        request_id: client.requestId,
        client_ip: client.address,
        error,
      });
      this.#context.metrics.errors.inc({ type: 'internal' });
      this.#refuse(socket, 'internal', 'The service failed: try again later.', client);
    }
  }

  /**
   * Accepts, and closes with 1013 at once: a page in a browser can't see why a handshake was refused, but it sees a close
   * code, and the delay in its reason.
   */
  #acceptToClose({ request, socket, head, client }: Handshake, retryAfterMs: number): void {
    const { metrics, warnings } = this.#context;
    const { code } = CLOSE_CODES.tryAgainLater;
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      metrics.connectionsOpened.inc();
      metrics.errors.inc({ type: 'store' });
      webSocket.on('error', ignore).on('close', () => {
        metrics.connectionsClosed.inc({ code: String(code), initiator: 'server' });
      });
      webSocket.close(code, `retry_after_ms=${retryAfterMs}`);
      warnings.warn('WebSocket session could not be read from its store', {
        event: 'websocket_client_error',
        reason: 'store',
        request_id: client.requestId,
        client_ip: client.address,
      });
    });
  }

  #refuse(socket: Duplex, reason: Refusal, message: string, client: Client): void {
    this.countRefusal(reason, client.address, client.requestId);
    const { status } = REFUSALS[reason];
    const retryAfterMs = status === 503 || status === 429 ? this.#context.connections.retryAfterMs() : undefined;
    const body: ErrorBody = {
      error: reason,
      message,
      request_id: client.requestId,
      ...(retryAfterMs !== undefined && { retry_after_ms: retryAfterMs }),
    };
    endWithError(socket, status, body);
  }
}

/** `closeTimeout` (ms) came with ws 8.19; @types/ws does not know it yet. */
type WsOptions = ServerOptions<typeof OwnedSocket> & { readonly closeTimeout: number };

/** A handshake whose request is good. */
interface Handshake {
  readonly request: IdentifiedRequest;
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly client: Client;
}

/** A request on its way to be a connection, with what the 101 answer tells in its headers. */
interface IdentifiedRequest extends IncomingMessage {
  session?: SessionId;
  requestId?: string;
}

/** Path with its slash at the end, and query. The URL is a client's: no parser that throws is let near it. */
function splitUrl(url: string): [string, URLSearchParams] {
  const mark = url.indexOf('?');
  const path = mark === -1 ? url : url.slice(0, mark);
  return [path.endsWith('/') ? path : `${path}/`, mark === -1 ? NO_QUERY : new URLSearchParams(url.slice(mark + 1))];
}

/** Header lines of an accepted handshake's answer: who the client is from now on. */
function identityHeaders(sessionId: SessionId, requestId: string): string[] {
  return [`X-Session-Id: ${sessionId}`, `X-Request-Id: ${requestId}`];
}

/** Most handshakes have none; it is only read. */
const NO_QUERY = new URLSearchParams();

function ignore(): void {
  // The socket's end is seen elsewhere; without a listener its error would end the process.
}
