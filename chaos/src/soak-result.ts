import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { markdownTable } from '../../lib/markdown-table.ts';
import { versions } from './kept-results.ts';
import { GAUGES, type GaugeName, type Reading } from './soak-gauges.ts';
import { soakPlot } from './soak-plot.ts';

/** What a soak gave. */
export interface Soak {
  readonly startedAt: Date;
  readonly hours: number;
  readonly clients: number;
  /** From one drain to the next; the first period is compared with the last. */
  readonly periodMs: number;
  /** `at` in milliseconds since the start. */
  readonly samples: readonly (Reading & { readonly at: number })[];
  readonly drainsMs: readonly number[];
  readonly sent: number;
  readonly told: number;
  readonly lost: number;
  readonly wrong: Readonly<Record<string, number>>;
  readonly reconnects: number;
  /** What happened and must not. */
  readonly mishaps: readonly string[];
}

/** A gauge at the end of the first period, and at the end of the run. */
export interface Compared {
  readonly name: GaugeName;
  readonly early: number;
  readonly late: number;
  readonly grew: boolean;
}

/** The figures of a soak, as they are kept. */
interface KeptSoak extends Omit<Soak, 'samples' | 'drainsMs' | 'startedAt'> {
  readonly date: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly drains: number;
  readonly compared: readonly Compared[];
}

/** Nothing may be more at the end, but for this share. */
const MOST_GROWTH = 0.02;
const RESULTS = new URL('../results/soak.json', import.meta.url);
const PLOT = new URL('../../docs/soak.svg', import.meta.url);

/** Every gauge at the end of both periods: its median over the last quarter of each, as long after a drain in both. */
export function compare({ samples, periodMs, hours }: Soak): readonly Compared[] {
  const window = (end: number, name: GaugeName): number => {
    const within = samples.filter(({ at }) => at > end - periodMs / 4 && at <= end);
    const values = within.flatMap((sample) => sample[name] ?? []).sort((one, other) => one - other);
    return values[Math.floor(values.length / 2)] ?? NaN;
  };
  return (Object.keys(GAUGES) as GaugeName[]).map((name) => {
    const [early, late] = [window(periodMs, name), window(hours * 3_600_000, name)];
    return { name, early, late, grew: !(late <= early * (1 + MOST_GROWTH)) };
  });
}

/** What is not as it must be. */
export function failuresOf(soak: Soak): readonly string[] {
  const grown = compare(soak).filter(({ name, grew }) => grew && name !== 'lag');
  return [
    ...grown.map(({ name, early, late }) => `${GAUGES[name].doc}: ${early.toFixed(2)}, later ${late.toFixed(2)}`),
    ...Object.entries(soak.wrong).map(([kind, count]) => `counts told wrongly: ${count} ${kind}`),
    ...(soak.lost > 0 ? [`${soak.lost} counts were lost`] : []),
    ...soak.mishaps,
  ];
}

/** A soak for people. */
export function describeSoak(soak: Soak): string {
  const failures = failuresOf(soak);
  return [
    `${soak.hours} hours, ${soak.drainsMs.length} drains: ${soak.clients} sessions sent ${soak.sent}, were told ${soak.told}, lost ${soak.lost}`,
    table(compare(soak)),
    failures.length === 0 ? 'nothing grew' : failures.map((failure) => `NOT OK: ${failure}`).join('\n'),
  ].join('\n');
}

/** Keeps figures and plot. */
export function keepSoak(soak: Soak): void {
  const { samples, drainsMs, startedAt, ...rest } = soak;
  const kept: KeptSoak = {
    date: startedAt.toISOString().slice(0, 10),
    versions: versions(true),
    ...rest,
    drains: drainsMs.length,
    compared: compare(soak),
  };
  writeFileSync(RESULTS, `${JSON.stringify(kept, null, 2)}\n`);
  writeFileSync(PLOT, soakPlot(samples, drainsMs));
}

/** The generated block of docs/reliability.md. */
export function soakBlock(): string {
  if (!existsSync(RESULTS)) return 'Not run yet.';
  const kept = JSON.parse(readFileSync(RESULTS, 'utf8')) as KeptSoak;
  const { date, hours, clients, drains, sent, told, lost, reconnects, mishaps } = kept;
  const number = (value: number): string => value.toLocaleString('en');
  const grown = kept.compared.filter(({ name, grew }) => grew && name !== 'lag').map(({ name }) => GAUGES[name].doc);
  return [
    `Run on ${date} by \`npm run soak -- --hours ${hours} --clients ${clients}\``,
    `(${Object.entries(kept.versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}):`,
    `${number(sent)} messages of ${clients} sessions, ${number(told)} counts received, ${number(lost)} lost,`,
    `${number(reconnects)} reconnects, ${drains} drains, ${mishaps.length} mishaps.`,
    '',
    table(kept.compared),
    '',
    grown.length === 0 ? 'Nothing grew by more than 2 %.' : `NOT OK, more than 2 % larger: ${grown.join('; ')}.`,
    '',
    '![The curves of the run](soak.svg)',
  ].join('\n');
}

function table(compared: readonly Compared[]): string {
  return markdownTable(
    ['', 'after the first period', 'at the end', 'change'],
    compared.map(({ name, early, late }) => {
      const { doc, unit } = GAUGES[name];
      const shown = (value: number): string => `${Number(value.toFixed(2))} ${unit}`.trim();
      const change = early === late ? '0 %' : `${((late / early - 1) * 100).toFixed(1)} %`;
      return [doc, shown(early), shown(late), early === 0 && late > 0 ? 'from 0' : change];
    }),
  );
}
