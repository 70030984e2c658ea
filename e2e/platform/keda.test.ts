import { after, afterEach, before, describe, test } from 'node:test';
import { Namespace } from '../support/namespace.ts';
import { Release } from '../support/release.ts';
import { ReplicaLog } from '../support/replica-log.ts';
import { expectOneTide, proveScaling } from '../support/scaling-proof.ts';
import { installAddon, keepVersions, pinnedVersion } from '../support/testbed-addon.ts';
import { hasTestbed } from '../support/testbed.ts';

const SKIP = hasTestbed() ? false : 'the test bed is not there, which installs KEDA';
const MOST = 4;
const STAY = { sockets: 100, sendRate: 1 };
const COME = { sockets: 1900, sendRate: 0.5 };

describe('KEDA by connections, of which the Prometheus of the operator tells', { skip: SKIP }, () => {
  let namespace: Namespace;
  let release: Release;
  let replicas: ReplicaLog;

  before(async () => {
    await installAddon('keda');
    await keepVersions('helm', `KEDA ${await pinnedVersion('KEDA_VERSION')}`);
    namespace = await Namespace.create('keda');
    release = await Release.install(namespace, 'demo', {
      minReadySeconds: 2,
      metrics: { scrapeInterval: '5s' },
      autoscaling: {
        ...{ enabled: true, minReplicas: 1, maxReplicas: MOST, targetCPUUtilizationPercentage: null },
        targetActiveConnections: (STAY.sockets + COME.sockets) / MOST,
        ...{ scaleDownStabilizationSeconds: 30, scaleDownPeriodSeconds: 15 },
        keda: { enabled: true, pollingIntervalSeconds: 5 },
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

  test(`goes from 1 pod to ${MOST} and back, while ${STAY.sockets + COME.sockets} sessions come and go`, () =>
    proveScaling(release, replicas, { stay: STAY, come: COME, most: MOST }));

  test('does not flap', () => {
    expectOneTide(replicas, MOST);
  });
});
