import { randomUUID } from 'node:crypto';
import { backoffMs } from '../../lib/backoff.ts';
import { BEHAVIOURS, FLOOD, type Behaviour, type BehaviourName } from './behaviours.ts';
import { Connection, type ConnectionOwner, type Refusal } from './connection.ts';
import { CountLedger, type Fault } from './count-ledger.ts';
import type { Dialect } from './dialect.ts';
import type { Plan } from './plan.ts';
import { hintOfCloseReason, hintOfHeader, hintOfJson } from './retry-hint.ts';
import { nextDue, SILENCE, type Pace } from './send-schedule.ts';
import type { Bye } from './server-message.ts';
import type { SourceAddresses } from './source-addresses.ts';
import type { Break, Tally } from './tally.ts';

/** What all clients of a process share. */
export interface ClientContext {
  readonly plan: Plan;
  readonly tally: Tally;
  readonly addresses: SourceAddresses;
  readonly dialect: Dialect;
  /** Start of the run, in milliseconds since the epoch. */
  readonly startedAt: number;
  /** Milliseconds since the start of the run. */
  readonly now: () => number;
  /** Called whenever a client's state changes. */
  readonly changed: (client: Client, from: ClientState, to: ClientState) => void;
}

/** Where a client is in its life. `waiting`: for its next attempt. */
export type ClientState = 'new' | 'connecting' | 'open' | 'closing' | 'waiting' | 'ended';

/** The schedule's resolution, in milliseconds: a message sent this much later than due is on time. */
const RESOLUTION_MS = 1;
/** Time for a service to answer a close frame and end the connection, in milliseconds. */
const CLOSE_TIMEOUT_MS = 5000;
/** A connection that lived as long was a success: backing off starts again. */
const SUCCESS_MS = 1000;
/**
 * Close codes after which everything counted has been answered: the service ended the connection in order, and replies
 * come in order.
 */
const SETTLED: readonly number[] = [1000, 1001, 1002, 1003, 1007, 1008, 1009];
/** Refusals that another attempt does not help against. */
const FINAL_STATUSES: readonly number[] = [400, 401, 403, 404, 405, 426];
/** Error of a 403 that a connect without the token helps against. */
const TOKEN_REFUSED = 'resume_token';
/** Time for a client that never finishes its handshake. */
const PATIENT_CONNECT_TIMEOUT_MS = 60_000;
/** Longest timer of Node.js, in milliseconds. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * One user: a session over as many connections as it takes. Sends on an open-loop schedule and checks every count that
 * it receives.
 */
export class Client implements ConnectionOwner {
  readonly index: number;
  readonly sessionId = randomUUID();
  readonly #context: ClientContext;
  readonly #behaviour: Behaviour;
  readonly #ledger: CountLedger;
  /** For each unanswered message, when it was due. */
  readonly #dueTimes: number[] = [];
  #state: ClientState = 'new';
  #connection: Connection | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** When the timer is due. */
  #due = 0;
  /** When the attempt was due, or the connection was opened. */
  #since = 0;
  #pace: Pace;
  #nextSend = 0;
  /** Until then it sends its next message when the last is answered. */
  #saturatesUntil = 0;
  #sentOnConnection = 0;
  #attempt = 0;
  #everOpen = false;
  #finishing = false;
  /** It ended its connection itself, on purpose. */
  #dropped = false;
  #lostAt: number | undefined;
  /** When it lost the connection on which it received its last count. */
  #silentSince: number | undefined;
  #break: Break | undefined;
  #bye: Bye | undefined;
  /** What the last bye handed over: good until a count came on another connection, or it was refused. */
  #resume: string | undefined;

  constructor(index: number, behaviour: BehaviourName, context: ClientContext) {
    const { plan } = context;
    this.index = index;
    this.#context = context;
    this.#behaviour = BEHAVIOURS[behaviour];
    this.#ledger = new CountLedger(plan.countsKept);
    this.#pace = { perSecond: plan.sendsPerSecond, steps: plan.sendSteps, untilMs: Infinity };
  }

  get state(): ClientState {
    return this.#state;
  }

  /** Had a connection at some time. */
  get everOpen(): boolean {
    return this.#everOpen;
  }

  /** Messages not answered on the open connection. */
  get pending(): number {
    return this.#ledger.pending;
  }

  /** Messages never answered that may have been counted, as far as is known now. */
  get uncertain(): number {
    return this.#ledger.limbo;
  }

  /** Makes the client connect at a time, in milliseconds since the start of the run. */
  connectAt(due: number): void {
    this.#wakeAt(due);
  }

  /** From now on sends at another pace. @param first when the first message is due */
  send(pace: Pace, first: number): void {
    this.#pace = pace;
    this.#nextSend = first;
    if (this.#state === 'open') this.#wakeAt(first);
  }

  /** Until a time sends each message when the last one is answered. */
  saturate(untilMs: number): void {
    this.send(SILENCE, Infinity);
    this.#saturatesUntil = untilMs;
    if (this.#state === 'open') this.#send(this.#context.now());
  }

  /** Loses the connection, as a network does: no close frame, the socket reset. */
  drop(): void {
    if (this.#state !== 'open') return;
    this.#dropped = true;
    this.#connection?.cut();
  }

  /**
   * Ends the connection if the oldest message has waited for its reply too long: the service, or the way to it, is
   * dead.
   */
  checkReplies(now: number): void {
    const [oldest] = this.#dueTimes;
    if (this.#state !== 'open' || oldest === undefined || !this.#behaviour.measured || this.#finishing) return;
    if (now - oldest <= this.#context.plan.replyTimeoutMs) return;
    this.#context.tally.error('reply timeout');
    this.drop();
  }

  /** Sends no more and connects no more; what is open stays open for replies. */
  finish(): void {
    this.#finishing = true;
    this.#saturatesUntil = 0;
    this.#connection?.readFreely();
    if (this.#state === 'open') clearTimeout(this.#timer);
    else if (this.#state === 'connecting') this.#connection?.cut('run over');
    else if (this.#state !== 'closing') this.#end();
  }

  /** Reports what is still unanswered, and closes with 1000. */
  close(): void {
    if (this.#state !== 'open') return;
    this.#report(this.#ledger.finish());
    this.#become('closing');
    this.#wakeAt(this.#context.now() + CLOSE_TIMEOUT_MS);
    this.#connection?.close(1000);
  }

  opened(sessionId: string | undefined): void {
    this.#checkSession(sessionId, 'the handshake');
    this.#sentOnConnection = 0;
    const { greeting } = this.#context.dialect;
    if (greeting === undefined) this.#welcomed();
    else this.#connection?.send(greeting);
  }

  refused({ status, retryAfter, body }: Refusal): void {
    const tokenRefused = errorName(body).trim() === TOKEN_REFUSED;
    if (tokenRefused) this.#resume = undefined;
    const final = FINAL_STATUSES.includes(status) && !tokenRefused && this.#behaviour.measured;
    this.#wrongEnd(`HTTP ${status}`, `refused with ${status}${errorName(body)}`);
    this.#break?.refusals.push(`HTTP ${status}`);
    this.#lost(hintOfJson(body) ?? hintOfHeader(retryAfter), final);
  }

  failed(kind: string, reached: boolean): void {
    const { tally, addresses } = this.#context;
    if (reached) tally.counters.openedUncertain += 1;
    if (addresses.grew(kind)) {
      this.#lost(0, false);
      return;
    }
    if (!this.#finishing) tally.error(`connect: ${kind}`);
    this.#break?.refusals.push(kind);
    this.#lost(undefined, false);
  }

  message(text: string): void {
    for (const message of this.#context.dialect.read(text)) {
      if (message.kind === 'reply') this.#replied(message.count);
      else if (message.kind === 'heartbeat') this.#context.tally.counters.heartbeats += 1;
      else if (message.kind === 'bye') this.#saidBye(message.bye);
      else if (message.kind === 'welcome') this.#welcomed();
      else if (message.kind === 'keep-alive') this.#connection?.send(message.answer);
      else this.#report({ kind: 'malformed', amount: 1, detail: `the service sent ${JSON.stringify(message.text)}` });
    }
  }

  closed(code: number, reason: string, problem: string | undefined): void {
    const { tally, now } = this.#context;
    const asked = this.#state === 'closing';
    tally.close(code, now());
    if (problem !== undefined) tally.error(`protocol error: ${problem}`);
    else if (!asked && !this.#dropped && this.#bye === undefined) this.#wrongEnd(String(code), `closed with ${code}`);
    const unanswered = this.#ledger.disconnected(this.#bye !== undefined || SETTLED.includes(code));
    tally.counters.unanswered += unanswered;
    this.#dueTimes.length = 0;
    if (!asked) this.#startBreak(code, unanswered);
    this.#lost(this.#bye === undefined ? hintOfCloseReason(reason) : this.#bye.retryAfterMs, asked);
  }

  /** The connection can be used. */
  #welcomed(): void {
    const { tally, now: clock } = this.#context;
    const { measured } = this.#behaviour;
    const now = clock();
    tally.counters.opened += 1;
    if (measured) tally.times.connect.push(now - this.#since);
    if (this.#everOpen) tally.counters.reconnects += 1;
    if (this.#lostAt !== undefined && measured) tally.times.away.push(now - this.#lostAt);
    this.#lostAt = undefined;
    this.#endBreak(this.#epoch(now));
    this.#since = now;
    this.#ledger.connected();
    this.#become('open');
    this.#everOpen = true;
    clearTimeout(this.#timer);
    if (this.#finishing) return;
    if (this.#nextSend === 0) this.#nextSend = nextDue(now, this.#pace, Math.random());
    for (; this.#nextSend < now; this.#nextSend = nextDue(this.#nextSend, this.#pace)) tally.counters.missed += 1;
    if (this.#saturatesUntil > now) this.#send(now);
    else this.#wakeAt(this.#nextSend);
  }

  /** One timer does for everything: a client does, or waits for, one thing at a time. */
  #wakeAt(due: number): void {
    clearTimeout(this.#timer);
    this.#due = due;
    if (due < Infinity) {
      const ms = Math.ceil(due - this.#context.now());
      this.#timer = setTimeout(this.#onTimer, Math.min(Math.max(1, ms), LONGEST_TIMER_MS));
    }
  }

  readonly #onTimer = (): void => {
    const now = this.#context.now();
    // Node.js counts a timer from the start of the loop's turn, and so may run it early.
    if (this.#due - now > RESOLUTION_MS) this.#wakeAt(this.#due);
    else if (this.#state === 'open') this.#act(now);
    else if (this.#state === 'connecting') this.#connection?.cut('timeout');
    else if (this.#state === 'closing') this.#connection?.cut();
    else if (this.#state !== 'ended') this.#connect(now);
  };

  #connect(now: number): void {
    const { plan, tally, addresses } = this.#context;
    const { readsBytesPerSecond, mute, halfHandshake = false, sessionId = this.sessionId } = this.#behaviour;
    tally.counters.attempts += 1;
    this.#since = onTime(this.#due, now);
    this.#become('connecting');
    const resume = this.#resume === undefined ? '' : `&resume=${encodeURIComponent(this.#resume)}`;
    this.#bye = undefined;
    this.#connection = new Connection(this, {
      endpoint: plan.endpoint,
      path: `${plan.path}${plan.path.includes('?') ? '&' : '?'}session_id=${sessionId}${resume}`,
      headers: plan.headers,
      localAddress: addresses.at(this.index),
      readsBytesPerSecond,
      mute,
      halfHandshake,
    });
    this.#wakeAt(now + (halfHandshake ? PATIENT_CONNECT_TIMEOUT_MS : plan.connectTimeoutMs));
  }

  #act(now: number): void {
    const { tally } = this.#context;
    const { deed } = this.#behaviour;
    const due = this.#nextSend;
    // Set first: what is sent may end the connection.
    this.#nextSend = nextDue(due, this.#pace);
    this.#wakeAt(this.#nextSend);
    if (deed === 'message') this.#send(onTime(due, now));
    else if (deed === 'flood') for (let sent = 0; sent < FLOOD; sent += 1) this.#send(due);
    else if (deed === 'reset') this.drop();
    else if (deed !== 'nothing') {
      tally.counters.badSent += 1;
      if ('bytes' in deed) this.#connection?.sendRaw(deed.bytes);
      else this.#connection?.send(deed.message(), deed.binary);
    }
  }

  #send(due: number): void {
    this.#ledger.sent();
    this.#dueTimes.push(due);
    this.#context.tally.counters.sent += 1;
    this.#sentOnConnection += 1;
    this.#connection?.send(this.#context.dialect.message(this.#sentOnConnection), false);
  }

  #replied(count: number): void {
    const { tally, now: clock } = this.#context;
    const now = clock();
    const due = this.#dueTimes.shift();
    tally.counters.replied += 1;
    this.#resume = undefined;
    if (this.#silentSince !== undefined) {
      tally.times.silence.push(now - this.#silentSince);
      this.#silentSince = undefined;
    }
    if (due !== undefined && this.#behaviour.measured) tally.times.reply.push(now - due);
    const before = this.#ledger.countedUnanswered;
    this.#report(this.#ledger.replied(count, now));
    tally.counters.countedUnanswered += this.#ledger.countedUnanswered - before;
    if (this.#saturatesUntil > now && this.#state === 'open') this.#send(now);
  }

  #saidBye(bye: Bye): void {
    const { counters } = this.#context.tally;
    this.#bye = bye;
    this.#resume = bye.resume;
    counters.byes += 1;
    this.#checkSession(bye.sessionId, 'the bye');
    const before = this.#ledger.countedUnanswered;
    this.#report(this.#ledger.bye(bye.total));
    counters.countedUnanswered += this.#ledger.countedUnanswered - before;
  }

  #checkSession(given: string | undefined, where: string): void {
    if (given !== undefined && given !== this.sessionId)
      this.#report({ kind: 'session', amount: 1, detail: `${where} named the session ${given}` });
  }

  #report(fault: Fault | undefined): void {
    if (fault === undefined) return;
    const { tally, now } = this.#context;
    tally.violation({ ...fault, sessionId: this.sessionId, atSeconds: Math.round(now()) / 1000 });
  }

  /** An end of a connection, or of an attempt, is an error unless it is what a client of this behaviour deserves. */
  #wrongEnd(end: string, description: string): void {
    const { deed, ends, measured, doc } = this.#behaviour;
    if (ends.includes(end)) return;
    const whose = measured || deed === 'message' ? '' : `${doc.split(':')[0] ?? ''}: `;
    this.#context.tally.error(`${whose}${description}`);
  }

  #lost(hintMs: number | undefined, final: boolean): void {
    const { plan, now: clock } = this.#context;
    const now = clock();
    const wasOpen = this.#state === 'open';
    this.#connection = undefined;
    this.#dropped = false;
    if (wasOpen && now - this.#since >= SUCCESS_MS) this.#attempt = 0;
    if (wasOpen) {
      this.#lostAt = now;
      this.#silentSince ??= now;
    }
    if (final || this.#finishing || plan.reconnect === 'never') {
      this.#end();
      return;
    }
    this.#become('waiting');
    this.#wakeAt(now + this.#waitMs(hintMs));
  }

  #waitMs(hintMs: number | undefined): number {
    const { plan } = this.#context;
    if (plan.reconnect === 'immediately') return 0;
    this.#attempt += 1;
    return hintMs ?? backoffMs(this.#attempt - 1, plan.backoff);
  }

  #end(): void {
    clearTimeout(this.#timer);
    this.#endBreak(undefined);
    this.#become('ended');
  }

  #startBreak(code: number, unanswered: number): void {
    this.#break = {
      openedAt: this.#epoch(this.#since),
      closedAt: this.#epoch(this.#context.now()),
      code,
      retryAfterMs: this.#bye?.retryAfterMs,
      unanswered,
      refusals: [],
      reopenedAt: undefined,
    };
  }

  #endBreak(reopenedAt: number | undefined): void {
    if (this.#break !== undefined && this.#context.plan.breaks)
      this.#context.tally.breaks.push({ ...this.#break, reopenedAt });
    this.#break = undefined;
  }

  #epoch(now: number): number {
    return this.#context.startedAt + now;
  }

  #become(state: ClientState): void {
    const from = this.#state;
    this.#state = state;
    this.#context.changed(this, from, state);
  }
}

/** When a thing done now that was due earlier counts as begun: its due time, but for the schedule's resolution. */
function onTime(due: number, now: number): number {
  return Math.min(now, due + RESOLUTION_MS);
}

/** The machine-readable name of an error in a refusal's body. */
function errorName(body: unknown): string {
  if (typeof body !== 'object' || body === null) return '';
  const { error } = body as { error?: unknown };
  return typeof error === 'string' ? ` ${error.slice(0, 40)}` : '';
}
