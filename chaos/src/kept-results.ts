import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { VERSION } from '../../lib/version.ts';
import { TOOLS } from '../../scripts/tools.ts';
import { MODES, type Mode } from './history.ts';
import type { RunResult } from './run.ts';

/** The figures of a run, as they are kept. */
export interface KeptResult {
  readonly date: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly mode: Mode;
  readonly seed: number;
  readonly pace: number;
  readonly instances: number;
  readonly clients: number;
  /** For each kind, how often it happened and how often metrics or log showed it. */
  readonly faults: Readonly<Record<string, { readonly times: number; readonly seen?: number }>>;
  readonly sent: number;
  readonly told: number;
  readonly violations: Readonly<Record<string, number>>;
  readonly excused: number;
  readonly longestAbsenceMs: number;
  readonly healthySeconds: number;
  readonly memoryBytes: number;
  readonly files: number;
  readonly problems: readonly string[];
}

interface Made {
  readonly mode: Mode;
  readonly seed: number;
  readonly pace: number;
  readonly instances: number;
  readonly clients: number;
  readonly loki: boolean;
}

/** Keeps the figures of a run, in the place of the last one of its mode. */
export function keepResult({ mode, seed, pace, instances, clients, loki }: Made, result: RunResult): void {
  const { verdict, happened, healthySeconds, resources, problems } = result;
  const { sent, told, excused, longestAbsenceMs } = verdict;
  const kept: KeptResult = {
    date: new Date().toISOString().slice(0, 10),
    versions: versions(loki),
    ...{ mode, seed, pace, instances, clients },
    faults: countFaults(happened),
    ...{ sent, told, violations: verdict.amounts, excused, longestAbsenceMs, healthySeconds, ...resources, problems },
  };
  writeFileSync(fileOf(mode), `${JSON.stringify(kept, null, 2)}\n`);
}

/** The kept figures of each mode that has any. */
export function readResults(): readonly KeptResult[] {
  return MODES.map(fileOf)
    .filter((file) => existsSync(file))
    .map((file) => JSON.parse(readFileSync(file, 'utf8')) as KeptResult);
}

function countFaults(happened: RunResult['happened']): KeptResult['faults'] {
  const kinds = Object.entries(Object.groupBy(happened, ({ kind }) => kind)).sort(([one], [other]) =>
    one < other ? -1 : 1,
  );
  return Object.fromEntries(
    kinds.map(([kind, faults = []]) => {
      const shown = faults.filter(({ seen }) => seen !== undefined);
      const seen = shown.length > 0 && { seen: shown.filter((each) => each.seen).length };
      return [kind, { times: faults.length, ...seen }];
    }),
  );
}

function fileOf(mode: Mode): URL {
  return new URL(`../results/${mode}.json`, import.meta.url);
}

/** Versions of what takes part in a run. */
export function versions(loki: boolean): Readonly<Record<string, string>> {
  return {
    service: VERSION,
    node: process.version,
    redis: versionOf('redis-server', ['--version']),
    haproxy: versionOf('haproxy', ['-v']),
    toxiproxy: versionOf(TOOLS.toxiproxy.find() ?? '', ['--version']),
    ...(loki && { loki: versionOf(TOOLS.loki.find() ?? '', ['-version']) }),
  };
}

function versionOf(path: string, args: readonly string[]): string {
  return /\d+\.\d+\.\d+/.exec(execFileSync(path, args, { encoding: 'utf8' }))?.[0] ?? 'unknown';
}
