import type { V1Pod } from '@kubernetes/client-node';
import type { ApiServer } from './api-server.ts';
import { ApiError, type KubeApi } from './kube-api.ts';
import type { LogWatch } from './log-watch.ts';
import { MetricsWatch, type MetricsStep } from './metrics-watch.ts';
import { PodHealth } from './pod-health.ts';
import type { PodHttp } from './pod-http.ts';
import { PodLog } from './pod-log.ts';
import type { Report } from './report.ts';
import { checkHealth, leavesAfterScrape, scrape, type GetPath } from './service-http.ts';

/** Port of the service in a pod that names none `http`. */
const DEFAULT_PORT = 8080;

/** What watching a pod needs. */
export interface PodContext {
  readonly api: KubeApi;
  readonly server: ApiServer;
  readonly http: PodHttp;
  readonly log: LogWatch;
  readonly report: Report;
  /** When the watch began. Milliseconds since 1970. */
  readonly watchedSinceMs: number;
}

/** Watches one pod: its health, the logs of its containers, its metrics. */
export class PodWatch {
  readonly health: PodHealth;
  readonly name: string;
  readonly #namespace: string;
  readonly #port: number;
  readonly #context: PodContext;
  readonly #logs = new Map<string, PodLog>();
  readonly #metrics: MetricsWatch;
  #draining = false;

  /** @param known the pod is older than the watch */
  constructor(context: PodContext, pod: V1Pod, known: boolean) {
    this.#context = context;
    this.name = pod.metadata?.name ?? '';
    this.#namespace = pod.metadata?.namespace ?? '';
    this.#port = servicePort(pod);
    this.health = new PodHealth(context.report, pod, known);
    this.#metrics = new MetricsWatch(context.report, this.name, context.watchedSinceMs);
    for (const { name } of pod.spec?.containers ?? []) this.#followLog(name, known);
    this.#updateLogs();
  }

  update(pod: V1Pod): void {
    this.health.update(pod);
    this.#updateLogs();
  }

  /** Log streams that are older may be dead without knowing. */
  renewStreams(olderThanMs: number): void {
    for (const log of this.#logs.values()) log.renew(olderThanMs);
  }

  gone(): void {
    this.health.gone();
    this.#context.report.coverage.forget(this.#metricsPart);
    for (const log of this.#logs.values()) log.podGone();
  }

  stop(): void {
    for (const log of this.#logs.values()) log.stop();
  }

  /** Scrapes the pod, if it can be scraped now. */
  async step(timeoutMs: number): Promise<MetricsStep> {
    const { coverage } = this.#context.report;
    if (!this.health.running) return this.#metrics.missed();
    const get: GetPath = (path) =>
      this.#context.http.get({ namespace: this.#namespace, pod: this.name, port: this.#port }, path, timeoutMs);
    try {
      const leaving = (this.#draining || this.health.terminating) && leavesAfterScrape(await checkHealth(get));
      if (leaving) return this.#metrics.missed();
      const step = this.#metrics.step(await scrape(get));
      this.#draining = step.level.state === 'draining';
      coverage.seen(this.#metricsPart);
      return step;
    } catch (error) {
      // A pod that ends or starts anew does not answer: its health tells that. An API server that is away tells it itself.
      const excused = this.health.terminating || !this.health.ready || !(await this.#context.server.answers());
      if (!excused)
        coverage.lost(this.#metricsPart, explain(error as Error, 'get on pods/proxy, or create on pods/portforward'));
      return this.#metrics.missed();
    }
  }

  get #metricsPart(): string {
    return `metrics of ${this.name}`;
  }

  #updateLogs(): void {
    for (const [container, log] of this.#logs) log.update(this.health.container(container));
  }

  #followLog(container: string, fromNow: boolean): void {
    const { api, server, report } = this.#context;
    const part = `log of ${this.name}/${container}`;
    const log = new PodLog(
      api,
      { namespace: this.#namespace, pod: this.name, container, fromNow },
      {
        line: (text) => {
          this.#context.log.line(this.name, text);
        },
        opened: () => {
          report.coverage.seen(part);
        },
        failed: (error) => {
          void server.answers().then((answers) => {
            if (answers && !this.health.terminating) report.coverage.lost(part, explain(error, 'get on pods/log'));
          });
        },
        told: (message) => {
          report.notice({ kind: 'stream', source: part, message });
        },
      },
    );
    this.#logs.set(container, log);
    void log.run().then(() => {
      report.coverage.forget(part);
    });
  }
}

function servicePort({ spec }: V1Pod): number {
  const ports = (spec?.containers ?? []).flatMap((container) => container.ports ?? []);
  return (ports.find(({ name }) => name === 'http') ?? ports[0])?.containerPort ?? DEFAULT_PORT;
}

/** Says which permission is missing, where one is. */
function explain(error: Error, permission: string): string {
  const forbidden = error instanceof ApiError && error.status === 403;
  return forbidden ? `${error.message} (needs the permission to ${permission})` : error.message;
}
