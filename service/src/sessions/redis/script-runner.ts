import { setTimeout as delay } from 'node:timers/promises';
import type { RedisClientType, RedisClusterType } from 'redis';
import { backoffMs, type BackoffBounds } from '../../../../lib/backoff.ts';
import type { RedisTarget } from '../../config/redis-url.ts';
import { inTime } from '../../runtime/in-time.ts';
import { APPLY_BATCH, APPLY_BATCH_SHA } from './batch-script.ts';
import { connectionFiles, type ConnectionFilePaths, type ConnectionSecrets } from './connection-files.ts';
import { PeerWatch, type Peer } from './peer-watch.ts';
import { ReplicatedScripts, type Acknowledgement, type PipelineClient } from './replicated-scripts.ts';
import { checkReplication, type ReplicationFindings } from './replication-check.ts';

/** Runs the store's script. */
export interface ScriptRunner {
  /**
   * Waits until the files of the connections are read.
   * @throws {Error} naming the variable and its file, if it can't be used
   */
  opened(): Promise<void>;
  /**
   * Runs {@link APPLY_BATCH}.
   * @throws {Error} of any kind; the script may or may not have run
   */
  apply(keys: string[], args: string[]): Promise<string>;
  /**
   * Checks, after the first attempt to connect, whether the servers can acknowledge batches as
   * {@link RedisRunnerOptions.acknowledgement} asks.
   * @returns `undefined` while there is no connection, or no answer in time
   */
  check(): Promise<ReplicationFindings | undefined>;
  /** Closes the connections. */
  close(): Promise<void>;
}

/** Options of a {@link RedisRunner}. */
export interface RedisRunnerOptions {
  readonly target: RedisTarget;
  /** A password file stands for the password of the target. An empty CA file trusts the authorities of Node.js. */
  readonly files: ConnectionFilePaths;
  /** Seconds within which a connection whose other end has vanished is reported, and replaced once another works. */
  readonly timeoutSeconds: number;
  /** Who must have a batch before it counts as written. */
  readonly acknowledgement: Acknowledgement;
  /** A connection was made, for the first time or again. */
  readonly onReady: () => void;
  /** A connection failed. It is retried. */
  readonly onError: (error: unknown) => void;
  /** A connection failed on which no message waits: to a Sentinel, or to replace one that works. It is retried. */
  readonly onSpareError: (error: unknown) => void;
  /** The connection uses what the files hold since they changed. */
  readonly onFilesChanged: () => void;
  /** The files changed and can't be used, for this reason. What they held before is used. */
  readonly onFilesFailed: (reason: string) => void;
}

/** The common part of the library's three clients. */
type Client = Pick<RedisClientType, 'evalSha' | 'eval' | 'connect' | 'destroy' | 'on'> & PipelineClient & Peer;
/** What a client of a Cluster has besides. */
type ClusterClient = Pick<RedisClusterType, 'masters' | 'nodeClient' | 'getNodeClientForKey'>;

/** The user that Sentinels have, too. If it needs no password there, they accept any (Redis' documentation, "ACL"). */
const DEFAULT_USER = /^(?:default)?$/;
/** Maximum wait between two attempts to connect, in milliseconds. */
export const MAX_RECONNECT_MS = 1000;
const RECONNECT_BACKOFF: BackoffBounds = { baseMs: 100, maxMs: MAX_RECONNECT_MS };
/** Maximum time for a client to find all of its servers. A Cluster's waits for each, also for one that has vanished. */
const MAX_CONNECT_SECONDS = 10;
/**
 * Every call waits while Sentinels are asked. Of one that hangs that is two or three of its time-outs, one after the
 * other: so many and one more are the time-out of a call.
 */
const SENTINELS_IN_TIME = 4;
/**
 * A failover is announced on a connection that stays: scans are for what that one missed. The library (6.3) builds its
 * classes again, 20 MiB of garbage, for each Sentinel before the first that answers, and for that one.
 */
const SCAN_MS = 10_000;
/** Looks at the other end of a connection within the time-out. */
const LOOKS = 5;
/** Looks after which it has vanished: a new connection has the rest of the time-out. */
const SILENT_LOOKS = 3;
/** The same where `WAIT` keeps all answers back for up to the time-out. */
const SILENT_LOOKS_REPLICATED = 8;

/**
 * Runs the script with the official client, on one server, behind Sentinels, or in a Cluster. Reconnects for ever.
 *
 * When files change or a server does not answer any more, another client takes over as soon as it is connected.
 */
export class RedisRunner implements ScriptRunner {
  readonly #options: RedisRunnerOptions;
  readonly #timeoutMs: number;
  readonly #files: ReturnType<typeof connectionFiles>;
  readonly #watch: PeerWatch;
  #secrets: Promise<ConnectionSecrets>;
  #client: Client | undefined;
  /** Takes over once it is connected. */
  #next: Client | undefined;
  /** Those that were replaced, for as long as answers may be on their way. */
  readonly #replaced = new Set<Client>();
  /** Counts the clients that were begun: one that is not the newest gives up. */
  #newest = 0;
  #connecting = false;
  /** When the client took over, on `performance.now`'s clock. */
  #tookOverAt = 0;
  /** Of each connection that batches take: one; in a Cluster one for each master. */
  readonly #replicated = new WeakMap<PipelineClient, ReplicatedScripts>();
  #closed = false;
  /** Calls wait for the end of the first attempt to connect, instead of failing at start-up. */
  readonly #firstAttempt = Promise.withResolvers<undefined>();
  #tried = false;

  constructor(options: RedisRunnerOptions) {
    this.#options = options;
    this.#timeoutMs = options.timeoutSeconds * 1000;
    this.#files = connectionFiles(options.files)
      .on('failed', options.onFilesFailed)
      .on('changed', (secrets) => {
        this.#secrets = Promise.resolve(secrets);
        void this.#connect(options.onFilesChanged);
      });
    this.#secrets = this.#files.open();
    this.#watch = this.#watchPeers();
    // What is wrong with the files is for `opened` to say.
    this.#secrets.then(() => this.#connect(), ignore);
  }

  async opened(): Promise<void> {
    await this.#secrets;
  }

  apply(keys: string[], args: string[]): Promise<string> {
    const { replicas, fsync } = this.#options.acknowledgement;
    const options = { keys, arguments: args };
    const applied = replicas > 0 || fsync ? this.#applyReplicated(options) : this.#apply(options);
    applied.catch((error: unknown) => {
      this.#leaveCutOff(error);
    });
    return applied;
  }

  async check(): Promise<ReplicationFindings | undefined> {
    try {
      const client = await this.#connected();
      if (!client.isReady) return undefined;
      const findings = checkReplication(await this.#masters(client), this.#options.acknowledgement);
      return await this.#inTime(findings);
    } catch {
      // The store asks again.
      return undefined;
    }
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#files.close();
    this.#watch.close();
    this.#endFirstAttempt();
    end(this.#client);
    end(this.#next);
    for (const client of this.#replaced) end(client);
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

  /** @param onReplaced called when the new client has taken over */
  async #connect(onReplaced?: () => void): Promise<void> {
    this.#newest += 1;
    const own = this.#newest;
    const isOver = (): boolean => this.#closed || own !== this.#newest;
    // The one that was under way has what the files held before.
    end(this.#next);
    this.#next = undefined;
    this.#connecting = true;
    for (let attempt = 0; !isOver(); attempt += 1) {
      let client: Client | undefined;
      try {
        client = await this.#create();
        if (isOver()) return;
        this.#listen(client);
        this.#next = client;
        if (this.#client === undefined && this.#options.target.kind === 'standalone') this.#client = client;
        await inTime(client.connect(), MAX_CONNECT_SECONDS, 'timeout: the servers were not all reached');
        if (isOver()) end(client);
        else this.#takeOver(client);
        if (!isOver()) onReplaced?.();
        return;
      } catch (error) {
        end(client);
        if (isOver()) return;
        this.#reportOf(client)(error);
        if (this.#client === client) this.#client = undefined;
        await delay(backoffMs(attempt, RECONNECT_BACKOFF));
      }
    }
  }

  #takeOver(client: Client): void {
    const previous = this.#client === client ? undefined : this.#client;
    // Answers that are on their way arrive, unless nobody is there: then what waits for them is sent again.
    if (this.#watch.isSilent) end(previous);
    else if (previous !== undefined) this.#endLater(previous);
    this.#client = client;
    this.#next = undefined;
    this.#connecting = false;
    this.#tookOverAt = performance.now();
    this.#endFirstAttempt();
    this.#options.onReady();
  }

  #endLater(client: Client): void {
    this.#replaced.add(client);
    setTimeout(() => {
      this.#replaced.delete(client);
      end(client);
    }, 2 * this.#timeoutMs).unref();
  }

  #listen(client: Client): void {
    const onReady = (): void => {
      if (this.#client !== client) return;
      this.#endFirstAttempt();
      this.#options.onReady();
    };
    client
      .on('error', (error) => {
        this.#reportOf(client, isOfSentinel(error, this.#options.target.kind))(error);
      })
      .on('ready', onReady)
      .on('node-ready', onReady)
      .on('topology-change', onReady);
  }

  /** Whom an error of a client concerns. That of one which was replaced concerns nobody. */
  #reportOf(client: Client | undefined, ofSentinel = false): (error: unknown) => void {
    const { onError, onSpareError } = this.#options;
    this.#endFirstAttempt();
    if (this.#client === undefined) return onError;
    if (this.#client === client) return ofSentinel ? onSpareError : onError;
    return client === undefined || client === this.#next ? onSpareError : ignore;
  }

  #watchPeers(): PeerWatch {
    const { replicas, fsync } = this.#options.acknowledgement;
    return new PeerWatch({
      peers: () => this.#peers(),
      intervalMs: this.#timeoutMs / LOOKS,
      looks: replicas > 0 || fsync ? SILENT_LOOKS_REPLICATED : SILENT_LOOKS,
      onSilent: (isNew) => {
        this.#replaceSilent(isNew);
      },
    });
  }

  #peers(): Peer[] {
    if (this.#client === undefined) return [];
    if (this.#options.target.kind !== 'cluster') return [this.#client];
    const { masters } = this.#client as unknown as ClusterClient;
    return masters.map(({ client }) => client).filter((client) => client !== undefined);
  }

  #replaceSilent(isNew: boolean): void {
    if (isNew) this.#options.onError(new Error('timeout: the server does not answer PING'));
    // Another connection may be under way for long, for example with a password that the server does not accept yet.
    if (!this.#connecting) void this.#connect();
  }

  /**
   * A node that is cut off from the others of its Cluster refuses everything, and does not know who took its place. The
   * library asks the others after a connection has ended, and these do not: another client asks them.
   */
  #leaveCutOff(error: unknown): void {
    const isCutOff = error instanceof Error && error.message.startsWith('CLUSTERDOWN ');
    if (isCutOff && !this.#connecting && performance.now() - this.#tookOverAt > this.#timeoutMs) void this.#connect();
  }

  async #create(): Promise<Client> {
    // Loaded here, so that a service without REDIS_URL starts faster.
    const { createClient, createCluster, createSentinel } = await import('redis');
    const { target } = this.#options;
    const { nodes, master, kind, database } = target;
    const common = this.#common(await this.#secrets);
    const sentinelMs = this.#timeoutMs / SENTINELS_IN_TIME;
    const [first] = nodes;
    if (kind === 'sentinel')
      return createSentinel({
        name: master,
        sentinelRootNodes: [...nodes],
        nodeClientOptions: { ...common, database },
        sentinelClientOptions: {
          socket: { ...common.socket, connectTimeout: sentinelMs, socketTimeout: sentinelMs },
          // Nothing is asked on the connection that stays: without PING it would seem dead.
          pingInterval: sentinelMs / 2,
          ...(DEFAULT_USER.test(target.username) && 'password' in common && { password: common.password }),
        },
        passthroughClientErrorEvents: true,
        scanInterval: SCAN_MS,
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
  #common(secrets: ConnectionSecrets) {
    const { target } = this.#options;
    const password = secrets.password || target.password;
    return {
      ...(target.username !== '' && { username: target.username }),
      ...(password !== '' && { password }),
      // The writer sends a failed batch again.
      disableOfflineQueue: target.kind === 'standalone',
      // The library's time-out creates an AbortSignal for each command; `inTime` costs less.
      commandOptions: { timeout: 0 },
      // Redis Enterprise alone has these notifications.
      maintNotifications: 'disabled' as const,
      socket: {
        connectTimeout: this.#timeoutMs,
        // Longer than any call waits, so that a stalled process finds the reply that arrived meanwhile. PeerWatch notices
        // earlier, but for a connection whose login has no answer.
        socketTimeout: this.#timeoutMs * 1.5,
        reconnectStrategy: (attempt: number) => backoffMs(attempt, RECONNECT_BACKOFF),
        ...(target.tls && tlsOptions(secrets)),
      },
    };
  }
}

/**
 * Errors of a script that did nothing, since the server does not know it yet or the keys are on another node of the
 * Cluster. A `WAIT` behind it proves nothing.
 */
const MISDIRECTED = /^(?:NOSCRIPT|MOVED|ASK|TRYAGAIN) /;

/** Whether an error is one of a connection to a Sentinel. The library begins those of the master's with these words. */
function isOfSentinel(error: unknown, kind: RedisTarget['kind']): boolean {
  return kind === 'sentinel' && !(error instanceof Error && error.message.startsWith('Master Client '));
}

function tlsOptions({ ca, certificate, key }: ConnectionSecrets) {
  return { tls: true as const, ...(ca !== '' && { ca }), ...(key !== '' && { cert: certificate, key }) };
}

/** Ends a client, whatever state it is in. */
function end(client: Client | undefined): void {
  const ended = async (): Promise<void> => {
    // That of Sentinels is a promise.
    await (client?.destroy() as unknown);
  };
  // It was never open, or has ended already.
  ended().catch(ignore);
}

function ignore(): void {
  // Nobody has to know.
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
