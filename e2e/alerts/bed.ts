import { setTimeout as delay } from 'node:timers/promises';
import { stringify } from 'yaml';
import { apply, kubectl, kubectlJson } from '../support/commands.ts';
import { Alertmanager } from '../support/alertmanager.ts';
import type { Namespace } from '../support/namespace.ts';
import { mainProcess } from '../support/node-process.ts';
import { Prometheus } from '../support/prometheus.ts';
import { Release, type Pod, type Values } from '../support/release.ts';
import { SETTINGS } from '../support/settings.ts';
import { until } from '../support/wait.ts';
import type { ReceiverName } from '../../alerts/src/alertmanager.ts';
import type { Loki } from '../../testkit/loki.ts';
import type { WebhookReceiver } from './webhook-receiver.ts';

/** Receivers that the chart's routes know. */
const RECEIVERS: readonly ReceiverName[] = ['page', 'ticket', 'info'];

/** Longest wait for the operator, the kubelet and Prometheus to take over what was installed, in seconds. */
const WIRING_SECONDS = 240;

/** Longest wait for a release that was just installed to be well, in seconds. */
const WELL_SECONDS = 120;

/** How soon notifications are sent: a page before a ticket, as by default, so that what it silences is silent. */
export const HURRIED_ROUTING: Values = {
  groupInterval: '5s',
  page: { groupWait: '1s' },
  ticket: { groupWait: '6s' },
  info: { groupWait: '6s' },
};

/** Seconds after which every notification of an alert that fires has been sent. */
export const NOTIFIED_SECONDS = 8;

/** Ends what was begun. */
export type Ending = () => Promise<void> | void;

/** What a proof's release is made from. */
export interface BedPlan {
  readonly alert: string;
  /** Pods of the service; 1 by default. */
  readonly pods?: number;
  /** Values of the chart under `prometheusRule`: time scales, shortened, and thresholds that few clients can reach. */
  readonly rules: Values;
  /** Values of the chart under `config`. */
  readonly config?: Values;
  /** Values of the chart beside those. */
  readonly values?: Values | ((site: Site) => Promise<Values>);
}

/** What all proofs share. */
export interface Stand {
  readonly webhooks: WebhookReceiver;
  /** Where the logs of the releases go. */
  readonly loki: Loki;
  /** Address at which pods reach this process. */
  readonly host: string;
}

/** What is there before a release is. */
export interface Site {
  /** Address at which pods reach this process. */
  readonly host: string;
  /** Has something done when the proof is over, however it ends. */
  readonly after: (ending: Ending) => void;
}

/** A release that an alert is proven on, with the ways to its pods and to what watches over it. */
export class Bed {
  readonly release: Release;
  readonly prometheus = new Prometheus();
  readonly alertmanager = new Alertmanager();
  /** Address of the WebSocket endpoint. */
  readonly url: string;
  /** Pods of the service in good times. */
  readonly podCount: number;
  readonly #endings: Ending[];
  #fault: Ending | undefined;

  private constructor(release: Release, podCount: number, url: string, endings: Ending[]) {
    this.release = release;
    this.podCount = podCount;
    this.url = url;
    this.#endings = endings;
  }

  /** Installs the release of a proof, with its receivers. */
  static async make(plan: BedPlan, namespace: Namespace, { webhooks, host, loki }: Stand): Promise<Bed> {
    const endings: Ending[] = [];
    const site: Site = { host, after: (ending) => endings.push(ending) };
    const own = typeof plan.values === 'function' ? await plan.values(site) : plan.values;
    const { pods = 1 } = plan;
    const name = releaseName(plan);
    const receivers = await makeReceivers(namespace, name, webhooks, host);
    const release = await Release.install(namespace, name, {
      replicaCount: pods,
      minReadySeconds: 0,
      // Many releases at once on a small node.
      resources: { requests: { cpu: '10m', memory: '64Mi' } },
      metrics: { scrapeInterval: '5s' },
      ...receivers,
      alertRouting: HURRIED_ROUTING,
      config: { prestopMinSeconds: 1, prestopQuietSeconds: 1, ...plan.config },
      loki: { url: loki.url.replace('127.0.0.1', host) },
      prometheusRule: plan.rules,
      ...own,
    });
    const bed = new Bed(release, pods, await release.url(), endings);
    await bed.#partsReady();
    return bed;
  }

  /** A release that is there already. */
  static around(release: Release, url: string): Bed {
    return new Bed(release, 0, url, []);
  }

  /** Has something done when the proof is over, however it ends. */
  after(ending: Ending): void {
    this.#endings.push(ending);
  }

  /**
   * Waits until it is watched, and until no alert fires: where Prometheus gets the rules before the targets, the service is
   * missing for as long. What was told of by then is dropped.
   */
  async untilWatchedAndWell(webhooks: WebhookReceiver): Promise<void> {
    const { name, namespace } = this.release;
    await untilWatched(this.release, this.podCount);
    await until(`no alert of ${name} firing`, WELL_SECONDS, async () => {
      const held = await this.alertmanager.alerts(namespace, name);
      return held.length === 0;
    });
    await delay(NOTIFIED_SECONDS * 1000);
    webhooks.forget(name);
  }

  /** The pods of a part of the release. */
  async pods(component = 'service'): Promise<readonly Pod[]> {
    const { name, namespace } = this.release;
    const selector = `app.kubernetes.io/instance=${name},app.kubernetes.io/component=${component}`;
    const { items } = await kubectlJson<{ items: Pod[] }>(
      ...['--namespace', namespace, 'get', 'pods', `--selector=${selector}`],
    );
    return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  }

  /** Name of the first pod of the service. */
  async pod(): Promise<string> {
    return (await this.pods())[0]?.metadata.name ?? '';
  }

  /**
   * Process id of the first pod of a part.
   * @throws {Error} if it does not run on this machine
   */
  async process(component = 'service'): Promise<number> {
    const [pod] = await this.pods(component);
    const pid = mainProcess(pod?.status.containerStatuses?.[0]?.containerID ?? 'none');
    if (pid === undefined) throw new Error(`the ${component} of ${this.release.name} does not run on this machine`);
    return pid;
  }

  /** Makes the fault of a proof. */
  async beginFault(inject: (bed: Bed) => Promise<Ending>): Promise<void> {
    this.#fault = await inject(this);
  }

  /** Ends the fault, if there is one. */
  async endFault(): Promise<void> {
    const end = this.#fault;
    this.#fault = undefined;
    await end?.();
  }

  /** Waits for what the stack brings besides the service. */
  async #partsReady(): Promise<void> {
    const { release } = this;
    const selector = `--selector=app.kubernetes.io/instance=${release.name}`;
    const names = await release.kubectl('get', 'deployments', selector, '--output=jsonpath={.items[*].metadata.name}');
    await Promise.all(names.split(' ').map((deployment) => release.ready(deployment)));
  }

  /** Undoes what is left, the last thing first. */
  async end(): Promise<void> {
    for (const ending of this.#endings.splice(0).reverse()) await ending();
  }
}

/** Waits until Prometheus scrapes every pod of a release and has its rules, and Alertmanager has its routes. */
export async function untilWatched(release: Release, pods: number): Promise<void> {
  const prometheus = new Prometheus();
  const alertmanager = new Alertmanager();
  const labels = `namespace="${release.namespace}", release="${release.name}"`;
  await until(`${release.name} being watched`, WIRING_SECONDS, async () => {
    // Not `up`: a Probe has that too.
    const scraped = await prometheus.query(`websocket_build_info{${labels}}`);
    const rules = await prometheus.rules(release.namespace, release.fullName);
    const routes = await alertmanager.configuration();
    const routed = RECEIVERS.every((name) => routes.includes(`${release.namespace}/${release.fullName}/${name}`));
    return scraped.length === pods && rules.length > 0 && routed;
  });
}

/** Longest name of a release with which the chart's names of resources, which have a bound, hold it whole. */
const LONGEST_NAME = 22;

/** Name of a proof's release: `instance-unreachable`. */
export function releaseName({ alert }: Pick<BedPlan, 'alert'>): string {
  const words = alert.replace(/^Websocket/, '').match(/[A-Z][a-z]*/g) ?? [];
  return words.join('-').toLowerCase().slice(0, LONGEST_NAME);
}

/** Makes the Secret with the receivers' addresses. @returns the values that have the chart use it */
export async function makeReceivers(
  namespace: Namespace,
  release: string,
  webhooks: WebhookReceiver,
  host: string,
): Promise<Values> {
  const name = `${release}-receivers`;
  const addresses = RECEIVERS.map((each) => [`${each}-webhook-url`, webhooks.url(host, release, each)] as const);
  const metadata = { name, namespace: namespace.name };
  await apply(stringify({ apiVersion: 'v1', kind: 'Secret', metadata, stringData: Object.fromEntries(addresses) }));
  return { alertReceivers: { secretName: name }, alertmanagerConfig: { enabled: true } };
}

/** Address at which pods reach this machine: E2E_HOST, or the node's own, since the suite runs on it. */
export async function hostAddress(): Promise<string> {
  if (SETTINGS.host !== undefined) return SETTINGS.host;
  const addresses = await kubectl(
    ...['get', 'nodes', '--output=jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}'],
  );
  return addresses.trim().split(' ')[0] ?? '';
}
