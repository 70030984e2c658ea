#!/usr/bin/env node
/**
 * Prints how many samples an evaluation of the rules of error budgets reads, as Prometheus counts them
 * (`totalQueryableSamples` of its query API), from three days of counters of so many instances, scraped every 15 s, and 30 days of
 * recorded series.
 *
 *   npx node bench/evaluation-cost.ts [--pods 20] [--rules alerts/generated/rules.yaml]
 */
import { createWriteStream, mkdtempSync, readFileSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
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
  const end = Math.floor(Date.now() / 1000 / 3600) * 3600;
  const metrics = join(folder, 'metrics.txt');
  await write(metrics, end);
  const { status, output } = run(findTool('promtool'), [
    ...['tsdb', 'create-blocks-from', 'openmetrics', '--quiet', metrics, join(folder, 'data')],
  ]);
  if (status !== 0) throw new Error(output);
  const config = join(folder, 'prometheus.yml');
  createWriteStream(config).end('{}\n');
  const address = await startPrometheusProgram(
    { after: (ending) => endings.push(ending) },
    findTool('prometheus').path,
    folder,
    [`--config.file=${config}`, `--storage.tsdb.path=${join(folder, 'data')}`, '--storage.tsdb.retention.time=60d'],
  );
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

/** Writes the counters of each pod, and what was recorded, in the text format of OpenMetrics. */
async function write(path: string, end: number): Promise<void> {
  const file = createWriteStream(path);
  const series = async (name: string, labels: string, from: number, step: number): Promise<void> => {
    const [metric = '', own = ''] = name.split(/[{}]/);
    const written = `${metric}{${[labels, own].filter((each) => each !== '').join(',')}}`;
    let text = '';
    for (let at = from, value = 0; at <= end; at += step, value += 1) text += `${written} ${value} ${at}\n`;
    if (!file.write(text)) await once(file, 'drain');
  };
  const service = 'namespace="chat",job="websocket-message-counter",release="demo"';
  for (let pod = 0; pod < options.pods; pod += 1)
    for (const name of COUNTERS)
      await series(name, `${service},pod="p${pod}",instance="p${pod}"`, end - 3 * DAY, SCRAPE_SECONDS);
  const recordedEvery = seconds(groups[0]?.interval ?? GLOBAL_INTERVAL);
  for (const slo of SLOS)
    for (const record of [errorsRecord, totalRecord])
      await series(record(slo, BUDGET_STEP), service, end - 30 * DAY, recordedEvery);
  file.end('# EOF\n');
  await once(file, 'finish');
}
