import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isRunning } from '../../lib/is-running.ts';
import { ROOT, TOOL_ENV } from '../../scripts/chart/tools.ts';
import { runWell } from './commands.ts';
import { buildahEnvironment } from './testbed.ts';
import { until } from './wait.ts';
import { withPodsTouched } from './watch-cache.ts';

/**
 * What skaffold builds and deploys from: it watches all of them, so a copy is worked on, which a test can edit. `.dockerignore`
 * names what the image is built from.
 */
const SOURCES = ['skaffold.yaml', 'Dockerfile', '.dockerignore', 'chart', ...buildContext()];
const REGISTRY = 'localhost:5000';
/** Longest that a build may take, in seconds: nothing may be cached yet. */
const BUILD_SECONDS = 240;

/** Skaffold with the profile `buildah`, on a copy of the project. */
export class Skaffold {
  /** Folder of the copy. */
  readonly folder: string;
  readonly #namespace: string;
  readonly #env: NodeJS.ProcessEnv;

  constructor(namespace: string) {
    this.#namespace = namespace;
    this.folder = mkdtempSync(join(tmpdir(), 'skaffold-'));
    for (const source of SOURCES) cpSync(join(ROOT, source), join(this.folder, source), { recursive: true });
    writeFileSync(this.#config, 'global:\n  collect-metrics: false\n');
    this.#env = { ...TOOL_ENV, ...buildahEnvironment(this.folder), SKAFFOLD_UPDATE_CHECK: 'false' };
  }

  /** Runs `skaffold run`. @returns its output */
  run(): Promise<string> {
    const args = [...this.#args('run'), '--tail=false'];
    return runWell('skaffold', args, { timeoutSeconds: BUILD_SECONDS, cwd: this.folder, env: this.#env });
  }

  /** Runs `skaffold delete`. */
  async delete(): Promise<void> {
    const args = ['delete', '--profile', 'buildah', '--config', this.#config, '--namespace', this.#namespace];
    await runWell('skaffold', args, { cwd: this.folder, env: this.#env });
  }

  /** Starts `skaffold dev`, and waits until it watches for changes. */
  async dev(): Promise<SkaffoldDev> {
    const args = [...this.#args('dev'), '--port-forward=user'];
    const child = spawn('skaffold', args, { cwd: this.folder, env: this.#env, stdio: ['ignore', 'pipe', 'pipe'] });
    const dev = new SkaffoldDev(child);
    const watching = (): Promise<boolean> =>
      until('skaffold dev watching for changes', BUILD_SECONDS, () => dev.says(/^Watching for changes/m));
    await withPodsTouched(this.#namespace, watching).catch(async (error: unknown) => {
      await dev.end();
      throw new Error(`${String(error)}\n${dev.output}`, { cause: error });
    });
    return dev;
  }

  /** Deletes the copy. */
  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  get #config(): string {
    return join(this.folder, 'skaffold-config');
  }

  #args(command: string): string[] {
    const registry = ['--default-repo', REGISTRY, '--insecure-registry', REGISTRY];
    return [
      ...[command, '--profile', 'buildah', '--config', this.#config, '--namespace', this.#namespace],
      ...[...registry, '--tag', 'e2e'],
    ];
  }
}

/** A `skaffold dev` that runs. */
export class SkaffoldDev {
  /** All it has printed. */
  output = '';
  readonly #child: ChildProcess;

  constructor(child: ChildProcess) {
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (chunk: string) => (this.output += chunk));
  }

  /** Whether it printed that. @throws {Error} if it has ended */
  says(pattern: RegExp): boolean {
    if (this.#child.exitCode !== null) throw new Error(`skaffold dev ended with ${this.#child.exitCode}`);
    return pattern.test(this.output);
  }

  /** Lines of the container's log with an event, as skaffold streams them. */
  logLines(event: string): readonly { readonly timestamp: string }[] {
    return this.output
      .split('\n')
      .filter((line) => line.includes(`"event":"${event}"`))
      .map((line) => JSON.parse(line.slice(line.indexOf('{'))) as { timestamp: string });
  }

  /** Address at this end of the port that it forwards. */
  get url(): string {
    const address = /remote port 8080 -> (http:\/\/127\.0\.0\.1:\d+)/.exec(this.output)?.[1];
    if (address === undefined) throw new Error(`skaffold dev forwards no port:\n${this.output}`);
    return address;
  }

  /** Ends it as Ctrl-C does: it takes down what it deployed. */
  async end(): Promise<void> {
    if (!isRunning(this.#child)) return;
    this.#child.kill('SIGINT');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 60_000);
    await once(this.#child, 'exit');
    clearTimeout(timer);
  }
}

function buildContext(): string[] {
  const lines = readFileSync(join(ROOT, '.dockerignore'), 'utf8').split('\n');
  return lines.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
}
