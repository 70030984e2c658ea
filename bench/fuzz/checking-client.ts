import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import type { Random } from './random.ts';

/** Pace of its messages: below every MESSAGE_RATE of the parts. */
const PAUSE_MS = 25;
/** Pause before it connects again after a refusal. */
const RETRY_MS = 50;

/**
 * A well-behaved client on `ws`, beside the others: it sends a message, waits for its count, and checks that it is the next
 * one; when its connection ends it goes on with its session.
 */
export class CheckingClient {
  /** Messages counted. */
  count = 0;
  /** Connections it had. */
  connections = 0;
  /** Handshakes of it that were refused. */
  refused = 0;
  readonly #url: string;
  readonly #fault: (text: string) => void;
  #stopping = false;
  readonly #done: Promise<void>;

  constructor(port: number, random: Random, fault: (text: string) => void) {
    this.#url = `ws://127.0.0.1:${port}/ws/chat/?session_id=${random.uuid()}`;
    this.#fault = fault;
    this.#done = this.#run();
  }

  /** Ends it, and waits until its connection is closed. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#done;
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      const opened = await this.#converse();
      if (opened) this.connections += 1;
      else {
        this.refused += 1;
        await delay(RETRY_MS);
      }
    }
  }

  /** One connection, to its end. @returns whether there was one */
  #converse(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = new WebSocket(this.#url, { localAddress: '127.0.0.1' });
      let opened = false;
      const sendNext = (): void => {
        if (this.#stopping) socket.close(1000);
        else if (socket.readyState === WebSocket.OPEN) socket.send('next');
      };
      socket.on('open', () => {
        opened = true;
        sendNext();
      });
      socket.on('message', (data: Buffer) => {
        const { count } = JSON.parse(data.toString()) as { count?: number };
        if (count === undefined) return;
        if (count !== this.count + 1) this.#fault(`the checking client was told ${count} after ${this.count}`);
        this.count = count;
        setTimeout(sendNext, PAUSE_MS);
      });
      socket.on('error', () => undefined);
      socket.on('close', () => {
        resolve(opened);
      });
    });
  }
}
