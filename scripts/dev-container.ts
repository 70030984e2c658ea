/**
 * Runs the service inside the container of `skaffold dev`, and again whenever a source changes. Node.js' `--watch` and its
 * recursive `fs.watch` watch each file on Linux, and lose one that is replaced, which is how skaffold's tar writes it; the plain
 * watcher of a folder does not.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, watch } from 'node:fs';
import { join } from 'node:path';

const FOLDERS = ['service', 'client', 'lib'];
const PROGRAM = 'service/src/main.ts';
/** A sync writes its files one after another. */
const SETTLE_MS = 100;
/** Longest wait for the old process to drain. */
const STOP_MS = 800;

let child = start();
let settling: NodeJS.Timeout | undefined;
let stopping = false;

for (const folder of folders())
  watch(folder, () => {
    clearTimeout(settling);
    settling = setTimeout(() => void restart(), SETTLE_MS);
  });
for (const signal of ['SIGTERM', 'SIGINT'] as const)
  process.on(signal, () => {
    stopping = true;
    if (child.exitCode !== null) process.exit(0);
    child.kill(signal);
  });

function folders(): string[] {
  return FOLDERS.flatMap((folder) => {
    const inside = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isDirectory());
    return [folder, ...inside.map(({ parentPath, name }) => join(parentPath, name))];
  });
}

function start(): ChildProcess {
  const started = spawn(process.execPath, [...process.execArgv, PROGRAM], { stdio: 'inherit' });
  started.on('exit', (code) => {
    if (stopping) process.exit(code ?? 1);
    if (started === child && code !== null && code !== 0)
      process.stderr.write(`dev: exited with ${code}; waiting for a change\n`);
  });
  return started;
}

async function restart(): Promise<void> {
  const old = child;
  process.stderr.write('dev: a source changed, starting again\n');
  if (old.exitCode === null && old.signalCode === null) {
    const gone = new Promise((resolve) => old.once('exit', resolve));
    old.kill('SIGTERM');
    const timer = setTimeout(() => old.kill('SIGKILL'), STOP_MS);
    await gone;
    clearTimeout(timer);
  }
  if (!stopping) child = start();
}
