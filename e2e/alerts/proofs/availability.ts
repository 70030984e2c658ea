import assert from 'node:assert/strict';
import { freeze } from '../../support/freeze.ts';
import { standInForKubeStateMetrics } from '../../support/kube-state-metrics.ts';
import { Tunnel } from '../../support/tunnel.ts';
import { until } from '../../support/wait.ts';
import { hostAddress, type Bed } from '../bed.ts';
import { Clients } from '../clients.ts';
import { byCommand } from '../cause.ts';
import { ruleOf, type Proof } from '../proof.ts';

/** So that a frozen process stays, and is not restarted. */
const PATIENT_PROBES = { livenessProbe: { failureThreshold: 60 } };

const serviceDown: Proof = {
  alert: 'WebsocketServiceDown',
  severity: 'critical',
  fault: 'the only pod is frozen',
  says: /^No instance of \S+\/service-down that Prometheus can reach has been ready for 10s: clients can not connect\.$/,
  cause: [
    byCommand(1, /0\/1 +Running/),
    byCommand(2, /Unhealthy +pod\/service-down-\S+ +Readiness probe failed: .*(context deadline exceeded|timeout)/),
  ],
  rules: { alerts: { WebsocketServiceDown: { for: '10s' }, WebsocketInstanceUnreachable: { for: '10s' } } },
  values: PATIENT_PROBES,
  inject: async (bed) => freeze(await bed.process()),
  whileFiring: async (bed) => {
    const suppressed = await until('the frozen instance being silenced by the page', 30, async () => {
      const held = await bed.alertmanager.alerts(bed.release.namespace, bed.release.name);
      return held.find(({ labels }) => labels['alertname'] === 'WebsocketInstanceUnreachable');
    });
    assert.equal(suppressed.status.state, 'suppressed');
  },
};

const instanceUnreachable: Proof = {
  alert: 'WebsocketInstanceUnreachable',
  severity: 'warning',
  fault: 'one of two pods is frozen',
  says: /^\S+ of \S+\/instance-unreachable has not answered Prometheus for 10s/,
  cause: [byCommand(1, /Readiness probe failed: .*(context deadline exceeded|timeout)/)],
  pods: 2,
  rules: ruleOf('WebsocketInstanceUnreachable', { for: '10s' }),
  values: PATIENT_PROBES,
  inject: async (bed) => freeze(await bed.process()),
};

const instanceNotReady: Proof = {
  alert: 'WebsocketInstanceNotReady',
  severity: 'warning',
  fault: 'one of two pods is fuller than it may be to be ready',
  says: /^\S+ of \S+\/instance-not-ready has answered scrapes but not been ready for 10s/,
  cause: [byCommand(1, /"event":"readiness_changed","full":true/)],
  pods: 2,
  rules: ruleOf('WebsocketInstanceNotReady', { for: '10s' }),
  config: { maxConnections: 20, readinessConnectionsRatio: 0.5 },
  inject: async (bed) => {
    const tunnel = await Tunnel.open(bed.release, await bed.pod());
    const clients = await Clients.open(tunnel.url, 12);
    return async () => {
      await clients.close();
      await tunnel.close();
    };
  },
};

const restarting: Proof = {
  alert: 'WebsocketRestarting',
  severity: 'warning',
  fault: 'the process is killed twice',
  says: /^\S+ of \S+\/restarting restarted 2 times within 90s; each restart cuts its connections\.$/,
  cause: [byCommand(2, /"exitCode":137/)],
  rules: ruleOf('WebsocketRestarting', { window: '90s' }),
  inject: async (bed) => {
    for (const restarts of [1, 2]) await killAndSeeRestarted(bed, restarts);
    return () => undefined;
  },
};

const rolloutStuck: Proof = {
  alert: 'WebsocketRolloutStuck',
  severity: 'warning',
  fault: 'a rollout of an image that is not there',
  says: /^\S+\/rollout-stuck has had two versions side by side with no progress for 20s, or a new instance that never came up/,
  cause: [byCommand(1, /ErrImage\w+|ImagePullBackOff/)],
  rules: ruleOf('WebsocketRolloutStuck', { for: '10s', window: '20s' }),
  // The new pod does not answer scrapes either.
  besides: ['WebsocketInstanceUnreachable'],
  inject: async ({ release }) => {
    const deployment = `deployment/${release.fullName}`;
    await release.kubectl('set', 'image', deployment, '*=websocket-message-counter:broken');
    return async () => {
      await release.kubectl('rollout', 'undo', deployment);
    };
  },
};

/** Two pods of a release are never on one node, and there is one. */
const ONE_POD_A_NODE = {
  podAntiAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: [
      {
        topologyKey: 'kubernetes.io/hostname',
        labelSelector: { matchLabels: { 'app.kubernetes.io/instance': 'replicas-missing' } },
      },
    ],
  },
};

const replicasMissing: Proof = {
  alert: 'WebsocketReplicasMissing',
  severity: 'critical',
  fault: 'scaled from 1 pod to 3, of which no node has room for 2',
  says: /^66\.67% of the instances of \S+\/replicas-missing that its Deployment wants have not been available for 10s/,
  cause: [byCommand(1, /0\/1 +Pending/), byCommand(2, /FailedScheduling.*anti-affinity.*/)],
  rules: ruleOf('WebsocketReplicasMissing', { critical: { for: '10s' }, warning: { for: '10s' } }),
  // A Pending pod has no address, and so is no target.
  values: { affinity: ONE_POD_A_NODE },
  prepare: async (bed) => {
    bed.after(await standInForKubeStateMetrics(bed.release.namespace, await hostAddress()));
  },
  inject: async ({ release }) => {
    await release.scale(3);
    return () => release.scale(1);
  },
};

/** Alerts about instances that are away, not ready, or come and go. */
export const AVAILABILITY_PROOFS: readonly Proof[] = [
  serviceDown,
  instanceUnreachable,
  instanceNotReady,
  replicasMissing,
  restarting,
  rolloutStuck,
];

/** Kills the process, and waits until Prometheus has seen the new one: a start between two scrapes would not be counted. */
async function killAndSeeRestarted(bed: Bed, restarts: number): Promise<void> {
  process.kill(await bed.process(), 'SIGKILL');
  const labels = `namespace="${bed.release.namespace}", release="${bed.release.name}"`;
  await until(`restart ${restarts} being scraped`, 60, async () => {
    const seen = await bed.prometheus.value(`changes(process_start_time_seconds{${labels}}[5m])`);
    return (seen ?? 0) >= restarts;
  });
}
