import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import { fullJitterMs } from '../../loadtest/src/backoff.ts';
import { hintOfHeader } from '../../loadtest/src/retry-hint.ts';
import type { Break } from './breaks.ts';

/** Why a handshake failed: HTTP status or error code. */
interface Refusal {
  readonly what: string;
  readonly retryAfterMs: number | undefined;
}

/** Waits of a client that was told none, in milliseconds. */
const BACKOFF = { baseMs: 200, maxMs: 5000 };
/** Longest wait for the answer to a handshake, in milliseconds. */
const HANDSHAKE_MS = 10_000;
const MESSAGE = 'a message of a client of the fleet';

/** What clients tell the one who owns them. */
export interface FleetListener {
  opened(): void;
  closed(): void;
  /** A connection was lost; the object is filled in when the client is back. */
  lost(lost: Break): void;
  /** Something that must never happen. */
  fault(text: string): void;
}

/**
 * A client as the protocol wants it: it sends at its pace as long as it is connected, checks each reply, and after a close waits
 * as long as it was asked to, comes back with its session, and goes on.
 *
 * Counts are checked within a connection: each reply is one more than the last, and the bye's total is the last one told.
 */
export class FleetClient {
  sent = 0;
  answered = 0;
  readonly #url: string;
  readonly #intervalMs: number;
  readonly #listener: FleetListener;
  readonly #session = randomUUID();
  #socket: WebSocket | undefined;
  #sending: NodeJS.Timeout | undefined;
  #break: Break | undefined;
  #stopped = false;
  #openedAt = 0;
  #lastCount: number | undefined;
  #unanswered = 0;
  #bye: { readonly total: number; readonly retryAfterMs: number } | undefined;

  constructor(url: string, messagesPerSecond: number, listener: FleetListener) {
    this.#url = `${url}?session_id=${this.#session}`;
    this.#intervalMs = 1000 / messagesPerSecond;
    this.#listener = listener;
    this.#connect(0);
  }

  /** Closes with 1000, and does not come back. */
  stop(): void {
    this.#stopped = true;
    this.#stopSending();
    this.#socket?.close(1000);
  }

  #connect(attempt: number): void {
    if (this.#stopped) return;
    let refusal: Refusal | undefined;
    let opened = false;
    const socket = new WebSocket(this.#url, { perMessageDeflate: false, handshakeTimeout: HANDSHAKE_MS });
    this.#socket = socket;
    socket.on('open', () => {
      opened = true;
      this.#opened(socket);
    });
    socket.on('message', (data: Buffer) => {
      this.#received(data.toString());
    });
    socket.on('unexpected-response', (_request, response: IncomingMessage) => {
      const retryAfterMs = hintOfHeader(response.headers['retry-after']);
      refusal = { what: `HTTP ${response.statusCode ?? 0}`, retryAfterMs };
      socket.terminate();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      refusal ??= { what: error.code ?? error.message, retryAfterMs: undefined };
    });
    socket.on('close', (code) => {
      if (opened) this.#closed(code);
      else this.#refused(refusal ?? { what: `closed with ${code}`, retryAfterMs: undefined }, attempt);
    });
  }

  #opened(socket: WebSocket): void {
    if (this.#stopped) {
      socket.close(1000);
      return;
    }
    this.#openedAt = now();
    this.#lastCount = undefined;
    this.#bye = undefined;
    this.#unanswered = 0;
    if (this.#break !== undefined) this.#break.reopenedAt = this.#openedAt;
    this.#break = undefined;
    this.#listener.opened();
    // Each at its own moment of the interval, so that the fleet's load is even.
    this.#sending = setTimeout(() => {
      this.#send();
      this.#sending = setInterval(() => {
        this.#send();
      }, this.#intervalMs);
    }, Math.random() * this.#intervalMs);
  }

  #send(): void {
    this.#socket?.send(MESSAGE);
    this.sent += 1;
    this.#unanswered += 1;
  }

  #stopSending(): void {
    clearTimeout(this.#sending);
    clearInterval(this.#sending);
  }

  #received(text: string): void {
    const message = JSON.parse(text) as Record<string, unknown>;
    if (typeof message['count'] === 'number') this.#counted(message['count']);
    else if (message['bye'] === true) this.#toldBye(message['total'] as number, message['retry_after_ms'] as number);
    else if (typeof message['ts'] !== 'string') this.#listener.fault(`an unknown message came: ${text}`);
  }

  #counted(count: number): void {
    this.answered += 1;
    this.#unanswered -= 1;
    if (this.#unanswered < 0) this.#listener.fault(`a count of ${count} came without a message`);
    if (this.#lastCount !== undefined && count !== this.#lastCount + 1)
      this.#listener.fault(`a count of ${count} came after ${this.#lastCount}`);
    this.#lastCount = count;
  }

  #toldBye(total: number, retryAfterMs: number): void {
    if (this.#bye !== undefined) this.#listener.fault('a second bye came');
    if (this.#lastCount !== undefined && total !== this.#lastCount)
      this.#listener.fault(`a bye told a total of ${total} after a count of ${this.#lastCount}`);
    this.#bye = { total, retryAfterMs };
    this.#stopSending();
  }

  #closed(code: number): void {
    this.#stopSending();
    this.#listener.closed();
    if (this.#stopped) return;
    this.#break = {
      openedAt: this.#openedAt,
      closedAt: now(),
      code,
      retryAfterMs: this.#bye?.retryAfterMs,
      unanswered: this.#unanswered,
      refusals: [],
      reopenedAt: undefined,
    };
    this.#listener.lost(this.#break);
    this.#reconnect(0, this.#bye?.retryAfterMs);
  }

  #refused({ what, retryAfterMs }: Refusal, attempt: number): void {
    this.#break?.refusals.push(what);
    if (this.#break === undefined && !this.#stopped) this.#listener.fault(`a first connection was refused: ${what}`);
    this.#reconnect(attempt + 1, retryAfterMs);
  }

  #reconnect(attempt: number, waitMs: number | undefined): void {
    setTimeout(
      () => {
        this.#connect(attempt);
      },
      waitMs ?? fullJitterMs(attempt, BACKOFF),
    );
  }
}

/** Milliseconds since the epoch, with fractions. */
function now(): number {
  return performance.timeOrigin + performance.now();
}
