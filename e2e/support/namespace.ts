import { apply, kubectl, run } from './commands.ts';
import { progress } from './figures.ts';

/** Resources that a namespace has or gets by itself: the controllers' own, and what is only a record of others. */
const NOT_LEFTOVERS =
  /^(configmap\/kube-root-ca\.crt|serviceaccount\/default|event(\.events\.k8s\.io)?\/.*|lease\.coordination\.k8s\.io\/.*|podmetrics\..*)$/;

/** Lines of each container's log that a description holds. */
const LOG_LINES = 30;

/** A namespace of the suite, which enforces the restricted Pod Security Standard. */
export class Namespace {
  readonly name: string;
  #described = false;

  private constructor(name: string) {
    this.name = name;
  }

  /** Makes `e2e-<what>`; one that a run before left behind is deleted first. */
  static async create(what: string): Promise<Namespace> {
    const namespace = new Namespace(`e2e-${what}`);
    await namespace.delete();
    await apply(`
apiVersion: v1
kind: Namespace
metadata:
  name: ${namespace.name}
  labels:
    pod-security.kubernetes.io/enforce: restricted
    pod-security.kubernetes.io/warn: restricted
`);
    return namespace;
  }

  /** Deletes it with all that is in it, and waits until it is gone. */
  async delete(): Promise<void> {
    await kubectl('delete', 'namespace', this.name, '--ignore-not-found', '--timeout=110s');
  }

  /** Runs kubectl in it. @returns its output */
  kubectl(...args: string[]): Promise<string> {
    return kubectl('--namespace', this.name, ...args);
  }

  /** Every object in it that somebody made, of whatever kind the cluster knows: `deployment.apps/x`. */
  async objects(): Promise<readonly string[]> {
    const kinds = (await kubectl('api-resources', '--namespaced', '--verbs=list', '--output=name')).trim().split('\n');
    const listed = await kubectl(
      '--namespace',
      this.name,
      'get',
      kinds.join(','),
      '--output=name',
      '--ignore-not-found',
    );
    return listed
      .split('\n')
      .filter((name) => name !== '' && !NOT_LEFTOVERS.test(name))
      .sort();
  }

  /** Prints what one wants to see after a failure, the first time: pods, events, the last lines of their logs. */
  async describe(): Promise<void> {
    if (this.#described) return;
    this.#described = true;
    progress(`what is in namespace ${this.name}:`);
    const looks = [
      ['get', 'all,endpointslices', '--output=wide'],
      ['get', 'events', '--sort-by=.lastTimestamp'],
      ['describe', 'pods'],
    ];
    for (const look of looks) console.log((await run('kubectl', ['--namespace', this.name, ...look])).stdout);
    const { stdout } = await run('kubectl', ['--namespace', this.name, 'get', 'pods', '--output=name']);
    for (const pod of stdout.split('\n').filter((line) => line !== '')) {
      const tail = [`--tail=${LOG_LINES}`, '--all-containers', '--prefix'];
      const now = await run('kubectl', ['--namespace', this.name, 'logs', pod, ...tail]);
      const before = await run('kubectl', ['--namespace', this.name, 'logs', pod, '--previous', ...tail]);
      console.log(`${pod}\n${now.stdout}${before.status === 0 ? `before its restart\n${before.stdout}` : ''}`);
    }
  }
}
