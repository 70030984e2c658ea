import { setTimeout as delay } from 'node:timers/promises';
import { Prober } from '../../support/prober.ts';
import type { Bed } from '../bed.ts';
import { Clients, storm } from '../clients.ts';
import { byCommand, inLog, inPanel } from '../cause.ts';
import { ruleOf, type Proof } from '../proof.ts';

/** The first bound of the histogram above the threshold of the proof. Seconds. */
const LONG_SECONDS = 7;

const reconnectStorm: Proof = {
  alert: 'WebsocketReconnectStorm',
  severity: 'warning',
  fault: 'with 2 clients connected, 25 a second come and go',
  says: /^Within 20s \S+\/reconnect-storm saw [\d.]+ handshakes for each open connection \(threshold 3\)/,
  cause: [inPanel('Closes by Code', /^1000 .*$/m)],
  rules: ruleOf('WebsocketReconnectStorm', { for: '10s', window: '20s' }),
  prepare: async (bed) => {
    const clients = await Clients.open(bed.url, 2);
    bed.after(() => clients.close());
  },
  inject: async (bed) => storm(bed.url, 25),
};

const sessionsUnusuallyLong: Proof = {
  alert: 'WebsocketSessionsUnusuallyLong',
  severity: 'info',
  fault: `30 clients stay for ${LONG_SECONDS} s, where 5 s are long`,
  says: /^Of the connections to \S+\/sessions-unusually-lon that closed within 30s, one in twenty had been open for 1\d(\.\d+)?s or longer/,
  cause: [inPanel('Connection Duration Percentiles', /^95 %: .*$/m)],
  rules: ruleOf('WebsocketSessionsUnusuallyLong', { for: '5s', window: '30s', threshold: 5 }),
  inject: async (bed) => {
    const clients = await Clients.open(bed.url, 30);
    await delay(LONG_SECONDS * 1000);
    await clients.close();
    return () => undefined;
  },
};

const handshakesThrottled: Proof = {
  alert: 'WebsocketHandshakesThrottled',
  severity: 'warning',
  fault: '25 clients a second come from one address that may open 2',
  says: /^[\d.]+% of the handshakes with \S+\/handshakes-throttled were refused by its admission within 20s/,
  cause: [inLog(/"reason":"rate".*"client_ip":"[^"]+"/)],
  rules: ruleOf('WebsocketHandshakesThrottled', { for: '5s', window: '20s' }),
  config: { handshakeRatePerAddress: 2 },
  inject: async (bed) => storm(bed.url, 25),
};

/** Alerts about how clients behave. */
export const CLIENT_PROOFS: readonly Proof[] = [
  connectionsTooFew(),
  connectionsDropped(),
  reconnectStorm,
  handshakesThrottled,
  sessionsUnusuallyLong,
  probeFailing(),
];

/** The way in is gone: the service and its pods are well. */
function probeFailing(): Proof {
  let prober: Prober;
  return {
    alert: 'WebsocketProbeFailing',
    severity: 'critical',
    fault: 'nothing answers at the public address, while the pods are ready',
    says: /^The probe of http:\S+ of \S+\/probe-failing has failed for 10s/,
    cause: [inPanel('Ready of Wanted', /^ready: 1.*$/m), byCommand(1, /curl: .*(refused|connect).*/)],
    rules: ruleOf('WebsocketProbeFailing', { for: '10s', keepFiringFor: '5s' }),
    values: async (site) => {
      prober = await Prober.start();
      site.after(() => {
        prober.close();
      });
      const targets = [`http://${site.host}:${prober.frontPort}/ws/chat/`];
      return { probe: { enabled: true, interval: '5s', prober: `${site.host}:${prober.port}`, targets } };
    },
    prepare: async ({ url }) => {
      prober.endpoint = url.replace(/^ws/, 'http');
    },
    inject: async () => {
      prober.shut();
      return () => prober.open();
    },
  };
}

function connectionsDropped(): Proof {
  return {
    alert: 'WebsocketConnectionsDropped',
    severity: 'critical',
    fault: 'all of 20 clients go, while the pod is ready',
    says: /^\S+\/connections-dropped has lost 100% of the connections that it had 1m ago \(threshold 90 %\)/,
    cause: [inPanel('Closes by Code', /^1000 .*$/m)],
    rules: ruleOf('WebsocketConnectionsDropped', {
      hour: '1m',
      minConnections: 10,
      critical: { for: '5s' },
      warning: { for: '5s' },
    }),
    ...clientsThatGo(),
  };
}

/** The fault that 20 clients go, all of them; its end is that they come back. */
function clientsThatGo(): Required<Pick<Proof, 'prepare' | 'inject'>> {
  let clients: Clients;
  const connect = async ({ url }: Bed): Promise<void> => {
    clients = await Clients.open(url, 20, 0.2);
  };
  return {
    prepare: async (bed) => {
      await connect(bed);
      bed.after(() => clients.close());
    },
    inject: async (bed) => {
      await clients.close();
      return () => connect(bed);
    },
  };
}

function connectionsTooFew(): Proof {
  return {
    alert: 'WebsocketConnectionsTooFew',
    severity: 'warning',
    fault: 'all of 20 clients go, where 10 are the least',
    says: /^\S+\/connections-too-few has had \d+ open connections for 10s, fewer than 10/,
    cause: [inPanel('Closes by Code', /^1000 .*$/m)],
    rules: ruleOf('WebsocketConnectionsTooFew', { enabled: true, for: '10s', threshold: 10 }),
    ...clientsThatGo(),
  };
}
