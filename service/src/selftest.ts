#!/usr/bin/env node
/**
 * Checks a running service from outside, as `helm test` does: each pod by its own address (ready, healthy, metrics served,
 * messages counted, a session resumed), then the way clients take. One line a check; exit status 0 if all are well, 1 if not,
 * 2 for bad arguments.
 *
 *   node selftest.js --service http://name:8080 [--pods http://headless-name:8080] [--metrics-port 8082] [--shared]
 *     [--timeout 60] [--reach loki=name:3100]...
 *     [--alertmanager http://name:9093 --page critical=page... --alert-label release=demo...]
 *
 * `--pods` is a name that resolves to every pod: in memory, a session lives on one pod, so resuming can be checked there alone.
 * Without it the service's own address is taken for the only one. `--metrics-port` is the METRICS_PORT of the pods, if they
 * have one: `--pods` must not serve the metrics then. `--shared` says that all pods share sessions, so that one
 * resumed the way clients take goes on as well, whatever pod it meets. `--timeout` is the most seconds for all of it.
 * `--settle` is the most seconds that connections may be refused at first: a network policy lets a new pod through a moment after its
 * start. `--reach` names what has to take a TCP connection. `--page` sends an alert of a severity to the Alertmanager, with the labels
 * that are given, and checks that it goes to a receiver.
 */
import { randomUUID } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { connect, isIPv6 } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { CounterClient, type ClientEvents } from '../../client/client.js';
import { parseHttpUrl } from '../../lib/http-url.ts';
import { redactedAddress } from '../../lib/redaction.ts';
import { WEBSOCKET_PATH } from './protocol/protocol.ts';
import { sendTestAlert, type TestAlert } from './test-alert.ts';
import type { ReadinessReport } from './lifecycle/readiness.ts';

/** Time for one answer, in milliseconds. */
const ANSWER_MS = 5000;
/** Pause between two looks at whether connections are taken, in milliseconds. */
const SETTLE_PAUSE_MS = 250;

const { service, pods, metricsPort, shared, settleSeconds, reach, alerts, timeoutSeconds } = readArguments();
setTimeout(() => {
  print(false, `everything within ${timeoutSeconds} s`, 'the time is up');
  process.exit(1);
}, timeoutSeconds * 1000).unref();
process.exitCode = (await checkAll()) ? 0 : 1;

async function checkAll(): Promise<boolean> {
  const results: boolean[] = [];
  const serving: URL[] = [];
  await settle();
  const found = await check(`addresses of ${pods.hostname}`, async () => {
    for (const pod of await addresses(pods)) if (!(await isDraining(pod))) serving.push(pod);
    if (serving.length === 0) throw new Error('no pod serves');
    return serving.map((pod) => pod.host).join(', ');
  });
  results.push(found);
  for (const pod of serving) {
    results.push(await check(`${pod.host} is ready`, () => expectReady(pod)));
    results.push(await check(`${pod.host} is healthy`, () => expectHealthy(pod)));
    if (metricsPort !== undefined)
      results.push(await check(`${pod.host} keeps its metrics to port ${metricsPort}`, () => expectNoMetrics(pod)));
    results.push(await check(`${pod.host} counts and resumes, and its metrics tell`, () => expectCounting(pod)));
  }
  const session = randomUUID();
  results.push(await check(`${service.host} accepts a WebSocket and counts`, () => countTo(service, session, [1, 2])));
  if (shared) results.push(await check(`${service.host} resumes on any pod`, () => countTo(service, session, [3, 4])));
  for (const { name, host, port } of reach)
    results.push(await check(`${name} takes connections`, () => expectReachable(host, port)));
  for (const alert of alerts)
    results.push(
      await check(`an alert of severity ${alert.severity} goes to ${alert.receiver}`, () => sendTestAlert(alert)),
    );
  return results.every((well) => well);
}

/** Waits until everything takes connections, for so long at most: what does not by then fails in its check. */
async function settle(): Promise<void> {
  const deadline = Date.now() + settleSeconds * 1000;
  const all = async (): Promise<void> => {
    const urls = [service, ...(await addresses(pods))];
    const places = [...urls.map(({ hostname: host, port }) => ({ host, port: Number(port || 80) })), ...reach];
    await Promise.all(places.map(({ host, port }) => expectReachable(host, port)));
  };
  while (Date.now() < deadline)
    try {
      await all();
      return;
    } catch {
      await delay(SETTLE_PAUSE_MS);
    }
}

async function expectReachable(host: string, port: number): Promise<string> {
  const socket = connect({ host: host.replace(/^\[|\]$/g, ''), port });
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(ANSWER_MS) });
    return `${host}:${port}`;
  } catch (error) {
    throw new Error(`${host}:${port} does not: ${reasonOf(error)}`, { cause: error });
  } finally {
    socket.destroy();
  }
}

async function expectReady(pod: URL): Promise<string> {
  const { status, text } = await get(pod, '/readyz/');
  const { ready } = JSON.parse(text) as ReadinessReport;
  if (status !== 200 || !ready) throw new Error(`/readyz/ answered ${status} ${text}`);
  return '/readyz/ answered 200';
}

async function expectHealthy(pod: URL): Promise<string> {
  const { status, text } = await get(pod, '/healthz/');
  if (status !== 200) throw new Error(`/healthz/ answered ${status} ${text}`);
  return '/healthz/ answered 200';
}

/** What is on a port of its own must not be on the one that load balancers publish as well. */
async function expectNoMetrics(pod: URL): Promise<string> {
  const { status } = await get(pod, '/metrics/');
  if (status !== 404) throw new Error(`/metrics/ answered ${status}, not 404`);
  return '/metrics/ answered 404';
}

/** Others may use the pod at the same time: the counter grows by this test's messages at least. */
async function expectCounting(pod: URL): Promise<string> {
  const before = await messagesTotal(pod);
  const session = randomUUID();
  await countTo(pod, session, [1, 2, 3]);
  await countTo(pod, session, [4, 5]);
  const grown = (await messagesTotal(pod)) - before;
  if (grown < 5) throw new Error(`websocket_messages_total grew by ${grown}, though 5 messages were counted`);
  return '1 2 3, and after coming back 4 5';
}

async function messagesTotal(pod: URL): Promise<number> {
  const { status, text } = await get(metricsOf(pod), '/metrics/');
  const value = /^websocket_messages_total (\S+)$/m.exec(text)?.[1];
  if (status !== 200 || value === undefined)
    throw new Error(`/metrics/ answered ${status} without websocket_messages_total`);
  return Number(value);
}

function metricsOf(pod: URL): URL {
  const url = new URL(pod);
  if (metricsPort !== undefined) url.port = String(metricsPort);
  return url;
}

/** Connects with a session, sends as many messages as counts are expected, and closes. The first trouble is a failure. */
async function countTo(base: URL, sessionId: string, expected: readonly number[]): Promise<string> {
  const client = new CounterClient(new URL(WEBSOCKET_PATH, base), { sessionId, connectTimeoutMs: ANSWER_MS });
  const signal = AbortSignal.timeout(ANSWER_MS);
  const trouble = firstTrouble(client, signal);
  try {
    for (const count of expected) {
      const told = await Promise.race([client.send('selftest'), trouble]);
      if (told !== count) throw new Error(`the reply was a count of ${told}, not of ${count}`);
    }
    const closed = once(client, 'close', { signal });
    client.close();
    const [{ detail }] = (await closed) as [CustomEvent<ClientEvents['close']>];
    if (detail.code !== 1000) throw new Error(`the close was answered with ${detail.code}, not 1000`);
    return expected.join(' ');
  } finally {
    client.close();
  }
}

/** Rejects once a client has to connect again, or can't, and says why. */
function firstTrouble(client: CounterClient, signal: AbortSignal): Promise<never> {
  const trouble = new Promise<never>((_resolve, reject) => {
    let why = '';
    client.addEventListener(
      'close',
      ({ detail: { code, reason } }) => (why = `the connection ended: ${code} ${reason}`),
    );
    client.addEventListener('refused', ({ detail: { status, message } }) => (why = `refused: ${status} ${message}`));
    for (const type of ['waiting', 'stopped'] as const)
      client.addEventListener(type, () => {
        reject(new Error(why));
      });
    signal.addEventListener('abort', () => {
      reject(new Error(`no answer within ${ANSWER_MS} ms`));
    });
  });
  // Once all counts are told nobody looks at it.
  trouble.catch(() => undefined);
  return trouble;
}

async function addresses(base: URL): Promise<URL[]> {
  const found = await lookup(base.hostname.replace(/^\[|\]$/g, ''), { all: true });
  return found.map(({ address }) => {
    const pod = new URL(base);
    pod.hostname = isIPv6(address) ? `[${address}]` : address;
    return pod;
  });
}

/** A pod that drains is not to be tested; one that does not answer is, and fails. */
async function isDraining(pod: URL): Promise<boolean> {
  try {
    return (JSON.parse((await get(pod, '/readyz/')).text) as ReadinessReport).shutting_down;
  } catch {
    return false;
  }
}

async function get(base: URL, path: string): Promise<{ status: number; text: string }> {
  const response = await fetch(new URL(path, base), { signal: AbortSignal.timeout(ANSWER_MS) });
  return { status: response.status, text: await response.text() };
}

/** Runs a check and prints how it went. @returns whether it went well */
async function check(what: string, run: () => Promise<string>): Promise<boolean> {
  try {
    print(true, what, await run());
    return true;
  } catch (error) {
    print(false, what, reasonOf(error));
    return false;
  }
}

/** `fetch` says only "fetch failed"; its cause says why. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && !(error.cause instanceof RangeError)
    ? `${error.message}: ${error.cause.message}`
    : error.message;
}

function print(well: boolean, what: string, detail: string): void {
  process.stdout.write(`${well ? 'ok    ' : 'FAILED'} ${what}: ${detail}\n`);
}

interface Destination {
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

interface Arguments {
  readonly service: URL;
  readonly pods: URL;
  readonly metricsPort: number | undefined;
  readonly shared: boolean;
  readonly reach: readonly Destination[];
  readonly alerts: readonly TestAlert[];
  readonly timeoutSeconds: number;
  readonly settleSeconds: number;
}

function readArguments(): Arguments {
  try {
    const { values } = parseArgs({
      options: {
        service: { type: 'string' },
        pods: { type: 'string' },
        'metrics-port': { type: 'string' },
        shared: { type: 'boolean', default: false },
        timeout: { type: 'string', default: '60' },
        settle: { type: 'string', default: '0' },
        reach: { type: 'string', multiple: true, default: [] },
        alertmanager: { type: 'string' },
        page: { type: 'string', multiple: true, default: [] },
        'alert-label': { type: 'string', multiple: true, default: [] },
      },
    });
    if (values.service === undefined)
      throw new Error('--service is missing, for example --service http://localhost:8080');
    const timeoutSeconds = Number(values.timeout);
    if (!(timeoutSeconds > 0)) throw new Error(`--timeout ${values.timeout} must be a number of seconds`);
    const settleSeconds = Number(values.settle);
    if (!(settleSeconds >= 0)) throw new Error(`--settle ${values.settle} must be a number of seconds`);
    return {
      settleSeconds,
      service: addressOf('--service', values.service),
      pods: addressOf('--pods', values.pods ?? values.service),
      metricsPort: values['metrics-port'] === undefined ? undefined : portFrom(values['metrics-port']),
      shared: values.shared,
      reach: values.reach.map(destinationOf),
      alerts: alertsOf(values.alertmanager, values.page, values['alert-label']),
      timeoutSeconds,
    };
  } catch (error) {
    process.stderr.write(`selftest: ${reasonOf(error)}\n`);
    process.exit(2);
  }
}

function destinationOf(raw: string): Destination {
  const [, name, host, port] = /^([^=]+)=(.+):(\d{1,5})$/.exec(raw) ?? [];
  if (name === undefined || host === undefined) throw new Error(`--reach ${raw} must be like loki=name:3100`);
  return { name, host, port: Number(port) };
}

function alertsOf(alertmanager: string | undefined, pages: readonly string[], labels: readonly string[]): TestAlert[] {
  if (pages.length === 0) return [];
  if (alertmanager === undefined)
    throw new Error('--alertmanager is missing, for example --alertmanager http://localhost:9093');
  const url = addressOf('--alertmanager', alertmanager);
  const common = Object.fromEntries(labels.map((raw) => pairOf('--alert-label', raw, 'release=demo')));
  return pages.map((raw) => {
    const [severity, receiver] = pairOf('--page', raw, 'critical=page');
    return { alertmanager: url, severity, receiver, labels: common };
  });
}

function pairOf(flag: string, raw: string, example: string): readonly [key: string, value: string] {
  const [, key, value] = /^([^=]+)=(.+)$/.exec(raw) ?? [];
  if (key === undefined || value === undefined) throw new Error(`${flag} ${raw} must be like ${example}`);
  return [key, value];
}

function portFrom(raw: string): number {
  const port = /^\d{1,5}$/.test(raw) ? Number(raw) : 0;
  if (port < 1 || port > 65_535) throw new Error(`--metrics-port ${raw} must be a number from 1 to 65535`);
  return port;
}

function addressOf(flag: string, raw: string): URL {
  try {
    const url = parseHttpUrl(raw, 'http://localhost:8080');
    if (url.username === '' && url.password === '') return url;
    throw new RangeError('must not hold a user or password');
  } catch (error) {
    throw new Error(`${flag} ${redactedAddress(raw)} ${(error as Error).message}`, { cause: error });
  }
}
