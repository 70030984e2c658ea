import type { Scenario } from '../src/scenario.ts';

export const steady: Scenario = {
  name: 'steady',
  summary: 'a constant number of sockets at a constant rate',
  about:
    'Opens `--sockets` sockets at `--rate` a second and sends `--send-rate` messages a second on each until the end. The plain case: use it for a baseline and for figures to compare.',
};
