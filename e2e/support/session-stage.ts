import { afterEach, after, before } from 'node:test';
import assert from 'node:assert/strict';
import { progress } from './figures.ts';
import { Namespace } from './namespace.ts';
import { Release, type ChartSource, type Values } from './release.ts';
import { SessionLoad, type LoadShape } from './session-load.ts';

/** Three pods of the service under the load test: what a proof about sessions is played on. */
export class SessionStage {
  readonly #name: string;
  readonly #values: Values;
  readonly #shape: LoadShape;
  readonly #source: (() => ChartSource) | undefined;
  #namespace: Namespace | undefined;
  #release: Release | undefined;
  #load: SessionLoad | undefined;

  /**
   * To be made in a suite: it is built before the first test, and torn down after the last.
   * @param name of its namespace
   * @param source of the chart: the tree, if none is named
   */
  constructor(name: string, values: Values, shape: LoadShape, source?: () => ChartSource) {
    this.#name = name;
    this.#values = values;
    this.#shape = shape;
    this.#source = source;
    before(() => this.#build());
    afterEach(async (context) => {
      if ('passed' in context && !context.passed) await this.#namespace?.describe();
    });
    after(() => this.#tearDown());
  }

  get release(): Release {
    assert.ok(this.#release !== undefined);
    return this.#release;
  }

  get load(): SessionLoad {
    assert.ok(this.#load !== undefined);
    return this.#load;
  }

  /** Ends the load. Fails if anything was told wrongly that the events did not allow for. */
  async finish(lostSoFar = 0): Promise<void> {
    const { counts, messages, client, sockets } = await this.load.stop();
    this.#load = undefined;
    progress(
      `${messages.replied} counts told over ${sockets.opened} connections of ${sockets.asked} sessions; ${counts.lost} lost; load test's event loop late by ${client.loopDelayMs.p99?.toFixed(0)} ms (p99)`,
    );
    assert.equal(counts.lost, lostSoFar, JSON.stringify(counts.byKind));
  }

  async #build(): Promise<void> {
    this.#namespace = await Namespace.create(this.#name);
    const values = { replicaCount: 3, minReadySeconds: 2, ...this.#values };
    this.#release = await Release.install(this.#namespace, 'demo', values, this.#source?.());
    const store = this.#values['store'] as { readonly type?: string } | undefined;
    // Without it every client is sent away, which says less than the state of its pod does.
    if (store?.type === 'redis') await this.#release.ready(`${this.#release.fullName}-redis`);
    this.#load = await SessionLoad.start(await this.#release.url(), this.#shape);
  }

  async #tearDown(): Promise<void> {
    await this.#load?.stop();
    await this.#namespace?.delete();
  }
}
