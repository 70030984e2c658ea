import { TOOLS } from '../../scripts/tools.ts';
import { memoryObstacle } from './memory-group.ts';
import { sandboxObstacle } from './sandbox.ts';

/** What some faults need beside processes, and why it is not there. */
const MEANS = {
  sandbox: () => (TOOLS.iptables.find() === undefined ? TOOLS.iptables.howToGet : sandboxObstacle()),
  clock: () => (TOOLS.faketime.find() === undefined ? TOOLS.faketime.howToGet : undefined),
  'memory group': memoryObstacle,
} as const satisfies Record<string, () => string | undefined>;

export type Means = keyof typeof MEANS;

/** The means that are missing on this machine, with the reason. */
export function missingMeans(): ReadonlyMap<Means, string> {
  const reasons = Object.entries(MEANS).map(([name, obstacle]) => [name as Means, obstacle()] as const);
  return new Map(reasons.flatMap(([name, reason]) => (reason === undefined ? [] : [[name, reason]])));
}
