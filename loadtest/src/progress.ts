import type { Totals } from './fleet.ts';
import type { Phase, RunObserver } from './run.ts';
import { time, whole } from './summary.ts';
import type { Sample } from './timeline.ts';

/** What progress is written to. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Seconds between two lines where there is no terminal. */
const PLAIN_INTERVAL = 5;

/**
 * Shows how a run goes: one line that is rewritten each second in a terminal, plain lines every few seconds
 * elsewhere.
 */
export class Progress implements RunObserver {
  readonly #stream: ProgressStream;
  readonly #sockets: number;
  readonly #live: boolean;
  #phase: Phase = 'opening';
  #shown = false;
  #lastPlain = -Infinity;

  constructor(stream: ProgressStream, sockets: number) {
    this.#stream = stream;
    this.#sockets = sockets;
    this.#live = stream.isTTY === true;
  }

  phase(phase: Phase): void {
    this.#phase = phase;
    if (this.#live) this.#rewrite(PHASE_TEXTS[phase]);
    else this.#stream.write(`${PHASE_TEXTS[phase]}\n`);
  }

  sample(sample: Sample, totals: Totals): void {
    if (this.#live) this.#rewrite(this.#line(sample, totals));
    else if (sample.second - this.#lastPlain >= PLAIN_INTERVAL) {
      this.#lastPlain = sample.second;
      this.#stream.write(`${this.#line(sample, totals)}\n`);
    }
  }

  /** Leaves the terminal as it should be for what follows. */
  end(): void {
    if (this.#shown) this.#stream.write('\r\u001b[K');
    this.#shown = false;
  }

  #line(sample: Sample, { counters }: Totals): string {
    const parts = [
      `${this.#phase.padEnd(9)} ${String(sample.second).padStart(4)} s`,
      `open ${whole(sample.open)}/${whole(this.#sockets)}`,
      // First, since what does not fit into the terminal is cut off at the end.
      ...(counters.violations > 0 ? [`WRONG COUNTS ${whole(counters.violations)}`] : []),
      `${whole(sample.repliesPerSecond)} msg/s`,
      `p99 ${time(sample.reply.p99)}`,
      `errors ${whole(counters.errors)}`,
      `reconnects ${whole(counters.reconnects)}`,
    ];
    return parts.join('  ');
  }

  #rewrite(text: string): void {
    this.#shown = true;
    // A line longer than the terminal would wrap, and could not be rewritten.
    this.#stream.write(`\r\u001b[K${text.slice(0, (this.#stream.columns ?? 80) - 1)}`);
  }
}

const PHASE_TEXTS: Readonly<Record<Phase, string>> = {
  opening: 'opening sockets',
  running: 'all sockets open',
  finishing: 'finishing: waiting for replies, closing',
  comparing: 'comparing with the metrics',
};
