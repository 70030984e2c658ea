import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { figure } from '../support/figures.ts';
import { Namespace } from '../support/namespace.ts';
import { Release } from '../support/release.ts';
import { ReplicaLog } from '../support/replica-log.ts';
import { expectOneTide, proveScaling } from '../support/scaling-proof.ts';
import { installAddon, keepVersions, pinnedVersion } from '../support/testbed-addon.ts';
import { hasTestbed } from '../support/testbed.ts';
import { until } from '../support/wait.ts';

const SKIP = hasTestbed() ? false : 'the test bed is not there, which installs metrics-server';
const MOST = 3;
const STAY = { sockets: 200, sendRate: 0.5 };
const COME = { sockets: 500, sendRate: 10 };

describe('a HorizontalPodAutoscaler by CPU, with metrics-server', { skip: SKIP }, () => {
  let namespace: Namespace;
  let release: Release;
  let replicas: ReplicaLog;

  before(async () => {
    await installAddon('metrics-server');
    await keepVersions('helm', `metrics-server ${await pinnedVersion('METRICS_SERVER_VERSION')}`);
    namespace = await Namespace.create('hpa');
    release = await Release.install(namespace, 'demo', {
      minReadySeconds: 2,
      // The least wait of a drain: nothing scrapes for this case.
      config: { finalScrapeWaitSeconds: 0 },
      autoscaling: {
        ...{ enabled: true, minReplicas: 1, maxReplicas: MOST },
        ...{ scaleDownStabilizationSeconds: 30, scaleDownPeriodSeconds: 15 },
      },
    });
    replicas = ReplicaLog.start(release);
  });
  afterEach(async (context) => {
    if ('passed' in context && !context.passed) await namespace.describe();
  });
  after(async () => {
    replicas.stop();
    await namespace.delete();
  });

  test('is told the CPU of the pods', async () => {
    const path = 'jsonpath={.status.currentMetrics[0].resource.current.averageUtilization}';
    const utilization = await until('the CPU of the pods', 120, async () => {
      const text = await namespace.kubectl('get', 'hpa', release.fullName, `--output=${path}`);
      return text !== '' && text;
    });
    figure('CPU of an idle pod', `${utilization} % of its request`, 'below 70 %');
    assert.ok(Number(utilization) < 70);
  });

  test(`adds pods up to ${MOST} under load, and takes them away after it; no count is lost`, () =>
    proveScaling(release, replicas, { stay: STAY, come: COME, most: MOST }));

  test('does not flap', () => {
    expectOneTide(replicas, MOST);
  });
});
