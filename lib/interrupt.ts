import { constants } from 'node:os';
import type { EventEmitter } from 'node:events';

/** Time after the first SIGINT in which another one is the same key press. Milliseconds. */
const SAME_KEY_PRESS_MS = 1000;

/** A signal that asks a program to end. */
export type Interrupt = 'SIGINT' | 'SIGTERM';

/**
 * Calls `first` at the first SIGINT or SIGTERM, and `again` at each later one. A SIGINT within a second of the first is ignored:
 * one Ctrl-C reaches a program under npm twice where npm's shell is bash, from the terminal and from npm.
 * @param again exits with 128 and the number of the signal if not given
 * @param source what emits the signals
 */
export function onInterrupt(
  first: (signal: Interrupt) => void,
  again: (signal: Interrupt) => void = exit,
  source: EventEmitter = process,
): void {
  let firstMs: number | undefined;
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    source.on(signal, () => {
      if (firstMs === undefined) {
        firstMs = Date.now();
        first(signal);
      } else if (signal === 'SIGTERM' || Date.now() - firstMs >= SAME_KEY_PRESS_MS) again(signal);
    });
}

function exit(signal: Interrupt): void {
  process.exit(128 + constants.signals[signal]);
}
