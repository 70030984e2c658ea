import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { RedisStore } from '../src/sessions/redis/redis-store.ts';
import { StoreUnavailableError, type SessionId } from '../src/sessions/session-store.ts';
import { startApp, type RunningApp } from '../../testkit/app.ts';
import { Client } from '../../testkit/client.ts';
import { LossyProxy } from '../../testkit/lossy-proxy.ts';
import { RedisServer } from '../../testkit/redis.ts';
import { LONG, SEED, seeded } from '../../testkit/seed.ts';
import { opened, openStore } from './support/shared-store.ts';
import { newId } from './support/store-battery.ts';

const SEEDS = Array.from({ length: LONG ? 50 : 6 }, (_, index) => SEED + index);
const STEPS = 150;
const SESSIONS = 4;
const INSTANCES = 2;
/** So short that waiting for a store that lost its data takes no long time. */
const TIMEOUT_SECONDS = 0.4;

/** What may be told of a session. */
interface Model {
  readonly id: SessionId;
  /** Highest count a client was told, in a reply or a bye. */
  told: number;
  /** Messages sent in all: no count can be higher. */
  sent: number;
  /** Counts told in replies: in strict mode none of them comes twice. */
  readonly counts: Set<number>;
  /** Its connections, each with the least that it may be told next, less one. */
  readonly clients: Map<Client, number>;
}

interface Instance {
  readonly running: RunningApp;
  readonly store: RedisStore;
  /** Connected to it. */
  readonly clients: Set<Client>;
}

for (const durability of ['strict', 'relaxed'] as const)
  describe(`In ${durability} mode, whatever happens in whatever order`, () => {
    for (const seed of SEEDS)
      it(`no count that a client was told is lost or goes back (seed ${seed})`, async (t) => {
        const world = new World(t, durability, seeded(seed));
        await world.start();
        for (let step = 0; step < STEPS; step += 1) await world.step();
        await world.check();
      });
  });

/** Instances on one Redis, clients of some sessions, and the model. */
class World {
  readonly #t: TestContext;
  readonly #durability: 'strict' | 'relaxed';
  readonly #random: () => number;
  readonly #models: Model[];
  readonly #instances: Instance[] = [];
  readonly #log: string[] = [];
  #redis!: RedisServer;
  #proxy!: LossyProxy;

  constructor(t: TestContext, durability: 'strict' | 'relaxed', random: () => number) {
    this.#t = t;
    this.#durability = durability;
    this.#random = random;
    this.#models = Array.from({ length: SESSIONS }, () => ({
      id: newId(),
      told: 0,
      sent: 0,
      counts: new Set(),
      clients: new Map(),
    }));
  }

  async start(): Promise<void> {
    this.#redis = await RedisServer.start(this.#t);
    this.#proxy = await LossyProxy.start(this.#t, this.#redis.port);
    for (let index = 0; index < INSTANCES; index += 1) this.#instances.push(await this.#startInstance());
  }

  async step(): Promise<void> {
    const model = this.#pick(this.#models);
    const dice = this.#random();
    if (dice < 0.25) await this.#connect(model);
    else if (dice < 0.75) await this.#send(model);
    else if (dice < 0.85) await this.#drop(model);
    else if (dice < 0.9) this.#loseReply();
    else if (dice < 0.93) await this.#killConnections();
    else if (dice < 0.965) await this.#drain();
    else if (dice < 0.97) await this.#loseData();
    // What relaxed mode may lose in a crash is not what the model is about.
    else if (this.#durability === 'strict') await this.#crash();
  }

  /** In the end a client that comes back finds at least what any was told, and no more than was sent. */
  async check(): Promise<void> {
    this.#proxy.lose = 0;
    for (const { store } of this.#instances) await store.flush();
    for (const model of this.#models) {
      const store = openStore(this.#t, this.#proxied);
      const { count } = await opened(store, model.id);
      this.#assert(count >= model.told, `${model.told} was told, ${count} is left`);
      this.#assert(count <= model.sent, `${model.sent} were sent, ${count} counted`);
    }
  }

  async #connect(model: Model): Promise<void> {
    const instance = Math.floor(this.#random() * INSTANCES);
    const { running, clients } = this.#instances[instance] as Instance;
    // Relaxed mode writes behind: what another instance told is known here once it is written.
    if (this.#durability === 'relaxed') for (const { store } of this.#instances) await store.flush();
    const floor = model.told;
    const client = new Client(`${running.url}?session_id=${model.id}`);
    const opened = await Promise.race([
      new Promise<boolean>((resolve) =>
        client.socket.once('open', () => {
          resolve(true);
        }),
      ),
      client.closed.then(() => false),
    ]);
    this.#log.push(`connect ${this.#name(model)} to ${instance}: ${opened}`);
    if (!opened) return;
    model.clients.set(client, floor);
    clients.add(client);
    void client.closed.then(() => {
      model.clients.delete(client);
      clients.delete(client);
    });
  }

  /** Sends a few messages on every connection of the session at once. */
  async #send(model: Model): Promise<void> {
    const before = model.told;
    const messages = 1 + Math.floor(this.#random() * 4);
    this.#log.push(`send ${this.#name(model)} ${messages} × ${model.clients.size}`);
    await Promise.all(
      [...model.clients].map(async ([client, floor]) => {
        if (client.socket.readyState !== client.socket.OPEN) return;
        for (let sent = 0; sent < messages; sent += 1) client.socket.send('message');
        model.sent += messages;
        let last = this.#durability === 'strict' ? before : floor;
        for (let answer = 0; answer < messages; answer += 1) {
          const reply = client.messages.next((message) => 'count' in message);
          const counted = await Promise.race([reply, client.closed.then(() => undefined)]);
          if (counted === undefined) return;
          const count = counted['count'] as number;
          this.#assert(count > last, `${this.#name(model)} was told ${count} after ${last}`);
          last = count;
          if (model.clients.has(client)) model.clients.set(client, count);
          if (this.#durability === 'strict')
            this.#assert(!model.counts.has(count), `${this.#name(model)} was told ${count} twice`);
          model.counts.add(count);
          model.told = Math.max(model.told, count);
        }
      }),
    );
  }

  async #drop(model: Model): Promise<void> {
    const [client] = model.clients.keys();
    if (client === undefined) return;
    this.#log.push(`drop ${this.#name(model)}`);
    if (this.#random() < 0.5) client.socket.terminate();
    else client.socket.close(1000);
    await client.closed;
  }

  #loseReply(): void {
    this.#log.push('lose a reply');
    this.#proxy.lose = 1;
  }

  async #killConnections(): Promise<void> {
    this.#log.push('end all connections to the store');
    await this.#redis.ask('CLIENT', 'KILL', 'TYPE', 'normal');
  }

  /** The store is restarted empty: what instances know of the sessions they hold is there again, the rest starts from 0. */
  async #loseData(): Promise<void> {
    this.#log.push('restart the store empty');
    for (const model of this.#models) {
      model.told = Math.max(0, ...model.clients.values());
      for (const count of model.counts) if (count > model.told) model.counts.delete(count);
    }
    await this.#redis.kill();
    await this.#redis.restart();
    // Counts are trusted after a time: on a busy machine another instance may not have written what it knows by then.
    for (const { store } of this.#instances) {
      await untilTrusted(store);
      await store.flush();
    }
  }

  /** A rollout of one instance: its byes say totals that must hold, too. */
  async #drain(): Promise<void> {
    const index = Math.floor(this.#random() * INSTANCES);
    const { running } = this.#instances[index] as Instance;
    this.#log.push(`drain ${index}`);
    const all = this.#models.flatMap((model) => [...model.clients.keys()].map((client) => ({ model, client })));
    const drained = running.app.drain('rollout');
    this.#instances[index] = await this.#startInstance();
    const outcome = await drained;
    this.#assert(outcome.clean, `the drain left ${outcome.unfinished}`);
    for (const { model, client } of all)
      for (const message of client.messages.left)
        if ('bye' in message) {
          const total = message['total'] as number;
          this.#assert(total <= model.sent, `a bye said ${total} of ${model.sent}`);
          model.told = Math.max(model.told, total);
        }
  }

  /** An instance is gone with all that it had in memory. */
  async #crash(): Promise<void> {
    const index = Math.floor(this.#random() * INSTANCES);
    const { running, store, clients } = this.#instances[index] as Instance;
    this.#log.push(`crash ${index}`);
    await store.close();
    for (const connection of running.app.connections.shuffled()) connection.cut();
    await Promise.all([...clients].map((client) => client.closed));
    void running.app.drain('crash');
    this.#instances[index] = await this.#startInstance();
  }

  async #startInstance(): Promise<Instance> {
    const store = openStore(this.#t, this.#proxied, {
      durability: this.#durability,
      timeoutSeconds: TIMEOUT_SECONDS,
    });
    const env = { MESSAGE_RATE: '0', DRAIN_TIMEOUT_SECONDS: '30', CLOSE_TIMEOUT_SECONDS: '0.5' };
    return { running: await startApp(this.#t, env, { store }), store, clients: new Set() };
  }

  /** One address for all, since the client's library keeps what it makes of the last options: a tenth of a second otherwise. */
  get #proxied(): string {
    return `redis://127.0.0.1:${this.#proxy.port}`;
  }

  #assert(condition: boolean, problem: string): void {
    assert.ok(condition, `${problem}; what was done:\n${this.#log.slice(-40).join('\n')}`);
  }

  #name(model: Model): string {
    return `session ${this.#models.indexOf(model)}`;
  }

  #pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.#random() * items.length)] as T;
  }
}

/** Waits until a store lets sessions be resumed. */
async function untilTrusted(store: RedisStore): Promise<void> {
  for (;;) {
    try {
      store.release((await store.open(newId())).session);
      return;
    } catch (error) {
      assert.ok(error instanceof StoreUnavailableError, String(error));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
