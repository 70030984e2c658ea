/** What a rollout of a whole fleet takes: reconnects a second, time, and spare capacity, from 10 to 10,000 pods. */
import { writeFileSync } from 'node:fs';
import { defaultConfig } from '../service/src/config/options.ts';
import { simulateRollout, type RolloutOptions } from './rollout/model.ts';
import { SIMULATION_HEADINGS, simulationCells, type SimulationReport } from './rollout/report.ts';
import { SCENARIOS } from './rollout/scenarios.ts';
import { tryRollout } from './rollout/trial.ts';

/** The rollout that is small enough to be made here, its seconds short. */
const CHECKED: Omit<RolloutOptions, 'balance' | 'seed'> = {
  pods: 2,
  socketsPerPod: 1000,
  maxSurge: 1,
  minReadySeconds: 10,
  startSeconds: 1,
  hookSeconds: 1,
  config: defaultConfig(),
  maxConnections: Infinity,
};

/** Simulates every scenario, and prints what each takes. */
export async function simulateFleets({
  seed,
  check,
  json,
}: {
  seed: number;
  check: boolean;
  json?: string;
}): Promise<void> {
  const played = SCENARIOS.map(({ name, options }) => ({
    name,
    options: shown(options),
    result: simulateRollout({ ...options, seed }),
  }));
  printTable(played.map(({ name, options, result }) => simulationCells(options, result, name)));
  const checked = check ? await checkSimulation(seed) : undefined;
  const report: SimulationReport = { seed, played, ...(checked !== undefined && { checked }) };
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(report, withoutPods, 2)}\n`);
}

/** Figures of single pods are for the tests. */
function withoutPods(name: string, value: unknown): unknown {
  return name === 'socketsAfter' ? undefined : value;
}

/** Makes a rollout both ways, with each way to balance. */
async function checkSimulation(seed: number): Promise<SimulationReport['checked']> {
  const results = [];
  for (const balance of ['random', 'least'] as const) {
    const options = { ...CHECKED, balance, seed };
    const real = await tryRollout(options);
    results.push({
      options: shown(options),
      simulated: simulateRollout(options),
      real,
    });
  }
  console.log('\nA rollout of processes, and the simulation of the same');
  printTable(
    results.flatMap(({ options, simulated, real }) => [
      simulationCells(options, simulated, 'simulated'),
      simulationCells(options, real, 'real'),
    ]),
  );
  return results;
}

/** What tells a rollout from the others. */
function shown(options: Omit<RolloutOptions, 'seed'>): SimulationReport['played'][number]['options'] {
  const { pods, socketsPerPod, maxSurge, balance, minReadySeconds, config } = options;
  const { drainSpreadSeconds, retryAfterMinSeconds, retryAfterMaxSeconds } = config;
  return {
    pods,
    socketsPerPod,
    maxSurge,
    balance,
    minReadySeconds,
    config: { drainSpreadSeconds, retryAfterMinSeconds, retryAfterMaxSeconds },
  };
}

function printTable(rows: readonly (readonly string[])[]): void {
  const all = [SIMULATION_HEADINGS, ...rows];
  const widths = SIMULATION_HEADINGS.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  for (const row of all) console.log(row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join('  '));
}
