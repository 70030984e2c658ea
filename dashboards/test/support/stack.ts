import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { TOOLS } from '../../../scripts/tools.ts';
import { Client } from '../../../testkit/client.ts';
import { Loki } from '../../../testkit/loki.ts';
import { ServiceProcess } from '../../../testkit/process.ts';
import { RedisServer, type Cleanup } from '../../../testkit/redis.ts';
import { Crowd, OF_PICKED, PICKED, PODS } from './crowd.ts';
import { Prometheus, prometheusTool } from './prometheus.ts';

/** Why the stack can't run here; `false` if it can. Never under CI=true, where it is to fail instead. */
export const NO_STACK = process.env['CI'] === 'true' ? false : missing();

/** Sends so many messages a second, from each of so many clients. */
const CLIENTS = 10;
const MESSAGES_PER_SECOND = 5;
const RULES = new URL('../../../alerts/generated/rules.yaml', import.meta.url);

interface Parts {
  readonly prometheus: Prometheus;
  readonly loki: Loki;
  readonly redis: RedisServer;
  /** Keeps sessions in memory, ships no logs, and is never in trouble. */
  readonly plain: ServiceProcess;
  /** Keeps sessions in Redis, ships its log to Loki, and is drained in the end. */
  readonly rich: ServiceProcess;
  readonly crowd: Crowd;
}

/** Pod of the instance that is never in trouble, of the one that ships its log, and of the first one of the crowd. */
const [PLAIN = '', RICH = '', MIRROR = ''] = PODS;

/**
 * Two instances of the service under a little load among a crowd of others, a Prometheus with the alerting rules that scrapes
 * them all, and a Loki that one of them ships its log to.
 */
export class Stack {
  readonly prometheus: Prometheus;
  readonly loki: Loki;
  /** When it began, in seconds since 1970. */
  readonly startedAt = Date.now() / 1000;
  /** Mirrors the plain one, in a container with a limit of memory. */
  readonly plainPod = MIRROR;
  readonly richPod = RICH;
  /** Session of a client that connected, sent messages, left, and came back. */
  session = '';
  readonly #parts: Parts;

  private constructor(parts: Parts) {
    this.prometheus = parts.prometheus;
    this.loki = parts.loki;
    this.#parts = parts;
  }

  /** Starts everything, and waits until a few seconds of healthy traffic are in Prometheus and Loki. It ends with `t`. */
  static async start(t: Cleanup): Promise<Stack> {
    const [loki, redis] = await Promise.all([Loki.start(), RedisServer.start(t)]);
    t.after(() => loki.remove());
    const plain = await startService(t, {});
    const rich = await startService(t, {
      REDIS_URL: redis.url,
      LOKI_ENABLED: 'true',
      LOKI_URL: loki.url,
      ...{ POD_NAME: RICH, POD_NAMESPACE: PICKED.namespace, RELEASE_NAME: PICKED.release },
      // One client is not going to answer the close, long enough for scrapes to see it.
      CLOSE_TIMEOUT_SECONDS: '6',
      DRAIN_TIMEOUT_SECONDS: '30',
      FINAL_SCRAPE_WAIT_SECONDS: '60',
      WARN_INTERVAL_SECONDS: '0',
    });
    const crowd = await Crowd.start(t, `${plain.url.replace('ws:', 'http:').replace('/ws/chat/', '')}/metrics/`);
    const prometheus = await Prometheus.start(
      t,
      [{ port: plain.port, labels: labels(PLAIN) }, { port: rich.port, labels: labels(RICH) }, ...crowd.targets()],
      readRules(),
    );
    const load = new Load([plain.url, rich.url]);
    t.after(() => {
      load.stop();
    });
    const stack = new Stack({ prometheus, loki, redis, plain, rich, crowd });
    await stack.#warmUp();
    return stack;
  }

  async #warmUp(): Promise<void> {
    const { plain, rich } = this.#parts;
    this.session = await story(rich.url);
    for (const { url } of [plain, rich]) await visits(url, 10);
    // By then the rates of a few seconds are there, and the rules have been evaluated with them.
    await this.prometheus.until('namespace_job_release:websocket_message_slo:budget_remaining');
    await this.prometheus.until('namespace_job_release:websocket_handshake_slo:budget_remaining');
    await this.prometheus.until('min by (job) (count_over_time(websocket_ready[1m])) >= 8');
    await this.loki.untilLines(`{service="websocket-message-counter"} | json | session_id="${this.session}"`, 8);
  }

  /** Injects the faults that the panels which are empty when all is well are there for. */
  async spoil(): Promise<void> {
    const { redis, rich, crowd } = this.#parts;
    crowd.spoil();
    await misbehave(rich.url);
    await redis.kill();
    await this.prometheus.until('websocket_store_up == 0');
    await this.loki.untilLines('{service="websocket-message-counter", level="ERROR"}', 1);
    await redis.restart();
    await this.prometheus.until(`websocket_store_up{pod="${RICH}"} == 1`);
    const deaf = await Client.open(rich.url);
    await deaf.count();
    deaf.socket.pause();
    rich.signal('SIGTERM');
    await this.prometheus.until('websocket_draining == 1 and websocket_active_connections > 0');
    await rich.exited;
    deaf.socket.terminate();
    await this.prometheus.until('ALERTS{alertname="WebsocketInstanceUnreachable",alertstate="firing"}');
    await this.prometheus.until('ALERTS{alertname="WebsocketServiceDown",alertstate="firing"}');
  }
}

function labels(pod: string): Record<string, string> {
  return { ...PICKED, pod, [OF_PICKED]: 'picked' };
}

async function startService(t: Cleanup, env: Readonly<Record<string, string>>): Promise<ServiceProcess> {
  const service = new ServiceProcess({ DRAIN_SPREAD_SECONDS: '0', MAX_CONNECTIONS: '100', ...env });
  t.after(() => {
    service.child.kill('SIGKILL');
  });
  const ready = await Promise.race([service.event('service_listening'), service.exited]);
  if (!('event' in ready)) throw new Error(`the service did not start: ${service.stderr}`);
  service.port = ready['port'] as number;
  return service;
}

/** An instance that is away and a service that is down are told of at once, records are there at once; others keep their time. */
function readRules(): string {
  const rules = readFileSync(RULES, 'utf8').replaceAll(/^ {4}interval: .*\n/gm, '');
  return ['WebsocketInstanceUnreachable', 'WebsocketServiceDown'].reduce((text, name) => {
    const hurried = text.replaceAll(new RegExp(`(- alert: ${name}\\n(?: {8}.*\\n)*? {8}for: )\\S+`, 'g'), '$10s');
    if (hurried === text) throw new Error(`${name} was not found in the rules`);
    return hurried;
  }, rules);
}

/** Clients that send messages all the time, from the moment it is made. */
class Load {
  readonly #stopped = new AbortController();

  constructor(urls: readonly string[]) {
    for (const url of urls) for (let index = 0; index < CLIENTS; index++) void this.#client(url).catch(() => undefined);
  }

  stop(): void {
    this.#stopped.abort();
  }

  async #client(url: string): Promise<void> {
    const client = await Client.open(url);
    this.#stopped.signal.addEventListener('abort', () => {
      client.socket.terminate();
    });
    while (client.socket.readyState === client.socket.OPEN && !this.#stopped.signal.aborted) {
      await client.count('x'.repeat(64));
      await delay(1000 / MESSAGES_PER_SECOND);
    }
  }
}

/** A client that connects, counts to three, leaves, comes back and counts on. */
async function story(url: string): Promise<string> {
  const first = await Client.open(url);
  const session = String((await first.headers)['x-session-id']);
  for (let index = 0; index < 3; index++) await first.count();
  await first.close();
  const second = await Client.open(`${url}?session_id=${session}`);
  await second.count();
  await second.close();
  return session;
}

/** Clients that come, send one message and go. */
async function visits(url: string, count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    const client = await Client.open(url);
    await client.count();
    await client.close();
  }
}

/** Clients that break the protocol, and handshakes that have to be refused. */
async function misbehave(url: string): Promise<void> {
  for (let index = 0; index < 5; index++) {
    const client = await Client.open(url);
    client.socket.send(Buffer.from('binary'), { binary: true });
    await client.closed;
    await fetch(url.replace('ws:', 'http:'));
  }
}

function missing(): string | false {
  const { loki, redis } = TOOLS;
  if (prometheusTool.skip !== false) return prometheusTool.skip;
  for (const tool of [loki, redis]) if (tool.find() === undefined) return `${tool.name} is missing: ${tool.howToGet}`;
  return false;
}
