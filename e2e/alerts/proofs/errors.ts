import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { FaultyLoki } from '../../../service/test/support/faulty-loki.ts';
import { ROOT } from '../../../scripts/chart/tools.ts';
import { freeze, stutter } from '../../support/freeze.ts';
import type { Bed } from '../bed.ts';
import { Clients } from '../clients.ts';
import { ruleOf, type Ending, type Proof } from '../proof.ts';
import { LOKI, REDIS } from '../stores.ts';

const errorRatioHigh: Proof = {
  alert: 'WebsocketErrorRatioHigh',
  severity: 'warning',
  fault: 'clients that break the protocol (load test, scenario mixed-bad-clients)',
  says: /^[\d.]+% of messages and handshakes of \S+\/error-ratio-high ended in an error within 30s \(threshold 1 %\)/,
  rules: ruleOf('WebsocketErrorRatioHigh', { for: '10s', window: '30s' }),
  prepare: sendAllTheTime,
  inject: (bed) => badClients(bed),
};

const storeUnavailable: Proof = {
  alert: 'WebsocketStoreUnavailable',
  severity: 'critical',
  fault: 'the Redis of a release is frozen',
  says: /^The session store of \S+\/store-unavailable has not answered, or has made messages and handshakes fail, for 10s/,
  rules: ruleOf('WebsocketStoreUnavailable', { for: '10s', window: '20s' }),
  values: REDIS,
  prepare: sendAllTheTime,
  inject: async (bed) => freeze(await bed.process('redis')),
};

const storeSlow: Proof = {
  alert: 'WebsocketStoreSlow',
  severity: 'warning',
  fault: 'the Redis of a release is stopped for 400 ms again and again',
  says: /^The slowest hundredth of the write operations of the session store of \S+\/store-slow has taken [\d.]+m?s or longer/,
  rules: ruleOf('WebsocketStoreSlow', { for: '10s', window: '30s' }),
  values: REDIS,
  prepare: sendAllTheTime,
  inject: async (bed) => stutter(await bed.process('redis'), { stoppedMs: 400, runningMs: 200 }),
};

const logLinesLate: Proof = {
  alert: 'WebsocketLogLinesLate',
  severity: 'warning',
  fault: 'the Loki of a release is frozen',
  says: /^The oldest log line of \S+ of \S+\/log-lines-late has waited for Loki for [\d.]+s \(threshold 10 s\)/,
  rules: ruleOf('WebsocketLogLinesLate', { for: '5s', threshold: 10 }),
  values: LOKI,
  prepare: sendAllTheTime,
  inject: async (bed) => freeze(await bed.process('loki')),
};

/** Alerts about errors that are not told by an error budget. */
export const ERROR_PROOFS: readonly Proof[] = [
  errorRatioHigh,
  storeUnavailable,
  storeSlow,
  logLinesDropped(),
  logLinesLate,
];

function logLinesDropped(): Proof {
  let loki: FaultyLoki;
  return {
    alert: 'WebsocketLogLinesDropped',
    severity: 'warning',
    fault: 'Loki answers every push with 400',
    says: /^\S+\/log-lines-dropped lost [\d.]+ log lines to loki within 30s \(rejected\): the log has a gap\.$/,
    rules: ruleOf('WebsocketLogLinesDropped', { window: '30s' }),
    values: async (site) => {
      loki = await FaultyLoki.start(site, undefined, '0.0.0.0');
      return { loki: { url: `http://${site.host}:${loki.port}` } };
    },
    prepare: sendAllTheTime,
    inject: async () => {
      loki.fault = 400;
      return () => {
        loki.mend();
      };
    },
  };
}

async function sendAllTheTime(bed: Bed): Promise<void> {
  const clients = await Clients.open(bed.url, 10);
  bed.after(() => clients.close());
}

/** Runs the load test until it is ended. */
async function badClients({ url }: Bed): Promise<Ending> {
  const flags = [
    '--scenario',
    'mixed-bad-clients',
    '--host',
    url,
    '--sockets',
    '40',
    '--duration',
    '600',
    '--no-metrics',
  ];
  const child = spawn(process.execPath, ['loadtest/src/main.ts', ...flags], { cwd: ROOT, stdio: 'ignore' });
  return async () => {
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
}
