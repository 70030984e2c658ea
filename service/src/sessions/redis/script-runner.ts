import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { RedisClientType, RedisClusterType } from 'redis';
import { backoffMs, type BackoffBounds } from '../../../../lib/backoff.ts';
import type { RedisTarget } from '../../config/redis-url.ts';
import { inTime } from '../../runtime/in-time.ts';
import { APPLY_BATCH, APPLY_BATCH_SHA } from './batch-script.ts';
import {
  NotAcknowledgedError,
  ReplicatedScripts,
  type Acknowledgement,
  type PipelineClient,
} from './replicated-scripts.ts';
import { checkReplication, type ReplicationFindings } from './replication-check.ts';

/** Runs the store's script. */
export interface ScriptRunner {
  /**
   * Runs {@link APPLY_BATCH}.
   * @throws {Error} of any kind; the script may or may not have run
   */
  apply(keys: string[], args: string[]): Promise<string>;
  /**
   * Checks, after the first attempt to connect, whether the servers can acknowledge batches as
   * {@link RedisRunnerOptions.acknowledgement} asks.
   * @returns `undefined` while there is no connection
   */
  check(): Promise<ReplicationFindings | undefined>;
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
  /** Who must have a batch before it counts as written. */
  readonly acknowledgement: Acknowledgement;
  /** A connection was made, for the first time or again. */
  readonly onReady: () => void;
  /** A connection failed. It is retried. */
  readonly onError: (error: unknown) => void;
}

/** The common part of the library's three clients. */
type Client = Pick<RedisClientType, 'evalSha' | 'eval' | 'connect' | 'destroy' | 'on' | 'isReady'> & PipelineClient;
/** What a client of a Cluster has besides. */
type ClusterClient = Pick<RedisClusterType, 'masters' | 'nodeClient' | 'getNodeClientForKey'>;

/** Maximum wait between two attempts to connect, in milliseconds. */
export const MAX_RECONNECT_MS = 1000;
const RECONNECT_BACKOFF: BackoffBounds = { baseMs: 100, maxMs: MAX_RECONNECT_MS };

/** Runs the script with the official client, on one server, behind Sentinels, or in a Cluster. Reconnects for ever. */
export class RedisRunner implements ScriptRunner {
  readonly #options: RedisRunnerOptions;
  readonly #timeoutMs: number;
  #client: Client | undefined;
  /** Of each connection that batches take: one; in a Cluster one for each master. */
  readonly #replicated = new WeakMap<PipelineClient, ReplicatedScripts>();
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
    const { replicas, fsync } = this.#options.acknowledgement;
    const options = { keys, arguments: args };
    return replicas > 0 || fsync ? this.#applyReplicated(options) : this.#apply(options);
  }

  async check(): Promise<ReplicationFindings | undefined> {
    try {
      const client = await this.#connected();
      if (!client.isReady) return undefined;
      const findings = checkReplication(await this.#masters(client), this.#options.acknowledgement);
      return await this.#inTime(findings);
    } catch {
      // Not connected any more: the next connect checks again.
      return undefined;
    }
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

  #apply(options: ScriptOptions): Promise<string> {
    return this.#inTime(this.#connected().then((client) => run(client, options)));
  }

  async #applyReplicated(options: ScriptOptions): Promise<string> {
    const { keys } = options;
    const command = ['EVALSHA', APPLY_BATCH_SHA, String(keys.length), ...keys, ...options.arguments];
    const send = async (): Promise<string> => {
      const client = await this.#inTime(this.#connected().then((each) => this.#nodeOf(each, keys[0] as string)));
      return this.#replicatedBy(client).run(command);
    };
    try {
      return await send();
    } catch (error) {
      if (!(error instanceof Error && MISDIRECTED.test(error.message))) throw error;
      // Without waiting, the library follows the keys to their node, and the server gets to know the script.
      await this.#apply(options);
      return send();
    }
  }

  #replicatedBy(client: PipelineClient): ReplicatedScripts {
    const known = this.#replicated.get(client);
    if (known !== undefined) return known;
    const created = new ReplicatedScripts(client, this.#options.acknowledgement, this.#options.timeoutSeconds);
    this.#replicated.set(client, created);
    return created;
  }

  #nodeOf(client: Client, key: string): PipelineClient | Promise<PipelineClient> {
    if (this.#options.target.kind !== 'cluster') return client;
    return (client as unknown as ClusterClient).getNodeClientForKey(key);
  }

  #masters(client: Client): PipelineClient[] | Promise<PipelineClient[]> {
    if (this.#options.target.kind !== 'cluster') return [client];
    const cluster = client as unknown as ClusterClient;
    return Promise.all(cluster.masters.map((node) => cluster.nodeClient(node)));
  }

  async #connected(): Promise<Client> {
    if (!this.#tried) await this.#firstAttempt.promise;
    if (this.#client === undefined) throw new Error('not connected yet');
    return this.#client;
  }

  /** Bounds what the library does not while it waits for a failover. */
  #inTime<T>(work: Promise<T>): Promise<Awaited<T>> {
    const seconds = this.#options.timeoutSeconds * 2;
    return inTime(work, seconds, `timeout: no reply within ${seconds} s`);
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
      // The library's time-out creates an AbortSignal for each command; `inTime` costs less.
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
  'too_few_replicas',
  'not_on_disk',
  'lost_data',
  'other',
] as const;

/** A value of {@link STORE_ERRORS}. */
export type StoreErrorReason = (typeof STORE_ERRORS)[number];

/** The first word of an error that a server replies (Redis' documentation, "RESP protocol", simple errors). */
const REPLIES: Readonly<Record<string, StoreErrorReason>> = {
  READONLY: 'read_only',
  NOREPLICAS: 'too_few_replicas',
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
  if (error instanceof NotAcknowledgedError) return error.reason;
  const { message = '', code = '' } = error as { message?: string; code?: string };
  const reply = REPLIES[message.split(' ')[0] ?? ''];
  if (reply !== undefined) return reply;
  if (/time ?out/i.test(message) || code === 'ETIMEDOUT') return 'timeout';
  if (/closed|offline|not connected|terminated|unavailable/i.test(message) || /^E[A-Z]+$/.test(code))
    return 'unreachable';
  return 'other';
}

/**
 * Errors of a script that did nothing, since the server does not know it yet or the keys are on another node of the
 * Cluster. A `WAIT` behind it proves nothing.
 */
const MISDIRECTED = /^(?:NOSCRIPT|MOVED|ASK|TRYAGAIN) /;

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
