import { randomUUID } from 'node:crypto';
import { WebSocket } from 'ws';
import { OPCODE, RawClient } from '../../testkit/raw-client.ts';
import type { Fleet } from '../../loadtest/src/fleet.ts';
import { startClients } from '../support/fleet.ts';

/** Clients that behave well: they send, and come back with their session whenever they are closed or refused. */
export class Clients {
  readonly #fleet: Fleet;

  private constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  /** Begins to connect: refusals are what some faults are made of. */
  static async start(url: string, clients: number, messagesPerSecond = 1): Promise<Clients> {
    return new Clients(await startClients(url, { clients, messagesPerSecond }));
  }

  /** Connects, and waits until all are. */
  static async open(url: string, count: number, messagesPerSecond?: number): Promise<Clients> {
    const clients = await Clients.start(url, count, messagesPerSecond);
    try {
      await clients.#fleet.allOpen(60);
      return clients;
    } catch (error) {
      await clients.#fleet.end();
      throw error;
    }
  }

  /** Closes with 1000, and waits until all are closed. */
  async close(): Promise<void> {
    await this.#fleet.stop();
  }
}

/**
 * Clients that come, one after the other.
 * @param deed what each does once it is connected; by default it goes
 * @returns ends it
 */
export function storm(url: string, clientsPerSecond: number, deed = leave): () => void {
  const timer = setInterval(() => {
    const socket = new WebSocket(`${url}?session_id=${randomUUID()}`);
    socket.on('open', () => {
      deed(socket);
    });
    socket.on('error', () => undefined);
  }, 1000 / clientsPerSecond);
  return () => {
    clearInterval(timer);
  };
}

/** Goes in order. */
function leave(socket: WebSocket): void {
  socket.close(1000);
}

/** Sends what the service refuses: it closes with 1003. */
export function sendBinary(socket: WebSocket): void {
  socket.send(Buffer.from([0, 1, 2, 3]));
}

/** Clients that sleep: their sockets are open, and they read nothing, a close frame neither. @returns ends them */
export async function sleepers(url: string, count: number): Promise<() => void> {
  const sockets = await Promise.all(
    Array.from({ length: count }, async () => {
      const socket = new WebSocket(url);
      await new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject));
      socket.on('error', () => undefined).pause();
      return socket;
    }),
  );
  return () => {
    for (const socket of sockets) socket.terminate();
  };
}

/** Clients that take their time to answer the close frame that follows the bye. */
export async function lateClosers(url: string, count: number, lateSeconds: number): Promise<void> {
  const { hostname, port, pathname } = new URL(url);
  const clients = await Promise.all(
    Array.from({ length: count }, () => RawClient.open(Number(port), pathname, hostname)),
  );
  for (const client of clients)
    void client
      .until((text) => text.includes('"bye":true'))
      .then(() => {
        setTimeout(() => {
          client.send(OPCODE.close, Buffer.from([0x03, 0xe9]));
        }, lateSeconds * 1000);
      })
      .catch(() => undefined);
}
