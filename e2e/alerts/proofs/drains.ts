import type { Bed } from '../bed.ts';
import { lateClosers, sleepers } from '../clients.ts';
import { faultOfLoki } from '../loki-fault.ts';
import { byCommand, inLog } from '../cause.ts';
import { ruleOf, type Proof } from '../proof.ts';

const drainSlow: Proof = {
  alert: 'WebsocketDrainSlow',
  severity: 'warning',
  fault: 'a pod is deleted whose 10 clients answer the close frame after 8.8 s',
  says: /^Beyond the spread that is asked for, closing the connections of \S+ of \S+\/drain-slow took [89]\d(\.\d+)?% of the time that a drain may take \(threshold 80 %\)/,
  cause: [inLog(/"event":"drain_progress".*"left":10/)],
  rules: ruleOf('WebsocketDrainSlow', { window: '30s' }),
  config: { drainSpreadSeconds: 0, closeTimeoutSeconds: 9.5, drainTimeoutSeconds: 10 },
  inject: async (bed) => {
    await lateClosers(bed.url, 10, 8.8);
    await deletePod(bed);
    return () => undefined;
  },
};

const drainCutClients: Proof = {
  alert: 'WebsocketDrainCutClients',
  severity: 'warning',
  fault: 'a pod is deleted whose 10 clients sleep',
  says: /^Drains of \S+\/drain-cut-clients within 30s cut 100% of their connections \(threshold 5 %\)/,
  cause: [inLog(/"client_ip":"[^"]+".*"reason":"drain","cut":true/)],
  rules: ruleOf('WebsocketDrainCutClients', { window: '30s' }),
  inject: async (bed) => {
    // They are spread over the pods.
    const { length: pods } = await bed.pods();
    const wake = await sleepers(bed.url, 10 * pods);
    await deletePod(bed);
    return wake;
  },
};

const drainLostLogLines: Proof = {
  alert: 'WebsocketDrainLostLogLines',
  severity: 'warning',
  fault: 'a pod is deleted while Loki never answers',
  says: /^Drains of \S+\/drain-lost-log-lines within 30s lost \d+ log lines that Loki did not take in time/,
  cause: [byCommand(1, /"event":"loki_push_failing".*/)],
  rules: ruleOf('WebsocketDrainLostLogLines', { window: '30s' }),
  config: { lokiFlushSeconds: 1 },
  ...faultOfLoki('hang', deletePod),
};

/** Alerts about drains. */
export const DRAIN_PROOFS: readonly Proof[] = [drainSlow, drainCutClients, drainLostLogLines];

/** Returns when the pod is gone. */
async function deletePod(bed: Bed): Promise<void> {
  await bed.release.kubectl('delete', 'pod', await bed.pod());
}
