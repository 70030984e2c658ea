import { apply, kubectl, kubectlJson, run, runWell } from './commands.ts';
import { CHART } from '../../scripts/chart/tools.ts';
import { mainProcess } from './node-process.ts';
import type { Pod } from './release.ts';
import { SETTINGS } from './settings.ts';
import { until } from './wait.ts';

/** A Redis server, or a Sentinel, with an address and a network of its own. */
export interface StoreServer {
  readonly name: string;
  /** Its name in DNS, which outlives it: that of the server that takes its place, too. */
  readonly host: string;
  readonly ip: string;
  readonly port: number;
  /** Its process on this machine. */
  readonly pid: number;
}

/** Runs servers. */
export interface StoreHost {
  /** Starts one, and returns when its process runs. @param config lines of its configuration file */
  launch(name: string, config: readonly string[], kind?: 'redis' | 'sentinel'): Promise<StoreServer>;
  /** Removes one, with its network and its data; one that is killed stays in place until then. */
  remove(server: StoreServer): Promise<void>;
}

const PORTS = { redis: 6379, sentinel: 26379 };
/** The Service without an address that gives each server its name. */
const DOMAIN = 'store';
const REDIS_IMAGE = 'redis:7.4.6-bookworm';
const PATIENCE_SECONDS = 60;

/** Runs each server as a pod that nobody starts again: a master that came back empty would empty its replicas. */
export class PodHost implements StoreHost {
  readonly #namespace: string;
  readonly #serviceImage: string;

  private constructor(namespace: string, serviceImage: string) {
    this.#namespace = namespace;
    this.#serviceImage = serviceImage;
  }

  static async create(namespace: string): Promise<PodHost> {
    const values = SETTINGS.valuesFile === undefined ? [] : ['--values', SETTINGS.valuesFile];
    const only = ['--show-only', 'templates/deployment.yaml'];
    const rendered = await runWell('helm', ['template', 'demo', CHART, ...only, ...values]);
    await apply(domainOf(namespace));
    return new PodHost(namespace, /^ *image: "?([^"\n]+)"?$/m.exec(rendered)?.[1] ?? '');
  }

  async launch(name: string, config: readonly string[], kind: 'redis' | 'sentinel' = 'redis'): Promise<StoreServer> {
    const file = JSON.stringify([`port ${PORTS[kind]}`, 'protected-mode no', ...config].join('\n'));
    const args = kind === 'sentinel' ? ['/data/redis.conf', '--sentinel'] : ['/data/redis.conf'];
    // A Sentinel rewrites its file, so it can't be that of a ConfigMap; and Redis' image has no shell.
    const write = ['--eval', `require('node:fs').writeFileSync('/data/redis.conf', ${file})`];
    await apply(podOf(this.#namespace, name, kind, this.#serviceImage, write, args));
    const { ip, pid } = await until(`${name} running`, PATIENCE_SECONDS, async () => {
      const { status } = await kubectlJson<Pod>('--namespace', this.#namespace, 'get', 'pod', name);
      const id = status.phase === 'Running' ? status.containerStatuses?.[0]?.containerID : undefined;
      const pid = id === undefined ? undefined : mainProcess(id);
      return pid !== undefined && status.podIP !== undefined && { ip: status.podIP, pid };
    });
    const server = { name, host: `${name}.${DOMAIN}`, ip, pid, port: PORTS[kind] };
    await until(`${name} answering`, PATIENCE_SECONDS, async () => (await ask(server, 'PING')) === 'PONG');
    return server;
  }

  async remove({ name }: StoreServer): Promise<void> {
    const gone = ['--grace-period=0', '--force', '--ignore-not-found', '--timeout=60s'];
    await kubectl('--namespace', this.#namespace, 'delete', 'pod', name, ...gone);
  }
}

/** Runs a command by redis-cli on this machine. @returns what it prints; @throws {Error} if there is no answer in time */
export async function ask({ name, ip, port }: StoreServer, ...command: string[]): Promise<string> {
  const { status, stdout, stderr } = await run('redis-cli', ['-h', ip, '-p', String(port), ...command], {
    timeoutSeconds: 5,
  });
  if (status !== 0) throw new Error(`${name} did not answer ${command[0]}: ${stderr}`);
  return stdout.trim();
}

/** Kills the process, at once. */
export function kill({ pid }: Pick<StoreServer, 'pid'>): void {
  process.kill(pid, 'SIGKILL');
}

/**
 * Drops everything between a server and others, both ways, in the server's own network: what is under way is lost, too, and
 * connections stay open. The rules are gone with the server.
 * @returns ends that
 */
export async function cutOff(server: StoreServer, others: readonly StoreServer[]): Promise<() => Promise<void>> {
  const change = async (action: '-I' | '-D'): Promise<void> => {
    for (const { ip } of others)
      for (const side of [
        ['INPUT', '-s'],
        ['OUTPUT', '-d'],
      ] as const)
        await runWell('nsenter', [
          ...['-t', String(server.pid), '-n', 'iptables', '-w', action, side[0]],
          ...[side[1], ip, '-j', 'DROP'],
        ]);
  };
  await change('-I');
  return () => change('-D');
}

/** A server that starts has its name before it is ready. */
function domainOf(namespace: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace, name: DOMAIN },
    spec: { clusterIP: 'None', publishNotReadyAddresses: true, selector: { app: DOMAIN } },
  });
}

function podOf(
  namespace: string,
  name: string,
  kind: string,
  serviceImage: string,
  write: readonly string[],
  args: readonly string[],
): string {
  const container = (more: object): object => ({
    imagePullPolicy: 'IfNotPresent',
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
    volumeMounts: [{ name: 'data', mountPath: '/data' }],
    ...more,
  });
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name, labels: { app: DOMAIN, store: kind } },
    spec: {
      ...{ hostname: name, subdomain: DOMAIN },
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 0,
      automountServiceAccountToken: false,
      securityContext: {
        ...{ runAsNonRoot: true, runAsUser: 999, runAsGroup: 999, fsGroup: 999 },
        seccompProfile: { type: 'RuntimeDefault' },
      },
      initContainers: [container({ name: 'write', image: serviceImage, args: write })],
      containers: [container({ name: 'redis', image: REDIS_IMAGE, args })],
      volumes: [{ name: 'data', emptyDir: {} }],
    },
  });
}
