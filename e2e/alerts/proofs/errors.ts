import { freeze, stutter } from '../../support/freeze.ts';
import type { Bed } from '../bed.ts';
import { Clients, sendBinary, storm } from '../clients.ts';
import { faultOfLoki } from '../loki-fault.ts';
import { byCommand, inPanel } from '../cause.ts';
import { ruleOf, type Proof } from '../proof.ts';
import { REDIS, REPLICATED_REDIS } from '../stores.ts';

const errorRatioHigh: Proof = {
  alert: 'WebsocketErrorRatioHigh',
  severity: 'warning',
  fault: 'besides 10 good clients, 5 a second come and send binary data',
  says: /^[\d.]+% of messages and handshakes of \S+\/error-ratio-high ended in an error within 30s \(threshold 1 %\)/,
  cause: [inPanel('Error Rate', /^binary_message: \d.*$/m)],
  rules: ruleOf('WebsocketErrorRatioHigh', { for: '10s', window: '30s' }),
  prepare: sendAllTheTime,
  inject: async (bed) => storm(bed.url, 5, sendBinary),
};

const storeUnavailable: Proof = {
  alert: 'WebsocketStoreUnavailable',
  severity: 'critical',
  fault: 'the Redis of a release is frozen',
  says: /^The session store of \S+\/store-unavailable has not answered 100% of the instances, or has made .+ fail, for 10s/,
  cause: [byCommand(1, /"event":"store_unavailable".*/), byCommand(2, /redis\S* +[01]\/1 +Running/)],
  rules: ruleOf('WebsocketStoreUnavailable', {
    window: '20s',
    critical: { for: '10s', keepFiringFor: '5s' },
    warning: { for: '10s', keepFiringFor: '5s' },
  }),
  values: REDIS,
  prepare: sendAllTheTime,
  inject: async (bed) => freeze(await bed.process('redis')),
};

const storeSlow: Proof = {
  alert: 'WebsocketStoreSlow',
  severity: 'warning',
  fault: 'the Redis of a release is stopped for 400 ms again and again',
  says: /^The slowest hundredth of the write operations of the session store of \S+\/store-slow has taken [\d.]+m?s or longer/,
  cause: [inPanel('Store Operation Time', /^write 99 %: .*(orange|red).*$/m)],
  rules: ruleOf('WebsocketStoreSlow', { for: '10s', window: '30s' }),
  values: REDIS,
  prepare: sendAllTheTime,
  inject: async (bed) => stutter(await bed.process('redis'), { stoppedMs: 400, runningMs: 200 }),
};

const storeNotAcknowledged: Proof = {
  alert: 'WebsocketStoreNotAcknowledged',
  severity: 'warning',
  fault: 'the replica of the Redis of a release is frozen',
  says: /^[\d.]+ batches of \S+\/store-not-acknowledged were not acknowledged within 30s \(too_few_replicas\)/,
  cause: [byCommand(1, /"event":"store_unavailable".*/)],
  rules: ruleOf('WebsocketStoreNotAcknowledged', { for: '10s', window: '30s' }),
  values: REPLICATED_REDIS,
  prepare: sendAllTheTime,
  inject: async (bed) => freeze(await bed.process('redis-replica')),
};

/** Alerts about errors that are not told by an error budget. */
export const ERROR_PROOFS: readonly Proof[] = [
  errorRatioHigh,
  storeUnavailable,
  storeSlow,
  storeNotAcknowledged,
  logLinesDropped(),
  logLinesLate(),
];

function logLinesDropped(): Proof {
  return {
    alert: 'WebsocketLogLinesDropped',
    severity: 'warning',
    fault: 'Loki answers every push with 400',
    says: /^\S+\/log-lines-dropped lost [\d.]+ log lines to loki within 30s \(rejected\): the log has a gap\.$/,
    cause: [byCommand(1, /"event":"loki_push_failing".*/)],
    rules: ruleOf('WebsocketLogLinesDropped', { window: '30s' }),
    prepare: sendAllTheTime,
    ...faultOfLoki(400),
  };
}

function logLinesLate(): Proof {
  return {
    alert: 'WebsocketLogLinesLate',
    severity: 'warning',
    fault: 'Loki takes every push and never answers',
    says: /^The oldest log line of \S+ of \S+\/log-lines-late has waited for Loki for [\d.]+s \(threshold 10 s\)/,
    cause: [byCommand(1, /"event":"loki_push_failing".*/)],
    rules: ruleOf('WebsocketLogLinesLate', { for: '5s', threshold: 10, keepFiringFor: '5s' }),
    prepare: sendAllTheTime,
    ...faultOfLoki('hang'),
  };
}

async function sendAllTheTime(bed: Bed): Promise<void> {
  const clients = await Clients.open(bed.url, 10);
  bed.after(() => clients.close());
}
