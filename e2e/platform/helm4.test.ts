import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { CHART } from '../../scripts/chart/tools.ts';
import { figure } from '../support/figures.ts';
import { Namespace } from '../support/namespace.ts';
import { Release, type ChartSource } from '../support/release.ts';
import { SessionLoad } from '../support/session-load.ts';
import { prove } from '../support/session-proof.ts';
import { keepVersions } from '../support/testbed-addon.ts';
import { secondsSince, until } from '../support/wait.ts';

const HELM4: ChartSource = { helm: 'helm4', chart: CHART, flags: [] };
const SHAPE = { sockets: 400, sendRate: 1 };

interface Managed {
  readonly metadata: {
    readonly managedFields: readonly { readonly manager: string; readonly operation: string }[];
  };
}

describe('Helm 4, which applies on the server', () => {
  let namespace: Namespace;
  let atFirst: readonly string[];
  let release: Release;
  let load: SessionLoad | undefined;

  before(async () => {
    await keepVersions('helm4');
    namespace = await Namespace.create('helm4');
    atFirst = await namespace.objects();
  });
  afterEach(async (context) => {
    if ('passed' in context && !context.passed) await namespace.describe();
  });
  after(async () => {
    await load?.stop();
    await namespace.delete();
  });

  test('installs the chart, and owns what it made by server-side apply', async () => {
    const began = performance.now();
    release = await Release.install(namespace, 'demo', { replicaCount: 2, minReadySeconds: 2 }, HELM4);
    figure('helm4 install to the rollout done', `${secondsSince(began)} s`);
    assert.deepEqual(await applied(), ['helm']);
    figure('field managers that applied the Deployment', 'helm', 'helm alone');
  });

  test('runs helm test', async () => {
    assert.match(await release.test(), /Phase:\s+Succeeded/);
  });

  test('upgrades and rolls back under load, and no count is lost', async () => {
    load = await SessionLoad.start(await release.url(), SHAPE);
    const steps: readonly (readonly [string, () => Promise<void>])[] = [
      ['helm4 upgrade', () => release.upgrade({ replicaCount: 2, config: { logLevel: 'WARN' } })],
      ['helm4 rollback', () => release.rollback(1)],
    ];
    for (const [name, step] of steps) {
      const { closes } = await prove(load, 'token', name, async () => {
        const old = await release.podNames();
        await step();
        await release.untilGone(old);
      });
      assert.deepEqual(Object.keys(closes), ['1001'], name);
    }
    await load.stop();
    load = undefined;
    assert.deepEqual(await applied(), ['helm']);
  });

  test('keeps the number of pods that an autoscaler set', async () => {
    const autoscaling = { enabled: true, minReplicas: 1, maxReplicas: 5 };
    await release.upgrade({ autoscaling });
    await release.scale(3);
    await release.upgrade({ autoscaling, config: { logLevel: 'ERROR' } });
    assert.equal((await release.podNames()).length, 3);
    figure('pods after kubectl scale to 3 and an upgrade', '3', '3: no conflict over the field, no reset');
  });

  test('uninstalls it, and leaves nothing behind', async () => {
    await release.uninstall();
    await until('pods being gone', 120, async () => (await release.pods()).length === 0);
    assert.deepEqual(await namespace.objects(), atFirst);
    figure('objects left after helm4 uninstall', '0', '0');
  });

  async function applied(): Promise<readonly string[]> {
    const text = await namespace.kubectl(
      ...['get', `deployment/${release.fullName}`, '--show-managed-fields', '--output=json'],
    );
    const { managedFields } = (JSON.parse(text) as Managed).metadata;
    return [...new Set(managedFields.flatMap(({ manager, operation }) => (operation === 'Apply' ? [manager] : [])))];
  }
});
