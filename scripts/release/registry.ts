import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { InvalidArgumentError } from 'commander';
import { isRunning } from '../../lib/is-running.ts';
import { lastLine } from '../../lib/last-line.ts';
import { run, TOOL_ENV } from '../chart/tools.ts';
import { ReleaseProblem } from './problem.ts';

/** What a release is called in a registry: `HOST/PATH` is where it lives, everything else follows from it. */
export class Place {
  readonly registry: string;
  readonly version: string;

  /** @param registry as {@link registryPath} gives it */
  constructor(registry: string, version: string) {
    this.registry = registry;
    this.version = version;
  }

  get image(): string {
    return `${this.registry}/${NAME}`;
  }

  /** Helm names a chart's repository after the chart, which would be the image's. */
  get chart(): string {
    return `${this.registry}/charts/${NAME}`;
  }

  /** The registry of this machine speaks HTTP; Helm 4 has to be asked to, the others do so by themselves. */
  get helmFlags(): readonly string[] {
    return isLocal(this.registry) ? ['--plain-http'] : [];
  }
}

/** Parses `HOST/PATH` of a registry. For commander. */
export function registryPath(text: string): string {
  if (/^[\w.-]+(:\d+)?(\/[a-z0-9]+([._-]+[a-z0-9]+)*)+$/.test(text)) return text;
  throw new InvalidArgumentError(
    'It is no HOST/PATH of a registry; it looks like ghcr.io/some-owner, without https:// or oci:// and in lower case.',
  );
}

/** Parses a version as package.json has it. For commander. */
export function releasedVersion(text: string): string {
  if (/^\d+\.\d+\.\d+(-[\w.-]+)?$/.test(text)) return text;
  throw new InvalidArgumentError('It is no version; it looks like 0.1.0, without v.');
}

const NAME = 'websocket-message-counter';

/**
 * Digest of what a registry has under a name.
 * @returns undefined if it has nothing there
 * @throws {ReleaseProblem} if it refuses, or does not answer
 */
export function digestOf(reference: string): string | undefined {
  const { status, stdout, stderr } = run('crane', ['digest', reference]);
  if (status === 0) return stdout.trim();
  if (/NAME_UNKNOWN|MANIFEST_UNKNOWN|NOT_FOUND|404 Not Found/.test(stderr)) return undefined;
  throw problemOf(reference, stderr);
}

/**
 * Runs crane, which must succeed.
 * @param reference what it is about, for the message
 * @throws {ReleaseProblem} if the registry refuses, or does not answer
 */
export function crane(reference: string, ...args: readonly string[]): string {
  const { status, stdout, stderr } = run('crane', args);
  if (status !== 0) throw problemOf(reference, stderr);
  return stdout.trim();
}

/** What a tool's message about a registry means. */
export function problemOf(reference: string, message: string): ReleaseProblem {
  const host = reference.slice(0, reference.indexOf('/'));
  const last = lastLine(message) || 'it says nothing';
  if (/UNAUTHORIZED|DENIED|\b40[13]\b|unauthorized/i.test(message))
    return new ReleaseProblem(
      `${host} refuses ${reference} (${last}); log in with an account that may do that: crane auth login ${host} --username NAME --password-stdin`,
    );
  const url = `${isLocal(reference) ? 'http' : 'https'}://${host}/v2/`;
  return new ReleaseProblem(
    `${reference} can't be had from ${host}: ${last}; once curl --head ${url} answers 200 or 401, run it again`,
  );
}

function isLocal(reference: string): boolean {
  return /^(localhost|127\.0\.0\.1)(:|\/)/.test(reference);
}

/** A registry of this process alone, in which a release is put together before anyone sees it. */
export class Staging {
  readonly address: string;
  readonly #child: ChildProcess;

  private constructor(address: string, child: ChildProcess) {
    this.address = address;
    this.#child = child;
  }

  /** @param folder is made, for what is pushed to it */
  static async start(folder: string): Promise<Staging> {
    mkdirSync(folder);
    const log = `${folder}.log`;
    // A file, not a pipe: while a tool runs, nobody here would empty it.
    const child = spawn('crane', ['registry', 'serve', '--address', '127.0.0.1:0', '--disk', folder], {
      env: TOOL_ENV,
      stdio: ['ignore', 'ignore', openSync(log, 'w')],
    });
    for (let attempts = 0; attempts < 100 && child.exitCode === null; attempts += 1) {
      const port = /serving on port (\d+)/.exec(readFileSync(log, 'utf8'))?.[1];
      if (port !== undefined) return new Staging(`127.0.0.1:${port}`, child);
      await delay(50);
    }
    child.kill();
    throw new Error(`crane registry serve does not listen: ${readFileSync(log, 'utf8')}`);
  }

  async stop(): Promise<void> {
    if (!isRunning(this.#child)) return;
    this.#child.kill();
    await once(this.#child, 'exit');
  }
}
