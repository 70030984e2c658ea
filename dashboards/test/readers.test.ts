import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { committedRules, recordingRules } from '../../testkit/rules.ts';
import { startApp } from '../../testkit/app.ts';
import { LOGQL } from '../src/logql.ts';
import { logs } from '../src/logs.ts';
import { overview } from '../src/overview.ts';
import { LABEL_VALUES, PROMQL } from '../src/promql.ts';

/** Metrics that nothing here reads, with the reason why they are served all the same: exact names, or beginnings that end in `*`. */
const WITHOUT_READER: Readonly<Record<string, string>> = {
  process_cpu_user_seconds_total:
    'part of process_cpu_seconds_total, which is read; which part it is matters in a single case',
  process_cpu_system_seconds_total: 'see process_cpu_user_seconds_total',
  process_virtual_memory_bytes: 'of the defaults of prom-client; Node.js reserves far more than it uses',
  process_heap_bytes: 'of the defaults of prom-client; the heap is read from nodejs_heap_size_*',
  process_max_fds:
    'of the defaults of prom-client; the service warns at its start if it is too low for MAX_CONNECTIONS',
  nodejs_version_info: 'of the defaults of prom-client; websocket_build_info says the same beside the version',
  nodejs_eventloop_lag_seconds: 'a single measurement at the scrape; the percentiles are read',
  nodejs_eventloop_lag_min_seconds: 'of the defaults of prom-client; the slow end is read',
  nodejs_eventloop_lag_mean_seconds: 'see nodejs_eventloop_lag_min_seconds',
  nodejs_eventloop_lag_stddev_seconds: 'see nodejs_eventloop_lag_min_seconds',
  nodejs_eventloop_lag_p50_seconds: 'see nodejs_eventloop_lag_min_seconds',
  nodejs_eventloop_lag_p90_seconds: 'see nodejs_eventloop_lag_min_seconds',
  'nodejs_heap_space_*': 'of the defaults of prom-client; for those who look for a leak, by hand',
};

const QUERIES: readonly string[] = [
  ...Object.values(PROMQL),
  ...Object.values(LABEL_VALUES),
  ...committedRules().map(({ expr }) => expr),
];

describe('metrics and their readers', () => {
  test('every metric of the service is read by a panel, an alert or a rule, or there is a reason', async (t) => {
    const unread = (await metricsOf(t)).filter((metric) => !isRead(metric) && reasonFor(metric) === undefined);
    assert.deepEqual(unread, [], 'add a panel or an alert that reads it, or a reason here why none does');
  });

  test('every metric that a query reads is one that the service has', async (t) => {
    const served = await metricsOf(t);
    const recorded = recordingRules().map(({ record }) => record);
    for (const query of QUERIES)
      for (const name of namesIn(query))
        assert.ok(
          served.includes(name.replace(/_(bucket|sum|count)$/, '')) || served.includes(name) || recorded.includes(name),
          `${name} in ${query}`,
        );
  });

  test('every query is asked by a panel or an annotation', () => {
    const dashboards = JSON.stringify([overview(), logs()]);
    const unasked = Object.entries({ ...PROMQL, ...LOGQL }).filter(
      ([, query]) => !dashboards.includes(JSON.stringify(query)),
    );
    assert.deepEqual(unasked, [], 'give the query a panel in dashboards/src/panels, or remove it');
  });

  test('every recorded series is read', () => {
    for (const { record } of recordingRules())
      assert.ok(
        QUERIES.some((query) => namesIn(query).includes(record)),
        `${record} is read by nothing`,
      );
  });

  test('no reason is left over', async (t) => {
    const served = await metricsOf(t);
    for (const name of Object.keys(WITHOUT_READER)) {
      const metrics = served.filter((metric) => reasonFor(metric) === WITHOUT_READER[name]);
      assert.ok(metrics.length > 0, `${name} is not served any more`);
      assert.deepEqual(metrics.filter(isRead), [], `${name} has a reader now`);
    }
  });
});

async function metricsOf(t: Parameters<typeof startApp>[0]): Promise<string[]> {
  const { scrape } = await startApp(t);
  const { text } = await scrape();
  return [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name);
}

function isRead(metric: string): boolean {
  return QUERIES.some(
    (query) =>
      new RegExp(`(^|[^\\w:])${metric}(_bucket|_sum|_count)?([^\\w:]|$)`).test(query) ||
      [...query.matchAll(/__name__=~"([^"]+)"/g)].some(([, pattern = '']) => new RegExp(`^(${pattern})$`).test(metric)),
  );
}

function reasonFor(metric: string): string | undefined {
  const key = Object.keys(WITHOUT_READER).find((name) =>
    name.endsWith('*') ? metric.startsWith(name.slice(0, -1)) : name === metric,
  );
  return key === undefined ? undefined : WITHOUT_READER[key];
}

/** Names of this service's metrics in a query, recorded ones too; what others serve (`up`, `ALERTS`, `kube_...`) is left out. */
function namesIn(query: string): string[] {
  const withoutStrings = query.replaceAll(/"[^"]*"/g, '""');
  return [...withoutStrings.matchAll(/\b(?:namespace_job_release:)?(?:websocket|process|nodejs)_[\w:]+/g)].map(
    ([name]) => name,
  );
}
