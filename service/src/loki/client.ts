import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { Agent as HttpAgent, request as requestHttp } from '../runtime/node-http.ts';
import { BatchTransport, type PushError } from './transport.ts';
import type { LokiSenderOptions, LokiStream, PushResult } from './types.ts';

/** Lines that Loki has, as `nanoseconds line`; or that it does not say, or can't say now. */
export type StoredLines = ReadonlySet<string> | 'refused' | 'unavailable';

/** Pushes to Loki through winston-loki, and asks Loki what it has, which winston-loki can't. One exchange at a time. */
export class LokiClient {
  readonly #options: LokiSenderOptions;
  readonly #secure: boolean;
  readonly #agent: InstanceType<typeof HttpAgent>;
  readonly #transport: BatchTransport;

  constructor(options: LokiSenderOptions) {
    this.#options = options;
    const { protocol, hostname } = new URL(options.url);
    this.#secure = protocol === 'https:';
    const { ca } = options;
    // winston-loki asks for an IPv6 address in its brackets, which no look-up knows.
    const agentOptions = { keepAlive: true, ...(hostname.startsWith('[') && { host: hostname.slice(1, -1) }) };
    this.#agent = this.#secure
      ? new HttpsAgent({ ...agentOptions, ...(ca !== undefined && { ca }) })
      : new HttpAgent(agentOptions);
    this.#transport = new BatchTransport(options, this.#agent);
  }

  /** Sends streams. Never rejects. */
  async push(streams: readonly LokiStream[]): Promise<PushResult> {
    const startedAt = performance.now();
    const result = await this.#pushInTime(streams).then(() => ACCEPTED, judge);
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
    try {
      const { status, body } = await this.#get(`query_range?${query.toString()}`);
      if (status === 429 || status >= 500) return 'unavailable';
      return status === 200 ? readStored(body) : 'refused';
    } catch {
      return 'unavailable';
    }
  }

  /** Closes kept connections. */
  close(): void {
    this.#agent.destroy();
  }

  /** Bounds the whole exchange: winston-loki's `timeout` is idle time, and it waits for ever for an answer that was cut. */
  #pushInTime(streams: readonly LokiStream[]): Promise<void> {
    const { timeoutMs } = this.#options;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new TimeoutError(`no answer within ${timeoutMs / 1000} s`));
        this.#agent.destroy();
      }, timeoutMs);
      const settle = (): void => {
        clearTimeout(timer);
      };
      this.#transport.push(streams).finally(settle).then(resolve, reject);
    });
  }

  async #get(path: string): Promise<{ status: number; body: string }> {
    const { url, headers, timeoutMs } = this.#options;
    const request = (this.#secure ? requestHttps : requestHttp)(`${url}/loki/api/v1/${path}`, {
      agent: this.#agent,
      headers,
      signal: AbortSignal.timeout(Math.min(timeoutMs, QUERY_TIMEOUT_MS)),
    });
    // Beside what is awaited: an error after the answer began.
    request.on('error', () => undefined).end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    return { status: response.statusCode ?? 0, body: await text(response) };
  }
}

/** Lines wait for this answer. */
const QUERY_TIMEOUT_MS = 1000;
const MAX_DETAIL = 300;
/** Loki's `max_entries_limit_per_query`, unless configured. A push has fewer lines. */
const MAX_STORED_LINES = 5000;

class TimeoutError extends Error {}

type Judgement = Omit<PushResult, 'seconds'>;

const ACCEPTED: Judgement = { outcome: 'accepted', detail: '', inDoubt: false };

function judge(error: Error | PushError): Judgement {
  if (error instanceof TimeoutError) return { outcome: 'timeout', detail: error.message, inDoubt: true };
  // winston-loki does not say whether it had sent the request.
  if (!('statusCode' in error)) return { outcome: 'connection', detail: describe(error), inDoubt: true };
  const { statusCode, responseBody } = error;
  const detail = `HTTP ${statusCode}${responseBody === '' ? '' : `: ${responseBody.trim().slice(0, MAX_DETAIL)}`}`;
  // Loki's limit on a stream refuses a part of a push (429); a quorum that fails (500) leaves what single ingesters took.
  if (statusCode === 429) return { outcome: 'throttled', detail, inDoubt: true };
  if (statusCode >= 500) return { outcome: 'server_error', detail, inDoubt: true };
  return { outcome: 'rejected', detail, inDoubt: false };
}

/** Reads an answer of Loki's `query_range`; anything else is a refusal. */
function readStored(body: string): StoredLines {
  try {
    const { data } = JSON.parse(body) as { data: { result: { values: [string, string][] }[] } };
    const lines = data.result.flatMap(({ values }) => values);
    // A full page may be a part of what there is.
    return lines.length < MAX_STORED_LINES ? new Set(lines.map(([nanos, line]) => `${nanos} ${line}`)) : 'refused';
  } catch {
    return 'refused';
  }
}

/** An attempt on several addresses fails with one error for each. */
function describe(error: Error & { code?: string }): string {
  if (error.message !== '') return error.message;
  const errors = error instanceof AggregateError ? (error.errors as Error[]) : [];
  return errors.map(({ message }) => message).join('; ') || (error.code ?? error.name);
}
