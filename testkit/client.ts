import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket, type ClientOptions } from 'ws';
import { Inbox } from './inbox.ts';

/** How a connection ended, as its client saw it. */
export interface Closed {
  readonly code: number;
  readonly reason: string;
}

/** A bye, as it stands on the wire. */
export interface Bye {
  readonly bye: true;
  readonly total: number;
  readonly session_id: string;
  readonly retry_after_ms: number;
  readonly resume?: string;
}

/** A client on `ws` that keeps what it receives until a test asks for it. */
export class Client {
  readonly socket: WebSocket;
  readonly messages = new Inbox<Record<string, unknown>>();
  /** Headers of the 101 answer. */
  readonly headers: Promise<Record<string, string | string[] | undefined>>;
  readonly closed: Promise<Closed>;

  constructor(url: string, options: ClientOptions = {}) {
    this.socket = new WebSocket(url, options);
    this.headers = new Promise((resolve) =>
      this.socket.on('upgrade', (response) => {
        resolve(response.headers);
      }),
    );
    this.closed = new Promise((resolve) => {
      this.socket.on('close', (code, reason) => {
        resolve({ code, reason: reason.toString() });
      });
    });
    this.socket.on('message', (data: Buffer) => {
      this.messages.put(JSON.parse(data.toString()) as Record<string, unknown>);
    });
    this.socket.on('error', () => undefined);
  }

  /** Connects. */
  static async open(url: string, options: ClientOptions = {}): Promise<Client> {
    const client = new Client(url, options);
    await once(client.socket, 'open');
    return client;
  }

  /**
   * Connects and counts one message: again, for as long as 1013 says that the store is away (docs/clients.md). A message that
   * got no answer may have been counted.
   * @throws {Error} if no service is there, or it closes otherwise
   */
  static async counted(url: string): Promise<{ readonly client: Client; readonly count: number }> {
    for (;;) {
      const client = await Client.open(url);
      const count = await Promise.race([client.count(), client.closed]);
      if (typeof count === 'number') return { client, count };
      const retryAfterMs = /^retry_after_ms=(\d+)$/.exec(count.reason)?.[1];
      if (count.code !== 1013 || retryAfterMs === undefined)
        throw new Error(`closed with ${count.code} ${count.reason}`);
      await delay(Number(retryAfterMs));
    }
  }

  /** Sends a message and waits for its count. */
  async count(text: string | Buffer = 'hello'): Promise<number> {
    this.socket.send(text, { binary: false });
    return (await this.messages.next((message) => 'count' in message))['count'] as number;
  }

  /** Waits for the bye. */
  async bye(): Promise<Bye> {
    return (await this.messages.next((message) => 'bye' in message)) as unknown as Bye;
  }

  /** Closes with 1000 and waits until it is closed. */
  async close(): Promise<Closed> {
    this.socket.close(1000);
    return this.closed;
  }
}
