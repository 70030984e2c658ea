import { makeInformer, type Informer, type KubernetesListObject, type V1Pod } from '@kubernetes/client-node';
import { setTimeout as pause } from 'node:timers/promises';
import { NoAnswerError } from '../../lib/http-get.ts';
import type { Settings } from './command-line.ts';
import { every } from './every.ts';
import { KubeApi } from './kube-api.ts';
import type { LogReader } from './log-reader.ts';
import { addActivities, addGauges, snapshotOf, type Step } from './metrics.ts';
import { API_SERVER, PodWatch, type PodContext } from './pod-watch.ts';
import { CannotWatchError, type Report } from './report.ts';

/** Labels of the pods that serve, which no value of the chart changes. The bundled Prometheus and Loki are other components. */
const LABELS = 'app.kubernetes.io/part-of=websocket-message-counter,app.kubernetes.io/component=service';
/** The part of the watch that the pods are. */
const PODS = 'pods';
const LIST_TIMEOUT_MS = 10_000;
/** Time before a watch that failed is made again. */
const RETRY_MS = 1000;

/** Watches the pods of a release. */
export class ClusterWatch {
  readonly #settings: Settings;
  readonly #report: Report;
  readonly #namespace: string;
  readonly #selector: string;
  readonly #context: PodContext;
  readonly #pods = new Map<string, PodWatch>();
  #watchFailure: Error | undefined;
  #listed = false;

  /** @throws {CannotWatchError} if the kubeconfig does not say what to watch */
  constructor(settings: Settings, report: Report, log: LogReader) {
    const api = new KubeApi(settings);
    this.#settings = settings;
    this.#report = report;
    this.#namespace = settings.namespace ?? api.namespace;
    this.#selector =
      settings.release === undefined ? LABELS : `${LABELS},app.kubernetes.io/instance=${settings.release}`;
    this.#context = {
      api,
      log,
      report,
      watchedSinceMs: Date.now(),
      // What a broken watch missed is known when it is made again.
      apiServerAnswers: () => {
        if (this.#watchFailure === undefined) report.seen(API_SERVER);
      },
      apiServerFailed: ({ message }) => {
        report.lost(API_SERVER, message);
      },
    };
  }

  /**
   * Watches until the signal aborts.
   * @throws {CannotWatchError} if the pods can't be listed at the start
   */
  async run(signal: AbortSignal): Promise<void> {
    const { interval } = this.#settings;
    this.#report.notice({
      kind: 'watching',
      source: `namespace ${this.#namespace}`,
      message: `pods with ${this.#selector} at ${this.#context.api.host}, every ${interval} s`,
    });
    const informer = await this.#watchPods(signal);
    await every(interval * 1000, signal, () => this.#snapshot());
    await informer.stop();
    for (const pod of this.#pods.values()) pod.finish();
  }

  /** The informer goes on by itself after a quiet time, and stops at any other error: then it is started again. */
  async #watchPods(signal: AbortSignal): Promise<Informer<V1Pod>> {
    const { api } = this.#context;
    const path = `/api/v1/namespaces/${this.#namespace}/pods`;
    const query = `?labelSelector=${encodeURIComponent(this.#selector)}`;
    const list = (): Promise<KubernetesListObject<V1Pod>> => api.getJson(path + query, LIST_TIMEOUT_MS);
    const informer = makeInformer<V1Pod>(api.config, path, list, this.#selector);
    const onError = (error: unknown): void => {
      this.#watchFailure = error as Error;
      if (!this.#listed || signal.aborted) return;
      this.#report.lost(API_SERVER, causeOf(this.#watchFailure));
      void pause(RETRY_MS).then(start);
    };
    const start = async (): Promise<void> => {
      this.#watchFailure = undefined;
      await informer.start().catch(onError);
      this.#context.apiServerAnswers();
    };
    informer.on('error', onError);
    informer.on('add', (pod) => {
      this.#report.seen(PODS);
      this.#pods.set(nameOf(pod), new PodWatch(this.#context, pod, !this.#listed));
    });
    informer.on('update', (pod) => this.#pods.get(nameOf(pod))?.update(pod));
    informer.on('delete', (pod) => {
      this.#pods.get(nameOf(pod))?.gone();
      this.#pods.delete(nameOf(pod));
    });
    await start();
    if (this.#watchFailure !== undefined) throw cannotWatch(this.#watchFailure);
    this.#listed = true;
    if (this.#pods.size === 0)
      this.#report.lost(
        PODS,
        `none with ${this.#selector} in the namespace "${this.#namespace}"; they are watched when they come`,
      );
    return informer;
  }

  async #snapshot(): Promise<void> {
    this.#report.reportRepeated();
    const pods = [...this.#pods.values()].sort((a, b) => a.name.localeCompare(b.name));
    const steps = await Promise.all(pods.map((pod) => pod.step()));
    if (pods.length === 0 || this.#report.isLost(API_SERVER)) return;
    for (const [index, pod] of pods.entries())
      this.#report.snapshot(pod.name, { ...snapshotOf(steps[index] as Step), health: pod.health });
    const activities = steps.flatMap(({ activity }) => activity ?? []);
    const seconds = Math.max(...activities.map((activity) => activity.seconds));
    const gauges = addGauges(steps.map((step) => step.gauges));
    const activity = activities.length === 0 ? undefined : addActivities(activities, seconds);
    this.#report.addTotals(activity);
    this.#report.snapshot('total', { ...snapshotOf({ gauges, activity }), pods: pods.length });
  }
}

function nameOf({ metadata }: V1Pod): string {
  return metadata?.name ?? '';
}

function cannotWatch(error: Error): CannotWatchError {
  if (error instanceof CannotWatchError) return error;
  if (error instanceof NoAnswerError) return new CannotWatchError(API_SERVER, error.message, error);
  return new CannotWatchError(PODS, `${causeOf(error)}; the permission to get, list and watch pods is needed`, error);
}

/** Why a fetch of the library failed is in its cause. */
function causeOf(error: Error): string {
  return error instanceof Error && error.cause instanceof Error && error.cause.message !== ''
    ? error.cause.message
    : error.message;
}
