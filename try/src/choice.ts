import type { Machine } from './machine.ts';
import type { PlatformName } from './platforms.ts';
import { Problem } from './problem.ts';

/** Where to run, or the context that the user has to be asked about first. */
export type Choice = { readonly use: PlatformName } | { readonly ask: string };

/** Tools that make a cluster in Docker, the one that is tried first in front. */
const IN_DOCKER = ['kind', 'k3d', 'minikube'] as const;
const NO_CONTEXT = 'the kubeconfig has no current context';
const INSTALL_KIND =
  'install Docker (https://docs.docker.com/engine/install/) and kind (https://kind.sigs.k8s.io), then npm run try';

/**
 * Chooses where a trial runs: a cluster of its own by kind, k3d or minikube where Docker answers, else the cluster of the current
 * context if the user agrees, else the test bed.
 * @param wanted the user's own choice
 * @throws {Problem} if there is nothing to run on
 */
export function choose(machine: Machine, wanted?: PlatformName): Choice {
  if (wanted !== undefined) {
    const obstacle = obstacleTo(wanted, machine);
    if (obstacle !== undefined) throw new Problem(`--on ${wanted} is not possible: ${obstacle}`);
    return { use: wanted };
  }
  const own = IN_DOCKER.find((name) => obstacleTo(name, machine) === undefined);
  if (own !== undefined) return { use: own };
  if (machine.context !== undefined && obstacleTo('context', machine) === undefined) return { ask: machine.context };
  if (machine.testbed === undefined) return { use: 'testbed' };
  throw new Problem(`There is no cluster to try it on (${describe(machine)}): ${INSTALL_KIND}`);
}

/** What keeps a platform from being used, and the next command. */
function obstacleTo(name: PlatformName, machine: Machine): string | undefined {
  if (name === 'testbed') return machine.testbed === undefined ? undefined : `${machine.testbed}; ${INSTALL_KIND}`;
  if (name === 'context') return both(dockerObstacle(machine), contextObstacle(machine));
  const docker = dockerObstacle(machine);
  if (docker !== undefined) return docker;
  return machine.tools.has(name) ? undefined : `${name} is not on PATH; ${INSTALL_KIND}`;
}

function dockerObstacle({ docker }: Machine): string | undefined {
  if (docker === 'absent') return 'Docker is not installed; see https://docs.docker.com/engine/install/';
  if (docker === 'silent') return 'Docker is installed, but its daemon does not answer; systemctl start docker';
  return undefined;
}

function contextObstacle({ context, noContext }: Machine): string | undefined {
  if (context !== undefined) return undefined;
  return noContext === undefined
    ? `${NO_CONTEXT}; kubectl config use-context NAME`
    : `${noContext}; mend that, then npm run try`;
}

function both(...obstacles: readonly (string | undefined)[]): string | undefined {
  const present = obstacles.filter((each) => each !== undefined);
  return present.length === 0 ? undefined : present.join('; and ');
}

function describe({ docker, context, noContext = NO_CONTEXT, testbed, tools }: Machine): string {
  const made = IN_DOCKER.filter((name) => tools.has(name));
  return [
    docker === 'answers' ? 'Docker answers' : docker === 'silent' ? "Docker's daemon does not answer" : 'no Docker',
    made.length === 0 ? 'no kind, k3d or minikube' : made.join(', '),
    context === undefined ? noContext : `the context ${context}`,
    `no test bed: ${testbed ?? ''}`,
  ].join('; ');
}
