import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ALERT_NAMES } from '../../alerts/src/alerts.ts';
import { codeBlocks } from '../../testkit/runbook.ts';
import { LOGQL } from '../src/logql.ts';
import { LABEL_VALUES, PROMQL } from '../src/promql.ts';
import { panelsOf, readDashboards, type PanelFile } from '../../testkit/dashboard-file.ts';
import { LokiReader } from '../../testkit/loki-reader.ts';
import { ANY, interpolate, type Picked } from '../../testkit/interpolate.ts';
import { FAULTY, OF_PICKED, PICKED, PODS, WANTED } from './support/crowd.ts';
import type { Series } from './support/prometheus.ts';
import { NO_STACK, Stack } from './support/stack.ts';

/** Panels of both dashboards, as Grafana reads them. */
const DASHBOARDS = readDashboards();
const PANELS = DASHBOARDS.flatMap(panelsOf);
/** What a panel says of itself where it may be empty. */
const EMPTY = /Empty when all is well: (.+)\.$/;
/** Empty or not as traffic goes, so that nothing can be said of it while all is well. */
const BY_TRAFFIC = ['Closes by Code'];
/** Selectors of panels, and what selects the same by a label that panels do not know. */
const SELECTORS = [
  'job=~"$job",namespace=~"$namespace",release=~"$release",pod=~"$pod"',
  'job=~"$job",namespace=~"$namespace",release=~"$release"',
];
const RECORDED = /\bnamespace_job_release:\w+:\w+\{|\bALERTS(_FOR_STATE)?\{|\bkube_/;

/** Every target has answered each scrape of late. */
const ALL_WELL = '(min(min_over_time(up[12s])) == 1)';
/** Longest wait for a panel's data. */
const PATIENCE_MS = 60_000;

describe('with a loaded service among others, a real Prometheus and a real Loki', { skip: NO_STACK }, () => {
  const cleanups: (() => void | Promise<void>)[] = [];
  let stack: Stack;
  let loki: LokiReader;
  /** The service that the reader picked, all else as the variables list it. */
  let picked: Picked;

  before(async () => {
    stack = await Stack.start({ after: (work) => cleanups.unshift(work) });
    loki = new LokiReader(stack.loki.url);
    const job = await stack.prometheus.all(LABEL_VALUES.job);
    picked = { ...ANY, ...PICKED, job, service: 'websocket-message-counter', environment: '(production)', session: '' };
  });
  after(async () => {
    for (const work of cleanups) await work();
  });

  describe('while all is well', () => {
    for (const panel of PANELS) {
      const reason = EMPTY.exec(panel.description)?.[1];
      if (reason === undefined)
        test(`${panel.title} shows data`, async () => {
          await assertData(panel, ofPlainInstance(panel));
        });
      else if (!BY_TRAFFIC.includes(panel.title))
        test(`${panel.title} is empty, as it says: ${reason}`, async () => {
          await assertEmpty(panel, ofPlainInstance(panel));
        });
    }
    for (const name of ALERT_NAMES)
      test(`the queries of the runbook of ${name} can be run`, async () => {
        const text = readFileSync(new URL(`../../alerts/runbooks/${name}.md`, import.meta.url), 'utf8');
        for (const query of codeBlocks(text, 'promql')) await stack.prometheus.query(query);
        for (const query of codeBlocks(text, 'logql')) await loki.range(query);
      });
    test('the log lines of one pod are found by its name, and none by another', async () => {
      const lines = (pod: string): Promise<number> => loki.count(interpolate(LOGQL.lines, { ...picked, pod }));
      assert.ok((await lines(stack.richPod)) > 0);
      assert.equal(await lines('elsewhere'), 0);
    });
    test('the story of a session is told from its connect on, in words', async () => {
      const told = await loki.lines(interpolate(LOGQL.sessionLines, { ...picked, session: stack.session }));
      const on = `, on ${stack.richPod.split('-').at(-1)}`;
      const patterns = [
        /^connected from \S+, new/,
        ...Array<RegExp>(3).fill(/^ {2}message \d, 1?\d bytes, [\d.]+ ms/),
        /^closed with 1000 by client \(\w+\) after [\d.]+ ms, at count 3/,
        /^connected from \S+, resumed at count 3/,
        /^ {2}message 4, /,
        /^closed with 1000 by client/,
      ];
      assert.equal(told.length, patterns.length);
      for (const [index, pattern] of patterns.entries()) {
        assert.match(told[index] ?? '', pattern);
        assert.ok(told[index]?.endsWith(on), told[index]);
      }
    });
    test('the messages of a session fold away', async () => {
      const messages = 'websocket_message_.+';
      const told = await loki.lines(interpolate(LOGQL.sessionLines, { ...picked, session: stack.session, messages }));
      assert.deepEqual(
        told.map((line) => line.split(' ')[0]),
        ['connected', 'closed', 'connected', 'closed'],
      );
    });
    for (const [search, found] of Object.entries({
      '"': true,
      '[': undefined,
      '\\d': false,
      WEBSOCKET: true,
      '"event":"': true,
      '(.*': false,
    }))
      test(`the search box takes ${search} as a text`, async () => {
        const count = await loki.count(interpolate(LOGQL.lines, { ...picked, search }));
        if (found !== undefined) assert.equal(count > 0, found);
      });
  });

  describe('after a drain that cut a client, pods with faults, and clients that broke the protocol', () => {
    before(async () => {
      await stack.spoil();
    });
    for (const panel of PANELS)
      test(`${panel.title} shows data`, async () => {
        await assertData(panel, { ...picked, session: stack.session });
      });
    for (const { name, expr } of DASHBOARDS[0]?.annotations.list ?? [])
      test(`the marks of ${name} show data`, async () => {
        assert.ok((await countSeries(expr, false, { ...ANY, job: picked['job'] ?? '' })) > 0);
      });

    for (const panel of PANELS.filter(({ datasource }) => datasource.type === 'prometheus'))
      test(`${panel.title} is right for the picked release among others`, async () => {
        for (const { expr } of panel.targets) await assertRight(expr, picked, PICKED, `${OF_PICKED}="picked"`);
      });
    for (const panel of PANELS.filter(({ datasource }) => datasource.type === 'prometheus'))
      test(`${panel.title} is right for all that the variables list`, async () => {
        for (const { expr } of panel.targets.filter((target) => !RECORDED.test(target.expr))) {
          const [namespace, release] = await Promise.all([
            stack.prometheus.all('label_values(websocket_build_info, namespace)'),
            stack.prometheus.all('label_values(websocket_build_info, release)'),
          ]);
          await assertRight(expr, { ...picked, namespace, release }, {}, `${OF_PICKED}=~"picked|other"`);
        }
      });
    test('the strip says how many are ready of those wanted, and that one pod is full', async () => {
      // The rich one is drained, and gone.
      await untilIs(PROMQL.readyInstances, PODS.length - 3);
      await untilIs(PROMQL.wantedInstances, WANTED);
      await untilIs(PROMQL.fullestPod, 1);
    });
    test('the table of pods says the state of each', async () => {
      const series = await stack.prometheus.query(filled(PROMQL.instanceStates, picked));
      const states = new Map(series.map(({ labels, samples }) => [labels['pod'] ?? '', samples[0]?.[1]]));
      assert.equal(states.size, PODS.length);
      for (const pod of PODS) {
        const faults = { [FAULTY.away]: -1, [stack.richPod]: -1, [FAULTY.notReady]: 0, [FAULTY.full]: 0.5 };
        assert.equal(states.get(pod), faults[pod] ?? 1, pod);
      }
    });
    test('alerts are those of the picked release: the other one is down, and this one is not', async () => {
      const alerts = await stack.prometheus.query(filled(PROMQL.firingAlerts, picked));
      assert.ok(alerts.length > 0);
      for (const { labels } of alerts)
        assert.deepEqual([labels['namespace'], labels['release']], [PICKED.namespace, PICKED.release]);
      assert.ok(!alerts.some(({ labels }) => labels['alertname'] === 'WebsocketServiceDown'));
      const canary = await stack.prometheus.query(filled(PROMQL.firingAlerts, { ...picked, release: 'chat-canary' }));
      assert.ok(canary.some(({ labels }) => labels['alertname'] === 'WebsocketServiceDown'));
    });
    test('a release without traffic has no number that is none', async () => {
      const quiet = { ...picked, namespace: 'chat-staging' };
      for (const { targets } of PANELS.filter(
        ({ type, datasource }) => type === 'stat' && datasource.type === 'prometheus',
      ))
        for (const { expr } of targets)
          for (const { samples } of await stack.prometheus.query(filled(expr, quiet)))
            assert.ok(Number.isFinite(samples[0]?.[1]), expr);
    });
    test('no answer on lines changes when other releases, namespaces and programs log', async () => {
      const endMs = Date.now() - 2000;
      const panels = PANELS.filter(({ datasource }) => datasource.type === 'loki');
      const level = '(DEBUG|INFO|WARN|ERROR|CRITICAL)';
      // Of those that are equally frequent, `topk` picks some.
      const answers = async (): Promise<string[][]> =>
        Promise.all(
          panels.flatMap(({ targets, type }) =>
            targets.map(({ expr }) =>
              loki.answer(
                interpolate(expr.replace('topk(10,', 'topk(1000,'), {
                  ...picked,
                  level,
                  session: stack.session,
                  __auto: '10s',
                  __range: '5m',
                }),
                type === 'table',
                endMs,
              ),
            ),
          ),
        );
      const before = await answers();
      for (const answer of before) assert.ok(answer.length > 0);
      await strangersLog(endMs - 1000);
      assert.deepEqual(await answers(), before);
    });
  });

  /** The same answer at the same time, whichever way the right targets are selected. */
  async function assertRight(expr: string, variables: Picked, labels: Picked, right: string): Promise<void> {
    // So long ago that nothing of that time is still being written, also on a busy machine.
    const time = Date.now() / 1000 - 5;
    // What is recorded has no other labels than those of the service, and is picked by them exactly.
    const exact = Object.entries(labels)
      .map(([name, value]) => `${name}="${value}"`)
      .join(',');
    const known = expr.replaceAll(/([\w:]*)\{([^}]*)\}/g, (selector, metric: string, matchers: string) => {
      const own = SELECTORS.find((each) => matchers.includes(each));
      if (metric.startsWith('kube_')) return selector;
      if (/^(namespace_|ALERTS)/.test(metric))
        return `${metric}{${exact},${withoutPicked(matchers)}}`.replace(',}', '}');
      assert.ok(own !== undefined, selector);
      return `${metric}{${matchers.replace(own, right)}}`;
    });
    const [answer, expected] = await Promise.all([
      stack.prometheus.query(filled(expr, variables), time),
      stack.prometheus.query(filled(known, variables), time),
    ]);
    assert.deepEqual(sorted(answer), sorted(expected), expr);
  }

  /** Waits until a query gives this number, and no other: on a busy machine a pod may miss a scrape. */
  async function untilIs(expr: string, number: number): Promise<void> {
    const series = await stack.prometheus.until(`(${filled(expr, picked)}) == ${number}`);
    assert.equal(series.length, 1);
  }

  function filled(expr: string, variables: Picked): string {
    const range = Math.ceil(Date.now() / 1000 - stack.startedAt);
    return interpolate(expr, { ...variables, __rate_interval: '10s', __range: `${range}s` });
  }

  /** Lines as ours, of another release, another namespace and another program, with the session that is shown. */
  async function strangersLog(timeMs: number): Promise<void> {
    const places = [
      { service: 'websocket-message-counter', namespace: PICKED.namespace, release: 'chat-canary' },
      { service: 'websocket-message-counter', namespace: 'chat-staging', release: PICKED.release },
      { service: 'grafana', ...PICKED },
    ];
    for (const { service, ...place } of places)
      for (const level of ['INFO', 'WARN', 'ERROR']) {
        const metadata = { ...place, pod: 'stranger', event: 'websocket_message_received', message: 'stranger' };
        const line = JSON.stringify({ level, ...metadata, reason: 'stranger', session_id: stack.session });
        await loki.push({ service, environment: 'production', level }, [[`${timeMs}000000`, line, metadata]]);
      }
    await stack.loki.untilLines('{environment="production"} |= "stranger"', 9);
  }

  /** Waits for data: on a busy machine a scrape is missed, and a rate comes late. */
  async function assertData({ type, targets }: PanelFile, variables: Picked): Promise<void> {
    for (const { expr, datasource } of targets) {
      const count = datasource.type === 'prometheus' ? countSeries : countStreams;
      const deadline = performance.now() + PATIENCE_MS;
      while ((await count(expr, isInstant(type), variables)) === 0) {
        assert.ok(performance.now() < deadline, `${expr} has no data`);
        await delay(500);
      }
    }
  }

  /** Looks at the times when all was well: on a busy machine a scrape is missed, and an alert fires. */
  async function assertEmpty({ type, targets }: PanelFile, variables: Picked): Promise<void> {
    await stack.prometheus.until(ALL_WELL);
    const counts = targets.map(({ expr, datasource }) =>
      datasource.type === 'prometheus'
        ? countSeries(`(${expr}) and on() ${ALL_WELL}`, isInstant(type), variables)
        : countStreams(expr, isInstant(type), variables),
    );
    assert.ok((await Promise.all(counts)).includes(0), 'it has data');
  }

  async function countSeries(expr: string, instant: boolean, variables: Picked): Promise<number> {
    const from = stack.startedAt;
    const query = filled(expr, variables);
    const series = instant
      ? await stack.prometheus.query(query)
      : await stack.prometheus.queryRange(query, { from, to: Math.ceil(Date.now() / 1000), step: 1 });
    return series.filter(({ samples }) => samples.some(([, value]) => Number.isFinite(value))).length;
  }

  async function countStreams(expr: string, instant: boolean, variables: Picked): Promise<number> {
    const query = interpolate(expr, { ...variables, __auto: '10s', __range: '5m' });
    return instant ? loki.instant(query) : loki.range(query);
  }

  /** The instance that is never in trouble, keeps sessions in memory and ships no logs. */
  function ofPlainInstance({ datasource }: PanelFile): Picked {
    return datasource.type === 'prometheus' ? { ...picked, pod: stack.plainPod } : picked;
  }
});

function isInstant(type: string): boolean {
  return ['stat', 'gauge', 'table'].includes(type);
}

function withoutPicked(matchers: string): string {
  return matchers
    .split(',')
    .filter((matcher) => !/^(job|namespace|release)=~/.test(matcher))
    .join(',');
}

function sorted(series: readonly Series[]): Series[] {
  const key = ({ labels }: Series): string => JSON.stringify(Object.entries(labels).sort());
  return series.map(withoutTarget).sort((one, other) => key(one).localeCompare(key(other)));
}

/** The label of the fixtures stays where a query does not sum. */
function withoutTarget({ labels, samples }: Series): Series {
  return { labels: Object.fromEntries(Object.entries(labels).filter(([name]) => name !== OF_PICKED)), samples };
}
