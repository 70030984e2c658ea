import type { V1Pod } from '@kubernetes/client-node';
import { NoAnswerError } from '../../lib/http-get.ts';
import type { KubeApi } from './kube-api.ts';
import type { LogReader } from './log-reader.ts';
import { MetricsWatch } from './metrics-watch.ts';
import { UNKNOWN, type Health, type Step } from './metrics.ts';
import {
  comparePods,
  containers,
  healthOf,
  isReady,
  isRunning,
  isTerminating,
  judgeAtEnd,
  podText,
} from './pod-health.ts';
import { GONE_MS, PodLog } from './pod-log.ts';
import type { Report } from './report.ts';
import { scrape, type GetPath } from './service-http.ts';

/** Names of the ports that may serve metrics, the likelier first, and the port where a pod has none of them. */
const PORT_NAMES = ['metrics', 'http'];
const DEFAULT_PORT = 8080;
const TIMEOUT_MS = 5000;
const NO_STEP: Step = { gauges: UNKNOWN, activity: undefined, restarted: false };

/** What watching a pod needs. */
export interface PodContext {
  readonly api: KubeApi;
  readonly log: LogReader;
  readonly report: Report;
  /** When the watch began. Milliseconds since 1970. */
  readonly watchedSinceMs: number;
  readonly apiServerAnswers: () => void;
  readonly apiServerFailed: (error: Error) => void;
}

/** Watches one pod: its health, the logs of its containers, its metrics. */
export class PodWatch {
  readonly name: string;
  readonly #context: PodContext;
  readonly #logs: readonly PodLog[];
  readonly #metrics: MetricsWatch;
  #pod: V1Pod;
  #isGone = false;

  /** @param isOlder the pod is older than the watch: what happened to it before is not reported */
  constructor(context: PodContext, pod: V1Pod, isOlder: boolean) {
    const { report } = context;
    this.#context = context;
    this.#pod = pod;
    this.name = pod.metadata?.name ?? '';
    this.#metrics = new MetricsWatch(report, this.name, context.watchedSinceMs);
    report.notice({
      kind: 'pod_added',
      source: this.name,
      message: `${isOlder ? 'watched' : 'added'}: ${podText(pod)}`,
    });
    if (!isOlder) comparePods(undefined, pod, report);
    this.#logs = (pod.spec?.containers ?? []).map(({ name }) => this.#followLog(name, isOlder));
  }

  get health(): Health {
    return healthOf(this.#pod);
  }

  update(pod: V1Pod): void {
    comparePods(this.#pod, pod, this.#context.report);
    this.#pod = pod;
  }

  gone(): void {
    const { report } = this.#context;
    this.#isGone = true;
    report.notice({ kind: 'pod_gone', source: this.name, message: 'gone' });
    report.forget(this.#metricsPart);
    for (const log of this.#logs) log.stop(GONE_MS);
  }

  /** The watch is over. */
  finish(): void {
    judgeAtEnd(this.#pod, this.#context.report);
    for (const log of this.#logs) log.stop(0);
  }

  /** Scrapes the pod, if it can be scraped now. */
  async step(): Promise<Step> {
    const { report, apiServerFailed, apiServerAnswers } = this.#context;
    if (!isRunning(this.#pod)) return NO_STEP;
    try {
      const text = await scrape(this.#get);
      apiServerAnswers();
      const step = this.#metrics.step(text);
      report.seen(this.#metricsPart);
      return step;
    } catch (error) {
      if (error instanceof NoAnswerError) apiServerFailed(error);
      // That a pod which ends or starts does not answer is part of its health. It may have gone since the request was sent.
      else if (!this.#isGone && !isTerminating(this.#pod) && isReady(this.#pod))
        report.lost(this.#metricsPart, (error as Error).message);
      return NO_STEP;
    }
  }

  get #metricsPart(): string {
    return `metrics of ${this.name}`;
  }

  readonly #get: GetPath = async (path) => {
    const ports = (this.#pod.spec?.containers ?? []).flatMap((container) => container.ports ?? []);
    const named = PORT_NAMES.map((wanted) => ports.find(({ name }) => name === wanted)).find(
      (port) => port !== undefined,
    );
    const port = (named ?? ports[0])?.containerPort ?? DEFAULT_PORT;
    const namespace = this.#pod.metadata?.namespace ?? '';
    const proxy = `/api/v1/namespaces/${namespace}/pods/${this.name}:${port}/proxy`;
    const answer = await this.#context.api.get(proxy + path, TIMEOUT_MS);
    if (answer.status === 403) throw new Error('the permission to get on pods/proxy is needed (HTTP 403)');
    return answer;
  };

  #followLog(container: string, fromNow: boolean): PodLog {
    const { api, report, log: reader } = this.#context;
    const part = `log of ${this.name}/${container}`;
    const log = new PodLog({
      config: api.config,
      namespace: this.#pod.metadata?.namespace ?? '',
      pod: this.name,
      container,
      fromNow,
      restarts: () => {
        // What the pod's status says is out of date then.
        if (report.isLost(API_SERVER)) return undefined;
        const status = containers(this.#pod).find(({ name }) => name === container);
        const hasRun = status?.state?.running ?? status?.state?.terminated ?? status?.lastState?.terminated;
        return hasRun && status?.restartCount;
      },
      onLine: (line) => reader.read(this.name, line),
      onOpen: () => {
        report.seen(part);
      },
      onFailure: (reason) => {
        if (!isTerminating(this.#pod)) report.lost(part, reason);
      },
    });
    void log.run().then(() => {
      report.forget(part);
    });
    return log;
  }
}

/** The part of the watch that the API server is. */
export const API_SERVER = 'API server';
