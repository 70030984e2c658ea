import { getText, NoAnswerError } from '../../lib/http-get.ts';
import { MetricsTextError, parseMetricsText, sum, sumBy, type Samples } from '../../lib/metrics-text.ts';
import { trustedWith } from '../../lib/tls-problem.ts';
import { VERSION } from '../../lib/version.ts';

/** Names of the service's metrics that are compared. */
const MESSAGES = 'websocket_messages_total';
const OPENED = 'websocket_connections_opened_total';
const CLOSED = 'websocket_connections_closed_total';
const ACTIVE = 'websocket_active_connections';
const STARTED = 'process_start_time_seconds';

/** Bound on one scrape, in milliseconds. */
const SCRAPE_TIMEOUT_MS = 5000;
/** Longest time for the service to notice the last closed connections, in milliseconds. */
const SETTLE_MS = 5000;
/** Metrics that stay as they are for this time are taken as final, in milliseconds. */
const STABLE_MS = 1500;
/** Time between two scrapes while it does, in milliseconds. */
const POLL_MS = 100;

/** What clients know of a number: it is between two, or exactly one where both are the same. */
export interface Range {
  readonly least: number;
  readonly most: number;
}

/** What the clients saw. */
export interface ClientView {
  readonly messages: Range;
  readonly opened: Range;
  /** By close code received; 1006 is none. */
  readonly closes: Readonly<Record<string, number>>;
}

/** One line of the comparison. */
export interface MetricsRow {
  /** What is compared: `messages`, `connections opened`, `closes with 1000`, ... */
  readonly what: string;
  readonly clients: Range;
  /** Change of the service's metric, summed over all instances; `null` if there is no such metric. */
  readonly service: number | null;
  readonly same: boolean;
}

/** What became of the comparison. */
export interface MetricsComparison {
  readonly urls: readonly string[];
  readonly compared: boolean;
  /** Why it was not compared, a sentence; empty if it was. */
  readonly reason: string;
  readonly differences: number;
  readonly rows: readonly MetricsRow[];
}

/** Metrics can't be read. The message is a sentence. */
export class MetricsError extends Error {
  override readonly name = 'MetricsError';
}

/** How metrics are asked for. */
export interface ScrapeOptions {
  readonly verifyCertificate: boolean;
  /** Certificates in PEM format, trusted beside those of Node.js. */
  readonly ca?: string | undefined;
}

/** The service's metrics as they were before a run, to compare the change with. */
export class MetricsCheck {
  readonly #urls: readonly string[];
  readonly #options: ScrapeOptions;
  readonly #before: readonly Samples[];

  private constructor(urls: readonly string[], options: ScrapeOptions, before: readonly Samples[]) {
    this.#urls = urls;
    this.#options = options;
    this.#before = before;
  }

  /**
   * Reads the metrics of each instance.
   * @throws {MetricsError} if one can't be read, or is another program's
   */
  static async before(urls: readonly string[], options: ScrapeOptions): Promise<MetricsCheck> {
    const before = await Promise.all(urls.map((url) => scrape(url, options)));
    for (const [index, samples] of before.entries())
      if (!samples.has(MESSAGES)) throw new MetricsError(`${urls[index] ?? ''} has no ${MESSAGES}.`);
    return new MetricsCheck(urls, options, before);
  }

  /** Compares the change with what the clients saw, giving the service a moment to notice the last closes. */
  async compare(view: ClientView): Promise<MetricsComparison> {
    const end = performance.now() + SETTLE_MS;
    let last = '';
    let stableSince = performance.now();
    for (;;) {
      const comparison = await this.#compareOnce(view);
      const now = performance.now();
      const text = JSON.stringify(comparison);
      if (text !== last) stableSince = now;
      last = text;
      const same = comparison.compared && comparison.differences === 0;
      if (same || now >= end || now - stableSince >= STABLE_MS) return comparison;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  async #compareOnce(view: ClientView): Promise<MetricsComparison> {
    let after: readonly Samples[];
    try {
      after = await Promise.all(this.#urls.map((url) => scrape(url, this.#options)));
    } catch (error) {
      if (!(error instanceof MetricsError)) throw error;
      return notCompared(this.#urls, error.message);
    }
    const restarted = this.#urls.filter((_url, index) => hasRestarted(this.#before[index], after[index]));
    if (restarted.length > 0)
      return notCompared(
        this.#urls,
        `The process behind ${restarted.join(' and ')} has restarted, so its counters began again.`,
      );
    const rows = this.#rows(view, after);
    return { urls: this.#urls, compared: true, reason: '', differences: rows.filter(({ same }) => !same).length, rows };
  }

  #rows(view: ClientView, after: readonly Samples[]): MetricsRow[] {
    const change = (name: string): number | null => this.#change(after, (samples) => sum(samples, name));
    const rows = [
      row('messages', view.messages, change(MESSAGES)),
      row('connections opened', view.opened, change(OPENED)),
    ];
    const active = change(ACTIVE);
    if (active !== null) rows.push(row('connections left open', exactly(0), active));
    return [...rows, ...this.#closeRows(view, after)];
  }

  #closeRows({ closes, opened }: ClientView, after: readonly Samples[]): MetricsRow[] {
    if (!after.some((samples) => samples.has(CLOSED))) return [row('connections closed', exactly(total(closes)), null)];
    const known = new Set(after.flatMap((samples) => [...sumBy(samples, CLOSED, 'code').keys()]));
    const seen = new Map<string, number>();
    for (const [code, count] of Object.entries(closes)) {
      const label = known.has(code) ? code : 'other';
      seen.set(label, (seen.get(label) ?? 0) + count);
    }
    const codes = [...new Set([...known, ...seen.keys()])].sort();
    return codes.flatMap((code) => {
      const count = seen.get(code) ?? 0;
      // A connection that only the service saw was cut, as it saw it.
      const most = count + (code === '1006' ? opened.most - opened.least : 0);
      const service = this.#change(after, (samples) => sumBy(samples, CLOSED, 'code').get(code)) ?? 0;
      return count === 0 && service === 0 ? [] : [row(`closes with ${code}`, { least: count, most }, service)];
    });
  }

  /** Sum over all instances; `null` if none has the metric. */
  #change(after: readonly Samples[], read: (samples: Samples) => number | undefined): number | null {
    const changes = after.map((samples, index) => {
      const now = read(samples);
      return now === undefined ? undefined : now - (read(this.#before[index] ?? new Map()) ?? 0);
    });
    return changes.every((change) => change === undefined)
      ? null
      : changes.reduce<number>((all, change) => all + (change ?? 0), 0);
  }
}

/** A comparison that was not made. */
export function notCompared(urls: readonly string[], reason: string): MetricsComparison {
  return { urls, compared: false, reason, differences: 0, rows: [] };
}

async function scrape(url: string, { verifyCertificate, ca }: ScrapeOptions): Promise<Samples> {
  try {
    const { status, body } = await getText(new URL(url), SCRAPE_TIMEOUT_MS, {
      rejectUnauthorized: verifyCertificate,
      ...(ca !== undefined && { ca: trustedWith(ca) }),
      headers: { 'user-agent': `websocket-loadtest/${VERSION}` },
    });
    if (status !== 200) throw new MetricsError(`${url} answered with HTTP ${status}.`);
    return parseMetricsText(body);
  } catch (error) {
    if (error instanceof NoAnswerError) throw new MetricsError(`${url} can not be read: ${error.message}.`);
    if (error instanceof MetricsTextError) throw new MetricsError(`${url} is not metrics: ${error.message}.`);
    throw error;
  }
}

function hasRestarted(before: Samples | undefined, after: Samples | undefined): boolean {
  if (before === undefined || after === undefined) return true;
  if ((sum(before, STARTED) ?? 0) !== (sum(after, STARTED) ?? 0)) return true;
  return [MESSAGES, OPENED, CLOSED].some((name) => (sum(after, name) ?? 0) < (sum(before, name) ?? 0));
}

function row(what: string, clients: Range, service: number | null): MetricsRow {
  return { what, clients, service, same: service !== null && service >= clients.least && service <= clients.most };
}

function exactly(value: number): Range {
  return { least: value, most: value };
}

function total(sums: Readonly<Record<string, number>>): number {
  return Object.values(sums).reduce((all, each) => all + each, 0);
}
