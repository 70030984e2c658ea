import { randomUUID } from 'node:crypto';
import { fullJitterMs } from './backoff.ts';
import { BEHAVIOURS, FLOOD, type Behaviour, type BehaviourName } from './behaviours.ts';
import { CountLedger, type Fault } from './count-ledger.ts';
import type { FramePool } from './frames.ts';
import type { Answer } from './handshake.ts';
import { Link, type LinkOwner } from './link.ts';
import type { Plan } from './plan.ts';
import { hintOfCloseReason, hintOfHeader, hintOfJson } from './retry-hint.ts';
import { nextDue } from './send-schedule.ts';
import { countOf, parseMessage, type Bye } from './server-message.ts';
import type { SourceAddresses } from './source-addresses.ts';
import type { Tally } from './tally.ts';
import { Timer, type TimerWheel } from './timer-wheel.ts';

/** What all clients of a process share. */
export interface ClientContext {
  readonly plan: Plan;
  readonly wheel: TimerWheel;
  readonly tally: Tally;
  readonly addresses: SourceAddresses;
  /** Milliseconds since the start of the run. */
  readonly now: () => number;
  /** Frames of the deed of a behaviour. */
  readonly frames: (behaviour: BehaviourName) => FramePool;
  /** Told whenever a client's state changes. */
  readonly changed: (client: Client, from: ClientState, to: ClientState) => void;
}

/** Where a client is in its life. `waiting`: for its next attempt. */
export type ClientState = 'new' | 'connecting' | 'open' | 'closing' | 'waiting' | 'ended';

/** The schedule's resolution, in milliseconds: a message sent this much later than due is on time. */
const RESOLUTION_MS = 1;
/** Time for a service to answer a close frame and end the connection, in milliseconds. */
const CLOSE_TIMEOUT_MS = 5000;
/** A connection that lived as long was a success: backing off begins anew. */
const SUCCESS_MS = 1000;
/** Close codes after which everything counted has been answered: the service ended the connection in order, and replies come in order. */
const SETTLED: readonly number[] = [1000, 1001, 1002, 1003, 1007, 1008, 1009];
/** Refusals that another attempt does not help against. */
const FINAL_STATUSES: readonly number[] = [400, 401, 403, 404, 405, 426];
/** Error of a 403 that a connect without the token helps against. */
const TOKEN_REFUSED = 'resume_token';
/** Time for a client that never finishes its handshake. */
const PATIENT_CONNECT_TIMEOUT_MS = 60_000;

/** One user: a session over as many connections as it takes. Sends on an open-loop schedule and checks every count that it is told. */
export class Client implements LinkOwner {
  readonly index: number;
  readonly sessionId = randomUUID();
  readonly #context: ClientContext;
  readonly #behaviour: Behaviour;
  readonly #frames: FramePool;
  readonly #ledger = new CountLedger();
  readonly #timer: Timer;
  readonly #readTimer: Timer | undefined;
  /** For each unanswered message, when it was due. */
  readonly #dueTimes: number[] = [];
  #state: ClientState = 'new';
  #link: Link | undefined;
  /** When the attempt was due, or the connection was opened. */
  #since = 0;
  #nextSend = 0;
  #attempt = 0;
  #everOpen = false;
  #finishing = false;
  /** It ended its connection itself, on purpose. */
  #dropped = false;
  #lostAt: number | undefined;
  /** When it lost the connection on which it was told its last count. */
  #silentSince: number | undefined;
  #bye: Bye | undefined;
  /** What the last bye handed over: good until a count was told on another connection, or it was refused. */
  #resume: string | undefined;

  constructor(index: number, behaviour: BehaviourName, context: ClientContext) {
    this.index = index;
    this.#context = context;
    this.#behaviour = BEHAVIOURS[behaviour];
    this.#frames = context.frames(behaviour);
    this.#timer = new Timer((now) => {
      this.#onTimer(now);
    });
    if (this.#behaviour.readsBytesPerSecond !== undefined)
      this.#readTimer = new Timer((now) => {
        this.#readSome(now);
      });
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
    this.#context.wheel.set(this.#timer, due);
  }

  /** Loses the connection, as a network does: no close frame, the socket reset. */
  drop(): void {
    if (this.#state !== 'open') return;
    this.#dropped = true;
    this.#link?.cut();
  }

  /** Ends the connection if the oldest message has waited for its reply too long: the service, or the way to it, is dead. */
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
    this.#link?.readFreely();
    if (this.#readTimer !== undefined) this.#context.wheel.clear(this.#readTimer);
    if (this.#state === 'open') this.#context.wheel.clear(this.#timer);
    else if (this.#state === 'connecting') this.#link?.cut('run over');
    else if (this.#state !== 'closing') this.#become('ended');
  }

  /** Says what is still unanswered, and closes with 1000. */
  close(): void {
    if (this.#state !== 'open') return;
    this.#report(this.#ledger.finish());
    this.#become('closing');
    this.#context.wheel.set(this.#timer, this.#context.now() + CLOSE_TIMEOUT_MS);
    this.#link?.close(1000);
  }

  opened(answer: Answer): void {
    const { tally, now: clock } = this.#context;
    const now = clock();
    tally.counters.opened += 1;
    if (this.#behaviour.measured) tally.connect.record(now - this.#since);
    if (this.#everOpen) tally.counters.reconnects += 1;
    if (this.#lostAt !== undefined && this.#behaviour.measured) tally.away.record(now - this.#lostAt);
    this.#lostAt = undefined;
    this.#since = now;
    this.#ledger.connected();
    this.#become('open');
    this.#everOpen = true;
    this.#checkSession(answer.headers.get('x-session-id'), 'the handshake');
    this.#scheduleFrom(now);
    if (this.#readTimer !== undefined) this.#context.wheel.set(this.#readTimer, now + 1000);
  }

  refused(answer: Answer): void {
    const { status, body } = answer;
    const tokenRefused = errorName(body).trim() === TOKEN_REFUSED;
    if (tokenRefused) this.#resume = undefined;
    const final = FINAL_STATUSES.includes(status) && !tokenRefused && this.#behaviour.measured;
    this.#wrongEnd(`HTTP ${status}`, `refused with ${status}${errorName(body)}`);
    this.#lost(hintOfJson(body) ?? hintOfHeader(answer.headers.get('retry-after')), final);
  }

  failed(kind: string, reached: boolean): void {
    const { tally, addresses } = this.#context;
    if (reached) tally.counters.openedUncertain += 1;
    if (addresses.grew(kind)) {
      this.#lost(0, false);
      return;
    }
    if (!this.#finishing) tally.error(`connect: ${kind}`);
    this.#lost(undefined, false);
  }

  message(bytes: Buffer, from: number, to: number): void {
    const count = countOf(bytes, from, to);
    if (count === -1) this.#otherMessage(bytes.toString('utf8', from, to));
    else this.#replied(count);
  }

  closed(code: number, reason: string): void {
    const { tally } = this.#context;
    const asked = this.#state === 'closing';
    tally.close(code);
    if (reason.startsWith('protocol error')) tally.error(reason);
    else if (!asked && !this.#dropped && this.#bye === undefined) this.#wrongEnd(String(code), `closed with ${code}`);
    tally.counters.unanswered += this.#ledger.disconnected(this.#bye !== undefined || SETTLED.includes(code));
    this.#dueTimes.length = 0;
    const hint = this.#bye === undefined ? hintOfCloseReason(reason) : hintOfJson(this.#bye.json);
    this.#lost(hint, asked);
  }

  #onTimer(now: number): void {
    if (this.#state === 'open') this.#act(now);
    else if (this.#state === 'connecting') this.#link?.cut('timeout');
    else if (this.#state === 'closing') this.#link?.cut();
    else if (this.#state !== 'ended') this.#connect(now);
  }

  #connect(now: number): void {
    const { plan, tally, addresses, wheel } = this.#context;
    const { spoilHandshake: spoil, readsBytesPerSecond: readBytes } = this.#behaviour;
    tally.counters.attempts += 1;
    this.#since = onTime(this.#timer.due, now);
    this.#become('connecting');
    const resume = this.#resume;
    const query = `session_id=${this.sessionId}${resume === undefined ? '' : `&resume=${encodeURIComponent(resume)}`}`;
    this.#bye = undefined;
    this.#link = new Link(this, {
      endpoint: plan.endpoint,
      path: `${plan.path}${plan.path.includes('?') ? '&' : '?'}${query}`,
      headers: plan.headers,
      localAddress: addresses.at(this.index),
      readBytes,
      spoil,
      mute: this.#behaviour.mute,
    });
    wheel.set(this.#timer, now + (spoil === undefined ? plan.connectTimeoutMs : PATIENT_CONNECT_TIMEOUT_MS));
  }

  #scheduleFrom(now: number): void {
    const { plan, tally } = this.#context;
    if (this.#finishing) return;
    if (this.#nextSend === 0) this.#nextSend = nextDue(now, plan.sendsPerSecond, plan.sendSteps, Math.random());
    while (this.#nextSend < now) {
      tally.counters.missed += 1;
      this.#nextSend = nextDue(this.#nextSend, plan.sendsPerSecond, plan.sendSteps);
    }
    this.#setSendTimer();
  }

  #setSendTimer(): void {
    const { wheel } = this.#context;
    if (this.#nextSend === Infinity) wheel.clear(this.#timer);
    else wheel.set(this.#timer, this.#nextSend);
  }

  #act(now: number): void {
    const { plan } = this.#context;
    const due = this.#nextSend;
    // Set first: what is sent may end the connection.
    this.#nextSend = nextDue(due, plan.sendsPerSecond, plan.sendSteps);
    this.#setSendTimer();
    const { deed } = this.#behaviour;
    if (deed === 'message') this.#send(onTime(due, now));
    else if (deed === 'flood') for (let sent = 0; sent < FLOOD; sent += 1) this.#send(due);
    else if (deed === 'reset') this.drop();
    else if (deed !== 'nothing') {
      this.#context.tally.counters.badSent += 1;
      this.#link?.send(this.#frames.next());
    }
  }

  #send(due: number): void {
    this.#ledger.sent();
    this.#dueTimes.push(due);
    this.#context.tally.counters.sent += 1;
    this.#link?.send(this.#frames.next());
  }

  #replied(count: number): void {
    const { tally, now: clock } = this.#context;
    const now = clock();
    const due = this.#dueTimes.shift();
    tally.counters.replied += 1;
    this.#resume = undefined;
    if (this.#silentSince !== undefined) {
      tally.silence.record(now - this.#silentSince);
      this.#silentSince = undefined;
    }
    if (due !== undefined && this.#behaviour.measured) tally.reply.record(now - due);
    const before = this.#ledger.countedUnanswered;
    this.#report(this.#ledger.replied(count, now));
    tally.counters.countedUnanswered += this.#ledger.countedUnanswered - before;
  }

  #otherMessage(text: string): void {
    const message = parseMessage(text);
    if (message.kind === 'reply') this.#replied(message.count);
    else if (message.kind === 'heartbeat') this.#context.tally.counters.heartbeats += 1;
    else if (message.kind === 'bye') this.#saidBye(message.bye);
    else this.#report({ kind: 'malformed', amount: 1, detail: `the service sent ${JSON.stringify(message.text)}` });
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
    const { deed, ends, measured } = this.#behaviour;
    if (ends.includes(end)) return;
    this.#context.tally.error(
      measured || deed === 'message' ? description : `${this.#behaviour.doc.split(':')[0] ?? ''}: ${description}`,
    );
  }

  #lost(hintMs: number | undefined, final: boolean): void {
    const { plan, wheel, now: clock } = this.#context;
    const now = clock();
    const wasOpen = this.#state === 'open';
    this.#link = undefined;
    this.#dropped = false;
    if (this.#readTimer !== undefined) wheel.clear(this.#readTimer);
    if (wasOpen && now - this.#since >= SUCCESS_MS) this.#attempt = 0;
    if (wasOpen) {
      this.#lostAt = now;
      this.#silentSince ??= now;
    }
    if (final || this.#finishing || plan.reconnect === 'never') {
      wheel.clear(this.#timer);
      this.#become('ended');
      return;
    }
    this.#become('waiting');
    wheel.set(this.#timer, now + this.#waitMs(hintMs));
  }

  #waitMs(hintMs: number | undefined): number {
    const { plan } = this.#context;
    if (plan.reconnect === 'immediately') return 0;
    this.#attempt += 1;
    return hintMs ?? fullJitterMs(this.#attempt - 1, plan.backoff);
  }

  #readSome(now: number): void {
    if (this.#state !== 'open' || this.#readTimer === undefined) return;
    this.#link?.readOnce();
    this.#context.wheel.set(this.#readTimer, now + 1000);
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
