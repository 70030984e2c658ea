import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { Readable } from 'node:stream';
import { Agent as HttpAgent, request as requestHttp } from '../runtime/node-http.ts';

/** How a push ended, the `outcome` label of `websocket_loki_pushes_total`, with what each one is. */
export const PUSH_OUTCOMES = {
  accepted: 'Loki took it (2xx)',
  rejected: 'Loki refused it for good (4xx, 3xx): its lines are dropped',
  throttled: 'Loki asked for patience (429); tried again',
  server_error: 'Loki failed (5xx); tried again',
  timeout: 'Loki did not answer within LOKI_TIMEOUT_SECONDS; tried again',
  connection: 'Loki could not be reached, or the connection was cut; tried again',
} as const;

/** A key of {@link PUSH_OUTCOMES}. */
export type PushOutcome = keyof typeof PUSH_OUTCOMES;

/** Where Loki is, and who asks. */
export interface LokiTarget {
  /** Address, with a path if Loki is behind one; `/loki/api/v1/push` is added. */
  readonly url: string;
  /** Headers that identify: Authorization, X-Scope-OrgID. */
  readonly headers: Readonly<Record<string, string>>;
  /** Certificates to trust, PEM; those that come with Node.js if left out. */
  readonly ca?: string;
  /** Bound on a whole exchange, from the look-up of the name to the last byte of the answer. Milliseconds. */
  readonly timeoutMs: number;
}

/** What came of a push. */
export interface PushResult {
  readonly outcome: PushOutcome;
  /** What Loki said, or the network, cut to a bearable length. */
  readonly detail: string;
  /** What Loki asks to wait (Retry-After), in milliseconds. */
  readonly retryAfterMs: number;
  /** Loki may have stored some of it or all of it, without our knowing. */
  readonly inDoubt: boolean;
  readonly seconds: number;
}

/** Lines that Loki has, as `nanoseconds line`; or that it does not tell us, or can't tell now. */
export type StoredLines = ReadonlySet<string> | 'refused' | 'unavailable';

/** Talks to Loki over connections that it keeps. */
export class LokiClient {
  readonly #target: LokiTarget;
  readonly #base: URL;
  readonly #agent: InstanceType<typeof HttpAgent>;
  readonly #request: typeof requestHttp;
  readonly #pause: () => void;

  /** @param pause called before each piece of a body is written */
  constructor(target: LokiTarget, pause: () => void = () => undefined) {
    this.#target = target;
    this.#pause = pause;
    this.#base = new URL(target.url);
    const secure = this.#base.protocol === 'https:';
    this.#agent = secure
      ? new HttpsAgent({ keepAlive: true, ...(target.ca !== undefined && { ca: target.ca }) })
      : new HttpAgent({ keepAlive: true });
    this.#request = secure ? requestHttps : requestHttp;
  }

  /** Sends a body of the push API. Never rejects. */
  async push(body: Buffer, encoding?: 'gzip'): Promise<PushResult> {
    const startedAt = performance.now();
    const headers = {
      'Content-Type': 'application/x-protobuf',
      'Content-Length': body.length,
      ...(encoding !== undefined && { 'Content-Encoding': encoding }),
    };
    const result = await this.#exchange('POST', 'push', headers, body).then(judgeAnswer, (error: unknown) =>
      judgeFailure(error as ExchangeError),
    );
    return { ...result, seconds: (performance.now() - startedAt) / 1000 };
  }

  /**
   * Asks which lines Loki has between two moments. Never rejects.
   * @param selector LogQL
   * @param from first nanosecond, as Loki writes it
   * @param to last nanosecond
   */
  async storedLines(selector: string, from: string, to: string): Promise<StoredLines> {
    const query = new URLSearchParams({
      query: selector,
      start: from,
      end: String(BigInt(to) + 1n),
      limit: String(MAX_STORED_LINES),
      direction: 'forward',
    });
    const path = `query_range?${query.toString()}`;
    const answer = await this.#exchange('GET', path, {}, undefined, QUERY_TIMEOUT_MS).catch(() => undefined);
    if (answer === undefined || answer.status === 429 || answer.status >= 500) return 'unavailable';
    return answer.status === 200 ? readStored(answer.text) : 'refused';
  }

  /** Closes connections that are kept. */
  close(): void {
    this.#agent.destroy();
  }

  #exchange(
    method: 'GET' | 'POST',
    path: string,
    headers: Readonly<Record<string, string | number>>,
    body?: Buffer,
    maxMs = Infinity,
  ): Promise<Answer> {
    const url = new URL(`${this.#base.pathname.replace(/\/+$/, '')}/loki/api/v1/${path}`, this.#base);
    const request = this.#request(url, {
      method,
      agent: this.#agent,
      headers: { ...this.#target.headers, ...headers },
    });
    return new Promise<Answer>((resolve, reject) => {
      const timeoutMs = Math.min(this.#target.timeoutMs, maxMs);
      const timer = setTimeout(() => {
        request.destroy(new TimeoutError(`no answer within ${timeoutMs / 1000} s`));
      }, timeoutMs);
      const fail = (error: Error): void => {
        clearTimeout(timer);
        reject(new ExchangeError(error, request));
      };
      request.on('error', fail);
      request.on('response', (response) => {
        readText(response).then((text) => {
          clearTimeout(timer);
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
        }, fail);
      });
      if (body === undefined) request.end();
      else Readable.from(piecesOf(body, this.#pause)).pipe(request);
    });
  }
}

/** A system call for a whole body takes most of a millisecond, in one stretch: the kernel carries it over to Loki meanwhile. */
const PIECE_BYTES = 32 * 1024;
/** What Loki has is asked on the side: lines wait for the answer. */
const QUERY_TIMEOUT_MS = 1000;
const MAX_DETAIL = 300;
/** Loki's `max_entries_limit_per_query`, unless configured. A push has fewer lines. */
const MAX_STORED_LINES = 5000;
/** A full page of lines takes some MiB; what is more is not read. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

class TimeoutError extends Error {}

/** There is no answer, or not a whole one. */
class ExchangeError extends Error {
  readonly timedOut: boolean;
  /** The whole request had been handed to the operating system. */
  readonly sent: boolean;

  constructor(cause: Error, request: ClientRequest) {
    super(describe(cause), { cause });
    this.timedOut = cause instanceof TimeoutError;
    this.sent = request.writableFinished;
  }
}

function* piecesOf(body: Buffer, pause: () => void): Generator<Buffer> {
  for (let start = 0; start < body.length; start += PIECE_BYTES) {
    pause();
    yield body.subarray(start, start + PIECE_BYTES);
  }
}

function judgeAnswer({ status, headers, text }: Answer): Omit<PushResult, 'seconds'> {
  const detail = `HTTP ${status}${text === '' ? '' : `: ${text.trim().slice(0, MAX_DETAIL)}`}`;
  // Loki's limit on a stream refuses a part of a push (429); a quorum that fails (500) leaves what single ingesters took.
  if (status === 429) return { outcome: 'throttled', detail, retryAfterMs: retryAfterMs(headers), inDoubt: true };
  if (status >= 500) return { outcome: 'server_error', detail, retryAfterMs: retryAfterMs(headers), inDoubt: true };
  const accepted = status >= 200 && status < 300;
  return { outcome: accepted ? 'accepted' : 'rejected', detail, retryAfterMs: 0, inDoubt: false };
}

function judgeFailure({ message, timedOut, sent }: ExchangeError): Omit<PushResult, 'seconds'> {
  return { outcome: timedOut ? 'timeout' : 'connection', detail: message, retryAfterMs: 0, inDoubt: sent };
}

/** Seconds alone: a date compares our clock with theirs. */
function retryAfterMs(headers: IncomingMessage['headers']): number {
  const seconds = Number(headers['retry-after']);
  return seconds > 0 ? seconds * 1000 : 0;
}

/** Reads what Loki's `query_range` answers, or gives up on what is not that. */
function readStored(text: string): StoredLines {
  try {
    const { data } = JSON.parse(text) as { data: { result: { values: [string, string][] }[] } };
    const lines = data.result.flatMap(({ values }) => values);
    // A full page may be a part of what there is.
    return lines.length < MAX_STORED_LINES ? new Set(lines.map(([nanos, line]) => `${nanos} ${line}`)) : 'refused';
  } catch {
    return 'refused';
  }
}

async function readText(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    if (bytes >= MAX_ANSWER_BYTES) continue;
    chunks.push(chunk);
    bytes += chunk.length;
  }
  return Buffer.concat(chunks).toString();
}

/** An attempt on several addresses fails with one error for each. */
function describe(error: Error & { code?: string }): string {
  if (error.message !== '') return error.message;
  const errors = error instanceof AggregateError ? (error.errors as Error[]) : [];
  return errors.map(({ message }) => message).join('; ') || (error.code ?? error.name);
}
