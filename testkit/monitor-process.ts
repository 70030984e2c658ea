import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BARE_ENVIRONMENT } from './environment.ts';

const PROGRAM = fileURLToPath(new URL('../monitor/src/main.ts', import.meta.url));
const WAIT_MS = 60_000;
/** Time between two looks at what is not the monitor's own. */
const LOOK_MS = 50;

/** An event as `--json` prints it. */
export type JsonEvent = Readonly<Record<string, unknown>> & { readonly type: string; readonly time: string };

/** What a monitor's run came to. */
export interface MonitorRun {
  readonly status: number | null;
  readonly events: readonly JsonEvent[];
  /** The last event; `undefined` if it was no summary. */
  readonly summary: JsonEvent | undefined;
  readonly stdout: string;
}

/** What a monitor prints as JSON, line by line. */
export abstract class MonitorOutput {
  readonly events: JsonEvent[] = [];
  protected readonly emitter = new EventEmitter();
  protected stdout = '';
  protected stderr = '';

  /** Whether the monitor has ended. */
  protected abstract get hasEnded(): boolean;

  /** Waits for an event, among those that came already or later. */
  async waitFor(what: string, matches: (event: JsonEvent) => boolean): Promise<JsonEvent> {
    await this.until(what, () => this.events.some(matches));
    return this.events.find(matches) as JsonEvent;
  }

  /** Waits for a condition, which is looked at with each event and now and then besides. */
  async until(what: string, isTrue: () => boolean): Promise<void> {
    const deadline = performance.now() + WAIT_MS;
    while (!isTrue()) {
      if (this.hasEnded) throw new Error(`the monitor ended before ${what}:\n${this.#output()}`);
      if (performance.now() > deadline) throw new Error(`no ${what} in ${WAIT_MS / 1000} s:\n${this.#output()}`);
      await once(this.emitter, 'event', { signal: AbortSignal.timeout(LOOK_MS) }).catch(() => undefined);
    }
  }

  protected read(line: string): void {
    this.stdout += `${line}\n`;
    if (!line.startsWith('{')) return;
    this.events.push(JSON.parse(line) as JsonEvent);
    this.emitter.emit('event');
  }

  protected run(status: number | null): MonitorRun {
    const last = this.events.at(-1);
    return {
      status,
      events: this.events,
      summary: last?.type === 'summary' ? last : undefined,
      stdout: this.stdout,
    };
  }

  #output(): string {
    const lines = this.stdout.split('\n').filter((line) => !line.includes('"type":"snapshot"'));
    return `${lines.slice(-20).join('\n')}${this.stderr}`;
  }
}

/** A monitor in a process of its own, told to print JSON. */
export class MonitorProcess extends MonitorOutput {
  readonly child: ChildProcess;
  readonly #exited: Promise<unknown[]>;

  /**
   * @param context test that the process ends with at the latest
   * @param args command line, without `--json`
   * @param env variables beside PATH and HOME
   * @param stdin `ignore` is /dev/null
   */
  constructor(
    context: Pick<TestContext, 'after'>,
    args: readonly string[],
    env: Record<string, string> = {},
    stdin: 'pipe' | 'ignore' = 'ignore',
  ) {
    super();
    this.child = spawn(process.execPath, [PROGRAM, '--json', ...args], {
      env: { ...BARE_ENVIRONMENT, HOME: process.env['HOME'], ...env },
      stdio: [stdin, 'pipe', 'pipe'],
    });
    this.#exited = once(this.child, 'close');
    context.after(() => {
      this.child.kill('SIGKILL');
    });
    this.child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    if (this.child.stdout !== null)
      createInterface(this.child.stdout).on('line', (line) => {
        this.read(line);
      });
    void this.#exited.then(() => this.emitter.emit('event'));
  }

  /** Waits for the end, or asks for it with a signal first. */
  async end(signal?: NodeJS.Signals): Promise<MonitorRun> {
    if (signal !== undefined) this.child.kill(signal);
    await this.#exited;
    // Warnings of Node.js, such as of listeners that pile up, are faults too.
    assert.equal(this.stderr, '', 'nothing is on standard error');
    return this.run(this.child.exitCode);
  }

  protected get hasEnded(): boolean {
    return this.child.exitCode !== null;
  }
}

/** Whether an event is a problem of a kind, whose text holds something. */
export function isProblem(kind: string, text = ''): (event: JsonEvent) => boolean {
  return (event) => event.type === 'problem' && event['kind'] === kind && JSON.stringify(event).includes(text);
}

/** Whether an event is a notice of a kind, whose text holds something. */
export function isNotice(kind: string, text = ''): (event: JsonEvent) => boolean {
  return (event) => event.type === 'notice' && event['kind'] === kind && JSON.stringify(event).includes(text);
}

/** Whether an event says that the API server is away or back. */
export function isAboutApiServer(kind: 'not_watched' | 'watched_again'): (event: JsonEvent) => boolean {
  return (event) => isNotice(kind)(event) && event['source'] === 'API server';
}

/** Whether an event is a snapshot of a source. */
export function isSnapshot(
  source: string,
  matches: (event: JsonEvent) => boolean = () => true,
): (event: JsonEvent) => boolean {
  return (event) => event.type === 'snapshot' && event['source'] === source && matches(event);
}

/** Problems of a summary, as `kind: message`. */
export function problemsOf(run: MonitorRun): string[] {
  const problems = (run.summary?.['problems'] ?? []) as { kind: string; message: string }[];
  return problems.map(({ kind, message }) => `${kind}: ${message}`);
}
