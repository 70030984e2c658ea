/**
 * What a rollout of a whole fleet takes: reconnects a second, time, and spare capacity, from 10 to 10,000 pods.
 * `npm run bench -- fleet-simulation [--seed N] [--json FILE]` plays them through; with `--check` it makes a small rollout of real
 * processes too, and prints it beside the simulation of the same.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { loadConfig } from '../service/src/config.ts';
import { simulateRollout, type RolloutOptions, type RolloutResult } from './rollout/model.ts';
import { SCENARIOS, type Scenario } from './rollout/scenarios.ts';
import { tryRollout } from './rollout/trial.ts';
import { shortNumber } from './support/bench.ts';

/** The rollout that is small enough to be made here, its seconds short. */
const CHECKED: RolloutOptions = {
  pods: 2,
  socketsPerPod: 1000,
  maxSurge: 1,
  minReadySeconds: 10,
  startSeconds: 1,
  hookSeconds: 1,
  config: loadConfig({}).config,
  maxConnections: Infinity,
  balance: 'random',
  seed: 1,
};

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    check: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
});
const startedAt = performance.now();
const played = SCENARIOS.map((scenario) => ({
  scenario,
  result: simulateRollout({ ...scenario.options, seed: Number(values.seed) }),
}));
console.log(
  table(
    played.map(({ scenario, result }) => [...describeScenario(scenario), ...describeResult(scenario.options, result)]),
  ),
);
console.log(
  `${played.length} rollouts played through in ${((performance.now() - startedAt) / 1000).toFixed(1)} s, seed ${values.seed}`,
);
const checked = values.check ? await check() : undefined;
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ played, checked }, null, 2)}\n`);

/** Makes a rollout both ways, with each way to balance. */
async function check(): Promise<unknown> {
  const rows: string[][] = [];
  const results: { balance: string; simulated: RolloutResult; real: RolloutResult }[] = [];
  for (const balance of ['random', 'least'] as const) {
    const options = { ...CHECKED, balance };
    const simulated = simulateRollout(options);
    const real = await tryRollout(options);
    results.push({ balance, simulated, real });
    for (const [how, result] of [
      ['simulated', simulated],
      ['real', real],
    ] as const)
      rows.push([
        how,
        String(options.pods),
        String(options.socketsPerPod),
        balance,
        ...describeResult(options, result),
      ]);
  }
  console.log(
    `\nA rollout of processes, and the simulation of the same\n${table(rows, ['', 'pods', 'sockets each', 'balance'])}`,
  );
  return results;
}

function describeScenario({ name, options }: Scenario): string[] {
  const { pods, maxSurge, balance, minReadySeconds, config } = options;
  return [
    name,
    shortNumber(pods),
    shortNumber(maxSurge),
    balance,
    `${config.drainSpreadSeconds} s`,
    `${config.retryAfterMaxSeconds} s`,
    `${minReadySeconds} s`,
  ];
}

function describeResult({ socketsPerPod }: Pick<RolloutOptions, 'socketsPerPod'>, result: RolloutResult): string[] {
  return [
    duration(result.seconds),
    shortNumber(result.peakReconnects),
    shortNumber(result.peakAtOnePod),
    result.closesPerClient.toFixed(2),
    shortNumber(result.mostAway),
    `${Math.max(0, Math.round((result.mostSockets / socketsPerPod - 1) * 100))} %`,
  ];
}

function table(rows: readonly (readonly string[])[], first?: readonly string[]): string {
  const scenario = ['', 'pods', 'surge', 'balance', 'spread', 'delay up to', 'minReady'];
  const head = [...(first ?? scenario), 'time', 'reconnects/s', 'at one pod/s', 'closes a client', 'away', 'spare'];
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) => row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join('  ')).join('\n');
}

function duration(seconds: number): string {
  if (seconds < 120) return `${seconds.toFixed(0)} s`;
  return seconds < 7200 ? `${(seconds / 60).toFixed(0)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
