import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { parse, stringify } from 'yaml';
import { CHART } from '../../scripts/chart/tools.ts';
import { Client } from '../../testkit/client.ts';
import { kubectlJson, run, runWell } from '../support/commands.ts';
import { figure } from '../support/figures.ts';
import { Namespace } from '../support/namespace.ts';
import { Prometheus } from '../support/prometheus.ts';
import type { Pod, Values } from '../support/release.ts';
import { SETTINGS } from '../support/settings.ts';
import { keepVersions } from '../support/testbed-addon.ts';
import { until } from '../support/wait.ts';

const RELEASE = 'app';
const ALIASES = ['chat', 'support'] as const;
type Alias = (typeof ALIASES)[number];
const PATIENCE_SECONDS = 240;

for (const helm of ['helm', 'helm4'] as const)
  describe(`twice in one release, as a subchart, by ${helm}`, () => {
    const folder = mkdtempSync(join(tmpdir(), 'parent-'));
    let namespace: Namespace;
    let atFirst: readonly string[];

    before(async () => {
      await keepVersions(helm);
      await makeParent(folder);
      namespace = await Namespace.create(`subchart-${helm}`);
      atFirst = await namespace.objects();
    });
    afterEach(async (context) => {
      if ('passed' in context && !context.passed) await namespace.describe();
    });
    after(async () => {
      await namespace.delete();
      rmSync(folder, { recursive: true, force: true });
    });

    test('both are installed, with pods of their own', async () => {
      await install('install', { chat: { ...COMMON, replicaCount: 2 }, support: COMMON });
      assert.equal((await pods('chat')).length, 2);
      assert.equal((await pods('support')).length, 1);
      figure(`${helm}: pods of chat and support`, '2 and 1', '2 and 1');
    });

    test('a session of one is not known to the other', async () => {
      const session = randomUUID();
      assert.equal(await countAt('chat', session), 1);
      assert.equal(await countAt('support', session), 1);
    });

    test('helm test runs the test of each', async () => {
      const { status, stdout, stderr } = await helmRun('test', RELEASE);
      assert.equal(status, 0, stdout + stderr);
      for (const alias of ALIASES) assert.match(stdout, new RegExp(`${RELEASE}-${alias}-test[^]*?Phase:\\s+Succeeded`));
      figure(`${helm}: helm test`, 'passed for chat and for support', 'both');
    });

    test('each is a job of its own in Prometheus', async () => {
      const prometheus = new Prometheus();
      const jobs = await until('three pods in two jobs', 150, async () => {
        const found = await prometheus.query(`count by (job) (websocket_ready{namespace="${namespace.name}"})`);
        const sizes = Object.fromEntries(found.map(({ metric, samples }) => [metric['job'] ?? '', samples[0]?.[1]]));
        return Object.values(sizes).reduce((sum, size = 0) => (sum ?? 0) + size, 0) === 3 && sizes;
      });
      assert.deepEqual(Object.values(jobs).sort(), [1, 2], JSON.stringify(jobs));
      const described = Object.entries(jobs).map(([job, size]) => `${job}: ${size}`);
      figure(`${helm}: pods by job`, described.join(', '), 'two jobs');
    });

    test('one is turned off by its condition, and the other one keeps its pods', async () => {
      const before = await pods('chat');
      await install('upgrade', { chat: { ...COMMON, replicaCount: 2 }, support: { ...COMMON, enabled: false } });
      await until('the pods of support being gone', 120, async () => (await pods('support')).length === 0);
      assert.deepEqual(await pods('chat'), before);
      const left = (await namespace.objects()).filter((name) => name.includes(`${RELEASE}-support`));
      assert.deepEqual(left, []);
      figure(`${helm}: after support.enabled=false`, `the same 2 pods of chat, ${left.length} objects of support`, '0');
    });

    test('nothing is left after uninstalling', async () => {
      await helmWell('uninstall', RELEASE, '--wait');
      await until('pods being gone', 120, async () => (await pods('chat')).length === 0);
      assert.deepEqual(await namespace.objects(), atFirst);
    });

    async function install(command: 'install' | 'upgrade', values: Values): Promise<void> {
      const file = join(folder, 'given.yaml');
      writeFileSync(file, stringify(values, { version: '1.1' }));
      await helmWell(command, RELEASE, join(folder, 'parent'), '--values', file);
      for (const alias of ALIASES) {
        const { enabled = true } = (values[alias] ?? {}) as { enabled?: boolean };
        const deployment = `deployment/${RELEASE}-${alias}`;
        if (enabled) await namespace.kubectl('rollout', 'status', deployment, `--timeout=100s`);
      }
    }

    function helmRun(...args: string[]): ReturnType<typeof run> {
      return run(helm, [...args, '--namespace', namespace.name], { timeoutSeconds: PATIENCE_SECONDS });
    }

    function helmWell(...args: string[]): Promise<string> {
      return runWell(helm, [...args, '--namespace', namespace.name], { timeoutSeconds: PATIENCE_SECONDS });
    }

    /** Names of the pods of one of the two. */
    async function pods(alias: Alias): Promise<readonly string[]> {
      const { items } = await kubectlJson<{ items: Pod[] }>(
        ...['--namespace', namespace.name, 'get', 'pods'],
        `--selector=app.kubernetes.io/component=service,app.kubernetes.io/name=${alias}`,
      );
      return items.map(({ metadata }) => metadata.name).sort();
    }

    async function countAt(alias: Alias, session: string): Promise<number> {
      const path = 'jsonpath={.spec.ports[0].nodePort}';
      const port = await namespace.kubectl('get', 'service', `${RELEASE}-${alias}`, `--output=${path}`);
      const url = `ws://${SETTINGS.node}:${port}/ws/chat/?session_id=${session}`;
      // A NodePort answers a moment after its Service has ready pods.
      const client = await until(`an answer of ${alias}`, 10, () => Client.open(url));
      const count = await client.count();
      await client.close();
      return count;
    }
  });

const COMMON: Values = {
  service: { type: 'NodePort' },
  minReadySeconds: 0,
  metrics: { scrapeInterval: '5s' },
  config: { finalScrapeWaitSeconds: 0 },
};

/** A chart that depends on the one in the tree twice. */
async function makeParent(folder: string): Promise<void> {
  const { name, version } = parse(readFileSync(join(CHART, 'Chart.yaml'), 'utf8')) as Record<string, string>;
  const parent = join(folder, 'parent');
  mkdirSync(parent);
  const repository = `file://${CHART}`;
  const dependencies = ALIASES.map((alias) => ({ name, version, repository, alias, condition: `${alias}.enabled` }));
  const chart = { apiVersion: 'v2', name: 'parent', version: '0.1.0', dependencies };
  writeFileSync(join(parent, 'Chart.yaml'), stringify(chart));
  await runWell('helm', ['dependency', 'update', parent]);
}
