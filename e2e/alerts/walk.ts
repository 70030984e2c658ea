import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { ALL_PODS, UIDS } from '../../dashboards/src/config.ts';
import { LOGQL } from '../../dashboards/src/logql.ts';
import type { Colour, Column, PanelSpec, State, Threshold } from '../../dashboards/src/panel.ts';
import { PROMQL } from '../../dashboards/src/promql.ts';
import type { NotifiedAlert } from '../../testkit/alertmanager.ts';
import { panelsOf, readDashboards } from '../../testkit/dashboard-file.ts';
import { interpolate, type Picked } from '../../testkit/interpolate.ts';
import type { Loki } from '../../testkit/loki.ts';
import { run } from '../support/commands.ts';
import { Prometheus, type Series } from '../support/prometheus.ts';
import { commandsIn, missingIn, panelNamed, stepsOf, type Look } from './cause.ts';

/** How a person got from a notification to the cause. */
export interface Walked {
  /** Links followed, rows of the dashboard opened and commands run. */
  readonly steps: number;
  /** Where the cause is seen, and as what. */
  readonly seen: readonly string[];
}

/** How far back the graphs are read: what one sees of the fault. */
const SHOWN = '3m';
/** Longest wait for lines and rates that are on their way, in seconds. */
const PATIENCE_SECONDS = 20;

/** Colours that say nothing. */
const PLAIN: readonly Colour[] = ['transparent', 'text'];

/** What variables hold that a link does not set. */
const UNSET: Picked = {
  ...{ job: '.+', namespace: '.*', release: '.*', pod: ALL_PODS, search: '', session: '', messages: '^$' },
  ...{ service: 'websocket-message-counter', environment: '.*', level: '.+' },
  ...{ __rate_interval: '20s', __range: '1h' },
};

/**
 * Goes from a notification to the cause of the alert, by its links and commands alone. Grafana is not there: a link is followed to
 * the dashboard's JSON, and the queries of a panel are asked with the variables of the link.
 * @throws {Error} with what is there instead, if a link leads nowhere, a command fails, or the cause is not seen
 */
export async function walk(alert: NotifiedAlert, looks: readonly Look[], loki: Loki): Promise<Walked> {
  await expectRunbook(alert);
  const seen: string[] = [];
  for (const look of looks) {
    assert.equal(missingIn(alert.annotations['first_steps'] ?? '', look), undefined);
    seen.push(await take(look, alert, loki));
  }
  return { steps: stepsOf(looks), seen };
}

/** The command that the notification prints shows the runbook. */
async function expectRunbook({ labels, annotations }: NotifiedAlert): Promise<void> {
  const text = await shell(annotations['runbook_command'] ?? '');
  assert.match(text, new RegExp(`^# ${labels['alertname'] ?? ''}\n[^]+^## Mitigation$`, 'm'));
}

/** @returns where it is, and what of it names the cause */
async function take(look: Look, alert: NotifiedAlert, loki: Loki): Promise<string> {
  const { place, read } = lookedAt(look, alert, loki);
  const deadline = performance.now() + PATIENCE_SECONDS * 1000;
  for (;;) {
    const text = await read().catch((error: unknown) => String(error));
    const [found] = look.shows.exec(text) ?? [];
    if (found !== undefined) return `${place}: ${found.trim().replaceAll(/\s+/g, ' ')}`;
    if (performance.now() > deadline)
      throw new Error(`the way to the cause ends at ${place}, which shows no ${String(look.shows)} but\n${text}`);
    await delay(1000);
  }
}

function lookedAt(
  look: Look,
  { annotations }: NotifiedAlert,
  loki: Loki,
): { readonly place: string; readonly read: () => Promise<string> } {
  if ('command' in look) {
    const command = commandsIn(annotations['first_steps'] ?? '')[look.command - 1] ?? '';
    const [, tool = '', verb = ''] = /^(\w+)(?: -n \S+)? (\w+(?: (?=pod|events)\w+)?)?/.exec(command) ?? [];
    return { place: `${tool} ${verb}`.trim(), read: () => shell(command) };
  }
  if ('log' in look) {
    const picked = pickedBy(annotations['logs_url'] ?? '', UIDS.logs);
    const lines = async (): Promise<string> =>
      (await loki.lines(interpolate(LOGQL.lines, picked))).map(({ line }) => line).join('\n');
    return { place: 'log', read: lines };
  }
  const picked = pickedBy(annotations['dashboard_url'] ?? '', UIDS.overview, look.panel);
  return { place: `"${look.panel}"`, read: () => answerOf(panelNamed(look.panel).panel, picked) };
}

/** Variables as a link sets them. @throws {Error} if it leads to no dashboard, or sets a variable that the dashboard lacks */
function pickedBy(link: string, uid: string, panel?: string): Picked {
  const { pathname, searchParams } = new URL(link);
  assert.equal(pathname, `/d/${uid}`);
  const dashboard = readDashboards().find((each) => each.uid === uid);
  assert.ok(dashboard !== undefined, `there is no dashboard ${uid}`);
  if (panel !== undefined) assert.ok(panelsOf(dashboard).some(({ title }) => title === panel));
  const set = [...searchParams].map(([name, value]) => [name.replace(/^var-/, ''), value] as const);
  for (const [name] of set)
    assert.ok(
      dashboard.templating.list.some((each) => each.name === name),
      name,
    );
  return { ...UNSET, ...Object.fromEntries(set) };
}

/** What a panel shows, a line for each series or row. */
async function answerOf(panel: PanelSpec, picked: Picked): Promise<string> {
  const prometheus = new Prometheus();
  const ask = async (query: string, around: (expr: string) => string): Promise<readonly Series[]> =>
    prometheus.query(around(interpolate(PROMQL[query as keyof typeof PROMQL], picked)));
  const { look } = panel;
  if (look.kind === 'table') {
    const answers = await Promise.all(panel.queries.map(({ query }) => ask(query, (expr) => expr)));
    return tableLines(look.columns, answers);
  }
  const answers = await Promise.all(
    panel.queries.map(async ({ query, legend }) =>
      (await ask(query, (expr) => `(${expr})[${SHOWN}:5s]`)).map((series) => seriesLine(legend, series, panel)),
    ),
  );
  return answers.flat().join('\n');
}

/** `capacity: 12.3 (red), at most 14` */
function seriesLine(legend: string, { metric, samples }: Series, { look, thresholds }: PanelSpec): string {
  const name = legend.replaceAll(/\{\{(\w+)\}\}/g, (_, label: string) => metric[label] ?? '');
  const values = samples.map(([, value]) => value).filter((value) => !Number.isNaN(value));
  return `${name}: ${coloured(values.at(-1), 'maxFrom' in look ? [] : thresholds)}, at most ${rounded(Math.max(...values))}`;
}

/** `demo-a: State ready (green), Open 12, Of limit 0.12 (green)` */
function tableLines(columns: Readonly<Record<string, Column>>, answers: readonly (readonly Series[])[]): string {
  const rows = new Map<string, string[]>();
  for (const [index, answer] of answers.entries()) {
    const column = columns[answers.length === 1 ? 'Value' : `Value #${String.fromCharCode(65 + index)}`];
    if (column !== undefined)
      for (const { metric, samples } of answer) {
        const row = metric['pod'] ?? Object.values(metric).join(' ');
        rows.set(row, [...(rows.get(row) ?? []), cell(column, samples[0]?.[1])]);
      }
  }
  return [...rows].map(([row, cells]) => `${row}: ${cells.join(', ')}`).join('\n');
}

function cell({ title, states, thresholds }: Column, value: number | undefined): string {
  const state: State | undefined = states?.[String(value)];
  return `${title} ${state === undefined ? coloured(value, thresholds) : `${state.text} (${state.color})`}`;
}

function coloured(value: number | undefined, thresholds: readonly Threshold[] = []): string {
  if (value === undefined) return 'none';
  const colour = thresholds.findLast(([from]) => from === null || value >= from)?.[1];
  return colour === undefined || PLAIN.includes(colour) ? rounded(value) : `${rounded(value)} (${colour})`;
}

function rounded(value: number): string {
  return String(Number(value.toPrecision(3)));
}

/** Runs a command as it stands. @returns what it prints; a search that finds nothing is no failure */
async function shell(command: string): Promise<string> {
  const { stdout, stderr } = await run('bash', ['-c', command], { timeoutSeconds: 30 });
  return `${stdout}${stderr}`;
}
