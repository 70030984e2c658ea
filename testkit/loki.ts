import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { TOOLS } from '../scripts/tools.ts';
import { freePort } from './free-port.ts';

/** One entry as Loki gives it back: its labels and structured metadata in one, its time in nanoseconds, its line. */
export interface LokiLine {
  readonly labels: Readonly<Record<string, string>>;
  readonly nanoseconds: bigint;
  readonly line: string;
}

/** One series of a metric query. */
export interface LokiSeries {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Why tests with a real Loki can't run here; `false` if they can. What `skip` of node:test takes. */
export const NO_LOKI = TOOLS.loki.find() === undefined && `Loki is missing: ${TOOLS.loki.howToGet}`;

/**
 * Which CPU time it gets: its share; little where others want it (nice(1)); what is left, so that whoever wakes takes the core from it
 * at once, as if it were not on this machine (sched(7), SCHED_IDLE); such a one has one thread, and less to do.
 */
export type LokiPriority = 'usual' | 'low' | 'idle';

const PRIORITIES: Readonly<Record<LokiPriority, readonly string[]>> = {
  usual: [],
  low: ['nice', '-n', '19'],
  idle: ['env', 'GOMAXPROCS=1', 'GOGC=400', 'chrt', '--idle', '0'],
};
/** What makes an idle one's work less, of what no client sees: no log of its own writes, no compression, no second look for a level. */
const LIGHT = [
  '-ingester.wal-enabled=false',
  '-ingester.chunk-encoding=none',
  '-validation.discover-log-levels=false',
  '-shard-streams.enabled=false',
];
const READY_TIMEOUT_MS = 30_000;

/** A real Loki, a single binary with its data in a temporary folder. It takes about a second to be ready, and the first query five. */
export class Loki {
  readonly url: string;
  readonly #folder: string;
  readonly #port: number;
  readonly #priority: LokiPriority;
  #process: ChildProcess | undefined;

  private constructor(folder: string, port: number, priority: LokiPriority) {
    this.#folder = folder;
    this.#port = port;
    this.#priority = priority;
    this.url = `http://127.0.0.1:${port}`;
  }

  /**
   * Starts one, ready for queries.
   * @param extra YAML to be added to its configuration
   * @param priority which CPU time it gets
   * @param host address that it listens on
   */
  static async start(extra = '', priority: LokiPriority = 'usual', host = '127.0.0.1'): Promise<Loki> {
    const folder = mkdtempSync(join(tmpdir(), 'wmc-loki-'));
    const [port, grpcPort] = [await freePort(), await freePort()];
    writeFileSync(join(folder, 'loki.yaml'), `${configuration(folder, port, grpcPort, host)}${extra}`);
    const loki = new Loki(folder, port, priority);
    await loki.up();
    await loki.lines('{warm="up"}');
    return loki;
  }

  /** Its process' id, while it is up. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Starts it again, with the data it had. */
  async up(): Promise<void> {
    const program = TOOLS.loki.find();
    if (program === undefined) throw new Error(`Loki is missing: ${TOOLS.loki.howToGet}`);
    const log = openSync(join(this.#folder, 'log'), 'a');
    const command = [program, `-config.file=${join(this.#folder, 'loki.yaml')}`, '-log.level=warn'];
    const light = this.#priority === 'idle' ? LIGHT : [];
    const [runner = '', ...args] = [...PRIORITIES[this.#priority], ...command, ...light];
    const child = spawn(runner, args, { stdio: ['ignore', log, log] });
    this.#process = child;
    const deadline = performance.now() + READY_TIMEOUT_MS;
    while (!(await this.#ready())) {
      await delay(50);
      if (child.exitCode !== null || performance.now() > deadline)
        throw new Error(`Loki is not ready: ${readFileSync(join(this.#folder, 'log'), 'utf8').slice(-2000)}`);
    }
  }

  /** Kills it, as an out-of-memory kill would. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** Stops it in its tracks, so that connections are taken and nothing is answered, or lets it go on. */
  freeze(frozen: boolean): void {
    this.#process?.kill(frozen ? 'SIGSTOP' : 'SIGCONT');
  }

  /** Kills it and removes its data. */
  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Every entry that a log query selects, of the last hour, in order. */
  async lines(query: string, headers: Readonly<Record<string, string>> = {}): Promise<LokiLine[]> {
    const all: LokiLine[] = [];
    let start = BigInt(Date.now() - 3_600_000) * 1_000_000n;
    for (;;) {
      const page = await this.#page(query, start, headers);
      all.push(...page);
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE_LINES) return all;
      start = last.nanoseconds + 1n;
    }
  }

  /** The series of a metric query, now. */
  async series(query: string): Promise<LokiSeries[]> {
    const result = (await this.#ask('query', { query })) as {
      metric: Record<string, string>;
      value: [number, string];
    }[];
    return result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
  }

  /** The streams there are, each by its labels: without structured metadata. */
  async streams(selector: string): Promise<Readonly<Record<string, string>>[]> {
    return (await this.#ask('series', { 'match[]': selector })) as Record<string, string>[];
  }

  /** Asks again until a log query selects so many entries at least. */
  async untilLines(query: string, count: number): Promise<LokiLine[]> {
    for (;;) {
      const lines = await this.lines(query);
      if (lines.length >= count) return lines;
      await delay(100);
    }
  }

  async #page(query: string, start: bigint, headers: Readonly<Record<string, string>>): Promise<LokiLine[]> {
    const end = BigInt(Date.now() + 60_000) * 1_000_000n;
    const parameters = {
      query,
      start: String(start),
      end: String(end),
      limit: String(PAGE_LINES),
      direction: 'forward',
    };
    const result = (await this.#ask('query_range', parameters, headers)) as {
      stream: Record<string, string>;
      values: [string, string][];
    }[];
    const lines = result.flatMap(({ stream, values }) =>
      values.map(([time, line]) => ({ labels: stream, nanoseconds: BigInt(time), line })),
    );
    return lines.sort((one, other) => (one.nanoseconds < other.nanoseconds ? -1 : 1));
  }

  async #ask(
    path: string,
    parameters: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<unknown> {
    const url = `${this.url}/loki/api/v1/${path}?${new URLSearchParams(parameters).toString()}`;
    const response = await fetch(url, { headers });
    const text = await response.text();
    if (!response.ok) throw new Error(`Loki answers ${response.status} to ${parameters['query'] ?? path}: ${text}`);
    const { data } = JSON.parse(text) as { data: { result?: unknown } };
    return data.result ?? data;
  }

  async #ready(): Promise<boolean> {
    return fetch(`http://127.0.0.1:${this.#port}/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  }
}

const PAGE_LINES = 5000;

/** What the chart's Loki has (chart/templates/stack/loki), made fast: without the waits for other members of a cluster. */
function configuration(folder: string, port: number, grpcPort: number, host: string): string {
  mkdirSync(join(folder, 'data'));
  return `
auth_enabled: false
server:
  http_listen_address: ${host}
  http_listen_port: ${port}
  grpc_listen_address: 127.0.0.1
  grpc_listen_port: ${grpcPort}
common:
  instance_addr: 127.0.0.1
  path_prefix: ${folder}/data
  replication_factor: 1
  ring:
    kvstore: {store: inmemory}
  storage:
    filesystem:
      chunks_directory: ${folder}/data/chunks
      rules_directory: ${folder}/data/rules
schema_config:
  configs:
    - from: "2024-01-01"
      store: tsdb
      object_store: filesystem
      schema: v13
      index: {prefix: index_, period: 24h}
limits_config:
  allow_structured_metadata: true
  volume_enabled: true
  ingestion_rate_mb: 64
  ingestion_burst_size_mb: 128
  per_stream_rate_limit: 64MB
  per_stream_rate_limit_burst: 128MB
analytics:
  reporting_enabled: false
ingester:
  lifecycler: {min_ready_duration: 0s, final_sleep: 0s}
frontend: {scheduler_dns_lookup_period: 200ms}
frontend_worker: {dns_lookup_duration: 200ms}
`;
}
