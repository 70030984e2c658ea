import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { DialectName } from './dialects.ts';
import type { FleetOrder, FleetReport } from './fleet.ts';

/** A fleet of clients in a process of its own, so that its work is not the measuring process' nor the server's. */
export class FleetClient {
  readonly #child: ChildProcess;

  constructor() {
    this.#child = fork(fileURLToPath(new URL('fleet.ts', import.meta.url)), {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      // A client that collects garbage often would measure its own pauses.
      execArgv: ['--max-semi-space-size=64'],
    });
  }

  /**
   * Gives an order and waits until it is done.
   * @throws {Error} if the fleet's process ended
   */
  async order(order: FleetOrder): Promise<FleetReport> {
    this.#child.send(order);
    const ended = once(this.#child, 'exit').then(() => {
      throw new Error(`the fleet's process ended during "${order.do}"`);
    });
    ended.catch(() => undefined);
    const [report] = (await Promise.race([once(this.#child, 'message'), ended])) as [FleetReport];
    return report;
  }

  /** Opens sockets to a server, at most `inFlight` at once. */
  open(
    port: number,
    sockets: number,
    { inFlight = 100, dialect = 'plain' }: { inFlight?: number; dialect?: DialectName } = {},
  ): Promise<FleetReport> {
    return this.order({ do: 'open', port, sockets, inFlight, dialect });
  }

  /** Ends the fleet's process and with it every socket. */
  async end(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.#child.disconnect();
    await once(this.#child, 'exit');
  }
}
