import type { BehaviourName } from '../src/behaviours.ts';
import type { Scenario } from '../src/scenario.ts';

/** Every way of behaving badly that the load test knows, three of a hundred clients each. */
const BAD: readonly BehaviourName[] = [
  'slow-reader',
  'flood',
  'binary',
  'too-big',
  'invalid-utf8',
  'bad-frame',
  'vanish',
  'mute',
  'half-handshake',
  'bad-handshake',
];

export const mixedBadClients: Scenario = {
  name: 'mixed-bad-clients',
  summary: 'good clients among all kinds of bad ones',
  about:
    '70 % good clients, 3 % of each kind of bad ones (below). Each bad deed has one right answer of the service, a close code or a status, and any other is an error; each bad client comes back, and its session must go on exactly where it was. Latencies are those of the good clients: they must not notice the others.',
  defaults: { sockets: '200', 'send-rate': '0.5' },
  clients: [...BAD.map((behaviour) => ({ behaviour, share: 0.03 })), { behaviour: 'good', share: 0.7 }],
};
