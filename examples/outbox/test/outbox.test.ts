import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { CounterClient, UnansweredError } from '../../../client/client.js';
import { TOOLS } from '../../../scripts/tools.ts';
import { ServiceProcess } from '../../../testkit/process.ts';
import { RedisServer } from '../../../testkit/redis.ts';

const ROOT = new URL('../../../', import.meta.url).pathname;
const SESSIONS = 200;
/** Pause of a session after an answer: two cores have to keep up with all of them. */
const PAUSE_MS = 100;
/** Answers that come before the next disruption, about two for each session. */
const ANSWERS = 2 * SESSIONS;
const skip = TOOLS.redis.find() === undefined && 'redis-server is missing';

test(
  'through a rollout and a SIGKILL, the stream holds each answered message once, and no other one twice',
  { skip },
  async (t) => {
    const redis = await RedisServer.start(t);
    const main = installExample(t);
    const env = {
      REDIS_URL: redis.url,
      SESSION_DURABILITY: 'strict',
      LOG_MESSAGE_SAMPLING: '0',
      DRAIN_SPREAD_SECONDS: '1',
      RETRY_AFTER_MIN_SECONDS: '0.1',
      RETRY_AFTER_MAX_SECONDS: '0.5',
    };
    const start = (): Promise<ServiceProcess> => ServiceProcess.start(t, env, main);
    const balancer = await Balancer.start(t);
    const [first, second] = (balancer.pods = await Promise.all([start(), start()])) as [ServiceProcess, ServiceProcess];
    const load = new Load(t, balancer.url);
    await load.answers(ANSWERS);

    // A rollout: each old one leaves once a new one is there.
    const third = await start();
    balancer.pods = [second, third];
    first.signal('SIGTERM');
    assert.equal((await first.exited).status, 0);
    await load.answers(ANSWERS);
    const fourth = await start();
    balancer.pods = [third, fourth];
    second.signal('SIGTERM');
    assert.equal((await second.exited).status, 0);
    await load.answers(ANSWERS);

    balancer.pods = [fourth];
    // Messages are on their way to it: the last ones left a moment ago, and an answer takes a round trip to Redis.
    load.sendAll();
    third.signal('SIGKILL');
    await load.answers(ANSWERS);

    const { answered, unanswered } = await load.stop();
    fourth.signal('SIGTERM');
    assert.equal((await fourth.exited).status, 0);
    const entries = readStream(redis);
    const times = new Map<string, number>();
    for (const { text } of entries) times.set(text, (times.get(text) ?? 0) + 1);
    t.diagnostic(`${answered.length} answered, ${unanswered.length} not, ${entries.length} in the stream`);
    assert.ok(answered.length >= 4 * ANSWERS && unanswered.length > 0, 'nothing was disrupted');
    assert.deepEqual(
      answered.filter((text) => times.get(text) !== 1),
      [],
    );
    assert.deepEqual(
      unanswered.filter((text) => (times.get(text) ?? 0) > 1),
      [],
    );
    assert.equal(new Set(entries.map(({ session, sequence }) => `${session} ${sequence}`)).size, entries.length);
  },
);

/** Copies the service, with the example in the place of its handler. @returns path of its program */
function installExample(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'outbox-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  for (const part of ['service/src', 'service/console', 'lib', 'client', 'package.json'])
    cpSync(join(ROOT, part), join(folder, part), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  cpSync(join(ROOT, 'examples/outbox/handler.ts'), join(folder, 'service/src/handler.ts'));
  return join(folder, 'service/src/main.ts');
}

/** A fixed address in front of the processes, as a Service of Kubernetes is. */
class Balancer {
  pods: readonly ServiceProcess[] = [];
  readonly url: string;
  #next = 0;

  private constructor(port: number) {
    this.url = `ws://127.0.0.1:${port}/ws/chat/`;
  }

  static async start(t: TestContext): Promise<Balancer> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const balancer = new Balancer((server.address() as AddressInfo).port);
    server.on('connection', (client) => {
      const pod = connect(balancer.#pick(), '127.0.0.1');
      client.on('error', () => undefined).on('close', () => pod.destroy());
      pod.on('error', () => undefined).on('close', () => client.destroy());
      client.pipe(pod).pipe(client);
    });
    t.after(() => {
      server.close();
    });
    return balancer;
  }

  #pick(): number {
    this.#next += 1;
    return this.pods[this.#next % this.pods.length]?.port ?? 0;
  }
}

/** Sessions that send one message after the other, and what became of each message. */
class Load {
  readonly answered: string[] = [];
  readonly unanswered: string[] = [];
  readonly #clients: readonly CounterClient[];
  readonly #sent: Promise<void>[] = [];
  readonly #sessions: Promise<unknown>;
  readonly #progress = new EventEmitter();
  #stopped = false;

  constructor(t: TestContext, url: string) {
    this.#clients = Array.from(
      { length: SESSIONS },
      () => new CounterClient(url, { backoffMs: 100, maxBackoffMs: 1000 }),
    );
    this.#sessions = Promise.all(this.#clients.map((client) => this.#run(client)));
    t.after(() => {
      for (const client of this.#clients) client.close();
    });
  }

  /** Waits for so many more answers. */
  async answers(more: number): Promise<void> {
    const enough = this.answered.length + more;
    while (this.answered.length < enough) await once(this.#progress, 'answer');
  }

  /** Stops sending, and waits until each message is answered or given up. */
  async stop(): Promise<this> {
    this.#stopped = true;
    await this.#sessions;
    await Promise.all(this.#sent);
    for (const client of this.#clients) client.close();
    return this;
  }

  /** Each session sends one more message now. */
  sendAll(): void {
    this.#sent.push(...this.#clients.map((client) => this.#send(client)));
  }

  async #run(client: CounterClient): Promise<void> {
    while (!this.#stopped) {
      await this.#send(client);
      await delay(PAUSE_MS);
    }
  }

  async #send(client: CounterClient): Promise<void> {
    const text = randomUUID();
    try {
      await client.send(text);
      this.answered.push(text);
      this.#progress.emit('answer');
    } catch (error) {
      assert.ok(error instanceof UnansweredError);
      this.unanswered.push(text);
    }
  }
}

interface Entry {
  readonly session: string;
  readonly sequence: string;
  readonly text: string;
}

function readStream(redis: RedisServer): Entry[] {
  const entries = JSON.parse(redis.cli('-3', '--json', 'XRANGE', '{outbox}', '-', '+')) as [string, string[]][];
  return entries.map(([, [, session = '', , sequence = '', , text = '']]) => ({ session, sequence, text }));
}
