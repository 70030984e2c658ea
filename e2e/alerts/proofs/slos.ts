import { stutter } from '../../support/freeze.ts';
import type { Values } from '../../support/release.ts';
import { Clients } from '../clients.ts';
import { inPanel } from '../cause.ts';
import type { Proof } from '../proof.ts';
import { REDIS } from '../stores.ts';

/** Both pages' windows in a minute; the tickets' stay as they are, and are too long to fire meanwhile. */
const BURN_RATE: Values = {
  interval: '5s',
  fastest: { long: '1m', short: '20s', for: '5s' },
  fast: { long: '2m', short: '20s', for: '10s' },
};

const messageBudgetBurn: Proof = {
  alert: 'WebsocketMessageBudgetBurn',
  severity: 'critical',
  fault: 'the store of strict sessions is stopped for 150 ms again and again',
  says: /% of the messages to \S+\/message-budget-burn failed or took longer than 0\.05 s within [12]m: more than (14\.4|6) times/,
  cause: [
    inPanel('Message Handling Time', /^99 %: 0\.\d+.*$/m),
    inPanel('Store Operation Time', /^write 99 %: .*(orange|red).*$/m),
  ],
  rules: { burnRate: BURN_RATE },
  config: { sessionDurability: 'strict' },
  values: REDIS,
  prepare: async (bed) => {
    const clients = await Clients.open(bed.url, 10);
    bed.after(() => clients.close());
  },
  inject: async (bed) => stutter(await bed.process('redis'), { stoppedMs: 150, runningMs: 150 }),
};

const handshakeBudgetBurn: Proof = {
  alert: 'WebsocketHandshakeBudgetBurn',
  severity: 'critical',
  fault: 'a full pod: 20 clients on it, and 30 more come again and again',
  says: /% of the handshakes with \S+\/handshake-budget-burn were refused by the service within [12]m: more than (14\.4|6) times/,
  cause: [inPanel('Handshakes Rejected', /^capacity: \d.*$/m)],
  rules: { burnRate: BURN_RATE },
  config: { maxConnections: 20 },
  besides: ['WebsocketConnectionsNearLimit'],
  inject: async (bed) => {
    const clients = await Clients.open(bed.url, 20);
    const refused = await Clients.start(bed.url, 30);
    return async () => {
      await refused.close();
      await clients.close();
    };
  },
};

/** Alerts about error budgets. */
export const SLO_PROOFS: readonly Proof[] = [messageBudgetBurn, handshakeBudgetBurn];
