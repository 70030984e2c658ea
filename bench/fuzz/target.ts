import { setTimeout as delay } from 'node:timers/promises';
import type { Scrape } from '../../testkit/scrape.ts';
import { ServerProcess } from '../support/server-process.ts';
import { CheckingClient } from './checking-client.ts';
import type { Connection } from './connections.ts';
import { exchange, type Outcome } from './exchange.ts';
import { CANARY } from './frames.ts';

/** What came of a batch of connections. */
export interface Played {
  readonly outcomes: readonly Outcome[];
  /** What the service counted meanwhile, without the checking client's: by series, those that changed. */
  readonly counted: ReadonlyMap<string, number>;
}

/** How long sockets that are closing, and sessions to be forgotten, may take to be gone. */
const QUIET_MS = 60_000;
const LOOK_MS = 15;
/** Sessions are forgotten a second or more after their last connection. */
const SESSIONS_LOOK_MS = 150;
/** How long a service that crashes may take to be gone. */
const EXIT_MS = 2000;
/** Series that say the same of the same bytes. */
const COUNTED =
  /^websocket_(messages_total|message_duration_seconds_count|messages_rejected_total|connections_closed_total|errors_total)/;

/** A running service that is fuzzed. After a crash the next batch finds a new one, so that fast-check can shrink the cause. */
export class Target {
  /** Messages of the checking clients so far. */
  checked = 0;
  readonly #env: Readonly<Record<string, string>>;
  #server: ServerProcess | undefined;
  /** What it counted up to the end of the last batch. */
  #last: Scrape | undefined;
  /** What the service itself said went wrong, since the last batch. */
  #problems: string[] = [];

  constructor(env: Readonly<Record<string, string>>) {
    this.#env = env;
  }

  /**
   * Plays connections at once, beside a checking client, and waits until they are gone.
   * @throws {Error} if the service crashes, logs an error, answers what it must not, or miscounts the checking client
   */
  async play(connections: readonly Connection[]): Promise<Played> {
    const server = await this.#running();
    const before = this.#last ?? (await this.#scrape(server));
    this.#last = undefined;
    const checking = new CheckingClient(server.port, Number(this.#env['SESSION_TTL']));
    const all = Promise.allSettled(connections.map((connection) => exchange(server.port, connection)));
    await checking.during(all);
    const settled = await all;
    this.checked += checking.messages;
    const after = await this.#quiet(server);
    this.#last = after;
    if (this.#problems.length > 0) throw new Error(this.#problems.splice(0).join('\n'));
    const outcomes = settled.map((each) => {
      if (each.status === 'rejected') throw each.reason;
      return each.value;
    });
    return { outcomes, counted: differences(before, after, checking.messages) };
  }

  /** Bytes that the heap holds after full collections, once no session is left. */
  async heapBytes(): Promise<number> {
    const server = await this.#running();
    await this.#quiet(server, 0);
    return (await server.memory()).heapUsed;
  }

  async end(): Promise<void> {
    if (this.#server?.running === true) await this.#server.kill();
  }

  async #running(): Promise<ServerProcess> {
    if (this.#server?.running === true) return this.#server;
    this.#problems = [];
    this.#last = undefined;
    this.#server = await ServerProcess.start('source', {
      env: this.#env,
      counting: true,
      memoryProbe: true,
      onLine: (line) => {
        this.#read(line);
      },
    });
    return this.#server;
  }

  /** @throws {Error} with the reason why there is no answer */
  async #scrape(server: ServerProcess): Promise<Scrape> {
    try {
      return await server.scrape();
    } catch (error) {
      await Promise.race([server.exited, delay(EXIT_MS)]);
      if (server.running) throw error;
      const said = [...this.#problems.splice(0), server.stderr].join('\n');
      throw new Error(`the service ended: ${JSON.stringify(await server.exited)} ${said}`, { cause: error });
    }
  }

  /** Waits until no connection is left, and no more than some sessions. */
  async #quiet(server: ServerProcess, sessions = Infinity): Promise<Scrape> {
    const deadline = performance.now() + QUIET_MS;
    for (;;) {
      if (!server.running)
        throw new Error(`the service ended: ${JSON.stringify(await server.exited)} ${server.stderr}`);
      const scrape = await server.scrape();
      const open = scrape.value('websocket_active_connections');
      const held = scrape.value('websocket_sessions');
      if (open === 0 && held <= sessions) return scrape;
      if (performance.now() > deadline) throw new Error(`${open} connections and ${held} sessions are left`);
      await delay(open > 0 ? LOOK_MS : SESSIONS_LOOK_MS);
    }
  }

  #read(line: string): void {
    const debug = this.#env['LOG_LEVEL'] === 'DEBUG';
    if (/"level":"(ERROR|CRITICAL)"/.test(line)) this.#problems.push(`the service logged ${line}`);
    else if (!debug && line.includes(CANARY)) this.#problems.push(`the content of a message was logged: ${line}`);
    else if (debug && !isLine(line))
      this.#problems.push(`a line of the log is not one JSON object of the documented form: ${line}`);
  }
}

function isLine(line: string): boolean {
  try {
    const { timestamp, level, event } = JSON.parse(line) as Record<string, unknown>;
    return [timestamp, level, event].every((field) => typeof field === 'string');
  } catch {
    return false;
  }
}

function differences(before: Scrape, after: Scrape, checked: number): Map<string, number> {
  const found = new Map<string, number>();
  for (const [series, value] of after.series) {
    if (!COUNTED.test(series)) continue;
    const own = series.startsWith('websocket_message') && !series.includes('{') ? checked : 0;
    const counted = value - (before.series.get(series) ?? 0) - own;
    if (counted !== 0) found.set(series, counted);
  }
  return found;
}
