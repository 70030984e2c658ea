import { readFile } from 'node:fs/promises';
import { getText } from '../../lib/http-get.ts';
import type { LokiTarget } from './options.ts';
import { pause } from './waiting.ts';

/** The lines of the service's log that matter here: at INFO there is one for each message. The labels are in docs/logs.md. */
const SELECTOR = '{service="websocket-message-counter", level=~"WARN|ERROR|CRITICAL"}';
const POLL_MS = 2000;
const TIMEOUT_MS = 10_000;
/** Lines of one answer: Loki's default `max_entries_limit_per_query`. */
const PAGE_LINES = 5000;
/** How late a line may come to Loki: the service ships in batches, and tries again. Milliseconds. */
const LATENESS_MS = 60_000;

/** Who is told of what the tail reads. */
export interface LokiListener {
  readonly line: (line: string) => void;
  /** Loki answered. Told at each poll. */
  readonly answered: () => void;
  /** Loki did not answer, or refused. Told at each poll. */
  readonly failed: (reason: string) => void;
}

interface Entry {
  readonly ns: bigint;
  readonly line: string;
  /** Tells entries apart, since windows overlap. */
  readonly key: string;
}

/**
 * Follows the service's log in Loki by asking for it every {@link POLL_MS} (`/loki/api/v1/query_range`). Polling, rather
 * than the tail endpoint, since tail drops lines for slow readers, shows no line that comes late, and loses what passed while
 * the connection was away; here windows overlap, each line counts once, and after an outage the window reaches back to the
 * last answer.
 */
export class LokiTail {
  readonly #target: LokiTarget;
  readonly #listener: LokiListener;
  readonly #sinceMs: number;
  /** Entries told already, with their time; those that no window can reach any more are dropped. */
  readonly #told = new Map<string, bigint>();
  #answeredMs = Date.now();

  /** @param sinceMs lines that are older are not read. Milliseconds since 1970 */
  constructor(target: LokiTarget, sinceMs: number, listener: LokiListener) {
    this.#sinceMs = sinceMs;
    this.#target = target;
    this.#listener = listener;
  }

  /** Follows until the signal aborts, and asks once more then. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#poll(TIMEOUT_MS, signal);
      await pause(POLL_MS, signal);
    }
    await this.#poll(2000);
  }

  async #poll(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    const nowMs = Date.now();
    const fromMs = Math.max(this.#sinceMs, Math.min(this.#answeredMs, nowMs) - LATENESS_MS);
    try {
      await this.#readWindow(nanoseconds(fromMs), nanoseconds(nowMs + 1000), timeoutMs, signal);
      this.#answeredMs = nowMs;
      this.#forgetBefore(nanoseconds(nowMs - 2 * LATENESS_MS));
      this.#listener.answered();
    } catch (error) {
      if (signal?.aborted !== true) this.#listener.failed((error as Error).message);
    }
  }

  async #readWindow(from: bigint, to: bigint, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    for (let start = from; ;) {
      const entries = await this.#query(start, to, timeoutMs, signal);
      for (const entry of entries) this.#tell(entry);
      const last = entries.at(-1);
      // A full page that is of one moment would be asked for for ever.
      if (last === undefined || entries.length < PAGE_LINES || last.ns === start) return;
      start = last.ns;
    }
  }

  #tell({ key, ns, line }: Entry): void {
    if (this.#told.has(key)) return;
    this.#told.set(key, ns);
    this.#listener.line(line);
  }

  #forgetBefore(ns: bigint): void {
    for (const [key, at] of this.#told) if (at < ns) this.#told.delete(key);
  }

  async #query(start: bigint, end: bigint, timeoutMs: number, signal?: AbortSignal): Promise<Entry[]> {
    const { url: base, headers, caFile } = this.#target;
    const url = new URL('loki/api/v1/query_range', base.href.endsWith('/') ? base : `${base.href}/`);
    const query = { query: SELECTOR, start, end, limit: PAGE_LINES, direction: 'forward' };
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value));
    const { status, body } = await getText(url, timeoutMs, {
      headers,
      ...(caFile !== undefined && { ca: await readFile(caFile) }),
      ...(signal && { signal }),
    });
    if (status !== 200) throw new Error(`${url.host} answered ${status}: ${body.trim().slice(0, 200)}`);
    return parseEntries(body, url.host);
  }
}

function parseEntries(body: string, host: string): Entry[] {
  let streams: { stream: Record<string, string>; values: [string, string][] }[];
  try {
    ({ result: streams } = (JSON.parse(body) as { data: { result: typeof streams } }).data);
  } catch {
    throw new Error(`${host} did not answer as Loki does: ${body.slice(0, 80)}`);
  }
  return streams
    .flatMap(({ stream, values }) =>
      values.map(([ns, line]) => ({ ns: BigInt(ns), line, key: `${ns} ${stream['level'] ?? ''} ${line}` })),
    )
    .sort((a, b) => (a.ns < b.ns ? -1 : a.ns > b.ns ? 1 : 0));
}

function nanoseconds(ms: number): bigint {
  return BigInt(Math.round(ms)) * 1_000_000n;
}
