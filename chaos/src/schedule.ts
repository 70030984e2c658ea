import { seeded } from '../../testkit/seed.ts';

/** How long a fault lasts, in milliseconds. Some are longer than the time-outs (2 s), some shorter. */
const SHORTEST_MS = 200;
const LONGEST_MS = 5000;

/** A fault as it is drawn, before anything runs. */
export interface Planned {
  readonly kind: string;
  /** From the begin of the previous one, in milliseconds. */
  readonly gapMs: number;
  readonly lastsMs: number;
  /** Which of its targets: from 0 to 1. */
  readonly pick: number;
}

/**
 * Draws faults: the same ones from the same seed.
 * @param kinds to draw from
 * @param pace mean time from the begin of a fault to that of the next, in seconds
 */
export function drawFaults(count: number, seed: number, kinds: readonly string[], pace: number): readonly Planned[] {
  const random = seeded(seed);
  return Array.from({ length: count }, () => ({
    kind: kinds[Math.floor(random() * kinds.length)] ?? '',
    gapMs: Math.round(random() * 2 * pace * 1000),
    lastsMs: Math.round(SHORTEST_MS + random() * (LONGEST_MS - SHORTEST_MS)),
    pick: random(),
  }));
}
