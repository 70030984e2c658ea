import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import type { ReceiverName } from '../../alerts/src/alertmanager.ts';
import type { Notification, NotifiedAlert } from '../../testkit/alertmanager.ts';

/** A notification that came. */
export interface Received {
  readonly release: string;
  /** The address it came to: `page`, `ticket` or `info`. */
  readonly receiver: ReceiverName;
  readonly notification: Notification;
  /** When, on `performance.now`'s clock. */
  readonly at: number;
}

/** An alert, with the notification that told of it. */
export interface Told {
  readonly alert: NotifiedAlert;
  readonly received: Received;
}

/** Where Alertmanager's webhooks end: an HTTP server of this process, with an address for each receiver of each release. */
export class WebhookReceiver {
  readonly #server: Server;
  #received: Received[] = [];

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#take(request).then(
        () => response.end(),
        (error: unknown) => response.writeHead(400).end(String(error)),
      );
    });
  }

  /** Starts one, on a free port of every address. */
  static async start(): Promise<WebhookReceiver> {
    const receiver = new WebhookReceiver();
    receiver.#server.listen(0, '0.0.0.0');
    await once(receiver.#server, 'listening');
    return receiver;
  }

  /** Address for a receiver of a release. @param host address at which pods reach this machine */
  url(host: string, release: string, receiver: ReceiverName): string {
    return `http://${host}:${(this.#server.address() as AddressInfo).port}/${release}/${receiver}`;
  }

  /** Everything that came for a release, in order. */
  of(release: string): readonly Received[] {
    return this.#received.filter((each) => each.release === release);
  }

  /** Alerts of a release that were told of, in order: one that was told of twice is there twice. */
  told(release: string): readonly Told[] {
    return this.of(release).flatMap((received) => received.notification.alerts.map((alert) => ({ alert, received })));
  }

  /** Drops what came for a release. */
  forget(release: string): void {
    this.#received = this.#received.filter((each) => each.release !== release);
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async #take(request: IncomingMessage): Promise<void> {
    const [, release = '', receiver] = (request.url ?? '').split('/');
    const notification = (await json(request)) as Notification;
    this.#received.push({ release, receiver: receiver as ReceiverName, notification, at: performance.now() });
  }
}
