import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { RateLimitedWarnings } from '../log/rate-limited-warnings.ts';
import type { Config } from '../config/options.ts';
import { writeReply } from './fast-path/direct-reply.ts';
import { takeShortTexts, type ShortTextReceiver } from './fast-path/short-text-scanner.ts';
import { HandlerQueue } from './handler-queue.ts';
import type { Logger } from '../log/logger.ts';
import { HandlerError, type MessageHandler } from './message-handler.ts';
import { connectionFields, type ConnectionLog } from './connection-log.ts';
import {
  CODE_LABELS,
  type ErrorType,
  type Initiator,
  type MessageRejection,
  type Metrics,
} from '../metrics/metrics.ts';
import { bye, CLOSE_CODES, countReply, dataReply, type CloseReason } from '../protocol/protocol.ts';
import type { RequestId } from '../protocol/request-id.ts';
import { Liveness, type ClientState } from './liveness.ts';
import { retryAfterMs } from './retry-after.ts';
import type { OwnedSocket, SocketOwner } from './owned-socket.ts';
import type { ResumeTokens } from '../sessions/resume-token.ts';
import { traceFields, type TraceContext } from '../tracing/trace-context.ts';
import { StoreUnavailableError, type Session, type SessionId, type SessionStore } from '../sessions/session-store.ts';

/** What all connections have in common. */
export interface ConnectionContext {
  readonly config: Config;
  readonly store: SessionStore;
  /** Signs the resume tokens of byes, if configured. */
  readonly resumeTokens: ResumeTokens | undefined;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly log: ConnectionLog;
  readonly warnings: RateLimitedWarnings;
  /** Short messages and their replies bypass `ws`, except on connections with compression. */
  readonly fastPath: boolean;
  /** Handles counted messages; `undefined` if their counts are the whole answer. */
  readonly handler: MessageHandler | undefined;
  /** Called once a connection is closed and its session released. */
  readonly onClosed: (connection: Connection) => void;
}

/** The client of a connection, from its handshake. */
export interface Client {
  readonly requestId: RequestId;
  readonly address: string;
  /** What the limits of an address count: the address, or its IPv6 network. */
  readonly network: string;
  /** Who it is, if `authorize` says so. */
  readonly user?: string | undefined;
  /** The span of its handshake, or else the client's own. */
  readonly trace?: TraceContext | undefined;
}

/** One WebSocket of one session: counts and answers its messages. */
export class Connection implements ShortTextReceiver, SocketOwner {
  readonly session: Session;
  readonly requestId: RequestId;
  readonly address: string;
  readonly network: string;
  /** Who the client is, if `authorize` said so. */
  readonly user: string | undefined;
  /** The span of its handshake, or else the client's own. */
  readonly trace: TraceContext | undefined;
  readonly openedAt = performance.now();
  /** When the last message was counted and the tokens of its rate were refilled, on `performance.now`'s clock. */
  lastMessageAt = this.openedAt;
  /** Its slot of the heartbeat, and its index in that slot; set by Connections. */
  slot = 0;
  place = 0;
  /** When it reaches its maximum age, on the same clock, in whole milliseconds; 0 for never. Set by Connections. */
  endsAt = 0;
  readonly #socket: OwnedSocket;
  readonly #stream: Duplex;
  /** Whether short messages and their replies bypass `ws`. */
  readonly #fastPath: boolean;
  readonly #context: ConnectionContext;
  /** Messages on their way through the handler, if there is one. */
  readonly #handlers: HandlerQueue | undefined;
  readonly #liveness: Liveness;
  #tokens: number;
  /** Messages that wait for the store or the handler. */
  #unanswered = 0;
  /** The bye that waits until every message is answered and stored. */
  #pendingBye: PendingBye | undefined;
  /** Why the service ends the connection, if it does. */
  #reason: CloseReason | undefined;
  /** Close code that the service sent; 1006 if it cut the connection without one; 0 if neither. */
  #sentCode = 0;
  /** Constant fields of the lines of its messages, formatted for the first one. */
  #logFields: string | undefined;

  /** @param stream the connection below `socket` */
  constructor(socket: OwnedSocket, stream: Duplex, session: Session, client: Client, context: ConnectionContext) {
    this.session = session;
    this.requestId = client.requestId;
    this.address = client.address;
    this.network = client.network;
    this.user = client.user;
    this.trace = client.trace;
    this.#socket = socket;
    this.#context = context;
    this.#tokens = context.config.messageBurst;
    this.#stream = stream;
    this.#liveness = new Liveness(this.#bytesRead);
    socket.owner = this;
    if (context.handler !== undefined)
      this.#handlers = new HandlerQueue(context.handler, context.config.handlerConcurrency, socket);
    // A compressed socket of `ws` has a queue of its own, which a direct reply would overtake.
    this.#fastPath = context.fastPath && socket.extensions === '';
    if (this.#fastPath) takeShortTexts(stream, this);
  }

  /** Whether the service still answers its messages. */
  get open(): boolean {
    return this.#reason === undefined && this.#pendingBye === undefined && this.#connected;
  }

  get maxMessageBytes(): number {
    return this.#context.config.maxMessageBytes;
  }

  get #connected(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  /** The stream is the socket of an HTTP server, which is a `net.Socket`. */
  get #bytesRead(): number {
    return (this.#stream as Socket).bytesRead;
  }

  #checkLiveness(): ClientState {
    const timeoutMs = this.#context.config.messageTimeoutSeconds * 1000;
    return this.#liveness.check(this.#bytesRead, this.lastMessageAt, timeoutMs, performance.now());
  }

  /** Sends a heartbeat and a ping, or cuts the connection if nothing came since the last ones. */
  heartbeat(text: string): void {
    if (!this.open) return;
    // A client that nothing is read from can't be heard.
    const state = this.#socket.isPaused ? 'alive' : this.#checkLiveness();
    if (state === 'dead') {
      this.#terminate('heartbeat_timeout');
      return;
    }
    if (state === 'late') {
      this.#fail('message_timeout', CLOSE_CODES.policyViolation.code, 'a message took too long');
      return;
    }
    this.#send(text);
    this.#socket.ping();
    this.#endSlowReader();
  }

  /**
   * Sends the bye message and close 1001. Later messages of the client are not counted, so the total in the bye is
   * final for this connection. With a store or a handler that makes replies wait, the bye waits until every message is
   * answered and stored, or the store failed.
   */
  sendBye(reason: CloseReason, retryAfterMs: number): void {
    if (!this.open) return;
    const settled = this.#context.store.settle(this.session);
    if (settled === undefined && this.#unanswered === 0) {
      this.#sendByeNow({ reason, retryAfterMs });
      return;
    }
    this.#pendingBye = { reason, retryAfterMs };
    // A store resolves its promises in order: the answers still due come first.
    const send = (): void => {
      if (this.#pendingBye !== undefined && this.#reason === undefined) this.#sendByeNow(this.#pendingBye);
    };
    // A client gets its bye even if the store is away: the bye and its token hold the count that the client knows.
    void (settled ?? Promise.resolve())
      .catch(ignore)
      .then(() => this.#handlers?.idle())
      .then(send);
  }

  #sendByeNow({ reason, retryAfterMs }: PendingBye): void {
    if (!this.#connected) return;
    const { count, id } = this.session;
    // One write for both: a drain has 10,000 of them.
    this.#stream.cork();
    this.#send(bye(count, id, retryAfterMs, this.#context.resumeTokens?.sign(id, count)));
    this.#close(reason, CLOSE_CODES.goingAway.code, reason);
    this.#stream.uncork();
    this.#context.logger.debug('WebSocket bye sent', {
      event: 'websocket_bye_sent',
      ...this.#identity(),
      message_count: this.session.count,
      retry_after_ms: retryAfterMs,
      reason,
    });
  }

  /** Cuts the connection without a close frame, when a drain runs out of time. */
  cut(): void {
    this.#reason ??= 'drain';
    this.#socket.terminate();
  }

  /** A message came through `ws`. */
  received(data: Buffer, isBinary: boolean): void {
    if (!this.open) this.#context.metrics.messagesRejected.inc({ reason: 'closing' });
    else if (isBinary) this.#refuse('binary', 'binary_message', CLOSE_CODES.unsupportedData.code, 'send text');
    else this.receivedText(data.length, data);
  }

  /**
   * A text message came while the connection is open.
   * @param length in bytes
   * @param content undefined on the fast path, which does not unmask it
   */
  receivedText(length: number, content?: Buffer): void {
    const startedAt = performance.now();
    const { config, store } = this.#context;
    if (config.messageRate > 0 && !this.#takeToken(startedAt)) {
      this.#refuse('rate', 'rate_limited', CLOSE_CODES.policyViolation.code, 'too many messages a second');
      return;
    }
    this.lastMessageAt = startedAt;
    let count: number | Promise<number>;
    try {
      count = store.add(this.session);
    } catch (error) {
      this.#rejectFailed(error);
      return;
    }
    if (this.#handlers !== undefined && content !== undefined)
      this.#later(this.#handlers.handle(count, this.#message(content)), (handled) => {
        this.#answer(handled.count, length, content, startedAt, handled.data);
      });
    else if (typeof count === 'number') this.#answer(count, length, content, startedAt);
    else
      this.#later(count, (stored) => {
        this.#answer(stored, length, content, startedAt);
      });
  }

  #message(content: Buffer): { sessionId: SessionId; text: string; user: string | undefined } {
    return { sessionId: this.session.id, text: content.toString(), user: this.user };
  }

  #later<T>(due: Promise<T>, answer: (value: T) => void): void {
    this.#unanswered += 1;
    due.then(
      (value) => {
        this.#unanswered -= 1;
        answer(value);
      },
      (error: unknown) => {
        this.#unanswered -= 1;
        // The first failure closes the connection; later ones are only counted.
        if (this.#reason === undefined) this.#rejectFailed(error);
        else this.#context.metrics.messagesRejected.inc({ reason: 'closing' });
      },
    );
  }

  /** @param data JSON text from the handler */
  #answer(count: number, length: number, content: Buffer | undefined, startedAt: number, data?: string): void {
    const { metrics } = this.#context;
    metrics.tally.messages += 1;
    metrics.tally.receivedBytes += length;
    // The client may have left meanwhile: the message is counted all the same.
    if (this.#connected) this.#reply(count, data);
    const durationMs = performance.now() - startedAt;
    metrics.messageDuration.observe(durationMs / 1000);
    this.#logMessage(count, length, durationMs);
    if (content !== undefined) this.#logContent(count, content);
    this.#endSlowReader();
  }

  /**
   * Answers a ping. `ws` could do that, but it cuts a client with more than 60 unsent pongs however fast it reads; here
   * the bound on buffered bytes holds for pongs as for replies.
   */
  pinged(data: Buffer): void {
    this.#liveness.control(data.length);
    if (!this.#connected) return;
    this.#socket.pong(data);
    this.#endSlowReader();
  }

  ponged(data: Buffer): void {
    this.#liveness.control(data.length);
  }

  errored(error: Error & { code?: string }): void {
    const { metrics } = this.#context;
    const [reason, code, rejection] = PROTOCOL_FAULTS[error.code ?? ''] ?? PROTOCOL_ERROR;
    if (rejection !== undefined) metrics.messagesRejected.inc({ reason: rejection });
    if (this.#reason === undefined) {
      this.#reason = reason;
      this.#sentCode = code;
    }
    this.#countError(reason, error.message);
  }

  closed(receivedCode: number, receivedReason: Buffer): void {
    const { metrics, store, log, onClosed } = this.#context;
    const durationSeconds = (performance.now() - this.openedAt) / 1000;
    const initiator: Initiator = this.#reason === undefined ? 'client' : 'server';
    const code = this.#sentCode === 0 ? receivedCode : this.#sentCode;
    metrics.connectionsClosed.inc({ code: CODE_LABELS.includes(String(code)) ? String(code) : 'other', initiator });
    metrics.connectionDuration.observe(durationSeconds);
    const cut = this.#reason === 'drain' && receivedCode === 1006;
    if (this.#reason === 'drain') metrics.drainConnections.inc({ outcome: cut ? 'cut' : 'closed' });
    log.disconnected({
      connection: this,
      code,
      initiator,
      reason: this.#reason ?? (code === 1006 ? 'connection_lost' : 'client'),
      closeReason: receivedReason.toString(),
      cut,
      durationMs: durationSeconds * 1000,
    });
    store.release(this.session);
    onClosed(this);
  }

  #reply(count: number, data: string | undefined): void {
    if (data !== undefined) this.#send(dataReply(count, data));
    else if (this.#fastPath) this.#context.metrics.tally.sentBytes += writeReply(this.#stream, count);
    else this.#send(countReply(count));
  }

  #send(text: string): void {
    this.#context.metrics.tally.sentBytes += Buffer.byteLength(text);
    this.#socket.send(text);
  }

  #takeToken(now: number): boolean {
    const { messageRate, messageBurst } = this.#context.config;
    this.#tokens = Math.min(messageBurst, this.#tokens + ((now - this.lastMessageAt) / 1000) * messageRate);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** The client broke a rule: what it sent before is handled and answered first. */
  #refuse(rejection: MessageRejection, reason: CloseReason & ErrorType, code: number, text: string): void {
    if (this.#handlers === undefined || this.#unanswered === 0) {
      this.#reject(rejection, reason, code, text);
      return;
    }
    this.#context.metrics.messagesRejected.inc({ reason: rejection });
    this.#countError(reason, text);
    this.#reason = reason;
    void this.#handlers.idle().then(() => {
      this.#close(reason, code, text);
    });
  }

  #reject(rejection: MessageRejection, reason: CloseReason & ErrorType, code: number, text: string): void {
    this.#context.metrics.messagesRejected.inc({ reason: rejection });
    this.#fail(reason, code, text);
  }

  #rejectFailed(error: unknown): void {
    const { logger, config } = this.#context;
    if (error instanceof StoreUnavailableError) {
      const delay = `retry_after_ms=${retryAfterMs(config)}`;
      this.#reject('store', 'store', CLOSE_CODES.tryAgainLater.code, delay);
      return;
    }
    if (error instanceof HandlerError) {
      logger.error('WebSocket message could not be handled', {
        event: 'websocket_handler_failed',
        ...this.#identity(),
        error,
      });
      this.#reject('handler', 'handler', CLOSE_CODES.internalError.code, 'the handler failed');
      return;
    }
    logger.error('WebSocket message could not be counted', {
      event: 'websocket_internal_error',
      ...this.#identity(),
      error,
    });
    this.#reject('internal', 'internal', CLOSE_CODES.internalError.code, 'internal error');
  }

  #fail(reason: CloseReason & ErrorType, code: number, text: string): void {
    this.#countError(reason, text);
    this.#close(reason, code, text);
  }

  #close(reason: CloseReason, code: number, text: string): void {
    this.#reason = reason;
    this.#sentCode = code;
    this.#socket.close(code, text);
    this.#handlers?.stop();
  }

  #terminate(reason: CloseReason & ErrorType): void {
    this.#countError(reason, undefined);
    this.#reason = reason;
    this.#sentCode = 1006;
    this.#socket.terminate();
  }

  #endSlowReader(): void {
    if (this.#socket.bufferedAmount > this.#context.config.maxBufferedBytes && this.#connected)
      this.#terminate('slow_reader');
  }

  #countError(type: ErrorType, detail: string | undefined): void {
    this.#context.metrics.errors.inc({ type });
    this.#context.warnings.warn('WebSocket client error', {
      event: 'websocket_client_error',
      reason: type,
      ...this.#identity(),
      detail,
    });
  }

  #logMessage(count: number, length: number, durationMs: number): void {
    const { log } = this.#context;
    if (!log.sampled(count)) return;
    this.#logFields ??= connectionFields(this);
    log.messageReceived({ connection: this.#logFields, count, length, durationMs });
  }

  #logContent(count: number, content: Buffer): void {
    const { logger } = this.#context;
    if (logger.enabled('DEBUG'))
      logger.debug('WebSocket message content', {
        event: 'websocket_message_content',
        ...this.#identity(),
        message_count: count,
        content: content.toString(),
      });
  }

  #identity(): Readonly<Record<string, string | undefined>> {
    return {
      request_id: this.requestId,
      session_id: this.session.id,
      client_ip: this.address,
      user: this.user,
      ...traceFields(this.trace),
    };
  }
}

/** Error codes of `ws` for errors of the client (ws/doc/ws.md, "Error codes"), with the close code that `ws` sends. */
const PROTOCOL_FAULTS: Readonly<Record<string, [CloseReason & ErrorType, number, MessageRejection?]>> = {
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: ['message_too_big', CLOSE_CODES.messageTooBig.code, 'too_big'],
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: ['message_too_big', CLOSE_CODES.messageTooBig.code, 'too_big'],
  WS_ERR_INVALID_UTF8: ['invalid_utf8', CLOSE_CODES.invalidPayload.code, 'invalid_utf8'],
  WS_ERR_TOO_MANY_BUFFERED_PARTS: ['too_many_fragments', CLOSE_CODES.policyViolation.code],
};
const PROTOCOL_ERROR: [CloseReason & ErrorType, number, MessageRejection?] = [
  'protocol_error',
  CLOSE_CODES.protocolError.code,
];

/** A bye that waits for the store or the handler. */
interface PendingBye {
  readonly reason: CloseReason;
  readonly retryAfterMs: number;
}

function ignore(): void {
  // The bye is sent in any case.
}
