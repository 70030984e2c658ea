import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { Fleet } from '../../loadtest/src/fleet.ts';
import { Client } from '../../testkit/client.ts';
import type { Instances } from './instances.ts';
import { IDLE_SECONDS } from './proxy.ts';

/** A proxy with the two instances behind it. */
export interface Setup {
  /** Port of the proxy. */
  readonly port: number;
  /** The certificate that it shows. */
  readonly ca: string;
  readonly instances: Instances;
  /** Whether the configuration hides the 503 of an instance, since the proxy tries the other one. */
  readonly retries503: boolean;
}

/** One thing that has to work through a proxy. */
export interface Check {
  readonly name: string;
  /** @returns what was seen, in a few words */
  readonly run: (setup: Setup) => Promise<string>;
}

const SESSIONS = 200;
/** Sessions that connect while an instance answers 503. */
const HANDSHAKES = 20;
/** Time after a restart in which the proxy finds that the instance is back, in milliseconds. */
const SETTLE_MS = 3000;
/** An address of the client that is not the proxy's. */
const CLIENT_ADDRESS = '127.0.0.9';

export const CHECKS: readonly Check[] = [
  { name: 'connect', run: connect },
  { name: 'resume', run: resume },
  { name: 'idle', run: idle },
  { name: 'spoofed addresses', run: spoof },
  { name: 'refusals', run: refusals },
  { name: 'an instance that answers 503', run: fullInstance },
  { name: 'rolling restart', run: rollingRestart },
];

async function connect(setup: Setup): Promise<string> {
  // Refused if the proxy changes Host, since ALLOWED_ORIGINS is self.
  const client = await open(setup, randomUUID(), { Origin: `https://localhost:${setup.port}` });
  assert.deepEqual([await client.count(), await client.count(), await client.count()], [1, 2, 3]);
  assert.ok((await client.headers)['x-session-id'], 'the header X-Session-Id passes');
  assert.equal((await client.close()).code, 1000);
  return 'counts 1 to 3, closed with 1000';
}

async function resume(setup: Setup): Promise<string> {
  const session = randomUUID();
  for (let expected = 1; expected <= 8; expected += 1) {
    const client = await open(setup, session);
    assert.equal(await client.count(), expected);
    await client.close();
  }
  return '8 connections, 1 to 8';
}

/** Pings keep a connection: one that the proxy does not pass on, or does not count, ends it. */
async function idle(setup: Setup): Promise<string> {
  const client = await open(setup);
  assert.equal(await client.count(), 1);
  const seconds = IDLE_SECONDS * 2.5;
  await delay(seconds * 1000);
  assert.equal(await client.count(), 2);
  await client.close();
  return `${seconds} s without a message`;
}

async function spoof(setup: Setup): Promise<string> {
  const before = setup.instances.clientAddresses().length;
  const headers: readonly Readonly<Record<string, string>>[] = [
    { 'X-Forwarded-For': '203.0.113.7' },
    { 'X-Forwarded-For': '203.0.113.7, 127.0.0.1' },
    { 'x-forwarded-for': '127.0.0.1' },
    { Forwarded: 'for=203.0.113.7', 'X-Real-IP': '203.0.113.7' },
  ];
  for (const each of headers) {
    const client = await open(setup, randomUUID(), each);
    await client.count();
    await client.close();
  }
  const seen = await untilLogged(setup.instances, before + headers.length);
  assert.deepEqual([...new Set(seen)], [CLIENT_ADDRESS]);
  return `${headers.length} of ${headers.length} logged with the real address`;
}

/** Lines come a little after what they are about. */
async function untilLogged(instances: Instances, connections: number): Promise<string[]> {
  for (let waited = 0; instances.clientAddresses().length < connections && waited < 5000; waited += 50) await delay(50);
  const seen = instances.clientAddresses();
  assert.equal(seen.length, connections);
  return seen;
}

async function refusals(setup: Setup): Promise<string> {
  const upgrade = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' };
  const key = { 'Sec-WebSocket-Key': Buffer.alloc(16, 'k').toString('base64') };
  const cases: readonly (readonly [
    path: string,
    headers: Readonly<Record<string, string>>,
    status: number,
    error: string,
  ])[] = [
    ['/ws/chat/?session_id=no-uuid', { ...upgrade, ...key }, 400, 'malformed'],
    ['/ws/other/', { ...upgrade, ...key }, 404, 'path'],
    ['/ws/chat/', { ...upgrade, ...key, Origin: 'https://elsewhere.example' }, 403, 'origin'],
    ['/ws/chat/', {}, 426, 'not_upgrade'],
  ];
  const seen: string[] = [];
  for (const [path, headers, status, error] of cases) {
    const { status: answered, body } = await get(setup, path, headers);
    assert.deepEqual([answered, (JSON.parse(body) as { error: string }).error], [status, error], path);
    seen.push(String(status));
  }
  assert.equal((await get(setup, '/readyz/')).status, 200);
  return `${seen.join(', ')}, each with its JSON`;
}

async function rollingRestart({ port, ca, instances }: Setup): Promise<string> {
  const fleet = await Fleet.start(`wss://localhost:${port}`, {
    ...{ ca, clients: SESSIONS, connectsPerSecond: 100, sendsPerSecond: 2 },
    backoff: { baseMs: 200, maxMs: 2000 },
  });
  try {
    await fleet.allOpen(30);
    for (const index of [0, 1] as const) {
      assert.equal(await instances.restart(index), 0, 'the drain was clean');
      await delay(SETTLE_MS);
      await fleet.allOpen(30);
    }
    await delay(SETTLE_MS);
    const { totals, violations } = await fleet.stop();
    const { counters, errorsByKind } = totals;
    assert.deepEqual(
      violations.map(({ kind, detail }) => `${kind}: ${detail}`),
      [],
    );
    assert.deepEqual(totals.violationsByKind, {});
    assert.ok(counters.replied > SESSIONS * 10, `${counters.replied} replies are too few`);
    assert.ok(counters.reconnects >= SESSIONS, `${counters.reconnects} reconnects are too few for two restarts`);
    const errors = Object.entries(errorsByKind).map(([kind, times]) => `${times} × ${kind}`);
    return `0 of ${counters.replied} counts wrong, ${counters.reconnects} reconnects; ${errors.join(', ') || 'no failed attempt'}`;
  } finally {
    await fleet.end();
  }
}

/** An instance that has no room for a new session refuses it with 503, while its /readyz/ answers 200. */
async function fullInstance(setup: Setup): Promise<string> {
  const { instances, retries503 } = setup;
  await instances.restart(0, { REDIS_URL: '', MAX_SESSIONS: '1' });
  const only = await Client.open(`ws://127.0.0.1:${instances.ports[0]}/ws/chat/`);
  await delay(SETTLE_MS);
  let refused = 0;
  for (let session = 0; session < HANDSHAKES; session += 1) refused += await refusalsUntilOpen(setup);
  await only.close();
  const answered = await instances.refusals(0);
  await instances.restart(0);
  await delay(SETTLE_MS);
  assert.ok(answered > 0, 'the proxy never tried the instance that answers 503');
  if (retries503) assert.equal(refused, 0, `clients received ${refused} of the ${answered} answers with 503`);
  return `${HANDSHAKES} sessions opened; of ${answered} answers with 503, clients received ${refused}`;
}

/** Connects again until it is served. @returns how often it was refused with 503 before */
async function refusalsUntilOpen(setup: Setup): Promise<number> {
  for (let refused = 0; refused < 50; refused += 1)
    try {
      await (await open(setup)).close();
      return refused;
    } catch (error) {
      assert.equal((error as Error).message, 'Unexpected server response: 503');
    }
  throw new Error('50 handshakes in a row were refused with 503');
}

function open({ port, ca }: Setup, session: string = randomUUID(), headers = {}): Promise<Client> {
  const url = `wss://localhost:${port}/ws/chat/?session_id=${session}`;
  return Client.open(url, { ca, headers, localAddress: CLIENT_ADDRESS, family: 4, handshakeTimeout: 10_000 });
}

/** A request whose answer is no upgrade. */
async function get(
  { port, ca }: Setup,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ status: number | undefined; body: string }> {
  const options = { host: 'localhost', port, path, ca, family: 4, agent: false, headers };
  const call = request({ ...options, signal: AbortSignal.timeout(10_000) }).end();
  call.on('upgrade', (_response, socket) => {
    socket.destroy();
    call.emit('error', new Error(`${path} was upgraded`));
  });
  const [response] = (await once(call, 'response')) as [IncomingMessage];
  return { status: response.statusCode, body: await text(response) };
}
