import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { RedisClientType } from 'redis';
import { backoffMs, type BackoffBounds } from '../../../../lib/backoff.ts';
import type { RedisTarget } from '../../config/redis-url.ts';
import { APPLY_BATCH, APPLY_BATCH_SHA } from './batch-script.ts';

/** Runs the store's script. */
export interface ScriptRunner {
  /**
   * Runs {@link APPLY_BATCH}.
   * @throws {Error} of any kind; the script may or may not have run
   */
  apply(keys: string[], args: string[]): Promise<string>;
  /** Closes the connections. */
  close(): Promise<void>;
}

/** Options of a {@link RedisRunner}. */
export interface RedisRunnerOptions {
  readonly target: RedisTarget;
  /** PEM file of the authorities that are trusted; empty for those Node.js knows. */
  readonly caFile: string;
  /** Seconds after which a silent connection is closed and opened again. */
  readonly timeoutSeconds: number;
  /** A connection was made, for the first time or again. */
  readonly onReady: () => void;
  /** A connection failed. It is retried. */
  readonly onError: (error: unknown) => void;
}

/** The common part of the library's three clients. */
type Client = Pick<RedisClientType, 'evalSha' | 'eval' | 'connect' | 'destroy' | 'on'>;

/** Maximum wait between two attempts to connect, in milliseconds. */
export const MAX_RECONNECT_MS = 1000;
const RECONNECT_BACKOFF: BackoffBounds = { baseMs: 100, maxMs: MAX_RECONNECT_MS };

/** Runs the script with the official client, on one server, behind Sentinels, or in a Cluster. Reconnects for ever. */
export class RedisRunner implements ScriptRunner {
  readonly #options: RedisRunnerOptions;
  readonly #timeoutMs: number;
  #client: Client | undefined;
  #closed = false;
  /** Calls wait for the end of the first attempt to connect, instead of failing at start-up. */
  readonly #firstAttempt = Promise.withResolvers<undefined>();
  #tried = false;

  constructor(options: RedisRunnerOptions) {
    this.#options = options;
    this.#timeoutMs = options.timeoutSeconds * 1000;
    void this.#connect();
  }

  apply(keys: string[], args: string[]): Promise<string> {
    return within(this.#timeoutMs * 2, this.#apply({ keys, arguments: args }));
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#endFirstAttempt();
    try {
      this.#client?.destroy();
    } catch {
      // Ended already.
    }
    return Promise.resolve();
  }

  async #apply(options: ScriptOptions): Promise<string> {
    if (!this.#tried) await this.#firstAttempt.promise;
    const client = this.#client;
    if (client === undefined) throw new Error('not connected yet');
    return run(client, options);
  }

  #endFirstAttempt(): void {
    this.#tried = true;
    this.#firstAttempt.resolve(undefined);
  }

  async #connect(): Promise<void> {
    const onError = (error: unknown): void => {
      this.#endFirstAttempt();
      this.#options.onError(error);
    };
    const onReady = (): void => {
      if (this.#client !== undefined) this.#endFirstAttempt();
      this.#options.onReady();
    };
    for (let attempt = 0; !this.#closed; attempt += 1) {
      let client: Client | undefined;
      try {
        client = await this.#create();
        client.on('error', onError).on('ready', onReady).on('node-ready', onReady).on('topology-change', onReady);
        if (this.#options.target.kind === 'standalone') this.#client = client;
        await client.connect();
        this.#client = client;
        if (this.#isClosed()) client.destroy();
        else onReady();
        return;
      } catch (error) {
        if (this.#isClosed()) return;
        onError(error);
        try {
          client?.destroy();
        } catch {
          // It was never open.
        }
        await delay(backoffMs(attempt, RECONNECT_BACKOFF));
      }
    }
  }

  // A method, since the field changes while the loop above waits.
  #isClosed(): boolean {
    return this.#closed;
  }

  async #create(): Promise<Client> {
    // Loaded here, so that a service without REDIS_URL starts faster.
    const { createClient, createCluster, createSentinel } = await import('redis');
    const { target } = this.#options;
    const { nodes, master, kind, database } = target;
    const common = this.#common();
    const [first] = nodes;
    if (kind === 'sentinel')
      return createSentinel({
        name: master,
        sentinelRootNodes: [...nodes],
        nodeClientOptions: { ...common, database },
        sentinelClientOptions: { socket: common.socket },
        passthroughClientErrorEvents: true,
        scanInterval: MAX_RECONNECT_MS,
        maxCommandRediscovers: 1,
      }) as unknown as Client;
    if (kind === 'cluster')
      return createCluster({
        rootNodes: nodes.map((node) => ({ ...common, socket: { ...common.socket, ...node } })),
        defaults: common,
      }) as unknown as Client;
    return createClient({ ...common, database, socket: { ...common.socket, ...first } });
  }

  /** Options of every connection. */
  #common() {
    const { target, caFile } = this.#options;
    const tls = target.tls ? { tls: true as const, ...(caFile !== '' && { ca: readFileSync(caFile) }) } : {};
    return {
      ...(target.username !== '' && { username: target.username }),
      ...(target.password !== '' && { password: target.password }),
      // The writer sends a failed batch again.
      disableOfflineQueue: target.kind === 'standalone',
      // The library's time-out creates an AbortSignal for each command; `within` costs less.
      commandOptions: { timeout: 0 },
      // An idle connection receives the answer to a PING well within its time-out.
      pingInterval: this.#timeoutMs / 3,
      // Redis Enterprise alone has these notifications.
      maintNotifications: 'disabled' as const,
      socket: {
        connectTimeout: this.#timeoutMs,
        // Longer than any call waits, so that a stalled process finds the reply that arrived meanwhile.
        socketTimeout: this.#timeoutMs * 1.5,
        reconnectStrategy: (attempt: number) => backoffMs(attempt, RECONNECT_BACKOFF),
        ...tls,
      },
    };
  }
}

/** Why an operation of a store failed: a closed set, the `reason` label. */
export const STORE_ERRORS = [
  'unreachable',
  'timeout',
  'read_only',
  'out_of_memory',
  'loading',
  'auth',
  'cluster',
  'lost_data',
  'other',
] as const;

/** A value of {@link STORE_ERRORS}. */
export type StoreErrorReason = (typeof STORE_ERRORS)[number];

/** The first word of an error that a server replies (Redis' documentation, "RESP protocol", simple errors). */
const REPLIES: Readonly<Record<string, StoreErrorReason>> = {
  READONLY: 'read_only',
  NOREPLICAS: 'read_only',
  MASTERDOWN: 'read_only',
  OOM: 'out_of_memory',
  MISCONF: 'read_only',
  LOADING: 'loading',
  BUSY: 'loading',
  NOAUTH: 'auth',
  WRONGPASS: 'auth',
  NOPERM: 'auth',
  MOVED: 'cluster',
  ASK: 'cluster',
  TRYAGAIN: 'cluster',
  CLUSTERDOWN: 'cluster',
};

/** Says why an operation failed. */
export function storeErrorReason(error: unknown): StoreErrorReason {
  const { message = '', code = '' } = error as { message?: string; code?: string };
  const reply = REPLIES[message.split(' ')[0] ?? ''];
  if (reply !== undefined) return reply;
  if (/time ?out/i.test(message) || code === 'ETIMEDOUT') return 'timeout';
  if (/closed|offline|not connected|terminated|unavailable/i.test(message) || /^E[A-Z]+$/.test(code))
    return 'unreachable';
  return 'other';
}

/** Keys and arguments of the script. */
interface ScriptOptions {
  readonly keys: string[];
  readonly arguments: string[];
}

async function run(client: Client, options: ScriptOptions): Promise<string> {
  try {
    return (await client.evalSha(APPLY_BATCH_SHA, options)) as string;
  } catch (error) {
    // The server does not know the script yet, or has restarted.
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
    return (await client.eval(APPLY_BATCH, options)) as string;
  }
}

/** Bounds a command, which the library does not while it waits for a failover. */
async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new Error(`timeout: no reply within ${ms} ms`));
  }, ms);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
