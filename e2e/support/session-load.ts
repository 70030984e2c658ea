import assert from 'node:assert/strict';
import type { Totals } from '../../loadtest/src/fleet.ts';
import { parseOptions } from '../../loadtest/src/options.ts';
import { run, type Phase, type RunObserver, type RunOutcome } from '../../loadtest/src/run.ts';
import type { Settings } from '../../loadtest/src/settings.ts';
import { addByKey } from '../../loadtest/src/tally.ts';
import type { Sample } from '../../loadtest/src/timeline.ts';
import { until } from './wait.ts';

/** How many sessions send how much. */
export interface LoadShape {
  readonly sockets: number;
  /** Messages a second of each. */
  readonly sendRate: number;
}

/** What the load test saw between two moments. */
export interface Passage {
  /** Connections closed, by code. */
  readonly closes: Readonly<Record<string, number>>;
  /** Counts told. */
  readonly told: number;
  /** Counts that had been told and are lost. */
  readonly lost: number;
  /** Counts told wrongly, by kind: lost ones, and any that was repeated, skipped or went back. */
  readonly wrong: Readonly<Record<string, number>>;
  /** Refusals and other errors on the way, by kind. */
  readonly errors: Readonly<Record<string, number>>;
  /** Longest time from the loss of a connection to the session's next count. Seconds. */
  readonly longestAbsence: number;
  /** Most sessions that came back in one second. */
  readonly peakReconnects: number;
}

/** Longest run, in seconds: beyond, the load test tells of it in pieces longer than a second. */
const LONGEST_SECONDS = 3600;
/** Most waits between attempts of a client that was told none. Seconds: an outage must not be waited for long after its end. */
const BACKOFF_MAX = 4;

/**
 * The load test, run for as long as things are done to the service. Its sessions live through all of it, and its ledger checks
 * each count against the last one told, over every reconnect: so what an event lost is seen, if not at once then at the next.
 */
export class SessionLoad {
  readonly shape: LoadShape;
  readonly #stop = new AbortController();
  readonly #outcome: Promise<RunOutcome>;
  #phase: Phase = 'opening';
  #samples: Sample[] = [];
  #totals: Totals | undefined;
  #from: Totals | undefined;

  private constructor(url: string, shape: LoadShape) {
    this.shape = shape;
    const observer: RunObserver = {
      phase: (phase) => {
        this.#phase = phase;
      },
      sample: (sample, totals) => {
        this.#samples.push(sample);
        this.#totals = totals;
      },
    };
    this.#outcome = run(settingsOf(url, shape), observer, this.#stop.signal);
    this.#outcome.catch(() => undefined);
  }

  /** Starts it, and waits until every session is connected and was told a count. */
  static async start(url: string, shape: LoadShape): Promise<SessionLoad> {
    const load = new SessionLoad(url, shape);
    try {
      await Promise.race([
        load.#outcome,
        until(`all ${shape.sockets} sessions being connected`, 60, () => load.#phase === 'running'),
      ]);
      await load.untilWhole(30);
    } catch (error) {
      // Its clients would keep this process, and try for ever.
      await load.stop();
      throw error;
    }
    load.#begin();
    return load;
  }

  /** Waits until every session is connected and stays so for as long as it takes each to be told a count, from now on. */
  async untilWhole(seconds: number): Promise<void> {
    // A sample is of the second before it.
    const enough = Math.ceil(1 / this.shape.sendRate) + 2;
    const before = this.#samples.length;
    await until(`all ${this.shape.sockets} sessions being connected`, seconds, () => {
      const last = this.#samples.slice(before).slice(-enough);
      return last.length === enough && last.every(({ open, away }) => open === this.shape.sockets && away === 0);
    }).catch((error: unknown) => {
      const { open = 0, errorsByKind = {} } = this.#totals ?? {};
      throw new Error(`${String(error)} (${open} are; errors so far: ${JSON.stringify(errorsByKind)})`, {
        cause: error,
      });
    });
  }

  /** What was seen since this was last asked. */
  passage(): Passage {
    const [from, to] = [this.#from, this.#totals];
    assert.ok(from !== undefined && to !== undefined);
    const passage = {
      closes: growth(from.closesByCode, to.closesByCode),
      told: to.counters.replied - from.counters.replied,
      lost: to.counters.lost - from.counters.lost,
      wrong: growth(from.violationsByKind, to.violationsByKind),
      errors: growth(from.errorsByKind, to.errorsByKind),
      longestAbsence: Math.max(0, ...this.#samples.map(({ silence }) => silence.max ?? 0)) / 1000,
      peakReconnects: Math.max(0, ...this.#samples.map(({ reconnectsPerSecond }) => reconnectsPerSecond)),
    };
    this.#begin();
    return passage;
  }

  /** Ends it in order. @returns what came of the whole run */
  async stop(): Promise<RunOutcome['outcome']> {
    this.#stop.abort();
    return (await this.#outcome).outcome;
  }

  #begin(): void {
    this.#from = this.#totals;
    this.#samples = [];
  }
}

function settingsOf(url: string, { sockets, sendRate }: LoadShape): Settings {
  return parseOptions([
    `--host=${url}`,
    `--sockets=${sockets}`,
    '--rate=300',
    `--send-rate=${sendRate}`,
    `--duration=${LONGEST_SECONDS}`,
    '--backoff-base=0.2',
    `--backoff-max=${BACKOFF_MAX}`,
    // Pods come and go, and the counts are what is to be compared.
    '--no-metrics',
  ]);
}

function growth(
  from: Readonly<Record<string, number>>,
  to: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  const sums = addByKey(to, Object.fromEntries(Object.entries(from).map(([key, value]) => [key, -value])));
  return Object.fromEntries(Object.entries(sums).filter(([, value]) => value !== 0));
}
