import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import type { Cleanup } from '../../../testkit/redis.ts';
import type { Target } from './prometheus.ts';

/** How a pod differs from the real one: values of series by name, `undefined` if it can't be reached. */
type Fault = Readonly<Record<string, number | 'growing'>> | undefined;

/** Release that the tests pick, beside others of the same service. */
export const PICKED = { namespace: 'chat-prod', release: 'chat' } as const;
/** Label of the targets that a right answer is made of. Panels know nothing of it. */
export const OF_PICKED = 'fixture';

const MEBIBYTE = 1024 * 1024;
const JOB = 'websocket-message-counter';
const REPLICA_SET = 'chat-websocket-message-counter-7d9c5b8f6d';
/** Last parts of the names of pods, as Kubernetes makes them. */
const SUFFIXES = [
  ...['x2x7q', 'k4m9p', 'b5z2n', 'c8v4t', 'd7lqs', 'f9wjr', 'g2hxk', 'h6pbd', 'j5mtz', 'l8cvn'],
  ...['m4rgs', 'n9kqw', 'p2xjf', 'q7bdh', 'r5zlt', 's8nvc', 't6wgm', 'v4hkp', 'w9sjq', 'z2dfr'],
];
/** Names of the pods of the picked release: the first two are real processes. */
export const PODS: readonly string[] = SUFFIXES.map((suffix) => `${REPLICA_SET}-${suffix}`);
/** Pods with a fault of their own, once there are faults. */
export const FAULTY = { full: PODS[5] ?? '', notReady: PODS[6] ?? '', away: PODS[7] ?? '', lossy: PODS[8] ?? '' };
/** What kube-state-metrics says the picked release wants. */
export const WANTED = PODS.length;
/** A release of the same namespace that goes down, and one of another namespace that nobody talks to. */
const CANARY = [
  'chat-canary-websocket-message-counter-5c6b7d8f9-4kq2v',
  'chat-canary-websocket-message-counter-5c6b7d8f9-7tn8x',
];
const STAGING = ['chat-websocket-message-counter-6f7c8d9b5-2wz6k', 'chat-websocket-message-counter-6f7c8d9b5-9vx4r'];

const FAULTS: Readonly<Record<string, Fault>> = {
  [FAULTY.full]: { websocket_active_connections: 100, websocket_limit_memory_bytes: 256 * MEBIBYTE },
  [FAULTY.notReady]: { websocket_ready: 0 },
  [FAULTY.away]: undefined,
  [FAULTY.lossy]: {
    'websocket_log_lines_dropped_total{destination="loki",reason="buffer_full"}': 'growing',
    'websocket_resume_tokens_total{result="accepted"}': 'growing',
    'websocket_handshakes_rejected_total{reason="capacity"}': 'growing',
    'websocket_errors_total{type="store"}': 'growing',
    websocket_loki_lag_seconds: 5,
  },
  ...Object.fromEntries(CANARY.map((pod) => [pod, { websocket_ready: 0 }])),
};

/** What other programs serve: names that ours have as well, and what kube-state-metrics knows. */
const FOREIGN = [
  'process_cpu_seconds_total 5000',
  'process_resident_memory_bytes 9e9',
  'process_start_time_seconds 1000',
  'nodejs_eventloop_lag_p99_seconds 9',
].join('\n');
const KUBE_STATE = [
  ['chat-prod', 'chat-websocket-message-counter', WANTED],
  ['chat-prod', 'chat-canary-websocket-message-counter', 2],
  ['chat-prod', 'redis', 7],
  ['chat-staging', 'chat-websocket-message-counter', 2],
].map(
  ([namespace, deployment, replicas]) =>
    `kube_deployment_spec_replicas{namespace="${namespace}",deployment="${deployment}"} ${replicas}`,
);

/**
 * Many pods, releases and strangers for Prometheus, at the cost of one: each serves the metrics of a real instance, with what it
 * differs in.
 */
export class Crowd {
  #faulty = false;
  #startedAt = 0;
  #latest = '';
  #first = '';
  readonly #metricsUrl: string;
  #port = 0;

  private constructor(metricsUrl: string) {
    this.#metricsUrl = metricsUrl;
  }

  /** @param metricsUrl of the instance that is mirrored */
  static async start(t: Cleanup, metricsUrl: string): Promise<Crowd> {
    const crowd = new Crowd(metricsUrl);
    const server = createServer((request, response) => {
      const text = crowd.#text((request.url ?? '').split('/')[1] ?? '');
      response.writeHead(text === undefined ? 503 : 200, { 'Content-Type': 'text/plain; version=0.0.4' }).end(text);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    crowd.#port = (server.address() as AddressInfo).port;
    await crowd.#mirror();
    crowd.#first = crowd.#latest;
    const timer = setInterval(() => void crowd.#mirror().catch(() => undefined), 500);
    t.after(() => {
      clearInterval(timer);
      server.closeAllConnections();
      server.close();
    });
    return crowd;
  }

  /** Pods of the picked release beside the two that are real, other releases, and other programs. */
  targets(): Target[] {
    const target = (name: string, labels: Record<string, string>): Target => ({
      port: this.#port,
      labels: { job: JOB, pod: name, ...labels, __metrics_path__: `/${name}/metrics` },
    });
    return [
      ...PODS.slice(2).map((pod) => target(pod, { ...PICKED, [OF_PICKED]: 'picked' })),
      ...CANARY.map((pod) => target(pod, { namespace: 'chat-prod', release: 'chat-canary', [OF_PICKED]: 'other' })),
      ...STAGING.map((pod) => target(pod, { namespace: 'chat-staging', release: 'chat', [OF_PICKED]: 'other' })),
      ...['grafana', 'prometheus'].map((job) => target(job, { ...PICKED, job })),
      { port: this.#port, labels: { job: 'kube-state-metrics', __metrics_path__: '/kube-state-metrics/metrics' } },
    ];
  }

  /** From now on, pods have the faults of {@link FAULTY}, and the other release of the namespace is down. */
  spoil(): void {
    this.#faulty = true;
    this.#startedAt = Date.now();
  }

  #text(name: string): string | undefined {
    if (name === 'kube-state-metrics') return `${KUBE_STATE.join('\n')}\n`;
    if (!name.includes('message-counter')) return `${FOREIGN}\n`;
    if (STAGING.includes(name)) return this.#first;
    if (!this.#faulty || !(name in FAULTS)) return this.#latest;
    const fault = FAULTS[name];
    if (fault === undefined) return undefined;
    const grown = (Date.now() - this.#startedAt) / 1000;
    return Object.entries(fault).reduce((text, [series, value]) => {
      const escaped = series.replaceAll(/[{}]/g, '\\$&');
      return text.replace(new RegExp(`^${escaped} .+$`, 'm'), `${series} ${value === 'growing' ? grown : value}`);
    }, this.#latest);
  }

  /** Outside a container there is no limit of memory. */
  async #mirror(): Promise<void> {
    const text = await (await fetch(this.#metricsUrl)).text();
    this.#latest = text.replace(/^(websocket_limit_memory_bytes) .+$/m, `$1 ${512 * MEBIBYTE}`);
  }
}
