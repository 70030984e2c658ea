#!/usr/bin/env node
/**
 * Prints how many samples an evaluation of the rules of error budgets reads, as Prometheus counts them
 * (`totalQueryableSamples` of its query API), from three days of counters of so many instances, scraped every 15 s, and 30 days of
 * recorded series.
 *
 *   npx node bench/evaluation-cost.ts [--pods 20] [--rules alerts/generated/rules.yaml]
 */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { seconds } from '../alerts/src/duration.ts';
import { SLOS, errorsRecord, totalRecord, BUDGET_STEP } from '../alerts/src/slos.ts';
import { positiveInteger, program } from '../lib/program.ts';
import { findTool, run } from '../testkit/find-tool.ts';
import { startPrometheusProgram } from '../testkit/prometheus-program.ts';
import type { RuleFile } from '../testkit/rules.ts';

const SCRAPE_SECONDS = 15;
const DAY = 86_400;
const PART_SECONDS = DAY / 4;
/** What a group without an interval of its own has: that of many an installation, and of the chart's own Prometheus. */
const GLOBAL_INTERVAL = '15s';
const COUNTERS = [
  'websocket_message_duration_seconds_count',
  'websocket_message_duration_seconds_bucket{le="0.01"}',
  ...['store', 'handler', 'internal'].map((reason) => `websocket_messages_rejected_total{reason="${reason}"}`),
  'websocket_connections_opened_total',
  ...['internal', 'capacity', 'draining'].map((reason) => `websocket_handshakes_rejected_total{reason="${reason}"}`),
  'websocket_build_info{version="1"}',
];

const options = program('npx node bench/evaluation-cost.ts', 'Prints what an evaluation of the rules reads.')
  .option('--pods <n>', 'instances', positiveInteger, 20)
  .option('--rules <file>', 'rules to evaluate', 'alerts/generated/rules.yaml')
  .parse()
  .opts<{ pods: number; rules: string }>();
const groups = (parse(readFileSync(options.rules, 'utf8')) as RuleFile).groups.filter(({ name }) =>
  name.includes('.slo-'),
);
const folder = mkdtempSync(join(tmpdir(), 'evaluation-cost-'));
const endings: (() => Promise<void> | void)[] = [];
try {
  await report();
} finally {
  for (const end of endings.reverse()) await end();
}

async function report(): Promise<void> {
  const end = Math.floor(Date.now() / 1000 / PART_SECONDS) * PART_SECONDS;
  for (let from = end - 30 * DAY; from < end; from += PART_SECONDS) importPart(from, end - 3 * DAY);
  const config = join(folder, 'prometheus.yml');
  writeFileSync(config, '{}\n');
  const address = await startPrometheusProgram(
    { after: (ending) => endings.push(ending) },
    findTool('prometheus').path,
    folder,
    [`--config.file=${config}`, `--storage.tsdb.path=${join(folder, 'data')}`, '--storage.tsdb.retention.time=60d'],
  );
  while (!(await fetch(`http://${address}/-/ready`)).ok) await delay(100);
  let perMinute = 0;
  for (const { name, interval = GLOBAL_INTERVAL, rules } of groups) {
    const samples = (await Promise.all(rules.map(({ expr }) => cost(address, expr, end)))).reduce((a, b) => a + b, 0);
    perMinute += (samples * 60) / seconds(interval);
    console.log(`${name}: ${samples.toLocaleString('en')} samples an evaluation, every ${interval}`);
  }
  console.log(`${options.pods} pods: ${Math.round(perMinute).toLocaleString('en')} samples a minute`);
}

async function cost(address: string, expr: string, time: number): Promise<number> {
  const body = new URLSearchParams({ query: expr, time: String(time), stats: 'all' });
  const response = await fetch(`http://${address}/api/v1/query`, { method: 'POST', body });
  const answer = (await response.json()) as { data?: { stats: { samples: { totalQueryableSamples: number } } } };
  if (answer.data === undefined) throw new Error(`${expr}: ${JSON.stringify(answer)}`);
  return answer.data.stats.samples.totalQueryableSamples;
}

/** Puts a part of the time into the database, in the text format of OpenMetrics: promtool reads a file once for each two hours. */
function importPart(from: number, countersFrom: number): void {
  const service = 'namespace="chat",job="websocket-message-counter",release="demo"';
  const recordedEvery = seconds(groups[0]?.interval ?? GLOBAL_INTERVAL);
  const recorded = SLOS.flatMap((slo) => [errorsRecord(slo, BUDGET_STEP), totalRecord(slo, BUDGET_STEP)]);
  const pods = from < countersFrom ? [] : Array.from({ length: options.pods }, (_, pod) => `p${pod}`);
  const file = join(folder, 'metrics.txt');
  writeFileSync(
    file,
    [
      ...recorded.map((name) => samples(name, service, from, recordedEvery)),
      ...pods.flatMap((pod) =>
        COUNTERS.map((name) => samples(name, `${service},pod="${pod}",instance="${pod}"`, from, SCRAPE_SECONDS)),
      ),
      '# EOF\n',
    ].join(''),
  );
  const { status, output } = run(findTool('promtool'), [
    ...['tsdb', 'create-blocks-from', 'openmetrics', '--quiet', file, join(folder, 'data')],
  ]);
  if (status !== 0) throw new Error(output);
}

/** Samples of a series, which grows by one each time. */
function samples(name: string, labels: string, from: number, step: number): string {
  const [metric = '', own = ''] = name.split(/[{}]/);
  const series = `${metric}{${[labels, own].filter((each) => each !== '').join(',')}}`;
  let text = '';
  for (let at = from; at < from + PART_SECONDS; at += step) text += `${series} ${at / step} ${at}\n`;
  return text;
}
