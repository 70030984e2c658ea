import type { Scenario } from '../src/scenario.ts';

export const ramp: Scenario = {
  name: 'ramp',
  summary: 'sockets and messages rise evenly, then hold',
  about:
    'Opens the sockets evenly over the first 80 % of the run, so that the load rises in a straight line, and holds it for the rest. Look for the moment at which the latency bands leave the floor: the rate at that moment is what one instance carries.',
  defaults: { sockets: '1000', duration: '120', 'send-rate': '2' },
  openOver: 0.8,
};
