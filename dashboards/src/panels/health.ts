import { SIZE, UNITS, type PanelSpec, type State } from '../panel.ts';

/** States of an instance, by the value of `instanceStates`. The worst have the lowest numbers. */
export const INSTANCE_STATES: Readonly<Record<string, State>> = {
  '-1': { text: 'unreachable', color: 'red' },
  '-0.5': { text: 'not ready, full', color: 'red' },
  '0': { text: 'not ready', color: 'orange' },
  '0.5': { text: 'full', color: 'orange' },
  '1': { text: 'ready', color: 'green' },
  '1.5': { text: 'draining', color: 'blue' },
  '2': { text: 'draining', color: 'blue' },
  '2.5': { text: 'draining', color: 'blue' },
  '3': { text: 'draining', color: 'blue' },
};

/** Since when is it so? */
export const HEALTH: readonly PanelSpec[] = [
  {
    title: 'Error Budget Burn',
    description:
      'How many times faster than allowed the budgets are used up; 20 stands for 20 and more. Good is below 1, at which they last exactly 30 days; 14.4 for an hour pages.',
    unit: UNITS.times,
    look: { kind: 'graph', max: 20 },
    queries: [
      { query: 'messageBurn', legend: 'messages' },
      { query: 'handshakeBurn', legend: 'handshakes' },
    ],
    thresholds: [
      [null, 'transparent'],
      [1, 'orange'],
      [14.4, 'red'],
    ],
    ...SIZE.half,
  },
  {
    title: 'Instances',
    description:
      'The state that each instance reports. Good is ready; full is at 95 % of its connections; draining is normal in a rollout; unreachable is an instance that Prometheus cannot scrape.',
    unit: UNITS.none,
    look: { kind: 'states', states: INSTANCE_STATES },
    queries: [{ query: 'instanceStates', legend: '{{pod}}' }],
    byPod: true,
    ...SIZE.half,
  },
];
