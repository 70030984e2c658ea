import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Registry } from 'prom-client';
import { authorize, handle } from './handler.ts';
import type { Authorize } from './connections/authorization.ts';
import { countOnly, MessageHandler, type Handle } from './connections/message-handler.ts';
import { createAdminServer } from './http/admin-server.ts';
import { RateLimitedWarnings } from './log/rate-limited-warnings.ts';
import type { Config } from './config/options.ts';
import { Connections } from './connections/open-connections.ts';
import { drain, type DrainOutcome } from './connections/drain.ts';
import { ConnectionLog } from './connections/connection-log.ts';
import { Handshakes } from './connections/handshakes.ts';
import { createMetricsServer } from './http/metrics-server.ts';
import { createHttpApp, type HttpContext } from './http/routes.ts';
import { Lifecycle } from './lifecycle/lifecycle.ts';
import type { Logger } from './log/logger.ts';
import type { LokiShipper } from './loki/shipper.ts';
import { createMetrics, type LogPath, type Metrics } from './metrics/metrics.ts';
import { waitForQuiet, type PrestopReport } from './lifecycle/prestop-wait.ts';
import { createPublicServer } from './public-server.ts';
import { Readiness } from './lifecycle/readiness.ts';
import { Scrapes } from './lifecycle/last-scrape.ts';
import { createStore } from './create-store.ts';
import { ResumeKeys } from './resume-keys.ts';
import type { SessionStore } from './sessions/session-store.ts';
import { SPANS, type Tracing } from './tracing/tracing.ts';
import { VERSION } from '../../lib/version.ts';

/** Dependencies of an {@link App}. */
export interface AppOptions {
  readonly config: Config;
  readonly logger: Logger;
  /** The writer of the log to stdout, for the metrics. */
  readonly stdout: LogPath;
  /** The shipper of the log to Loki, if it is shipped. */
  readonly loki?: LokiShipper | undefined;
  /** Delivers the log so far, before the last scrape: lines that are lost then are in its counts. */
  readonly deliverLog?: () => Promise<void>;
  /** Sends spans, if they are. */
  readonly tracing?: Tracing | undefined;
  /** By default the one that the configuration asks for. */
  readonly store?: SessionStore;
  /** By default those of handler.ts. */
  readonly handle?: Handle;
  readonly authorize?: Authorize;
}

/** Ports an app listens on. */
export interface Ports {
  readonly port: number;
  /** `undefined` without ADMIN_PORT. */
  readonly adminPort: number | undefined;
  /** `undefined` without METRICS_PORT. */
  readonly metricsPort: number | undefined;
}

/**
 * Sockets that may wait to be accepted; Linux lets further ones connect again, after 1, 3 and 7 s. All in the queue must
 * be served before their clients give up: a process with a quarter of a core takes 1,300 handshakes a second, and with
 * a queue of 4096 serves only those that are gone (docs/decisions/accept-queue.md).
 */
const BACKLOG = 1024;

/** The service, wired up. main.ts reads the environment and owns the process. */
export class App {
  readonly lifecycle = new Lifecycle();
  readonly metrics: Metrics;
  readonly connections: Connections;
  readonly handshakes: Handshakes;
  readonly #config: Config;
  readonly #logger: Logger;
  readonly #deliverLog: (() => Promise<void>) | undefined;
  readonly #tracing: Tracing | undefined;
  readonly #store: SessionStore;
  readonly #handler: MessageHandler | undefined;
  readonly #resumeKeys: ResumeKeys | undefined;
  readonly #scrapes = new Scrapes();
  readonly #server: Server;
  readonly #adminServer: Server | undefined;
  readonly #metricsServer: Server | undefined;
  #prestop: Promise<PrestopReport> | undefined;
  #drained: Promise<DrainOutcome> | undefined;

  constructor({ config, logger, stdout, loki, deliverLog, tracing, store, ...custom }: AppOptions) {
    const { lifecycle } = this;
    this.#config = config;
    this.#logger = logger;
    this.#deliverLog = deliverLog;
    this.#tracing = tracing;
    this.connections = new Connections(config);
    const readiness = new Readiness(
      lifecycle,
      config,
      () => this.connections.size,
      () => this.#store.health.up,
      (full) => {
        logger.warn('Readiness changed', { event: 'readiness_changed', full, connections: this.connections.size });
      },
    );
    this.metrics = createMetrics(new Registry(), config, VERSION, {
      activeConnections: () => this.connections.size,
      sessions: () => this.#store.size,
      storeHealth: () => this.#store.health,
      ready: () => readiness.ready,
      draining: () => lifecycle.shuttingDown,
      shutdownSeconds: () => lifecycle.shutdownSeconds,
      closingSeconds: () => lifecycle.closingSeconds,
      spreadSeconds: () => lifecycle.spreadSeconds,
      logPaths: { stdout, ...(loki !== undefined && { loki }) },
      lokiLagSeconds: () => loki?.lagSeconds ?? 0,
    });
    loki?.on('push', ({ outcome, seconds }) => {
      this.metrics.lokiPushes.inc({ outcome });
      this.metrics.lokiPushDuration.observe(seconds);
    });
    this.#store = store ?? createStore(config, this.metrics, logger, tracing);
    this.#resumeKeys = ResumeKeys.from(config, logger.named('chat.sessions'));
    this.#handler = createHandler(custom.handle ?? handle, config);
    // The guide's name of this logger.
    const connectionLogger = logger.named('chat.consumers');
    const handshakes = new Handshakes({
      config,
      lifecycle,
      metrics: this.metrics,
      connections: this.connections,
      store: this.#store,
      resumeTokens: this.#resumeKeys?.tokens,
      logger: connectionLogger,
      log: new ConnectionLog(connectionLogger, config.logMessageSampling),
      handler: this.#handler,
      authorize: custom.authorize ?? authorize,
      tracing,
      // A handler and the log at DEBUG get the content of messages, and only `ws` unmasks it.
      fastPath: config.fastPath && this.#handler === undefined && !logger.enabled('DEBUG'),
      warnings: new RateLimitedWarnings(connectionLogger, config.warnIntervalSeconds),
    });
    this.handshakes = handshakes;
    const http: HttpContext = {
      lifecycle,
      readiness,
      metrics: this.metrics,
      scrapes: this.#scrapes,
      config,
      logger: logger.named('chat.http'),
      preflight: (request) => handshakes.preflight(request),
      countNotUpgrade: (request) => handshakes.countNotUpgrade(request),
    };
    this.#server = createPublicServer(config, handshakes).on('request', createHttpApp(http));
    if (config.metricsPort !== undefined) this.#metricsServer = createMetricsServer(http);
    if (config.adminPort !== undefined) this.#adminServer = createAdminServer(() => this.prestop());
    this.#logDrain();
  }

  /**
   * Starts to listen, and becomes ready.
   * @throws {Error} naming the variable, when it can't listen on a port or at an address, or read a file of a key, or when
   * the store can't do what it asks for
   */
  async start(): Promise<Ports> {
    const { host, port, adminPort, metricsPort } = this.#config;
    await this.#resumeKeys?.open();
    await this.#prepareStore();
    if (this.#adminServer !== undefined && adminPort !== undefined)
      await listen(this.#adminServer, adminPort, '127.0.0.1', 'ADMIN_PORT');
    if (this.#metricsServer !== undefined && metricsPort !== undefined)
      await listen(this.#metricsServer, metricsPort, host, 'METRICS_PORT', 'HOST');
    await listen(this.#server, port, host, 'PORT', 'HOST');
    this.connections.start();
    this.lifecycle.markReady();
    return {
      port: portOf(this.#server),
      adminPort: this.#adminServer && portOf(this.#adminServer),
      metricsPort: this.#metricsServer && portOf(this.#metricsServer),
    };
  }

  /**
   * The preStop hook: begins the drain, serves on, and returns when arrivals have stopped. Later calls share the first
   * one's wait.
   */
  prestop(): Promise<PrestopReport> {
    this.#prestop ??= waitForQuiet(this.lifecycle, this.#config, () => this.handshakes.lastArrivalAt).then((report) => {
      this.#logger.info('The preStop hook returns', { event: 'drain_hook_finished', ...report });
      return report;
    });
    return this.#prestop;
  }

  /** Drains, delivers the log, waits for a last scrape, and closes the listeners. Later calls share the first one's drain. */
  drain(reason: string): Promise<DrainOutcome> {
    this.#drained ??= this.#drain(reason);
    return this.#drained;
  }

  async #prepareStore(): Promise<void> {
    try {
      await this.#store.prepare?.();
    } catch (error) {
      await this.#store.close();
      throw error;
    }
  }

  async #drain(reason: string): Promise<DrainOutcome> {
    const { lifecycle, connections } = this;
    const total = connections.size;
    const span = this.#tracing?.start(SPANS.drain, { attributes: { reason, connections: total } });
    const outcome = await drain(
      {
        config: this.#config,
        lifecycle,
        connections,
        store: this.#store,
        handler: this.#handler,
        logger: this.#logger,
      },
      reason,
    );
    span?.end({}, outcome.clean ? undefined : outcome.unfinished);
    if (outcome.clean)
      this.#logger.info('Drained', {
        event: 'drain_finished',
        connections: total,
        seconds: round(lifecycle.closingSeconds),
        shutdown_time_seconds: round(lifecycle.shutdownSeconds),
      });
    await this.#deliverLog?.();
    await this.#waitForScrape();
    await this.#store.close();
    this.#resumeKeys?.close();
    for (const server of [this.#server, this.#metricsServer, this.#adminServer]) {
      server?.close();
      server?.closeAllConnections();
    }
    return outcome;
  }

  async #waitForScrape(): Promise<void> {
    const seconds = this.#config.finalScrapeWaitSeconds;
    if (seconds === 0) return;
    const startedAt = performance.now();
    const scraped = await this.#scrapes.next(seconds * 1000);
    this.#logger.info('The wait for a last scrape ended', {
      event: 'final_scrape',
      scraped,
      seconds: round((performance.now() - startedAt) / 1000),
    });
  }

  #logDrain(): void {
    this.lifecycle.on('draining', (reason) => {
      this.#logger.info('Draining: readiness fails from now on', {
        event: 'drain_started',
        reason,
        connections: this.connections.size,
      });
    });
  }
}

function createHandler(handle: Handle, { handlerTimeoutSeconds }: Config): MessageHandler | undefined {
  return handle === countOnly ? undefined : new MessageHandler(handle, handlerTimeoutSeconds);
}

/** @param hostVariable the variable that says `host`, if one does */
function listen(server: Server, port: number, host: string, variable: string, hostVariable = ''): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const { code = '', message } = error;
      const at = host === '' ? '' : ` at ${host}`;
      const portMend = PORT_ERRORS.get(code);
      const reason = portMend === undefined ? message : `${portMend}: ${variable}=0 npm start`;
      const sentence =
        hostVariable !== '' && portMend === undefined
          ? `${hostVariable}=${JSON.stringify(host)} can't be listened on: ${message}; set an address of this machine, or none for all of them`
          : `${variable}=${port} can't be listened on${at}: ${reason}`;
      reject(new Error(sentence));
    });
    server.listen({ port, backlog: BACKLOG, ...(host !== '' && { host }) }, resolve);
  });
}

/** Errors that another port would mend, and how; others are about the address. */
const PORT_ERRORS: ReadonlyMap<string, string> = new Map([
  ['EADDRINUSE', 'another process has it; set another, or 0 for a free one'],
  ['EACCES', 'this user may not listen on it; set one of at least 1024, or 0 for a free one'],
]);

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

function round(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
