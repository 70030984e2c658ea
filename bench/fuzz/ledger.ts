import { CODE_LABELS } from '../../service/src/metrics/metrics.ts';
import type { Scrape } from '../../testkit/scrape.ts';
import type { Part } from './parts.ts';

/** What the clients of a part know to have happened, to be compared with what the service counted. */
export class Ledger {
  /** Requests and frames sent: what a run counts as inputs. */
  inputs = 0;
  connections = 0;
  /** Messages that were counted: the replies received, and those that their session told of later. */
  messages = 0;
  /** Handshakes answered with 101. */
  opened = 0;
  /** Connections that ended before an answer came: the service may have counted a refusal, or an opening, or neither. */
  unanswered = 0;
  /** Connections reset without waiting for what the service made of them. */
  reckless = 0;
  /** Clients that sent and did not read. */
  floods = 0;
  readonly refusals = new Tally();
  /** By `code/initiator`. */
  readonly closes = new Tally();
  readonly errors = new Tally();
  readonly rejections = new Tally();
  /** Messages counted into each session that several connections use. */
  readonly shared = new Tally();

  /** A connection closed. */
  closed(code: number, initiator: 'client' | 'server'): void {
    const label = CODE_LABELS.includes(String(code)) ? String(code) : 'other';
    this.closes.add(`${label}/${initiator}`);
  }

  /**
   * Where the service counted differently.
   */
  disagreements(scrape: Scrape, { strict, env }: Part): string[] {
    const found: string[] = [];
    const compare = (series: string, expected: number, slack = 0): void => {
      const counted = scrape.value(series);
      if (counted < expected || counted > expected + slack)
        found.push(`${series} is ${counted}, expected ${expected}${slack === 0 ? '' : ` to ${expected + slack}`}`);
    };
    compare('websocket_messages_total', this.messages);
    compare('websocket_message_duration_seconds_count', this.messages);
    compare('websocket_connections_opened_total', this.opened, this.unanswered);
    compare('websocket_errors_total{type="internal"}', 0);
    compare('websocket_errors_total{type="store"}', 0);
    for (const series of seriesOf(scrape, 'websocket_handshakes_rejected_total'))
      compare(series, this.refusals.of(label(series, 'reason')), this.unanswered);
    // Where there is an idle time-out, it may have been faster.
    if (env['IDLE_TIMEOUT_SECONDS'] === undefined) compare('websocket_errors_total{type="slow_reader"}', this.floods);
    const opened = scrape.value('websocket_connections_opened_total');
    const closed = scrape.sum('websocket_connections_closed_total');
    if (opened !== closed) found.push(`${opened} connections were opened, but ${closed} closed`);
    if (strict) this.#compareLabels(scrape, compare);
    return found;
  }

  #compareLabels(scrape: Scrape, compare: (series: string, expected: number) => void): void {
    for (const series of seriesOf(scrape, 'websocket_connections_closed_total'))
      compare(series, this.closes.of(`${label(series, 'code')}/${label(series, 'initiator')}`));
    for (const series of seriesOf(scrape, 'websocket_messages_rejected_total'))
      compare(series, this.rejections.of(label(series, 'reason')));
    for (const series of seriesOf(scrape, 'websocket_errors_total'))
      if (label(series, 'type') !== 'handshake_rejected') compare(series, this.errors.of(label(series, 'type')));
  }
}

/** Counts by name. */
export class Tally {
  readonly #counts = new Map<string, number>();

  add(name: string, times = 1): void {
    this.#counts.set(name, this.of(name) + times);
  }

  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  get entries(): readonly (readonly [string, number])[] {
    return [...this.#counts];
  }
}

function seriesOf(scrape: Scrape, name: string): string[] {
  return [...scrape.series.keys()].filter((series) => series.startsWith(`${name}{`));
}

function label(series: string, name: string): string {
  return new RegExp(`${name}="([^"]*)"`).exec(series)?.[1] ?? '';
}
