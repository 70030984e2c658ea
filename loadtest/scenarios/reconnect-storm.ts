import type { Scenario } from '../src/scenario.ts';

export const reconnectStorm: Scenario = {
  name: 'reconnect-storm',
  summary: 'all clients lose their connection at once, twice',
  about:
    'At 40 % of the run half of the clients lose their connection in the same moment, at 70 % all of them: what a network failure or the crash of a proxy does. They come back with full jitter; with `--reconnect immediately` you see what clients without it do. Look at reconnects a second, at refused handshakes, at the time away, and at the latency of those that stayed. Every session must go on where it was.',
  defaults: { sockets: '1000', rate: '500', 'send-rate': '1' },
  drops: [
    { at: 0.4, share: 0.5 },
    { at: 0.7, share: 1 },
  ],
};
