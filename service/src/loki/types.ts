/** Tables and types that the files of this room exchange, and those that metrics and docs read. */

/** How a push ended, the `outcome` label of `websocket_loki_pushes_total`. */
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

/** Why a line did not reach Loki: the `reason` label of `websocket_log_lines_dropped_total`. */
export const LOKI_DROP_REASONS = {
  buffer_full:
    'Loki was away, or slower than lines came, for longer than LOKI_BUFFER_BYTES lasts; the oldest went first',
  rejected: 'Loki refused them for good',
  too_long: 'longer than the 256 KiB that Loki takes',
  broken: 'the thread that ships them failed',
  shutdown: 'the process ended before Loki took them',
} as const;

/** A key of {@link LOKI_DROP_REASONS}. */
export type LokiDropReason = keyof typeof LOKI_DROP_REASONS;

/** Maximum bytes of a line: Loki's `max_line_size`, unless configured. */
export const MAX_LINE_BYTES = 256 * 1024;

/** What a sender needs. Plain data: it is copied to a thread. */
export interface LokiSenderOptions {
  /** Address, with a path if Loki is behind one and without a slash at its end; `/loki/api/v1/push` is appended. */
  readonly url: string;
  /** Headers that identify the service: Authorization, X-Scope-OrgID. */
  readonly headers: Readonly<Record<string, string>>;
  /** Certificates to trust, PEM; default: those of Node.js. */
  readonly ca?: string;
  /** Limit of a whole exchange, from the look-up of the name to the last byte of the answer. Milliseconds. */
  readonly timeoutMs: number;
  /** Maximum pause between two attempts, in milliseconds. */
  readonly retryMaxMs: number;
  /** Maximum bytes of lines that wait. */
  readonly bufferBytes: number;
  /** Stream labels beside `level`. */
  readonly labels: Readonly<Record<string, string>>;
  /** Structured metadata that all entries have. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Result of a push. */
export interface PushResult {
  readonly outcome: PushOutcome;
  /** Loki's answer or the error of the network, shortened. */
  readonly detail: string;
  /** Loki may have stored some or all of the lines. */
  readonly inDoubt: boolean;
  readonly seconds: number;
}

/** An entry as Loki's push API has it: nanoseconds since 1970, the line, structured metadata. */
export type LokiEntry = readonly [nanoseconds: string, line: string, metadata: Readonly<Record<string, string>>];

/** Entries with the same labels. */
export interface LokiStream {
  readonly labels: Readonly<Record<string, string>>;
  readonly entries: readonly LokiEntry[];
}

/** What the thread did since its last report, and what it holds now. */
export interface LokiReport {
  /** Bytes that it was handed. */
  readonly receivedBytes: number;
  /** Lines that Loki took. */
  readonly shipped: number;
  readonly dropped: Readonly<Partial<Record<LokiDropReason, number>>>;
  /** Bytes of memory of lines that wait, those of the current push included. */
  readonly queueBytes: number;
  /** Arrival of the oldest line that waits, by `monotonicMs()`; Infinity if none waits. */
  readonly since: number;
  /** The push that just ended: there is one report for each. */
  readonly push?: PushResult;
}

/** To the thread: lines, with the memory that they are in; or the request to deliver all it has without long pauses. */
export type ToLokiWorker = { readonly bytes: Uint8Array; readonly lines: number } | 'flush';

/** From the thread: a report of each change; the end of a flush. */
export type FromLokiWorker = LokiReport | 'flushed';
