import type { Config } from '../config/options.ts';
import type { Connection } from './connection.ts';
import { heartbeat } from '../protocol/protocol.ts';
import { retryAfterMs } from './retry-after.ts';

/** Heartbeats in one turn of the event loop: about a millisecond's work. */
const SLICE = 50;
/** Slots of a heartbeat interval. */
const SLOTS = 60;
/** Interval of the checks of age and idle time. */
const SWEEP_MS = 1000;

/**
 * The open connections of the process, with their timers: heartbeats, maximum age, idle time-out.
 *
 * Each connection belongs to one of 60 slots of the heartbeat interval, so that 10,000 heartbeats never go out at once;
 * within a slot they go out in slices, with other work in between. One timer serves all.
 */
export class Connections {
  readonly #config: Config;
  /** A connection is in the array of its slot, and knows its index: a Set would take three times the memory. */
  readonly #slots: readonly Connection[][] = Array.from({ length: SLOTS }, () => []);
  readonly #timers: NodeJS.Timeout[] = [];
  #size = 0;
  #nextSlot = 0;
  #beatingSlot = 0;

  constructor(config: Config) {
    this.#config = config;
  }

  /** Open connections, including those that are closing. */
  get size(): number {
    return this.#size;
  }

  /** Starts the timers. */
  start(): void {
    const { heartbeatIntervalSeconds, maxConnectionAgeSeconds, idleTimeoutSeconds } = this.#config;
    this.#every((heartbeatIntervalSeconds * 1000) / SLOTS, () => {
      this.#beat();
    });
    const shortest = Math.min(maxConnectionAgeSeconds || Infinity, idleTimeoutSeconds || Infinity);
    if (shortest < Infinity)
      this.#every(Math.min(SWEEP_MS, shortest * 100), () => {
        this.#sweep();
      });
  }

  /** Stops the timers: a drain sends its own byes. */
  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  add(connection: Connection): void {
    const slot = this.#slots[this.#nextSlot] ?? [];
    connection.slot = this.#nextSlot;
    connection.place = slot.length;
    connection.endsAt = this.#endOfAge(connection);
    slot.push(connection);
    this.#nextSlot = (this.#nextSlot + 1) % SLOTS;
    this.#size += 1;
  }

  /** Does nothing if it is not among them. */
  remove(connection: Connection): void {
    const slot = this.#slots[connection.slot] ?? [];
    if (slot[connection.place] !== connection) return;
    const last = slot.pop() as Connection;
    if (last !== connection) {
      slot[connection.place] = last;
      last.place = connection.place;
    }
    this.#size -= 1;
  }

  /** All connections in random order, so that no client is always the first or the last of a drain. */
  shuffled(): Connection[] {
    const all = this.#slots.flat();
    for (let last = all.length - 1; last > 0; last -= 1) {
      const other = Math.floor(Math.random() * (last + 1));
      [all[last], all[other]] = [all[other] as Connection, all[last] as Connection];
    }
    return all;
  }

  /** A random delay for a client to wait before it connects again, in milliseconds. */
  retryAfterMs(): number {
    return retryAfterMs(this.#config);
  }

  #every(ms: number, work: () => void): void {
    this.#timers.push(setInterval(work, ms).unref());
  }

  #beat(): void {
    const slot = this.#slots[this.#beatingSlot] ?? [];
    this.#beatingSlot = (this.#beatingSlot + 1) % SLOTS;
    if (slot.length > 0) this.#beatSlice([...slot], 0, heartbeat(new Date()));
  }

  #beatSlice(connections: readonly Connection[], from: number, text: string): void {
    for (const connection of connections.slice(from, from + SLICE)) connection.heartbeat(text);
    if (from + SLICE < connections.length)
      setImmediate(() => {
        this.#beatSlice(connections, from + SLICE, text);
      });
  }

  #sweep(): void {
    const now = performance.now();
    const idleMs = this.#config.idleTimeoutSeconds * 1000 || Infinity;
    for (const slot of this.#slots)
      for (const connection of slot) {
        if (connection.endsAt !== 0 && now >= connection.endsAt) connection.sendBye('max_age', this.retryAfterMs());
        else if (now - connection.lastMessageAt >= idleMs) connection.sendBye('idle', this.retryAfterMs());
      }
  }

  #endOfAge(connection: Connection): number {
    const ageMs = this.#config.maxConnectionAgeSeconds * 1000;
    return ageMs === 0 ? 0 : Math.ceil(connection.openedAt + ageMs * (0.9 + 0.2 * Math.random()));
  }
}
