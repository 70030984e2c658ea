import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { ApiException, Log, type KubeConfig, type LogOptions } from '@kubernetes/client-node';
import { lineSplitter } from './log-lines.ts';

/** Time before a log is opened again. */
const RETRY_MS = 1000;
/** Time for the last lines of a pod that is gone, in milliseconds. */
export const GONE_MS = 3000;

/** Which log, and who receives what it says. */
export interface PodLogOptions {
  readonly config: KubeConfig;
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  /** Only lines from now on are of interest. */
  readonly fromNow: boolean;
  /** Times the container was restarted, by its status; `undefined` while it never ran. */
  readonly restarts: () => number | undefined;
  readonly onLine: (line: string) => void;
  readonly onOpen: () => void;
  /** The log can't be opened, for the second time in a row or more often. It is tried again. */
  readonly onFailure: (reason: string) => void;
}

/**
 * Follows the log of one container by the library's Log class, through restarts, cut streams and an API server that goes away:
 * after each it goes on after the last line that was read, by the time stamps that the node gives to lines. After a restart it reads the
 * rest of the instance before first.
 */
export class PodLog {
  readonly #options: PodLogOptions;
  readonly #log: Log;
  readonly #createdMs = Date.now();
  readonly #stopped = new AbortController();
  /** Time of the last line, as the node writes it; empty if none was read. */
  #last = '';
  /** Restarts at the time when it was opened last. */
  #instance: number | undefined;

  constructor(options: PodLogOptions) {
    this.#options = options;
    this.#log = new Log(options.config);
  }

  /** Ends it after a time for what is still on its way, in milliseconds. */
  stop(afterMs: number): void {
    setTimeout(() => {
      this.#stopped.abort();
    }, afterMs).unref();
  }

  /** Follows until it is stopped. Never throws. */
  async run(): Promise<void> {
    const { signal } = this.#stopped;
    for (let failures = 0; !signal.aborted;) {
      try {
        const restarts = this.#options.restarts();
        if (restarts !== undefined) await this.#read(restarts);
        failures = 0;
      } catch (error) {
        failures += 1;
        if (failures > 1 && !isMissing(error)) this.#options.onFailure(reasonOf(error));
      }
      await pause(RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async #read(restarts: number): Promise<void> {
    if (this.#instance !== undefined && restarts > this.#instance)
      await this.#open({ previous: true }).catch((error: unknown) => {
        // The node may not have the log of the instance before any more.
        if (!isMissing(error)) throw error;
      });
    this.#instance = restarts;
    await this.#open({ follow: true });
  }

  /** Hands over lines until the stream ends. */
  async #open(options: LogOptions): Promise<void> {
    const { namespace, pod, container, onLine, onOpen } = this.#options;
    const { signal } = this.#stopped;
    const lines = lineSplitter();
    // The library pipes the response into the stream and does not listen to its errors.
    lines.on('pipe', (response: Readable) => response.on('error', (error) => lines.destroy(error)));
    lines.on('error', () => undefined);
    const boundary = this.#last;
    lines.on('data', (line: string) => {
      // Time stamps of one node are in order as texts: the kubelet writes all nine decimals.
      const stamp = /^\d{4}-\S+/.exec(line)?.[0] ?? '';
      if (stamp <= boundary) return;
      if (stamp > this.#last) this.#last = stamp;
      const text = line.slice(stamp.length + 1);
      if (text !== '') onLine(text);
    });
    const ended = once(lines, 'end', { signal });
    ended.catch(() => undefined);
    const request = await this.#log.log(namespace, pod, container, lines, {
      timestamps: true,
      ...this.#since(),
      ...options,
    });
    onOpen();
    try {
      await ended;
    } finally {
      request.abort();
    }
  }

  /** Times are the node's own, never this machine's clock: the two may differ. */
  #since(): LogOptions {
    if (this.#last !== '') return { sinceTime: this.#last };
    return this.#options.fromNow ? { sinceSeconds: Math.ceil((Date.now() - this.#createdMs) / 1000) + 1 } : {};
  }
}

/** There is no such log: the container has not started, it was never restarted, or the pod is gone. */
function isMissing(error: unknown): boolean {
  return error instanceof ApiException && (error.code === 400 || error.code === 404);
}

/** The library does not pass on what the API server says, only the status. */
function reasonOf(error: unknown): string {
  if (!(error instanceof ApiException)) return (error as Error).message;
  if (error.code === 401 || error.code === 403)
    return `the permission to get on pods/log is needed (HTTP ${error.code})`;
  return `the API server answered ${error.code}`;
}
