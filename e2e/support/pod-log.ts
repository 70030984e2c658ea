import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { Inbox } from '../../testkit/inbox.ts';
import { startKubectl } from './commands.ts';
import type { Release } from './release.ts';

/** One line of a pod's log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly event: string; readonly timestamp: string };

/** The log of a pod while it is written, to its end. */
export class PodLog {
  readonly #child: ChildProcess;
  readonly #lines = new Inbox<LogLine>();

  constructor(release: Release, pod: string) {
    this.#child = startKubectl('--namespace', release.namespace, 'logs', '--follow', pod);
    if (this.#child.stdout === null) throw new Error('kubectl logs has no output');
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      if (line.startsWith('{')) this.#lines.put(JSON.parse(line) as LogLine);
    });
  }

  /** The next line of an event, now or when it comes. @throws {Error} when the time is over */
  async event(event: string, seconds = 60): Promise<LogLine> {
    const late = new Promise<never>((_resolve, reject) => {
      setTimeout(() => {
        reject(new Error(`${seconds} s passed without "${event}" in the log`));
      }, seconds * 1000).unref();
    });
    return Promise.race([this.#lines.next((line) => line.event === event), late]);
  }

  /** Lines of an event that came and that nobody has asked for. */
  seen(event: string): readonly LogLine[] {
    return this.#lines.left.filter((line) => line.event === event);
  }

  close(): void {
    this.#child.kill();
  }
}
