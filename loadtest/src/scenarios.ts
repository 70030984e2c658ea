import { burst } from '../scenarios/burst.ts';
import { longSoak } from '../scenarios/long-soak.ts';
import { mixedBadClients } from '../scenarios/mixed-bad-clients.ts';
import { ramp } from '../scenarios/ramp.ts';
import { reconnectStorm } from '../scenarios/reconnect-storm.ts';
import { slowReaders } from '../scenarios/slow-readers.ts';
import { steady } from '../scenarios/steady.ts';
import type { Scenario } from './scenario.ts';

/** All scenarios, the default first. */
export const SCENARIOS: readonly Scenario[] = [
  steady,
  ramp,
  burst,
  reconnectStorm,
  slowReaders,
  mixedBadClients,
  longSoak,
];

/** The text of `--list-scenarios`. */
export function listScenarios(): string {
  return SCENARIOS.map(({ name, summary }) => `${name.padEnd(18)} ${summary}\n`).join('');
}
