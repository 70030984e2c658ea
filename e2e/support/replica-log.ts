import { createInterface } from 'node:readline';
import type { ChildProcess } from 'node:child_process';
import { startKubectl } from './commands.ts';
import type { Release } from './release.ts';

/** Every number of pods that was asked for, as the API server tells of it (`kubectl get --watch`). */
export class ReplicaLog {
  /** Each number that differs from the one before. */
  readonly steps: number[] = [];
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
    if (child.stdout === null) throw new Error('kubectl get --watch has no output');
    createInterface({ input: child.stdout }).on('line', (line) => {
      const replicas = Number(line);
      if (replicas !== this.last) this.steps.push(replicas);
    });
  }

  /** @param target what has replicas; the Deployment of the service if none is named */
  static start(release: Release, target = `deployment/${release.fullName}`): ReplicaLog {
    const format = '--output=jsonpath={.spec.replicas}{"\\n"}';
    return new ReplicaLog(startKubectl('--namespace', release.namespace, 'get', target, '--watch', format));
  }

  /** The number that is asked for now. */
  get last(): number | undefined {
    return this.steps.at(-1);
  }

  stop(): void {
    this.#child.kill();
  }
}
