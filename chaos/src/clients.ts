import { randomUUID } from 'node:crypto';
import { CounterClient } from '../../client/client.js';
import type { ClientEntry, History } from './history.ts';
import { HEARTBEAT_SECONDS } from './system.ts';

/** Time between two messages of a session, in milliseconds. */
const SEND_EVERY_MS = 200;
/** Sessions take turns in this time, so that some messages are under way, or not written yet, at any moment. */
const TURNS = 20;
/** Messages that a session sends at once, in turn. */
const AT_ONCE = [1, 2, 1, 3];
/**
 * Of so many sessions one is patient: it sends a message once the last one is answered. So no more than one can be unanswered
 * when its connection ends, and one that is counted twice is not taken for another that was counted.
 */
const PATIENT = 2;
/** What a client does not wait longer for than a frozen instance may be away. Milliseconds. */
const PATIENCE = { connectTimeoutMs: 3000, backoffMs: 100, maxBackoffMs: 1000 };

/** Good clients, one session each, that write down what they send and receive. */
export class Clients {
  readonly #sessions: readonly Session[];
  readonly #timer: NodeJS.Timeout;

  constructor(url: string, count: number, history: History) {
    this.#sessions = Array.from({ length: count }, (_, index) => new Session(url, index, history));
    let turn = 0;
    this.#timer = setInterval(() => {
      turn += 1;
      for (const session of this.#sessions)
        if (session.client % TURNS === turn % TURNS) session.take(Math.floor(turn / TURNS));
    }, SEND_EVERY_MS / TURNS);
  }

  /** Clients with a connection on which every message was answered. */
  get wellCount(): number {
    return this.#sessions.filter(({ isWell }) => isWell).length;
  }

  get count(): number {
    return this.#sessions.length;
  }

  /** Sends no more by itself. */
  quiet(): void {
    clearInterval(this.#timer);
  }

  /** From here on, {@link haveCounts} is true of those alone that received a count since. */
  expectCounts(): void {
    for (const session of this.#sessions) session.expectCount();
  }

  /** Whether each session received a count on its connection, and waits for none. Asks for one where it can and must. */
  haveCounts(): boolean {
    return this.#sessions.filter((session) => !session.hasCount()).length === 0;
  }

  close(): void {
    this.quiet();
    for (const session of this.#sessions) session.close();
  }
}

class Session {
  readonly client: number;
  readonly #counter: CounterClient;
  readonly #history: History;
  readonly #session = randomUUID();
  #connection = 0;
  #pending = 0;
  /** It received a count on this connection. */
  #answered = false;
  #ended = false;

  constructor(url: string, client: number, history: History) {
    this.client = client;
    this.#history = history;
    const heartbeatMs = HEARTBEAT_SECONDS * 1000;
    const counter = new CounterClient(url, { sessionId: this.#session, heartbeatMs, ...PATIENCE });
    this.#counter = counter;
    counter.addEventListener('open', () => {
      this.#connection += 1;
      this.#answered = false;
      this.#note('opened');
    });
    counter.addEventListener('count', ({ detail: { count } }) => {
      this.#pending -= 1;
      this.#answered = true;
      this.#note('told', { count });
    });
    counter.addEventListener('leaving', ({ detail: { total = NaN, session_id: named = '' } }) => {
      // A bye that lacks something is noted, too: it is found where the history is read.
      this.#note('bye', { count: total, named });
    });
    counter.addEventListener('close', ({ detail: { code } }) => {
      this.#pending = 0;
      this.#note('closed', { code });
    });
    counter.addEventListener('refused', ({ detail: { status, error } }) => {
      this.#note('refused', { code: status, error });
    });
  }

  get isWell(): boolean {
    return this.#counter.state === 'open' && this.#pending === 0;
  }

  expectCount(): void {
    this.#answered = false;
  }

  hasCount(): boolean {
    if (this.isWell && !this.#answered) this.send(1);
    return this.isWell && this.#answered;
  }

  /** Sends what it sends in this turn. */
  take(turn: number): void {
    if (this.client % PATIENT > 0) this.send(AT_ONCE[(turn + this.client) % AT_ONCE.length] ?? 1);
    else if (this.isWell) this.send(1);
  }

  /** Sends messages, if there is a connection. */
  send(messages: number): void {
    for (let each = 0; each < messages && this.#counter.state === 'open'; each += 1) {
      this.#pending += 1;
      this.#note('sent');
      void this.#counter.send('chaos').catch(() => undefined);
    }
  }

  /** Closes; what comes of that is no part of the history. */
  close(): void {
    this.#ended = true;
    this.#counter.close();
  }

  #note(kind: ClientEntry['kind'], rest: Partial<ClientEntry> = {}): void {
    if (this.#ended) return;
    const { client } = this;
    this.#history.add({ client, session: this.#session, connection: this.#connection, kind, ...rest });
  }
}
