import { LogCursor, parseStampedLine } from './log-cursor.ts';
import { ApiError, type KubeApi, type Query } from './kube-api.ts';
import { LineSplitter } from './line-splitter.ts';
import { Bell, pause } from './waiting.ts';

const OPEN_TIMEOUT_MS = 10_000;
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 5000;
/** Pause after a refusal that only someone else can lift. */
const FORBIDDEN_RETRY_MS = 30_000;
/** Time for the pod's status to tell that the container ended, after its log did. */
const STATUS_MS = 2000;
/** Time for the last lines of a pod that is gone. */
const GONE_MS = 3000;

/** State of the container whose log is read. */
export interface ContainerState {
  /** Times it was started anew: tells its instances apart. */
  readonly restarts: number;
  readonly running: boolean;
  /** It ran and ended. */
  readonly terminated: boolean;
}

/** Who is told of what the log says and of how the reading goes. */
export interface PodLogListener {
  readonly line: (text: string) => void;
  /** It is read now, for the first time or again. */
  readonly opened: () => void;
  /** It can't be read now; it is tried again. */
  readonly failed: (error: Error) => void;
  /** Something happened to the stream that is worth a sentence. */
  readonly told: (sentence: string) => void;
}

/** Which log, from where on. */
export interface PodLogSource {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  /** The pod is older than the watch: what it said before is not of interest. */
  readonly fromNow: boolean;
}

/**
 * Follows the log of one container through its restarts, cut streams and an API server that goes away. After a cut it goes on
 * with the first line that was not read; if the container was started anew meanwhile, it reads the rest of the instance before
 * first.
 */
export class PodLog {
  readonly #api: KubeApi;
  readonly #source: PodLogSource;
  readonly #listener: PodLogListener;
  readonly #cursor = new LogCursor();
  readonly #changed = new Bell();
  readonly #stopped = new AbortController();
  readonly #createdMs = Date.now();
  #stream = new AbortController();
  #state: ContainerState = { restarts: 0, running: false, terminated: false };
  /** Instance that was followed last, and whether it was read to its end. */
  #instance: number | undefined;
  #finished = false;
  /** Instance whose stream was opened last. */
  #opened: number | undefined;
  #openedMs = 0;
  #attempts = 0;
  #gone = false;

  constructor(api: KubeApi, source: PodLogSource, listener: PodLogListener) {
    this.#api = api;
    this.#source = source;
    this.#listener = listener;
  }

  /** The pod's status changed. */
  update(state: ContainerState): void {
    this.#state = state;
    this.#changed.ring();
  }

  /** Opens the stream again if it is older: it may be dead without knowing. */
  renew(olderThanMs: number): void {
    if (this.#openedMs <= olderThanMs) this.#stream.abort();
    this.#changed.ring();
  }

  /** The pod is gone: what is still on its way is read. */
  podGone(): void {
    this.#gone = true;
    this.#changed.ring();
    setTimeout(() => {
      this.stop();
    }, GONE_MS).unref();
  }

  stop(): void {
    this.#stopped.abort();
    this.#stream.abort();
  }

  /** Follows until it is stopped or the pod is gone. Never throws. */
  async run(): Promise<void> {
    const { signal } = this.#stopped;
    let retryMs = RETRY_MIN_MS;
    while (!signal.aborted && !(this.#gone && this.#finished)) {
      if (!this.#readable()) {
        if (this.#gone) return;
        await this.#changed.wait(60_000, signal);
        continue;
      }
      try {
        await this.#readInstance();
        retryMs = RETRY_MIN_MS;
      } catch (error) {
        if (this.#isOver()) return;
        if (this.#stream.signal.aborted) continue;
        // A stream that lasted was no failed attempt.
        if (Date.now() - this.#openedMs > RETRY_MAX_MS) retryMs = RETRY_MIN_MS;
        if (!(error instanceof CutError) && !isNotReady(error)) this.#listener.failed(error as Error);
        await this.#changed.wait(isForbidden(error) ? FORBIDDEN_RETRY_MS : retryMs, signal);
        await pause(RETRY_MIN_MS, signal);
        retryMs = Math.min(2 * retryMs, RETRY_MAX_MS);
      }
    }
  }

  #isOver(): boolean {
    return this.#stopped.signal.aborted || this.#gone;
  }

  /** There is an instance that was not read to its end. */
  #readable(): boolean {
    const { restarts, running, terminated } = this.#state;
    return (running || terminated) && !(this.#finished && this.#instance === restarts);
  }

  async #readInstance(): Promise<void> {
    const instance = this.#state.restarts;
    if (this.#instance !== undefined && instance > this.#instance) await this.#catchUp(this.#instance, instance);
    const lines = await this.#open({ follow: true, ...this.#since() });
    const reopened = this.#opened === instance;
    this.#opened = instance;
    this.#openedMs = Date.now();
    this.#instance = instance;
    this.#finished = false;
    this.#listener.opened();
    if (reopened) this.#listener.told('log stream opened again; it goes on where it was cut');
    await lines();
    await this.#judgeEnd(instance);
  }

  /** The stream ended in order: because the container did, or because someone on the way closed it. */
  async #judgeEnd(instance: number): Promise<void> {
    const ended = (): boolean => this.#gone || this.#state.restarts > instance || this.#state.terminated;
    const until = Date.now() + STATUS_MS;
    while (!ended() && Date.now() < until && !this.#stopped.signal.aborted)
      await this.#changed.wait(until - Date.now(), this.#stopped.signal);
    this.#finished = ended();
    if (!this.#finished && !this.#stopped.signal.aborted)
      this.#listener.told('log stream ended though the container runs');
  }

  /** Reads what the instance before said after the stream was cut. */
  async #catchUp(before: number, now: number): Promise<void> {
    if (now - before > 1)
      this.#listener.told(`log of ${now - before - 1} short-lived container instances is not to be had any more`);
    if (this.#finished && now - before === 1) return;
    try {
      const lines = await this.#open({ previous: true, ...this.#since() });
      await lines();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#listener.told(`log of the container instance before is not to be had: ${error.message}`);
    }
    this.#instance = now;
    this.#finished = false;
  }

  /** @returns a function that hands over lines until the stream ends */
  async #open(query: Query): Promise<() => Promise<void>> {
    const { namespace, pod, container } = this.#source;
    this.#stream = new AbortController();
    this.#attempts += 1;
    const response = await this.#api.stream(
      `/api/v1/namespaces/${namespace}/pods/${pod}/log`,
      OPEN_TIMEOUT_MS,
      { container, timestamps: true, ...query },
      AbortSignal.any([this.#stream.signal, this.#stopped.signal]),
    );
    this.#cursor.reopen();
    // A line that a cut left unfinished is read again: the splitter, and what it holds, is dropped.
    const splitter = new LineSplitter((line) => {
      this.#line(line);
    });
    return async () => {
      try {
        for await (const chunk of response as AsyncIterable<Buffer>) splitter.push(chunk);
      } catch (error) {
        throw new CutError('the stream was cut', { cause: error });
      }
    };
  }

  #line(line: string): void {
    const { ns, text } = parseStampedLine(line);
    if (ns === undefined) this.#listener.told(`the node says about the log: ${text}`);
    else if (this.#cursor.accept(ns) && text !== '') this.#listener.line(text);
  }

  /** Times are the node's own, never this machine's clock: the two may differ. */
  #since(): Query {
    const { since } = this.#cursor;
    if (since !== undefined) return { sinceTime: since };
    if (!this.#source.fromNow) return {};
    if (this.#attempts === 0) return { tailLines: 0 };
    return { sinceSeconds: Math.ceil((Date.now() - this.#createdMs) / 1000) };
  }
}

/** A stream that was open broke: no failure yet, since it is opened again. */
class CutError extends Error {}

/** The container has no log yet: `ContainerCreating` and the like. */
function isNotReady(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 400 || error.status === 404);
}

function isForbidden(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 401 || error.status === 403);
}
