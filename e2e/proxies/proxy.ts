import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isRunning } from '../../lib/is-running.ts';
import { onPath } from '../../scripts/tools.ts';
import { freePort } from '../../testkit/free-port.ts';
import type { Certificate } from './certificate.ts';

/** How a proxy is run with the configuration that docs/proxies.md shows. */
export interface ProxyKind {
  readonly name: string;
  /** Debian's package. */
  readonly package: string;
  readonly program: string;
  /** Configuration in this folder. */
  readonly file: string;
  readonly language: string;
  readonly versionArgument: string;
  /** What stands in the configuration, and what the suite puts there. A text that is not in it is an error. */
  readonly replaced: (place: Place) => Readonly<Record<string, string>>;
  /** The whole configuration: the one of the page with what a system's main file has. */
  readonly complete: (config: string, place: Place) => string;
  readonly args: (path: string, place: Place) => readonly string[];
  /** Whether the proxy tries the other instance after a 503. */
  readonly retries503: boolean;
}

/** Where a run of a proxy is. */
export interface Place {
  readonly folder: string;
  readonly port: number;
  /** Ports of the two instances. */
  readonly instances: readonly [number, number];
  readonly certificate: Certificate;
}

/** Idle time after which the proxies end a connection in the suite, in seconds; the page has 75. */
export const IDLE_SECONDS = 4;

/** Debian has watchdog built in. */
const APACHE_MODULES = [
  ...['mpm_event', 'authz_core', 'slotmem_shm', 'headers', 'socache_shmcb', 'ssl', 'proxy', 'proxy_http'],
  ...['proxy_balancer', 'lbmethod_byrequests', 'proxy_hcheck'],
];

export const PROXIES: readonly ProxyKind[] = [
  {
    ...{ name: 'nginx', package: 'nginx', program: 'nginx', file: 'nginx.conf', language: 'nginx' },
    versionArgument: '-v',
    retries503: true,
    replaced: (place) => ({
      ...instances(place),
      '443 ssl': `127.0.0.1:${place.port} ssl`,
      '/etc/ssl/chat.pem': place.certificate.path,
      '/etc/ssl/chat.key': place.certificate.keyPath,
      '75s': `${IDLE_SECONDS}s`,
    }),
    complete: (config, { folder }) => `daemon off;
pid ${folder}/pid;
worker_processes 1;
events { worker_connections 4096; }
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`).join('\n  ')}
${config}
}
`,
    args: (path, { folder }) => ['-p', folder, '-e', 'stderr', '-c', path],
  },
  {
    ...{ name: 'HAProxy', package: 'haproxy', program: 'haproxy', file: 'haproxy.cfg', language: 'haproxy' },
    versionArgument: '-v',
    retries503: true,
    replaced: (place) => ({
      ...instances(place),
      ':443': `127.0.0.1:${place.port}`,
      '/etc/ssl/chat.pem': place.certificate.pairPath,
      '75s': `${IDLE_SECONDS}s`,
    }),
    complete: (config) => config,
    args: (path) => ['-db', '-f', path],
  },
  {
    ...{ name: 'Apache', package: 'apache2', program: 'apache2', file: 'apache.conf', language: 'apache' },
    versionArgument: '-v',
    retries503: false,
    replaced: (place) => ({
      ...instances(place),
      '*:443': `127.0.0.1:${place.port}`,
      '/etc/ssl/chat.pem': place.certificate.path,
      '/etc/ssl/chat.key': place.certificate.keyPath,
      ' timeout=75': ` timeout=${IDLE_SECONDS}`,
      'Timeout 75': `Timeout ${IDLE_SECONDS}`,
    }),
    complete: (config, { folder, port }) => `ServerRoot ${folder}
ServerName localhost
PidFile ${folder}/pid
DefaultRuntimeDir ${folder}
Mutex file:${folder}
ErrorLog /dev/stderr
${APACHE_MODULES.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
Listen 127.0.0.1:${port}
ThreadsPerChild 64
ServerLimit 16
MaxRequestWorkers 1024
${config}
`,
    args: (path) => ['-f', path, '-D', 'FOREGROUND'],
  },
  {
    ...{ name: 'Caddy', package: 'caddy', program: 'caddy', file: 'Caddyfile', language: 'caddyfile' },
    versionArgument: 'version',
    retries503: false,
    replaced: (place) => ({
      ...instances(place),
      'chat.example.com {': `https://localhost:${place.port} {\n\tbind 127.0.0.1`,
      '/etc/ssl/chat.pem': place.certificate.path,
      '/etc/ssl/chat.key': place.certificate.keyPath,
    }),
    complete: (config) => `{\n\tadmin off\n\tauto_https disable_redirects\n\tskip_install_trust\n}\n${config}`,
    args: (path) => ['run', '--adapter', 'caddyfile', '--config', path],
  },
];

/** The configuration of the page. */
export function configOf({ file }: ProxyKind): string {
  return readFileSync(new URL(file, import.meta.url), 'utf8');
}

/** Path of the program, if it is installed. */
export function find({ program }: ProxyKind): string | undefined {
  return onPath(program);
}

/** What the program says of its version: digits and dots. */
export function versionOf(kind: ProxyKind): string {
  const { stdout, stderr } = spawnSync(find(kind) ?? '', [kind.versionArgument], { encoding: 'utf8' });
  return /\d+\.\d+\.\d+/.exec(stdout + stderr)?.[0] ?? 'unknown';
}

/** A proxy as a process of its own, with everything it writes in a folder. */
export class Proxy {
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  /**
   * Starts it, and waits until it takes connections.
   * @param after receives what ends it
   * @throws {Error} with what it printed, if it does not start
   */
  static async start(
    kind: ProxyKind,
    { folder, ...where }: Omit<Place, 'port'>,
    after: (work: () => Promise<void>) => void,
  ): Promise<Proxy> {
    const place = { ...where, folder: join(folder, kind.program), port: await freePort() };
    mkdirSync(place.folder);
    const path = join(place.folder, kind.file);
    writeFileSync(path, kind.complete(replaced(configOf(kind), kind.replaced(place)), place));
    const logPath = join(place.folder, 'log');
    const log = openSync(logPath, 'a');
    const child = spawn(find(kind) ?? kind.program, kind.args(path, place), {
      cwd: place.folder,
      env: {
        PATH: process.env['PATH'],
        HOME: place.folder,
        XDG_DATA_HOME: place.folder,
        XDG_CONFIG_HOME: place.folder,
      },
      // A file, since Apache can not open the socket that a pipe of Node.js is as /dev/stderr.
      stdio: ['ignore', log, log],
    });
    const proxy = new Proxy(child, place.port);
    after(() => proxy.stop());
    closeSync(log);
    for (let waited = 0; !(await answers(place.port)); waited += 100) {
      if (proxy.#runs && waited < 10_000) await delay(100);
      else throw new Error(`${kind.name} does not start: ${ending(logPath)}`);
    }
    return proxy;
  }

  get #runs(): boolean {
    return isRunning(this.#child);
  }

  /** Ends it, and waits until it is gone. */
  async stop(): Promise<void> {
    if (!this.#runs) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const forced = setTimeout(() => this.#child.kill('SIGKILL'), 5000);
    await gone;
    clearTimeout(forced);
  }
}

/** What a proxy printed last, on one line. */
function ending(path: string): string {
  return readFileSync(path, 'utf8').replaceAll(/\s+/g, ' ').trim().slice(-1000);
}

function instances({ instances: [one, two] }: Place): Readonly<Record<string, string>> {
  return { '10.0.0.1:8080': `127.0.0.1:${one}`, '10.0.0.2:8080': `127.0.0.1:${two}` };
}

function replaced(config: string, values: Readonly<Record<string, string>>): string {
  return Object.entries(values).reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`the configuration has no "${from}" for the suite to replace`);
    return text.replaceAll(from, to);
  }, config);
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
