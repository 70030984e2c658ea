import { code, markdownTable } from '../../lib/markdown-table.ts';
import { FAULTS } from './faults.ts';
import { readResults, type KeptResult } from './kept-results.ts';
import { VIOLATIONS } from './violations.ts';

/** Generated blocks of docs/reliability.md: the faults, what the checker finds, and what the kept runs gave. */
export function chaosBlocks(results = readResults()): Readonly<Record<string, string>> {
  return {
    violations: markdownTable(['It finds', ''], Object.entries(VIOLATIONS)),
    'chaos-runs': runs(results),
    'chaos-faults': faults(results),
  };
}

function runs(results: readonly KeptResult[]): string {
  const head = [
    ...['mode', 'faults', 'sent', 'told', 'lost', 'doubled', 'other violations', 'lost within the promise'],
    ...['longest absence', 'well after', 'memory', 'open files', 'command'],
  ];
  return [
    markdownTable(head, results.map(rowOf)),
    ...results.flatMap(({ mode, problems }) => problems.map((problem) => `NOT OK, ${mode}: ${problem}.`)),
    [...new Set(results.map(describeMachine))].join('\n'),
  ].join('\n\n');
}

function describeMachine({ date, versions }: KeptResult): string {
  const names = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `Run on ${date}: ${names.join(', ')}.`;
}

function rowOf(result: KeptResult): readonly string[] {
  const { mode, seed, pace, faults: kinds, sent, told, violations, excused, longestAbsenceMs } = result;
  const { lost = 0, doubled = 0, ...others } = violations;
  const count = Object.values(kinds).reduce((sum, { times }) => sum + times, 0);
  return [
    ...[
      mode,
      count,
      sent,
      told,
      lost,
      doubled,
      Object.values(others).reduce((sum, each) => sum + each, 0),
      excused,
    ].map((value) => value.toLocaleString('en')),
    `${(longestAbsenceMs / 1000).toFixed(1)} s`,
    `${result.healthySeconds.toFixed(1)} s`,
    `${(result.memoryBytes / 2 ** 20).toFixed()} MiB`,
    String(result.files),
    `\`npm run chaos -- --mode ${mode} --faults ${count} --seed ${seed} --pace ${pace}\``,
  ];
}

function faults(results: readonly KeptResult[]): string {
  const rows = Object.entries(FAULTS).map(([name, { doc }]) => [
    code(name),
    doc,
    ...results.map(({ faults: kinds }) => {
      const { times, seen } = kinds[name] ?? {};
      return times === undefined ? '' : seen === undefined ? String(times) : `${times} (${seen})`;
    }),
  ]);
  return markdownTable(['Fault', 'What happens', ...results.map(({ mode }) => mode)], rows);
}
