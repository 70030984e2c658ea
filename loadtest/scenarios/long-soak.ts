import type { Scenario } from '../src/scenario.ts';

export const longSoak: Scenario = {
  name: 'long-soak',
  summary: 'four hours at a moderate load, with a lost connection now and then',
  about:
    'Half an hour into the run and every half hour after it, 5 % of the clients lose their connection: over hours that finds sessions that leak, memory that grows and counters that drift. The totals of four hours still have to agree with the metrics to the last message. Look at websocket_active_connections and the memory of the process before and after; watch it with `scripts/monitor.sh`.',
  defaults: { sockets: '500', duration: '14400', 'send-rate': '0.5' },
  drops: [1, 2, 3, 4, 5, 6, 7].map((half) => ({ at: half / 8, share: 0.05 })),
};
