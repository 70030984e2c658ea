// @ts-check
/**
 * The client of WebSocket Message Counter, for browsers and Node.js: docs/clients.md says what it does, client.d.ts what it
 * offers. It is served, and imported, as it stands here.
 *
 * @import { Answer, ClientEvents, ClientOptions, ClientState, CounterClient as Declared, Refusal, Stopped } from './client.d.ts'
 */

/** @type {Required<Omit<ClientOptions, 'sessionId' | 'resumeToken'>>} */
export const DEFAULTS = Object.freeze({
  heartbeatMs: 30_000,
  connectTimeoutMs: 10_000,
  backoffMs: 500,
  maxBackoffMs: 10_000,
  maxUnsent: 100,
});

/** Half intervals without a message after which a connection is given up. */
const SILENT_TICKS = 4;
/** Close codes for what this side sent: it would be closed for the same again. */
const FINAL_CODES = [1002, 1003, 1007, 1009];
/** Close code for messages that came too fast. */
const TOO_FAST = 1008;
/** Refusals of the 400s that may be over at the next attempt. */
const PASSING_STATUSES = [408, 429];
/** Longest delay of a timer, in milliseconds: a longer one fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export class UnansweredError extends Error {
  /** @param {boolean} sent */
  constructor(sent) {
    super(
      sent
        ? 'The connection ended before the message was answered: it may have been counted'
        : 'The client is stopped, or too many messages wait for a connection: the message was not sent',
    );
    this.name = 'UnansweredError';
    this.sent = sent;
  }
}

/** @implements {Omit<Declared, 'addEventListener'>} */
export class CounterClient extends EventTarget {
  /** @type {ClientState} */
  state = 'connecting';
  /** @type {string} */
  sessionId;
  /** @type {string | undefined} */
  resumeToken;
  /** @type {number | undefined} */
  count;
  /** @type {typeof DEFAULTS} */
  #options;
  /** @type {URL} */
  #url;
  /** @type {WebSocket | undefined} */
  #socket;
  /** The one clock of a state: of connecting, of silence, of waiting, of closing. @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {Message[]} */
  #unsent = [];
  /** In the order in which they are answered. @type {Message[]} */
  #unanswered = [];
  /** Half intervals since the last message came. */
  #silentTicks = 0;
  /** Connects, since the last message came, that the client had to time itself. */
  #failures = 0;
  /** What the last bye asked for. @type {number | undefined} */
  #retryAfterMs;
  #closing = false;

  /** @param {string | URL} url @param {ClientOptions} options */
  constructor(url, { sessionId, resumeToken, ...options } = {}) {
    super();
    this.#options = { ...DEFAULTS, ...options };
    this.#url = new URL(url, globalThis.location?.href);
    this.sessionId = sessionId ?? newSessionId();
    this.resumeToken = resumeToken;
    if (sessionId === undefined) this.count = 0;
    this.#connect();
  }

  /** @param {string} text @returns {Promise<number>} */
  send(text) {
    const counted = this.ask(text).then(({ count }) => count);
    // A program that takes its counts from events does not look at the promise, and must not end by it.
    counted.catch(() => undefined);
    return counted;
  }

  /** @param {string} text @returns {Promise<Answer>} */
  ask(text) {
    if (typeof text !== 'string') throw new TypeError(`A message is a string, not ${typeof text}`);
    /** @type {Promise<Answer>} */
    const answered = new Promise((resolve, reject) => {
      const message = { text, resolve, reject };
      if (this.state === 'open') this.#transmit(message);
      else if (this.#closing || this.state === 'stopped' || this.#unsent.length >= this.#options.maxUnsent)
        reject(new UnansweredError(false));
      else this.#unsent.push(message);
    });
    answered.catch(() => undefined);
    return answered;
  }

  close() {
    if (this.#closing || this.state === 'stopped') return;
    this.#closing = true;
    if (this.#socket === undefined) {
      this.#stop({ reason: 'closed' });
      return;
    }
    this.#setTimer(this.#options.connectTimeoutMs, () => this.#ended(1006, 'silent'));
    this.#socket.close(1000);
    this.#become('leaving', {});
  }

  #connect() {
    const socket = new WebSocket(this.#address('ws'));
    this.#socket = socket;
    this.#setTimer(this.#options.connectTimeoutMs, () => this.#giveUp());
    // A socket that was given up goes on for a while: nobody listens to it.
    socket.onopen = () => socket === this.#socket && !this.#closing && this.#opened();
    socket.onmessage = ({ data }) => socket === this.#socket && this.#received(parse(data));
    socket.onclose = ({ code, reason }) => socket === this.#socket && this.#ended(code, reason);
    this.#become('connecting', {});
  }

  #opened() {
    this.#silentTicks = 0;
    // Ticks, rather than a time: where this side stood still, what came meanwhile is read before the next tick.
    this.#setTimer(this.#options.heartbeatMs / 2, () => this.#tick());
    for (const message of this.#unsent.splice(0)) this.#transmit(message);
    this.#become('open', { sessionId: this.sessionId });
  }

  #tick() {
    this.#silentTicks += 1;
    if (this.#silentTicks > SILENT_TICKS) this.#giveUp();
    else this.#setTimer(this.#options.heartbeatMs / 2, () => this.#tick());
  }

  /** @param {Message} message */
  #transmit(message) {
    this.#unanswered.push(message);
    this.#socket?.send(message.text);
  }

  /** @param {any} message */
  #received(message) {
    this.#silentTicks = 0;
    this.#failures = 0;
    if (message.count !== undefined) this.#counted(message);
    else if (message.ts !== undefined) this.#emit('heartbeat', { ts: message.ts });
    else if (message.bye) {
      this.count = message.total;
      this.resumeToken = message.resume;
      this.#retryAfterMs = message.retry_after_ms;
      this.#become('leaving', message);
    }
  }

  /** @param {Answer} answer */
  #counted({ count, data }) {
    const missed = this.count === undefined ? 0 : count - this.count - 1;
    this.count = count;
    // Good until now: the session has counted beyond it.
    this.resumeToken = undefined;
    this.#unanswered.shift()?.resolve({ count, data });
    this.#emit('count', { count, missed, ...(data !== undefined && { data }) });
  }

  /** Nothing comes: the other side may be gone without a word. */
  #giveUp() {
    const socket = this.#socket;
    this.#ended(1006, 'silent');
    socket?.close();
  }

  /** @param {number} code @param {string} reason */
  #ended(code, reason) {
    const opened = this.state !== 'connecting';
    const unanswered = this.#unanswered.splice(0);
    const askedMs = this.#retryAfterMs ?? number(/retry_after_ms=(\d+)/.exec(reason)?.[1]);
    this.#retryAfterMs = undefined;
    this.#socket = undefined;
    clearTimeout(this.#timer);
    // However well it went until then: the wait is the longest.
    if (code === TOO_FAST) this.#failures = Infinity;
    for (const { reject } of unanswered) reject(new UnansweredError(true));
    this.#emit('close', { code, reason, unanswered: unanswered.length });
    if (this.#closing) this.#stop({ reason: 'closed' });
    else if (FINAL_CODES.includes(code)) this.#stop({ reason: 'close_code', code });
    else if (opened) this.#wait(askedMs);
    else void this.#askWhy();
  }

  /** Learns from the endpoint why a handshake was refused, which the WebSocket API hides. */
  async #askWhy() {
    const answer = await this.#preflight();
    if (this.state === 'stopped') return;
    // Accepted by now, or nobody answers.
    if (answer === undefined || answer.status === 200) this.#wait();
    else this.#refused(answer);
  }

  /** @param {Refusal} refusal */
  #refused(refusal) {
    const { status, error, retryAfterMs } = refusal;
    this.#emit('refused', refusal);
    if (error === 'resume_token' && this.resumeToken !== undefined) {
      this.resumeToken = undefined;
      this.#wait();
    } else if (status >= 400 && status < 500 && !PASSING_STATUSES.includes(status))
      this.#stop({ reason: 'refused', ...refusal });
    else this.#wait(retryAfterMs);
  }

  /** @returns {Promise<Refusal | undefined>} nothing where nobody answers */
  async #preflight() {
    try {
      const response = await fetch(this.#address('http'), {
        headers: { Accept: 'application/json' },
        cache: 'no-store',
        signal: AbortSignal.timeout(this.#options.connectTimeoutMs),
      });
      const { error, message, retry_after_ms: ms } = parse(await response.text());
      const retryAfterMs = number(ms) ?? number(response.headers.get('Retry-After'), 1000);
      return { status: response.status, error, message, retryAfterMs };
    } catch {
      return undefined;
    }
  }

  /** @param {number} [askedMs] by the server; otherwise full jitter, doubling */
  #wait(askedMs) {
    if (this.state === 'stopped') return;
    const { backoffMs, maxBackoffMs } = this.#options;
    if (askedMs === undefined) this.#failures += 1;
    const ms = askedMs ?? Math.round(Math.random() * Math.min(maxBackoffMs, backoffMs * 2 ** (this.#failures - 1)));
    this.#setTimer(ms, () => this.#connect());
    this.#become('waiting', { ms, asked: askedMs !== undefined });
  }

  /** @param {Stopped} detail */
  #stop(detail) {
    if (this.state === 'stopped') return;
    clearTimeout(this.#timer);
    for (const { reject } of this.#unsent.splice(0)) reject(new UnansweredError(false));
    this.#become('stopped', detail);
  }

  /** @param {number} ms @param {() => void} then */
  #setTimer(ms, then) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(then, Math.min(ms, MAX_TIMER_MS));
  }

  /** @param {'ws' | 'http'} scheme */
  #address(scheme) {
    const address = new URL(this.#url);
    address.protocol = this.#url.protocol.replace(/^(ws|http)/, scheme);
    address.searchParams.set('session_id', this.sessionId);
    if (this.resumeToken !== undefined) address.searchParams.set('resume', this.resumeToken);
    return address;
  }

  /** @template {ClientState} S @param {S} state @param {ClientEvents[S]} detail */
  #become(state, detail) {
    this.state = state;
    this.#emit(state, detail);
  }

  /** @template {keyof ClientEvents} E @param {E} type @param {ClientEvents[E]} detail */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** @typedef {{ text: string, resolve: (answer: Answer) => void, reject: (error: UnansweredError) => void }} Message */

/** What does not parse says nothing. @param {unknown} text @returns {any} */
function parse(text) {
  try {
    return JSON.parse(String(text)) ?? {};
  } catch {
    return {};
  }
}

/** @param {unknown} value of a header or a body @param {number} [unit] @returns {number | undefined} nothing, if it is none */
function number(value, unit = 1) {
  return value === undefined || value === null || !(Number(value) >= 0) ? undefined : Number(value) * unit;
}

/** `crypto.randomUUID` is there in secure contexts alone; pages are also served over plain HTTP. @returns {string} version 4 */
function newSessionId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes.set([(Number(bytes[6]) & 15) | 64], 6);
  bytes.set([(Number(bytes[8]) & 63) | 128], 8);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
