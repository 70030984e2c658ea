/**
 * What a rollout of a whole fleet takes: reconnects a second, time, and spare capacity, from 10 to 10,000 pods.
 * `npm run bench -- fleet-simulation [--seed N] [--check] [--json FILE]` plays them through; with `--check` it makes a small rollout
 * of real processes too, and prints it beside the simulation of the same.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { loadConfig } from '../service/src/config/load-config.ts';
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
  config: loadConfig({}).config,
  maxConnections: Infinity,
};

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    check: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
});
const seed = Number(values.seed);
const startedAt = performance.now();
const played = SCENARIOS.map(({ name, options }) => ({
  name,
  options: shown(options),
  result: simulateRollout({ ...options, seed }),
}));
printTable(played.map(({ name, options, result }) => simulationCells(options, result, name)));
console.log(
  `${played.length} rollouts played through in ${((performance.now() - startedAt) / 1000).toFixed(1)} s, seed ${seed}`,
);
const checked = values.check ? await check() : undefined;
const report: SimulationReport = { seed, played, ...(checked !== undefined && { checked }) };
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);

/** Makes a rollout both ways, with each way to balance. */
async function check(): Promise<SimulationReport['checked']> {
  const results = [];
  for (const balance of ['random', 'least'] as const) {
    const options = { ...CHECKED, balance, seed };
    const real = await tryRollout(options);
    results.push({ options: shown(options), simulated: simulateRollout(options), real });
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
