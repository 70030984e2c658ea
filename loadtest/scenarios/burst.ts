import type { Scenario } from '../src/scenario.ts';

/** Bursts of a twentieth of the run each, at ten times the rate. */
const BURSTS = [0.2, 0.4, 0.6, 0.8];

export const burst: Scenario = {
  name: 'burst',
  summary: 'a steady load with four bursts of ten times as many messages',
  about:
    "Like steady, but four times in the run, each for a twentieth of it, every socket sends ten times as often. Look at p99.9 in the bursts, and at how fast it falls back after them. Keep `--send-rate` times 10 below the service's MESSAGE_RATE, or clients are ended with 1008.",
  sendRate: [
    { at: 0, times: 1 },
    ...BURSTS.flatMap((at) => [
      { at, times: 10 },
      { at: at + 0.05, times: 1 },
    ]),
  ],
};
