import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, type TestContext } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { CHROMIUM, launchChromium } from '../../../testkit/chromium.ts';
import { CounterClient, UnansweredError, type ClientEvents, type ClientOptions } from '../../client.js';

/** The names of all events. */
export const EVENTS = [
  'connecting',
  'open',
  'leaving',
  'waiting',
  'stopped',
  'count',
  'heartbeat',
  'close',
  'refused',
] as const satisfies readonly (keyof ClientEvents)[];

/** An event of a client, with its name. */
export type Reported = {
  [E in keyof ClientEvents]: { readonly type: E; readonly detail: ClientEvents[E] };
}[keyof ClientEvents];

/** What a `send` came to: its count, or whether the message had been sent. */
export type Sent = { readonly count: number } | { readonly sent: boolean };

/** A client under test, wherever it runs. */
export interface Subject {
  /** Every event so far, in order. */
  readonly events: readonly Reported[];
  /** Reads on from the event found last to the next of this type, and waits until it is there. */
  next<E extends keyof ClientEvents>(type: E): Promise<ClientEvents[E]>;
  send(text: string): Promise<Sent>;
  close(): Promise<void>;
}

/** Where a client runs. */
export interface Platform {
  readonly name: string;
  readonly skip: string | false;
  /** Whether its handshakes carry an Origin. */
  readonly sendsOrigin: boolean;
  /** Starts a client, which is closed when the test ends. */
  readonly start: (t: TestContext, url: string, options?: ClientOptions) => Promise<Subject>;
}

/** The events of a client as a story that is read forwards. */
class Story {
  readonly all: Reported[] = [];
  #position = 0;
  #wake: () => void = () => undefined;

  put(event: Reported): void {
    this.all.push(event);
    this.#wake();
  }

  async next<E extends keyof ClientEvents>(type: E): Promise<ClientEvents[E]> {
    for (;;) {
      const event = this.all[this.#position];
      if (event === undefined) await new Promise<void>((resolve) => (this.#wake = resolve));
      else this.#position += 1;
      if (event?.type === type) return event.detail as ClientEvents[E];
    }
  }
}

const NODE: Platform = {
  name: 'Node.js',
  skip: false,
  sendsOrigin: false,
  start: (t, url, options) => {
    const client = new CounterClient(url, options);
    t.after(() => {
      client.close();
    });
    const story = new Story();
    for (const type of EVENTS)
      client.addEventListener(type, ({ detail }) => {
        story.put({ type, detail } as Reported);
      });
    return Promise.resolve({
      events: story.all,
      next: (type) => story.next(type),
      send: (text) =>
        client.send(text).then(
          (count) => ({ count }),
          (error: unknown) => {
            if (!(error instanceof UnansweredError)) throw error;
            return { sent: error.sent };
          },
        ),
      close: () => {
        client.close();
        return Promise.resolve();
      },
    } satisfies Subject);
  },
};

const PAGE = `<!doctype html>
<script type="module">
  import { CounterClient } from './client.js';
  const all = [];
  window.clients = {
    start: (id, url, options, types) => {
      const client = (all[id] = new CounterClient(url, options));
      for (const type of types) client.addEventListener(type, ({ detail }) => void report(id, { type, detail }));
    },
    send: (id, text) => all[id].send(text).then((count) => ({ count }), ({ sent }) => ({ sent })),
    close: (id) => all[id].close(),
  };
</script>`;

const CHROMIUM_PAGE: Platform = {
  name: 'Chromium',
  skip: CHROMIUM === undefined && 'chromium is missing',
  sendsOrigin: true,
  start: async (t, url, options = {}) => {
    const inPage = await page();
    const story = new Story();
    const id = stories.push(story) - 1;
    const close = (): Promise<void> => inPage.evaluate(`clients.close(${id})`);
    t.after(close);
    await inPage.evaluate(`clients.start(${[id, url, options, EVENTS].map((value) => JSON.stringify(value)).join()})`);
    return {
      events: story.all,
      next: (type) => story.next(type),
      send: (text) => inPage.evaluate<Sent>(`clients.send(${id}, ${JSON.stringify(text)})`),
      close,
    };
  },
};

/** Node.js, and a page in Chromium that comes from another origin than the service. */
export const PLATFORMS: readonly Platform[] = [NODE, CHROMIUM_PAGE];

let launched: Promise<Browser> | undefined;
let opened: Promise<Page> | undefined;
/** Stories of the clients of the page, by their ids. */
const stories: Story[] = [];

/** The page of all clients in Chromium: each page of its own costs half a second of CPU. */
function page(): Promise<Page> {
  opened ??= openPage();
  return opened;
}

async function openPage(): Promise<Page> {
  launched = launchChromium();
  const page = await (await launched).newPage();
  await page.exposeFunction('report', (id: number, event: Reported) => {
    stories[id]?.put(event);
  });
  await page.goto(await pageOrigin());
  return page;
}

let served: Promise<string> | undefined;

/** Where the page of the clients in Chromium comes from. */
export function pageOrigin(): Promise<string> {
  served ??= servePage();
  return served;
}

const server = createServer((request, response) => {
  if (request.url === '/client.js')
    response
      .setHeader('Content-Type', 'text/javascript')
      .end(readFileSync(new URL('../../client.js', import.meta.url)));
  else response.setHeader('Content-Type', 'text/html').end(PAGE);
});

async function servePage(): Promise<string> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

after(async () => {
  await (await launched)?.close();
  server.close();
  server.closeAllConnections();
});
