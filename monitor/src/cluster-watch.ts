import type { CoreV1Event, V1Pod } from '@kubernetes/client-node';
import { API_SERVER, ApiServer } from './api-server.ts';
import { CannotWatchError } from './cannot-watch.ts';
import { EventWatch } from './event-watch.ts';
import { ApiError, KubeApi } from './kube-api.ts';
import { LogWatch } from './log-watch.ts';
import type { ClusterTarget, Settings } from './options.ts';
import { PodHttp } from './pod-http.ts';
import { PodWatch, type PodContext } from './pod-watch.ts';
import type { Report } from './report.ts';
import { ResourceWatch } from './resource-watch.ts';
import { addActivities, addLevels, isDue, snapshotOf, type Level } from './snapshot.ts';
import { aborted, pause } from './waiting.ts';

/** Labels of the pods that serve, which no value of the chart changes. The bundled Prometheus and Loki are other components. */
const LABELS = 'app.kubernetes.io/part-of=websocket-message-counter,app.kubernetes.io/component=service';
/** The part of the watch that the pods are. */
const PODS = 'pods';
const EVENTS = 'events';
const TIMEOUT_MS = 8000;
/** Bound on the last look, after the time is over. */
const LAST_TIMEOUT_MS = 3000;

/** Watches the pods of a release. */
export class ClusterWatch {
  readonly #report: Report;
  readonly #settings: Settings;
  readonly #api: KubeApi;
  readonly #server: ApiServer;
  readonly #namespace: string;
  readonly #selector: string;
  readonly #context: PodContext;
  readonly #pods = new Map<string, PodWatch>();
  readonly #events: EventWatch;
  #listed = false;
  #snapshotMs = 0;
  #totalBefore: Level | undefined;

  /** @throws {CannotWatchError} if the kubeconfig does not say what to watch */
  constructor(target: ClusterTarget, settings: Settings, report: Report) {
    this.#report = report;
    this.#settings = settings;
    this.#api = KubeApi.load(target);
    this.#server = new ApiServer(this.#api, report.coverage);
    this.#namespace = target.namespace ?? this.#api.namespace;
    this.#selector = selectorOf(target.release);
    this.#events = new EventWatch(report, (name) => this.#podNamed(name)?.health);
    const http = new PodHttp(this.#api, (reason) => {
      report.notice({ kind: 'watching', source: 'metrics', message: `come by port-forward, since ${reason}` });
    });
    this.#context = {
      api: this.#api,
      server: this.#server,
      http,
      log: new LogWatch(report, settings.warn),
      report,
      watchedSinceMs: Date.now(),
    };
  }

  /**
   * Watches until the signal aborts.
   * @throws {CannotWatchError} if the API server does not answer at the start, or refuses to show the pods
   */
  async run(signal: AbortSignal): Promise<void> {
    const { coverage } = this.#report;
    this.#report.notice({
      kind: 'watching',
      source: `namespace ${this.#namespace}`,
      message: `pods with ${this.#selector} at ${this.#api.host}, every ${this.#settings.interval} s`,
    });
    coverage.expect(API_SERVER);
    coverage.expect(PODS);
    await this.#checkNamespace();
    const events = await this.#watchEvents();
    const pods = await this.#watchPods();
    this.#server.on('back', (awaySinceMs) => {
      for (const pod of this.#pods.values()) pod.renewStreams(awaySinceMs);
      void pods.renew();
      void events?.renew();
    });
    // What is asked now and not answered yet does not hold up the end.
    await Promise.race([aborted(signal), Promise.all([this.#server.run(signal), this.#takeSnapshots(signal)])]);
    if (isDue(this.#snapshotMs, this.#settings)) await this.#snapshot(LAST_TIMEOUT_MS);
    for (const pod of this.#pods.values()) pod.health.finish();
    for (const watch of [pods, events, ...this.#pods.values()]) watch?.stop();
  }

  async #checkNamespace(): Promise<void> {
    try {
      await this.#api.getJson(`/api/v1/namespaces/${this.#namespace}`, TIMEOUT_MS);
    } catch (error) {
      // Who may see the pods need not be allowed to see the namespace.
      if (error instanceof ApiError && error.status === 403) return;
      if (error instanceof ApiError) this.#report.coverage.seen(API_SERVER);
      if (error instanceof ApiError && error.status === 404)
        throw new CannotWatchError(PODS, `there is no namespace "${this.#namespace}" at ${this.#api.host}`, error);
      throw new CannotWatchError(API_SERVER, (error as Error).message, error);
    }
  }

  async #watchPods(): Promise<ResourceWatch<V1Pod>> {
    const { coverage } = this.#report;
    const watch = new ResourceWatch<V1Pod>(
      this.#api,
      { path: this.#path('pods'), labelSelector: this.#selector },
      {
        seen: (pod) => {
          this.#podSeen(pod);
        },
        gone: ({ metadata }) => {
          this.#pods.get(metadata?.uid ?? '')?.gone();
          this.#pods.delete(metadata?.uid ?? '');
        },
        failed: (error) => {
          void this.#watchFailed(PODS, error);
        },
      },
    );
    try {
      await watch.start();
    } catch (error) {
      throw new CannotWatchError(PODS, `${(error as Error).message}; get, list and watch on pods are needed`, error);
    }
    this.#listed = true;
    if (this.#pods.size === 0)
      coverage.lost(
        PODS,
        `none with ${this.#selector} in the namespace "${this.#namespace}"; they are watched when they come`,
      );
    return watch;
  }

  async #watchEvents(): Promise<ResourceWatch<CoreV1Event> | undefined> {
    const watch = new ResourceWatch<CoreV1Event>(
      this.#api,
      { path: this.#path('events') },
      {
        seen: (event) => {
          this.#events.seen(event);
        },
        gone: (event) => {
          this.#events.gone(event);
        },
        failed: (error) => {
          void this.#watchFailed(EVENTS, error);
        },
      },
    );
    try {
      await watch.start();
      this.#events.begin();
      return watch;
    } catch (error) {
      this.#report.coverage.lost(EVENTS, `${(error as Error).message}; list and watch on events are needed`, true);
      return undefined;
    }
  }

  #podSeen(pod: V1Pod): void {
    const uid = pod.metadata?.uid ?? '';
    const known = this.#pods.get(uid);
    this.#report.coverage.seen(PODS);
    if (known !== undefined) {
      known.update(pod);
      return;
    }
    this.#pods.set(uid, new PodWatch(this.#context, pod, !this.#listed));
    this.#events.addPod(pod);
  }

  /** A watch that broke is made again; it is worth a word only if the API server is there all the while. */
  async #watchFailed(part: string, error: Error): Promise<void> {
    if (this.#report.coverage.isLost(API_SERVER) || !(await this.#server.answers())) return;
    this.#report.notice({
      kind: 'stream',
      source: part,
      message: `the watch was cut, and is made again (${error.message})`,
    });
  }

  async #takeSnapshots(signal: AbortSignal): Promise<void> {
    const intervalMs = this.#settings.interval * 1000;
    let next = Date.now();
    while (!signal.aborted) {
      await this.#snapshot(TIMEOUT_MS);
      while (next <= Date.now()) next += intervalMs;
      await pause(next - Date.now(), signal);
    }
  }

  async #snapshot(timeoutMs: number): Promise<void> {
    this.#snapshotMs = Date.now();
    this.#report.tellRepeated();
    if (this.#report.coverage.isLost(API_SERVER)) return;
    if (this.#pods.size === 0) return;
    const pods = [...this.#pods.values()].sort((a, b) => a.name.localeCompare(b.name));
    const steps = await Promise.all(pods.map(async (pod) => ({ pod, ...(await pod.step(timeoutMs)) })));
    if (this.#report.coverage.isLost(API_SERVER)) return;
    for (const { pod, level, previous, activity } of steps)
      this.#report.snapshot(pod.name, { ...snapshotOf(level, previous, activity), health: pod.health.view() });
    this.#total(
      steps.map(({ level }) => level),
      steps.flatMap(({ activity }) => activity ?? []),
    );
  }

  #total(levels: readonly Level[], activities: Parameters<typeof addActivities>[0]): void {
    const level = addLevels(levels);
    const activity = activities.length === 0 ? undefined : addActivities(activities, 'parallel');
    this.#report.addTotals(level, activity);
    this.#report.snapshot('total', { ...snapshotOf(level, this.#totalBefore, activity), pods: levels.length });
    this.#totalBefore = level;
  }

  #podNamed(name: string): PodWatch | undefined {
    return [...this.#pods.values()].find((pod) => pod.name === name);
  }

  #path(kind: string): string {
    return `/api/v1/namespaces/${this.#namespace}/${kind}`;
  }
}

function selectorOf(release: string | undefined): string {
  return release === undefined ? LABELS : `${LABELS},app.kubernetes.io/instance=${release}`;
}
