import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A process that takes Loki's pushes, with the CPU time that is left: see loki-sink.ts. */
export class LokiSink {
  readonly url: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
  }

  /**
   * Starts one, ready for pushes.
   * @param delayMs time that it takes for each push
   */
  static async start(delayMs = 0): Promise<LokiSink> {
    const program = fileURLToPath(new URL('loki-sink.ts', import.meta.url));
    const child = spawn('chrt', ['--idle', '0', process.execPath, program, String(delayMs)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    return new LokiSink(child, line.toString().trim());
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}
