import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { Ledger } from './ledger.ts';

/**
 * Sessions that several connections of a run use at once. Each is held open by one connection more, which sends nothing until
 * the end: so it is not forgotten meanwhile, and tells at last how many messages all of them counted together.
 */
export class SharedSessions {
  readonly #holders: readonly Holder[];

  private constructor(holders: readonly Holder[]) {
    this.#holders = holders;
  }

  /** Opens the holders' connections. */
  static async hold(port: number, ids: readonly string[]): Promise<SharedSessions> {
    const holders = ids.map((id) => ({
      id,
      socket: new WebSocket(`ws://127.0.0.1:${port}/ws/chat/?session_id=${id}`),
    }));
    await Promise.all(holders.map(({ socket }) => once(socket, 'open')));
    return new SharedSessions(holders);
  }

  /**
   * Asks each session for its count by one message, closes the holders, and enters both into the ledger.
   * @returns where a session counted differently from those who used it
   */
  async settle(ledger: Ledger): Promise<string[]> {
    const problems = await Promise.all(
      this.#holders.map(async ({ id, socket }) => {
        socket.send('how many?');
        const count = await nextCount(socket);
        socket.close(1000);
        await once(socket, 'close');
        ledger.opened += 1;
        ledger.messages += 1;
        ledger.closed(1000, 'client');
        const expected = ledger.shared.of(id) + 1;
        return count === expected ? [] : [`a shared session counted ${count} messages, expected ${expected}`];
      }),
    );
    return problems.flat();
  }
}

interface Holder {
  readonly id: string;
  readonly socket: WebSocket;
}

/** Heartbeats may come before it. */
async function nextCount(socket: WebSocket): Promise<number> {
  for (;;) {
    const [data] = (await once(socket, 'message')) as [Buffer];
    const { count } = JSON.parse(data.toString()) as { count?: number };
    if (count !== undefined) return count;
  }
}
