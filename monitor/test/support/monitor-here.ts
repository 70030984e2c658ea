import type { TestContext } from 'node:test';
import { MonitorOutput, type MonitorRun } from '../../../testkit/monitor-process.ts';
import { readSettings, type ExitStatus } from '../../src/command-line.ts';
import { watch } from '../../src/watch.ts';

// Warnings of Node.js, such as of listeners that pile up, are faults too.
process.on('warning', (warning) => {
  throw warning;
});

/** A monitor in the process of the test: the Kubernetes library, which takes longest to load, is loaded once for all of them. */
export class MonitorHere extends MonitorOutput {
  readonly #over = new AbortController();
  readonly #ended: Promise<ExitStatus>;
  #hasEnded = false;

  /**
   * @param context test that it ends with at the latest
   * @param args command line, without `--json`
   */
  constructor(context: Pick<TestContext, 'after'>, args: readonly string[]) {
    super();
    context.after(() => {
      this.#over.abort('interrupted');
    });
    this.#ended = watch(readSettings(['--json', ...args]), this.#over.signal, (text) => {
      this.read(text.trimEnd());
    }).finally(() => {
      this.#hasEnded = true;
    });
  }

  /** Ends it as SIGINT does. */
  async interrupt(): Promise<MonitorRun> {
    this.#over.abort('interrupted');
    return this.ended();
  }

  /** Waits for the end. */
  async ended(): Promise<MonitorRun> {
    return this.run(await this.#ended);
  }

  protected get hasEnded(): boolean {
    return this.#hasEnded;
  }
}
