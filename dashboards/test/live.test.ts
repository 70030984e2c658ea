import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { after, before, describe, test } from 'node:test';
import { ALERT_NAMES } from '../../alerts/src/alerts.ts';
import { codeBlocks } from '../../testkit/runbook.ts';
import { LOGQL } from '../src/logql.ts';
import { readDashboards, type PanelFile } from '../../testkit/dashboard-file.ts';
import { LokiReader } from '../../testkit/loki-reader.ts';
import { ANY, interpolate, type Picked } from '../../testkit/interpolate.ts';
import { NO_STACK, Stack } from './support/stack.ts';

/** Panels of both dashboards, as Grafana reads them. */
const DASHBOARDS = readDashboards();
const PANELS = DASHBOARDS.flatMap(({ panels }) => panels).filter(({ type }) => type !== 'row');
/** What a panel says of itself where it may be empty. */
const EMPTY = /Empty when all is well: (.+)\.$/;
/** Empty or not as traffic goes, so that nothing can be said of it while all is well. */
const BY_TRAFFIC = ['Closes by Code'];

describe('with a loaded service, a real Prometheus and a real Loki', { skip: NO_STACK }, () => {
  const cleanups: (() => void | Promise<void>)[] = [];
  let stack: Stack;
  let loki: LokiReader;

  before(async () => {
    stack = await Stack.start({ after: (work) => cleanups.unshift(work) });
    loki = new LokiReader(stack.loki.url);
  });
  after(async () => {
    for (const work of cleanups) await work();
  });

  describe('while all is well', () => {
    const healthy = { ...ANY, session: '' };
    for (const panel of PANELS) {
      const reason = EMPTY.exec(panel.description)?.[1];
      if (reason === undefined)
        test(`${panel.title} shows data`, async () => {
          await assertData(panel, ofPlainInstance(panel, healthy));
        });
      else if (!BY_TRAFFIC.includes(panel.title))
        test(`${panel.title} is empty, as it says: ${reason}`, async () => {
          await assert.rejects(assertData(panel, ofPlainInstance(panel, healthy)), /has no data/);
        });
    }
    for (const name of ALERT_NAMES)
      test(`the queries of the runbook of ${name} can be run`, async () => {
        const text = readFileSync(new URL(`../../alerts/runbooks/${name}.md`, import.meta.url), 'utf8');
        for (const query of codeBlocks(text, 'promql')) await stack.prometheus.query(query);
        for (const query of codeBlocks(text, 'logql')) await loki.range(query);
      });
    test('the log lines of one pod are found by its name, and none by another', async () => {
      const lines = (pod: string): Promise<number> => loki.count(interpolate(LOGQL.lines, { ...ANY, pod }));
      assert.ok((await lines(hostname())) > 0);
      assert.equal(await lines('elsewhere'), 0);
    });
    test('the story of a session is told from its first line to its last', async () => {
      const events = await loki.events(interpolate(LOGQL.sessionLines, { ...ANY, session: stack.session }));
      assert.deepEqual(events, [
        'websocket_connected',
        ...Array<string>(3).fill('websocket_message_received'),
        'websocket_disconnected',
        'websocket_connected',
        'websocket_message_received',
        'websocket_disconnected',
      ]);
    });
  });

  describe('after a drain that cut a client, and clients that broke the protocol', () => {
    before(async () => {
      await stack.spoil();
    });
    for (const panel of PANELS)
      test(`${panel.title} shows data`, async () => {
        await assertData(panel, { ...ANY, session: stack.session });
      });
    for (const { name, expr } of DASHBOARDS[0]?.annotations.list ?? [])
      test(`the marks of ${name} show data`, async () => {
        assert.ok((await countSeries(expr, false, ANY)) > 0);
      });
  });

  async function assertData({ type, targets }: PanelFile, picked: Picked): Promise<void> {
    const instant = ['stat', 'gauge', 'bargauge', 'table'].includes(type);
    for (const { expr, datasource } of targets) {
      const count = datasource.type === 'prometheus' ? countSeries : countStreams;
      assert.ok((await count(expr, instant, picked)) > 0, `${expr} has no data`);
    }
  }

  async function countSeries(expr: string, instant: boolean, picked: Picked): Promise<number> {
    const range = Math.ceil(Date.now() / 1000 - stack.startedAt);
    const query = interpolate(expr, { ...picked, __rate_interval: '10s', __range: `${range}s` });
    const series = instant
      ? await stack.prometheus.query(query)
      : await stack.prometheus.queryRange(query, { from: stack.startedAt, to: stack.startedAt + range, step: 1 });
    return series.filter(({ samples }) => samples.some(([, value]) => Number.isFinite(value))).length;
  }

  async function countStreams(expr: string, instant: boolean, picked: Picked): Promise<number> {
    const query = interpolate(expr, { ...picked, __auto: '10s', __range: '5m' });
    return instant ? loki.instant(query) : loki.range(query);
  }
});

/** The instance that is never in trouble, keeps sessions in memory and ships no logs. */
function ofPlainInstance({ datasource }: PanelFile, picked: Picked): Picked {
  return datasource.type === 'prometheus' ? { ...picked, pod: 'demo-plain' } : picked;
}
