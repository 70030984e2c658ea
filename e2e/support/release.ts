import { stringify } from 'yaml';
import { Scrape } from '../../testkit/scrape.ts';
import { CHART } from '../../scripts/chart/tools.ts';
import { kubectl, kubectlJson, run, runWell } from './commands.ts';
import type { Namespace } from './namespace.ts';
import { SETTINGS } from './settings.ts';
import { until } from './wait.ts';

/** Values of the chart. */
export type Values = Readonly<Record<string, unknown>>;

/** A pod, as far as the suite looks into it. */
export interface Pod {
  readonly metadata: { readonly name: string; readonly uid: string; readonly deletionTimestamp?: string };
  readonly status: {
    readonly phase: string;
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

/** State of a container (Kubernetes API, v1.ContainerStatus). */
export interface ContainerStatus {
  readonly containerID?: string;
  readonly ready: boolean;
  readonly restartCount: number;
  readonly lastState: { readonly terminated?: { readonly reason: string; readonly exitCode: number } };
}

const CONTAINER = 'websocket-message-counter';
/** `containerPorts.metrics` of the chart. */
const METRICS_PORT = 8082;
const SELECTOR = 'app.kubernetes.io/component=service';
/** Longest that Helm or a rollout may take, in seconds. */
const PATIENCE_SECONDS = 240;

/** Where a chart comes from, and what installs it. */
export interface ChartSource {
  readonly helm: 'helm' | 'helm4';
  /** A folder, or `oci://...`. */
  readonly chart: string;
  /** More arguments of install and upgrade. */
  readonly flags: readonly string[];
}

const TREE: ChartSource = { helm: 'helm', chart: CHART, flags: [] };

/** The chart, installed in a namespace. */
export class Release {
  readonly namespace: string;
  readonly name: string;
  readonly #values: Values;
  readonly #source: ChartSource;

  private constructor(namespace: string, name: string, values: Values, source: ChartSource) {
    this.namespace = namespace;
    this.name = name;
    this.#values = values;
    this.#source = source;
  }

  /**
   * Runs `helm install`, and waits until every pod of the service is ready.
   * @param values beside the chart's defaults; a NodePort is always asked for
   * @param source the chart in the tree, by Helm 3, if none is named
   */
  static async install(
    namespace: Namespace,
    name: string,
    values: Values = {},
    source: ChartSource = TREE,
  ): Promise<Release> {
    const release = new Release(namespace.name, name, { service: { type: 'NodePort' }, ...values }, source);
    await release.#helm('install', release.#values, source.flags);
    await release.ready();
    return release;
  }

  /** One that is there already. */
  static existing(namespace: string, name: string): Release {
    return new Release(namespace, name, {}, TREE);
  }

  /** The name that its resources begin with. */
  get fullName(): string {
    return `${this.name}-${CONTAINER}`;
  }

  /** Runs `helm upgrade` with other values, or other flags of its source, and waits until the rollout is done. */
  async upgrade(values: Values, flags: readonly string[] = this.#source.flags): Promise<void> {
    await this.#helm('upgrade', { ...this.#values, ...values }, flags);
    await this.ready();
  }

  /** Runs `helm rollback`, and waits until the rollout is done. */
  async rollback(revision: number): Promise<void> {
    await this.helm('rollback', String(revision));
    await this.ready();
  }

  /** Runs `helm uninstall`, and waits until what it deletes is gone. */
  async uninstall(): Promise<void> {
    await this.helm('uninstall', '--wait', '--cascade=foreground', `--timeout=${PATIENCE_SECONDS}s`);
  }

  /** Runs `helm test`. @returns its report and the log of the test's pod, which Helm writes to standard error */
  async test(): Promise<string> {
    const { status, stdout, stderr } = await run(
      this.#source.helm,
      ['test', this.name, '--namespace', this.namespace],
      {
        timeoutSeconds: PATIENCE_SECONDS,
      },
    );
    if (status !== 0) throw new Error(`helm test ended with ${status}\n${stderr}${stdout}`);
    return `${stdout}${stderr}`;
  }

  /** Runs a command of Helm on this release. @returns its output */
  helm(command: string, ...args: string[]): Promise<string> {
    return runWell(this.#source.helm, [command, this.name, ...args, '--namespace', this.namespace], {
      timeoutSeconds: PATIENCE_SECONDS,
    });
  }

  /** Runs kubectl in its namespace. @returns its output */
  kubectl(...args: string[]): Promise<string> {
    return kubectl('--namespace', this.namespace, ...args);
  }

  /** Waits until the rollout of a deployment is done; the service's if none is named. */
  async ready(deployment: string = this.fullName): Promise<void> {
    await runWell(
      'kubectl',
      [
        '--namespace',
        this.namespace,
        'rollout',
        'status',
        `deployment/${deployment}`,
        `--timeout=${PATIENCE_SECONDS}s`,
      ],
      { timeoutSeconds: PATIENCE_SECONDS + 10 },
    );
  }

  /** Starts a rollout of the same pods. */
  async restart(): Promise<void> {
    await this.kubectl('rollout', 'restart', `deployment/${this.fullName}`);
  }

  /** Sets the number of pods, and does not wait. */
  async scale(replicas: number): Promise<void> {
    await this.kubectl('scale', `deployment/${this.fullName}`, `--replicas=${replicas}`);
  }

  /** The service's pods, those that are going included. */
  async pods(): Promise<readonly Pod[]> {
    const { items } = await kubectlJson<{ items: Pod[] }>(
      '--namespace',
      this.namespace,
      'get',
      'pods',
      `--selector=${SELECTOR},app.kubernetes.io/instance=${this.name}`,
    );
    return items;
  }

  /** Names of the service's pods that are not going. */
  async podNames(): Promise<readonly string[]> {
    const pods = await this.pods();
    return pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined).map(({ metadata }) => metadata.name);
  }

  /** Waits until pods are gone. */
  async untilGone(names: readonly string[], seconds = 120): Promise<void> {
    await until(`${names.join(', ')} being gone`, seconds, async () =>
      (await this.pods()).every(({ metadata }) => !names.includes(metadata.name)),
    );
  }

  /** State of a pod's container. @throws {Error} if the pod or its container is not there */
  async container(pod: string): Promise<ContainerStatus> {
    const found = (await this.pods()).find(({ metadata }) => metadata.name === pod);
    const status = found?.status.containerStatuses?.[0];
    if (status === undefined) throw new Error(`pod ${pod} has no container yet`);
    return status;
  }

  /** The metrics of one pod, by the API server's proxy: the pod need not be reachable from here. */
  async metrics(pod: string): Promise<Scrape> {
    return new Scrape(
      await kubectl('get', '--raw', `/api/v1/namespaces/${this.namespace}/pods/${pod}:${METRICS_PORT}/proxy/metrics/`),
    );
  }

  /** Events of the namespace with a reason: `FailedPreStopHook`. @returns their messages */
  async events(reason: string): Promise<readonly string[]> {
    const { items } = await kubectlJson<{ items: { message: string }[] }>(
      '--namespace',
      this.namespace,
      'get',
      'events',
      `--field-selector=reason=${reason}`,
    );
    return items.map(({ message }) => message);
  }

  /** Address of the WebSocket endpoint behind the NodePort. */
  async url(): Promise<string> {
    const service = await kubectlJson<{ spec: { ports: { nodePort: number }[] } }>(
      '--namespace',
      this.namespace,
      'get',
      'service',
      this.fullName,
    );
    return `ws://${SETTINGS.node}:${service.spec.ports[0]?.nodePort ?? 0}/ws/chat/`;
  }

  async #helm(command: 'install' | 'upgrade', values: Values, flags: readonly string[]): Promise<void> {
    const extra = SETTINGS.valuesFile === undefined ? [] : ['--values', SETTINGS.valuesFile];
    const args = [
      command,
      this.name,
      this.#source.chart,
      ...flags,
      '--namespace',
      this.namespace,
      ...extra,
      '--values',
      '-',
    ];
    await runWell(this.#source.helm, args, {
      // Helm reads YAML 1.1, in which a plain `yes` is a boolean.
      input: stringify(values, { version: '1.1' }),
    });
  }
}
