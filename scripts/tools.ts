/**
 * The tools that tests need beside Node.js, and how each one is had: looked for first, installed where that is possible (apt
 * as root, pip into .cache/), else named with what to do.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** A tool that tests use. */
export interface Tool {
  readonly name: string;
  /** Tests that do without it are skipped. */
  readonly neededFor: string;
  /** What a person does where it can't be installed. */
  readonly howToGet: string;
  /** Path of the program, if it is there. */
  readonly find: () => string | undefined;
  /** Installs it. Throws if that fails. */
  readonly install: () => void;
}

const CACHE = join(import.meta.dirname, '..', '.cache');
const PYTHON = join(CACHE, 'python', 'bin', 'python');
/** Where the test cluster's scripts put the programs they build. */
const TESTBED_BIN = join(
  process.env['TESTBED'] ??
    join(process.env['XDG_CACHE_HOME'] ?? join(process.env['HOME'] ?? '/', '.cache'), 'kube-testbed'),
  'bin',
);
const TESTBED_SCRIPTS = join(import.meta.dirname, '..', 'testbed');

/** Every tool, by the name that tests ask for. */
export const TOOLS = {
  chromium: {
    name: 'chromium',
    neededFor: 'the console page in a real browser',
    howToGet: 'apt-get install chromium',
    find: () => onPath('chromium') ?? onPath('chromium-browser') ?? onPath('google-chrome'),
    install: () => {
      apt('chromium');
    },
  },
  pythonWebsockets: {
    name: 'python3 with websockets',
    neededFor: 'a client that is not written in JavaScript',
    howToGet: 'python3 -m venv .cache/python && .cache/python/bin/pip install websockets',
    find: () => (spawnSync(PYTHON, ['-c', 'import websockets']).status === 0 ? PYTHON : undefined),
    install: installPythonWebsockets,
  },
  redis: {
    name: 'redis-server, redis-sentinel',
    neededFor: 'sessions in a shared store',
    howToGet: 'apt-get install redis-server redis-sentinel',
    find: () => onPath('redis-sentinel') && onPath('redis-server'),
    install: () => {
      apt('redis-server', 'redis-sentinel');
    },
  },
  promtool: testbedTool('promtool', 'tests of alerts and queries'),
  amtool: testbedTool('amtool', 'tests of alert routing'),
  alertmanager: testbedTool('alertmanager', 'alert routing run live'),
  prometheus: testbedTool('prometheus', 'panels run live'),
  loki: testbedTool('loki', 'log queries run live'),
  helm: testbedTool('helm', 'tests of the chart'),
} as const satisfies Record<string, Tool>;

/** Environment in which tests find the tools: the built ones are on PATH. */
export function toolEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env['PATH'] ?? ''}:${TESTBED_BIN}` };
}

/**
 * Installs what is missing.
 * @returns the tools that are missing all the same
 */
export function provideTools(): Tool[] {
  const missing: Tool[] = [];
  for (const tool of Object.values<Tool>(TOOLS)) {
    if (tool.find() !== undefined) continue;
    console.log(`installing ${tool.name}, for ${tool.neededFor} (built from source, some take minutes)`);
    try {
      tool.install();
    } catch (error) {
      console.error(`could not install ${tool.name}: ${(error as Error).message.split('\n')[0] ?? ''}`);
    }
    if (tool.find() === undefined) missing.push(tool);
  }
  return missing;
}

function testbedTool(program: string, neededFor: string): Tool {
  const built = join(TESTBED_BIN, program);
  return {
    name: program,
    neededFor,
    howToGet: `npm run testbed -- build ${program} (needs Go 1.21 or later)`,
    find: () => onPath(program) ?? (existsSync(built) ? built : undefined),
    install: () => {
      execFileSync(join(TESTBED_SCRIPTS, 'build'), [program], { stdio: ['ignore', 'inherit', 'pipe'], maxBuffer: 1e8 });
    },
  };
}

function installPythonWebsockets(): void {
  mkdirSync(CACHE, { recursive: true });
  if (spawnSync('python3', ['-m', 'venv', join(CACHE, 'python')]).status !== 0) {
    apt('python3', 'python3-venv');
    execFileSync('/usr/bin/python3', ['-m', 'venv', '--clear', join(CACHE, 'python')], { stdio: 'pipe' });
  }
  execFileSync(PYTHON, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', 'websockets==15.0.1'], {
    stdio: 'pipe',
  });
}

let aptUpdated = false;

function apt(...packages: string[]): void {
  if (process.getuid?.() !== 0) throw new Error('installing Debian packages takes root');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  if (!aptUpdated) execFileSync('apt-get', ['update', '-qq'], { stdio: 'pipe', env });
  aptUpdated = true;
  execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], {
    stdio: 'pipe',
    env,
    maxBuffer: 1e8,
  });
}

function onPath(program: string): string | undefined {
  for (const folder of (process.env['PATH'] ?? '').split(':')) {
    const path = join(folder, program);
    if (folder !== '' && existsSync(path)) return path;
  }
  return undefined;
}
