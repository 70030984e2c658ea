import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { apply, kubectl, kubectlJson } from './commands.ts';
import { freeze } from './freeze.ts';
import { mainProcess } from './node-process.ts';
import type { Pod, Release, Values } from './release.ts';
import { until } from './wait.ts';

/** Values of a release whose sessions live in the stack's Redis, with nothing else of the stack. */
export const REDIS_ALONE: Values = {
  enabled: true,
  loki: { enabled: false },
  grafana: { enabled: false },
  prometheus: { enabled: false },
};

const PATIENCE_SECONDS = 120;

/** The Redis of a release's stack, and what can be done to it. */
export class ReleaseRedis {
  readonly #release: Release;
  readonly #deployment: string;

  constructor(release: Release) {
    this.#release = release;
    this.#deployment = `${release.fullName}-redis`;
  }

  /** Runs a command by redis-cli in its pod. @returns what it prints */
  async cli(...args: string[]): Promise<string> {
    return (await this.#release.kubectl('exec', `deployment/${this.#deployment}`, '--', 'redis-cli', ...args)).trim();
  }

  /** Stops it in order, and waits until it is gone. */
  async stop(): Promise<void> {
    await this.#scale(0);
    await until('Redis being gone', PATIENCE_SECONDS, async () => (await this.#pods()).length === 0);
  }

  /** Starts it again, and waits until it answers. */
  async start(): Promise<void> {
    await this.#scale(1);
    await this.#release.ready(this.#deployment);
  }

  /** Stops its process where it is, sockets and all. @returns lets it go on */
  async freeze(): Promise<() => void> {
    return freeze(await this.#process());
  }

  /** Kills its process with SIGKILL, and waits until another one answers. */
  async kill(): Promise<void> {
    const [before] = await this.#pods();
    process.kill(await this.#process(), 'SIGKILL');
    const restarts = restartsOf(before);
    await until('Redis being restarted', PATIENCE_SECONDS, async () =>
      (await this.#pods()).some((pod) => restartsOf(pod) > restarts && pod.status.containerStatuses?.[0]?.ready),
    );
  }

  async #scale(replicas: number): Promise<void> {
    await this.#release.kubectl('scale', `deployment/${this.#deployment}`, `--replicas=${replicas}`);
  }

  async #process(): Promise<number> {
    const [pod] = await this.#pods();
    const pid = mainProcess(pod?.status.containerStatuses?.[0]?.containerID ?? '');
    assert.ok(pid !== undefined, "the pods do not run on this machine, so their processes can't be reached from here");
    return pid;
  }

  async #pods(): Promise<readonly Pod[]> {
    const selector = `app.kubernetes.io/component=redis,app.kubernetes.io/instance=${this.#release.name}`;
    const { namespace } = this.#release;
    const { items } = await kubectlJson<{ items: Pod[] }>('--namespace', namespace, 'get', 'pods', '-l', selector);
    return items;
  }
}

/** A volume on this machine, for a cluster that makes none by itself. */
export class LocalVolume {
  readonly storageClassName: string;
  readonly #path: string;

  private constructor(name: string, path: string) {
    this.storageClassName = name;
    this.#path = path;
  }

  /** Makes one that a claim of the class `name` is bound to. */
  static async create(name: string): Promise<LocalVolume> {
    const path = mkdtempSync(join(tmpdir(), `${name}-`));
    // A pod's group is not given to a folder of the node.
    chmodSync(path, 0o777);
    const volume = new LocalVolume(name, path);
    await volume.#deleteObject();
    await apply(`
apiVersion: v1
kind: PersistentVolume
metadata:
  name: ${name}
spec:
  storageClassName: ${name}
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  hostPath: {path: ${path}}
`);
    return volume;
  }

  async delete(): Promise<void> {
    await this.#deleteObject();
    rmSync(this.#path, { recursive: true, force: true });
  }

  async #deleteObject(): Promise<void> {
    await kubectl('delete', 'persistentvolume', this.storageClassName, '--ignore-not-found', '--timeout=60s');
  }
}

function restartsOf(pod: Pod | undefined): number {
  return pod?.status.containerStatuses?.[0]?.restartCount ?? 0;
}
