import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import type { Scrape } from '../../testkit/scrape.ts';
import { ServerProcess, type ServerKind } from '../support/server-process.ts';
import { Attempt } from './attempt.ts';
import { CheckingClient } from './checking-client.ts';
import { CANARY } from './frame-inputs.ts';
import { Ledger } from './ledger.ts';
import type { Part } from './parts.ts';
import { Planner } from './plan.ts';
import { Random } from './random.ts';
import { SharedSessions } from './shared-sessions.ts';

/** How a part is run. */
export interface CampaignOptions {
  readonly seed: number;
  /** Least inputs to send. */
  readonly inputs: number;
  readonly program: ServerKind;
  /** Runs this connection alone. */
  readonly only?: number;
}

/** What a part found. */
export interface PartReport {
  readonly part: string;
  readonly inputs: number;
  readonly connections: number;
  readonly messages: number;
  readonly opened: number;
  /** Messages of the checking client, and its connections. */
  readonly checked: { readonly messages: number; readonly connections: number };
  readonly seconds: number;
  /** Bytes that the heap grew by from the first part of the run to its end. */
  readonly heapGrowth: number;
  readonly closes: Readonly<Record<string, number>>;
  readonly refusals: Readonly<Record<string, number>>;
  /** What went wrong; empty if nothing did. */
  readonly faults: readonly string[];
}

/** Connections at once. */
const IN_FLIGHT = 32;
const TICK_MS = 10;
/** Faults after which a part is given up: they rarely differ. */
const MAX_FAULTS = 10;
const MAX_CAUSES = 3;
/** Share of the inputs after which memory is first looked at: by then code is compiled and caches are full. */
const WARMUP_SHARE = 0.3;
/** Growth of the heap that is taken for noise, and what a connection may add to it. A leaked connection is 3 KiB or more. */
const HEAP_NOISE_BYTES = 1_500_000;
const HEAP_BYTES_PER_CONNECTION = 40;
/** How long a service that fails may take to be gone. */
const EXIT_MS = 15_000;
/** How long closing sockets and forgotten sessions may take to be gone. */
const QUIET_MS = 30_000;

/** Runs one part against a service of its own. */
export async function runPart(part: Part, options: CampaignOptions): Promise<PartReport> {
  const campaign = new Campaign(part, options);
  return campaign.run();
}

class Campaign {
  readonly #part: Part;
  readonly #options: CampaignOptions;
  readonly #planner: Planner;
  readonly #ledger = new Ledger();
  readonly #faults: string[] = [];
  /** What the service itself said was wrong: why the rest is. */
  readonly #causes: string[] = [];
  readonly #running = new Set<Attempt>();
  #next = 0;

  constructor(part: Part, options: CampaignOptions) {
    this.#part = part;
    this.#options = options;
    this.#planner = new Planner(part, options.seed);
  }

  async run(): Promise<PartReport> {
    const startedAt = performance.now();
    const server = await ServerProcess.start(this.#options.program, {
      env: this.#part.env,
      memoryProbe: true,
      onLine: (line) => {
        this.#readLine(line);
      },
    });
    const ticks = setInterval(() => {
      for (const attempt of this.#running) attempt.tick(performance.now());
    }, TICK_MS);
    const checking = new CheckingClient(server.port, new Random(this.#options.seed, -1), (text) => {
      this.#fault(text);
    });
    let heapGrowth = 0;
    try {
      heapGrowth = await this.#fuzz(server, checking);
    } catch (error) {
      await Promise.race([server.exited, delay(EXIT_MS)]);
      // With the service gone nothing that is asked of it works; that it is gone is told below.
      if (server.running) throw error;
    } finally {
      await checking.stop();
      clearInterval(ticks);
      await this.#checkExit(server);
      if (server.running) await server.kill();
    }
    return this.#report(heapGrowth, checking, performance.now() - startedAt);
  }

  /** @returns bytes that the heap grew by */
  async #fuzz(server: ServerProcess, checking: CheckingClient): Promise<number> {
    const { only, inputs } = this.#options;
    await server.scrape();
    const files = server.openFiles;
    const shared = await SharedSessions.hold(server.port, this.#planner.sharedSessions);
    let base = NaN;
    if (only !== undefined) await this.#attempt(server, only);
    else {
      await this.#send(server, inputs * WARMUP_SHARE);
      await this.#untilLeft(server, 1 + this.#part.sharedSessions, Infinity);
      base = (await server.memory()).heapUsed;
      await this.#send(server, inputs);
    }
    await checking.stop();
    for (const problem of await shared.settle(this.#ledger)) this.#fault(problem);
    await this.#untilLeft(server, 0, 0);
    await this.#checkEnd(server, files, checking);
    const growth = (await server.memory()).heapUsed - base;
    this.#checkHeap(growth);
    return growth;
  }

  /** Sends until the ledger holds so many inputs. */
  async #send(server: ServerProcess, inputs: number): Promise<void> {
    const work = async (): Promise<void> => {
      while (
        this.#ledger.inputs < inputs &&
        this.#faults.length < MAX_FAULTS &&
        this.#causes.length === 0 &&
        server.running
      ) {
        this.#next += 1;
        await this.#attempt(server, this.#next);
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, work));
  }

  async #attempt(server: ServerProcess, index: number): Promise<void> {
    const attempt = new Attempt(this.#planner.plan(index), {
      port: server.port,
      part: this.#part,
      config: this.#planner.config,
      ledger: this.#ledger,
      fault: (text) => {
        this.#fault(text, index);
      },
    });
    this.#running.add(attempt);
    await attempt.run();
    this.#running.delete(attempt);
    if (attempt.uncertain) await this.#learn(server, attempt, index);
  }

  /** Asks a session how many messages it counted, when its connection could not tell: by one message more. */
  async #learn(server: ServerProcess, { plan, replies, sessionId }: Attempt, index: number): Promise<void> {
    const { prediction } = plan.stream ?? {};
    if (sessionId === undefined || prediction === undefined) return;
    const count = await this.#countOf(server, sessionId);
    if (count === undefined) return;
    if (count - 1 < replies) this.#fault(`the session counted ${count - 1} messages, but told of ${replies}`, index);
    if (count - 1 > prediction.replies && prediction.certain)
      this.#fault(`the session counted ${count - 1} messages, but ${prediction.replies} were sent`, index);
    this.#ledger.messages += count;
  }

  /** Sends one message to a session, however often it is refused. @returns its count; none if the service is gone */
  async #countOf(server: ServerProcess, sessionId: string): Promise<number | undefined> {
    while (server.running) {
      const count = await askCount(server.port, sessionId);
      if (typeof count === 'number') {
        this.#ledger.opened += 1;
        return count;
      }
      if (count === 'unanswered') this.#ledger.unanswered += 1;
      else if (count === 'opened') this.#ledger.opened += 1;
      else this.#ledger.refusals.add(count);
      await delay(TICK_MS);
    }
    return undefined;
  }

  /** Waits until no more connections and sessions than these are left. */
  async #untilLeft(server: ServerProcess, connections: number, sessions: number): Promise<void> {
    const deadline = performance.now() + QUIET_MS;
    for (;;) {
      const scrape = await server.scrape();
      const open = scrape.value('websocket_active_connections');
      const held = scrape.value('websocket_sessions');
      if (open <= connections && held <= sessions) return;
      if (performance.now() > deadline) {
        this.#fault(`${open} connections and ${held} sessions are left, expected ${connections} and ${sessions}`);
        return;
      }
      await delay(100);
    }
  }

  async #checkEnd(server: ServerProcess, files: number, checking: CheckingClient): Promise<void> {
    const deadline = performance.now() + QUIET_MS;
    while (server.openFiles > files && performance.now() < deadline) await delay(100);
    if (server.openFiles > files) this.#fault(`${server.openFiles} files are open, ${files} were at the start`);
    const scrape: Scrape = await server.scrape();
    this.#ledger.messages += checking.count;
    this.#ledger.opened += checking.connections;
    // In a strict part nothing but its own end closes it.
    this.#ledger.closed(1000, 'client');
    for (const problem of this.#ledger.disagreements(scrape, this.#part)) this.#fault(problem);
    const health = await server.status('/healthz/');
    if (health !== 200) this.#fault(`/healthz/ answers ${health}`);
  }

  #checkHeap(growth: number): void {
    const bound = HEAP_NOISE_BYTES + HEAP_BYTES_PER_CONNECTION * this.#ledger.connections;
    if (growth > bound) this.#fault(`the heap grew by ${growth} bytes over ${this.#ledger.connections} connections`);
  }

  async #checkExit(server: ServerProcess): Promise<void> {
    if (!server.running) this.#cause(`the service is gone: ${JSON.stringify(await server.exited)} ${server.stderr}`);
    else if (server.stderr !== '') this.#cause(`the service wrote to stderr: ${server.stderr}`);
  }

  #readLine(line: string): void {
    if (line.includes('"level":"ERROR"') || line.includes('"level":"CRITICAL"'))
      this.#cause(`the service logged ${line}`);
    const debug = this.#part.env['LOG_LEVEL'] === 'DEBUG';
    if (!debug && line.includes(CANARY)) this.#fault(`the content of a message was logged: ${line}`);
    if (debug) this.#checkLine(line);
  }

  /** Each line is one JSON object, whatever a client made it hold. */
  #checkLine(line: string): void {
    try {
      const { timestamp, level, event } = JSON.parse(line) as Record<string, unknown>;
      if ([timestamp, level, event].every((field) => typeof field === 'string')) return;
    } catch {
      // Told below.
    }
    this.#fault(`a line of the log is not what it should be: ${line}`);
  }

  #cause(text: string): void {
    if (this.#causes.length < MAX_CAUSES) this.#causes.push(text);
  }

  #fault(text: string, index?: number): void {
    if (this.#faults.length >= MAX_FAULTS) return;
    const { seed } = this.#options;
    const replay = `npm run fuzz -- --seed ${seed} --part ${this.#part.name}`;
    this.#faults.push(
      `${text}\n    replay: ${replay}${index === undefined ? ` --inputs ${this.#options.inputs}` : ` --only ${index}`}`,
    );
  }

  #report(heapGrowth: number, checking: CheckingClient, tookMs: number): PartReport {
    const { inputs, connections, messages, opened, closes, refusals } = this.#ledger;
    return {
      part: this.#part.name,
      inputs,
      connections,
      messages,
      opened,
      checked: { messages: checking.count, connections: checking.connections },
      seconds: tookMs / 1000,
      heapGrowth,
      closes: Object.fromEntries(closes.entries),
      refusals: Object.fromEntries(refusals.entries),
      faults: [...this.#causes, ...this.#faults],
    };
  }
}

/** Joins a session and sends one message. @returns its count; `opened` if the connection ended first; or why it was refused */
function askCount(port: number, sessionId: string): Promise<number | string> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws/chat/?session_id=${sessionId}`, {
      localAddress: '127.0.0.1',
    });
    let outcome: number | string = 'unanswered';
    socket.on('unexpected-response', (_request, response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      // A reset may take the end of the body away.
      response.on('error', () => undefined);
      response.on('close', () => {
        resolve(/"error":"(\w+)"/.exec(body)?.[1] ?? 'unanswered');
        socket.terminate();
      });
    });
    socket.on('open', () => {
      outcome = 'opened';
      socket.send('how many?');
    });
    socket.on('message', (data: Buffer) => {
      const { count } = JSON.parse(data.toString()) as { count?: number };
      if (count !== undefined) outcome = count;
      socket.close(1000);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      resolve(outcome);
    });
  });
}
