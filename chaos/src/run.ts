import { setTimeout as delay } from 'node:timers/promises';
import type { Cleanup } from '../../testkit/redis.ts';
import { check, type Verdict } from './checker.ts';
import { Clients } from './clients.ts';
import type { Target } from './fault-kind.ts';
import { FAULTS } from './faults.ts';
import { healthProblems, resources, type Resources } from './health.ts';
import { History, readHistory, type Effect, type Mode } from './history.ts';
import type { Planned } from './schedule.ts';
import { Signs } from './signs.ts';
import { System, type SystemOptions } from './system.ts';

/** Time from the end of the last fault until everything is well, at most. */
const HEALTHY_WITHIN_MS = 30_000;
/** Time for messages under way to be answered, once everything is well. */
const ANSWERED_WITHIN_MS = 10_000;
/** Resident memory of an instance, at most: the chart's memory limit. */
const MOST_MEMORY_BYTES = 512 * 2 ** 20;
/** Open files of an instance at the end, besides its connections, at most. */
const MOST_FILES = 64;
const POLL_MS = 100;
/** A sign of a fault may come so long after its end. */
const SIGN_MS = 3000;
/** A kind of fault that happened so often was seen once: what is short, or meets nobody, shows nothing. */
const SEEN_ONCE_IN = 20;
/** By then relaxed mode has written everything for sure, also if the store was away until now: the checker's allowance. */
const WRITTEN_MS = 4000;

export interface RunOptions extends SystemOptions {
  readonly clients: number;
  readonly faults: readonly Planned[];
  /** The mode whose promises must be kept. */
  readonly promise: Mode;
  /** File for the history. */
  readonly history: string;
  /** Is told what happens. */
  readonly log: (line: string) => void;
}

/** A fault that happened. */
export interface Happened {
  readonly kind: string;
  readonly target: string;
  readonly from: number;
  readonly to: number;
  /** Whether metrics or log showed it; nothing, where nothing has to. */
  readonly seen: boolean | undefined;
}

export interface RunResult {
  readonly verdict: Verdict;
  readonly happened: readonly Happened[];
  /** Seconds from the end of the last fault until everything was well. */
  readonly healthySeconds: number;
  readonly resources: Resources;
  /** What was wrong besides the counts. */
  readonly problems: readonly string[];
}

/**
 * Makes one run: starts everything, lets the faults happen, waits until everything is well, and checks the history.
 * @param t ends what was started
 */
export function run(options: RunOptions, t: Cleanup): Promise<RunResult> {
  return new Run(options, t).result();
}

class Run {
  readonly #options: RunOptions;
  readonly #t: Cleanup;
  readonly #history: History;
  readonly #problems: string[] = [];
  readonly #happened: Omit<Happened, 'seen'>[] = [];
  /** Targets to which a fault is being done, and when that ends. */
  readonly #busy = new Map<string, Promise<void>>();
  #entries = 0;

  constructor(options: RunOptions, t: Cleanup) {
    this.#options = options;
    this.#t = t;
    this.#history = new History(options.history);
  }

  async result(): Promise<RunResult> {
    const { promise, clients: count } = this.#options;
    const system = await System.start(this.#t, this.#options, (mishap, detail) => {
      if (mishap !== 'by itself') this.#note(mishap, 'crash');
      else this.#problems.push(`a process of the service ended by itself: ${detail}`);
    });
    const signs = new Signs(system.instances);
    this.#t.after(() => {
      signs.stop();
    });
    const clients = new Clients(system.url, count, this.#history);
    this.#t.after(() => {
      clients.close();
    });
    await this.#until('clients are connected', HEALTHY_WITHIN_MS, () => clients.wellCount === count);
    for (const fault of this.#options.faults) await this.#begin(fault, system, clients);
    await Promise.all(this.#busy.values());
    const endedAt = performance.now();
    await this.#until('everything is well', HEALTHY_WITHIN_MS, () => this.#isWell(system, clients));
    const healthySeconds = (performance.now() - endedAt) / 1000;
    await this.#settle(system, clients);
    const { memoryBytes, ...files } = await resources(system.instances);
    const used = { memoryBytes: Math.max(memoryBytes, signs.peakMemoryBytes), ...files };
    this.#checkResources(used);
    const happened = this.#happened.map((each) => ({ ...each, seen: wasSeen(each, signs) }));
    this.#problems.push(...neverSeen(happened));
    if (signs.seen(['internal errors'], '', 0, Infinity))
      this.#problems.push('an instance counted an error that is its own: websocket_errors_total{type="internal"}');
    await this.#lastMessages(system, clients);
    clients.close();
    await this.#history.end();
    const verdict = await check(readHistory(this.#history.path), promise);
    if (verdict.sessions !== count) this.#problems.push(`of ${count} clients ${verdict.sessions} are in the history`);
    return { verdict, happened, healthySeconds, resources: used, problems: this.#problems };
  }

  /** Waits for the time of a fault, and begins it. */
  async #begin({ kind, gapMs, lastsMs, pick }: Planned, system: System, clients: Clients): Promise<void> {
    await delay(gapMs);
    const { alone = false, effect = 'none', targets } = FAULTS[kind] ?? unknownKind(kind);
    if (alone) {
      await Promise.all(this.#busy.values());
      await this.#until('everything is well', HEALTHY_WITHIN_MS, () => this.#isWell(system, clients));
    }
    const target = await this.#free(targets(system), pick);
    const done = this.#happen(kind, effect, target, lastsMs).finally(() => this.#busy.delete(target.name));
    this.#busy.set(target.name, done);
    if (alone) await done;
  }

  /** The target that was drawn, or one after it to which nothing is being done. */
  async #free(targets: readonly Target[], pick: number): Promise<Target> {
    const from = Math.floor(pick * targets.length);
    for (;;) {
      const found = [...targets.slice(from), ...targets.slice(0, from)].find(({ name }) => !this.#busy.has(name));
      if (found !== undefined) return found;
      await Promise.race(targets.flatMap(({ name }) => this.#busy.get(name) ?? []));
    }
  }

  async #happen(kind: string, effect: Effect, target: Target, ms: number): Promise<void> {
    const from = Date.now();
    const fault = this.#note(kind, effect);
    this.#options.log(`${kind} ${target.name} for ${ms} ms`);
    try {
      const undo = await target.apply(ms);
      await delay(Math.max(0, from + ms - Date.now()));
      await undo();
    } catch (error) {
      this.#problems.push(`${kind} of ${target.name} failed: ${(error as Error).message}`);
    }
    this.#history.add({ kind: 'ended', fault, name: kind, effect });
    this.#happened.push({ kind, target: target.name, from, to: Date.now() });
  }

  #note(name: string, effect: Effect): number {
    const fault = (this.#entries += 1);
    this.#history.add({ kind: 'began', fault, name, effect });
    return fault;
  }

  async #isWell(system: System, clients: Clients, sending = true): Promise<boolean> {
    return clients.wellCount === clients.count && (await healthProblems(system, sending)).length === 0;
  }

  /** Until nothing is under way, and every count is written. */
  async #settle(system: System, clients: Clients): Promise<void> {
    clients.quiet();
    await this.#until('every message is answered', ANSWERED_WITHIN_MS, () => clients.wellCount === clients.count);
    await this.#until('every count is written', HEALTHY_WITHIN_MS, () => this.#isWell(system, clients, false));
    if (this.#options.promise === 'relaxed') await delay(WRITTEN_MS);
  }

  /** One message of each session to instances that never held it: its count shows what became of all before. */
  async #lastMessages(system: System, clients: Clients): Promise<void> {
    clients.expectCounts();
    await this.#replace(system);
    const isWell = (): Promise<boolean> => this.#isWell(system, clients, false);
    await this.#until(
      'every session has its count',
      HEALTHY_WITHIN_MS,
      async () => clients.haveCounts() && (await isWell()),
    );
  }

  /** Replaces all instances: at once by a crash, which no count may know of, or one by one where only a bye hands them over. */
  async #replace({ mode, instances }: System): Promise<void> {
    if (mode !== 'token') {
      this.#note('all instances killed', 'crash');
      await Promise.all(instances.map((instance) => instance.kill()));
      await Promise.all(instances.map((instance) => instance.up()));
    } else
      for (const instance of instances) {
        await instance.drain();
        await instance.up();
      }
  }

  #checkResources({ memoryBytes, ownFiles }: Resources): void {
    if (memoryBytes > MOST_MEMORY_BYTES)
      this.#problems.push(`an instance had ${(memoryBytes / 2 ** 20).toFixed()} MiB of memory`);
    if (ownFiles > MOST_FILES)
      this.#problems.push(`an instance has ${ownFiles} open files at the end, besides its connections`);
  }

  async #until(what: string, ms: number, holds: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = performance.now() + ms;
    while (!(await holds())) {
      if (performance.now() > deadline) {
        this.#problems.push(`not in ${ms / 1000} s: ${what}`);
        return;
      }
      await delay(POLL_MS);
    }
  }
}

function wasSeen({ kind, target, from, to }: Omit<Happened, 'seen'>, signs: Signs): boolean | undefined {
  const wanted = FAULTS[kind]?.signs ?? [];
  return wanted.length === 0 ? undefined : signs.seen(wanted, target, from, to + SIGN_MS);
}

/** The kinds that must have been seen, and were not. */
export function neverSeen(happened: readonly Happened[]): readonly string[] {
  return Object.entries(Object.groupBy(happened, ({ kind }) => kind)).flatMap(([kind, faults = []]) =>
    faults.length >= SEEN_ONCE_IN && faults.every(({ seen }) => seen === false)
      ? [`${kind} happened ${faults.length} times, and no metric or line of the log showed it`]
      : [],
  );
}

function unknownKind(kind: string): never {
  throw new Error(`there is no fault ${kind}; there are ${Object.keys(FAULTS).join(', ')}`);
}
