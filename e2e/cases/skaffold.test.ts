import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { quantile } from '../../lib/quantile.ts';
import { kubectl } from '../support/commands.ts';
import { figure, progress } from '../support/figures.ts';
import { Namespace } from '../support/namespace.ts';
import { Skaffold, type SkaffoldDev } from '../support/skaffold.ts';
import { hasTestbed } from '../support/testbed.ts';
import { secondsSince, until } from '../support/wait.ts';

const SKIP = hasTestbed() ? false : "the test cluster's registry is not there";
const EDITS = 3;
const RESTART_SECONDS = 2;

describe('skaffold with the profile buildah', { skip: SKIP }, () => {
  let namespace: Namespace;
  let atFirst: readonly string[];
  let skaffold: Skaffold;
  let dev: SkaffoldDev | undefined;

  before(async () => {
    namespace = await Namespace.create('skaffold');
    atFirst = await namespace.objects();
    skaffold = new Skaffold(namespace.name);
  });
  afterEach(async (context) => {
    if (!('passed' in context) || context.passed) return;
    if (dev !== undefined) progress(`skaffold dev printed:\n${dev.output}`);
    await namespace.describe();
  });
  after(async () => {
    await dev?.end();
    skaffold.remove();
    await namespace.delete();
  });

  test('skaffold run builds the image, pushes it and deploys it by the chart', async () => {
    const began = performance.now();
    await skaffold.run();
    figure('skaffold run', `${secondsSince(began)} s`);
    const image = await deployed(namespace, 'image');
    assert.match(image, /^localhost:5000\/websocket-message-counter:e2e@sha256:[0-9a-f]{64}$/);
    assert.equal(await deployed(namespace, 'ready'), 'true');
    await skaffold.delete();
    await until('what it deployed being gone', 120, async () => (await namespace.objects()).length === atFirst.length);
  });

  test('skaffold dev deploys the container of the stage dev, forwards its port and streams its log', async () => {
    const began = performance.now();
    dev = await skaffold.dev();
    figure('skaffold dev until it watches', `${secondsSince(began)} s`);
    assert.equal(((await health(dev)) as { status: string }).status, 'healthy');
    await until("the service's log", 30, () => dev?.says(/"event":"service_listening"/));
  });

  test('an edited source is in the container, and the service is restarted, within moments', async () => {
    assert.ok(dev !== undefined);
    const source = join(skaffold.folder, 'service/src/http/routes.ts');
    const text = readFileSync(source, 'utf8');
    assert.ok(text.includes("'healthy'"));
    const answered: number[] = [];
    const restarted: number[] = [];
    for (let edit = 1; edit <= EDITS; edit += 1) {
      const starts = dev.logLines('service_listening').length;
      const began = performance.now();
      writeFileSync(source, text.replaceAll("'healthy'", `'edited ${edit}'`));
      await untilHealth(dev, `edited ${edit}`);
      answered.push((performance.now() - began) / 1000);
      await until('the line of the new start', 10, () => (dev?.logLines('service_listening').length ?? 0) > starts);
      restarted.push(restartSeconds(dev));
    }
    const sorted = (values: number[]): number[] => values.sort((a, b) => a - b);
    const slowest = quantile(sorted(restarted), 1);
    figure(
      'skaffold dev: restart of the service',
      restarted.map((seconds) => `${seconds.toFixed(2)} s`).join(', '),
      `under ${RESTART_SECONDS} s`,
    );
    figure(
      'skaffold dev: edit to the new answer',
      sorted(answered)
        .map((seconds) => `${seconds.toFixed(2)} s`)
        .join(', '),
      "skaffold's own second of waiting for more edits among it",
    );
    assert.ok(slowest < RESTART_SECONDS);
  });

  test('skaffold dev takes down what it deployed when it is interrupted', async () => {
    await dev?.end();
    await until('what it deployed being gone', 120, async () => (await namespace.objects()).length === atFirst.length);
    assert.deepEqual(await namespace.objects(), atFirst);
  });
});

const DEPLOYED = {
  image: 'jsonpath={.items[0].spec.containers[0].image}',
  ready: 'jsonpath={.items[0].status.containerStatuses[0].ready}',
} as const;

function deployed(namespace: Namespace, what: keyof typeof DEPLOYED): Promise<string> {
  return kubectl('--namespace', namespace.name, 'get', 'pods', `--output=${DEPLOYED[what]}`);
}

async function health(dev: SkaffoldDev): Promise<unknown> {
  const response = await fetch(`${dev.url}/healthz/`, {
    headers: { Connection: 'close' },
    signal: AbortSignal.timeout(1000),
  });
  return response.json();
}

/** Asks more often than `until` does: this is a measurement. */
async function untilHealth(dev: SkaffoldDev, status: string): Promise<void> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const answer = (await health(dev).catch(() => undefined)) as { status: string } | undefined;
    if (answer?.status === status) return;
    if (performance.now() > deadline) throw new Error(`30 s passed without /healthz/ saying ${status}`);
    await delay(20);
  }
}

/** Seconds from the last stop of the old process being asked for to the new one being ready, by the container's clock. */
function restartSeconds(dev: SkaffoldDev): number {
  const at = (event: string): number => Date.parse(dev.logLines(event).at(-1)?.timestamp ?? '');
  return (at('service_listening') - at('drain_started')) / 1000;
}
