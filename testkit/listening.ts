import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/**
 * Waits until a program of the Prometheus family listens, and finds where in its log.
 * @throws {Error} with all that it logged, if it ends before
 */
export function listeningAddress(child: ChildProcess & { readonly stderr: Readable }): Promise<string> {
  const lines: string[] = [];
  return new Promise((resolve, reject) => {
    createInterface(child.stderr).on('line', (line) => {
      lines.push(line);
      const found = /msg="Listening on" .*?address=(\S+)/.exec(line)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.once('exit', () => {
      reject(new Error(`${child.spawnfile} ended: ${lines.join('\n')}`));
    });
  });
}
