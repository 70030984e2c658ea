import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const EMITTED: ts.CompilerOptions = { target: ts.ScriptTarget.ES2024, module: ts.ModuleKind.ESNext };
const CENTRIFUGO_VERSION = 'v6.9.1';
const SERVICE = `${ROOT}dist/service/src/main.js`;

let builtProgram: string | undefined;

/** Path of the built service, built again if a source is younger: once, so that every round of a run measures the same. */
export function serviceProgram(): string {
  builtProgram ??= upToDateService();
  return builtProgram;
}

function upToDateService(): string {
  const sources = globSync(`${ROOT}service/{src,console}/**/*`);
  const youngest = Math.max(...sources.map((path) => statSync(path).mtimeMs));
  if (!existsSync(SERVICE) || statSync(SERVICE).mtimeMs < youngest)
    execFileSync(process.execPath, ['scripts/build.ts'], { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] });
  return SERVICE;
}

/** Path of the service's source, which Node.js runs as it is. */
export function serviceSource(): string {
  return `${ROOT}service/src/main.ts`;
}

/** Path of the bare `ws` server, as JavaScript: it is measured against the built service. */
export function bareProgram(): string {
  return asJavaScript('bare-server.ts');
}

/** Path of the Socket.IO server, as JavaScript. */
export function socketIoProgram(): string {
  return asJavaScript('socket-io-server.ts');
}

/** Python with Django Channels and uvicorn, in a folder of its own; installed the first time. */
export function channelsPython(): string {
  const folder = `${ROOT}.cache/channels`;
  const python = `${folder}/bin/python`;
  if (spawnSync(python, ['-c', 'import channels, uvicorn, uvloop']).status === 0) return python;
  execFileSync('python3', ['-m', 'venv', '--clear', folder], { stdio: ['ignore', 'ignore', 'inherit'] });
  const packages = ['channels==4.3.2', 'django==5.2.19', 'uvicorn[standard]==0.54.0'];
  execFileSync(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return python;
}

/** Path of the Channels server. */
export function channelsProgram(): string {
  return fileURLToPath(new URL('channels_server.py', import.meta.url));
}

/** Centrifugo, built from its Go module the first time, which takes some minutes; `undefined` where there is no Go. */
export function centrifugo(): string | undefined {
  const folder = `${ROOT}.cache/tools`;
  const binary = `${folder}/centrifugo`;
  if (existsSync(binary)) return binary;
  if (spawnSync('go', ['version']).status !== 0) return undefined;
  console.error(`bench: building Centrifugo ${CENTRIFUGO_VERSION}, once`);
  mkdirSync(folder, { recursive: true });
  execFileSync('go', ['install', `github.com/centrifugal/centrifugo/v6@${CENTRIFUGO_VERSION}`], {
    env: { ...process.env, GOBIN: folder },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return binary;
}

/** Path of what starts Centrifugo. */
export function centrifugoProgram(): string {
  return fileURLToPath(new URL('centrifugo-server.sh', import.meta.url));
}

/** Path of the module that tells a server's memory, as JavaScript. */
export function memoryProbe(): string {
  return asJavaScript('memory-probe.ts');
}

/** Path of the module that has the service count, as JavaScript. */
export function countingHandler(): string {
  return asJavaScript('counting-handler.ts');
}

/** Path of the module that tells what a server's event loop does, as JavaScript. */
export function loopProbe(): string {
  return asJavaScript('loop-probe.ts');
}

/**
 * Takes a module's types out, so that the process that runs it need not load what does it. The file changes in one step: other
 * test files do the same at the same time, and a server that loaded half a probe would answer nothing.
 */
function asJavaScript(file: string): string {
  const folder = `${ROOT}.cache/bench`;
  mkdirSync(folder, { recursive: true });
  const source = readFileSync(new URL(file, import.meta.url), 'utf8');
  const path = `${folder}/${basename(file, '.ts')}.js`;
  const unfinished = `${path}.${process.pid}`;
  writeFileSync(unfinished, ts.transpileModule(source, { compilerOptions: EMITTED }).outputText);
  renameSync(unfinished, path);
  return path;
}
