import type { Scenario } from '../src/scenario.ts';

export const slowReaders: Scenario = {
  name: 'slow-readers',
  summary: 'a tenth of the clients reads 256 bytes a second',
  about:
    'A tenth of the clients sends on schedule but reads 256 bytes a second, so that replies pile up on the way. The service has to bound what it keeps for them (MAX_BUFFERED_BYTES) and may end them with 1006; they come back and go on. Latencies are those of the other clients: they must be as good as in steady. At the end slow readers read what is left, so the counts are checked to the last.',
  defaults: { 'send-rate': '50' },
  clients: [
    { behaviour: 'slow-reader', share: 0.1 },
    { behaviour: 'good', share: 0.9 },
  ],
};
