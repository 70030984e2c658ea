import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Cleanup } from './redis.ts';

/**
 * Starts a program of the Prometheus family on a free port. It is killed with `t`, and its folder removed.
 * @returns where it listens, as it says in its log
 * @throws {Error} with all that it logged, if it ends before it listens
 */
export function startPrometheusProgram(
  t: Cleanup,
  path: string,
  folder: string,
  args: readonly string[],
): Promise<string> {
  const child = spawn(path, [...args, '--web.listen-address=127.0.0.1:0'], { stdio: ['ignore', 'ignore', 'pipe'] });
  const closed = once(child, 'close');
  t.after(async () => {
    child.kill('SIGKILL');
    await closed;
    rmSync(folder, { recursive: true });
  });
  const lines: string[] = [];
  return new Promise((resolve, reject) => {
    createInterface(child.stderr).on('line', (line) => {
      lines.push(line);
      const found = /msg="Listening on" .*?address=(\S+)/.exec(line)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.once('exit', () => {
      reject(new Error(`${path} ended: ${lines.join('\n')}`));
    });
  });
}
