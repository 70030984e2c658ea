import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { stringify } from 'yaml';
import { Fleet } from '../../loadtest/src/fleet.ts';
import { CHART } from '../../scripts/chart/tools.ts';
import { makeCertificate, type Certificate } from '../proxies/certificate.ts';
import { find, PROXIES, versionOf } from '../proxies/proxy.ts';
import { describeBreaks, summarise } from '../support/breaks.ts';
import { ClusterProxy, dryRun, putCertificate, type Ingress, type ProxyName } from '../support/cluster-proxy.ts';
import { kubectlJson, runWell } from '../support/commands.ts';
import { figure } from '../support/figures.ts';
import { Namespace } from '../support/namespace.ts';
import { Probe } from '../support/probe.ts';
import { Release } from '../support/release.ts';
import { rollOut } from '../support/session-events.ts';
import { installAddon, keepVersions, makeImage, pinnedVersion } from '../support/testbed-addon.ts';
import { hasTestbed } from '../support/testbed.ts';
import { until } from '../support/wait.ts';

const SKIP = hasTestbed() ? false : 'the test bed is not there, which makes the images of the proxies';
const CLIENTS = 1000;
const SECRET = 'chat-tls';
/** Where pods of the test bed are: the proxy among them. */
const POD_NETWORK = '198.18.0.0/16';
const SPOOFED = '203.0.113.7';
const INGRESS = { enabled: true, hosts: ['localhost'], tls: [{ secretName: SECRET, hosts: ['localhost'] }] };
const ROUTE = { enabled: true, hostnames: ['chat.example.com'], parentRefs: [{ name: 'public' }] };

/** Asks for a WebSocket with a false address. What it prints is the session, or the status of the answer. */
const HANDSHAKE = `
const { randomBytes } = require('node:crypto');
const [host, spoofed] = process.argv.slice(1);
const key = randomBytes(16).toString('base64');
const upgrade = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': key };
const headers = { ...upgrade, Host: 'localhost', 'X-Forwarded-For': spoofed };
const options = { host, port: 8443, path: '/ws/chat/', servername: 'localhost', rejectUnauthorized: false, headers };
const end = (text) => { console.log(text); process.exit(); };
require('node:https').request(options)
  .on('upgrade', ({ headers }) => end(headers['x-session-id'])).on('response', ({ statusCode }) => end(statusCode)).end();
`;

describe('behind a proxy in the cluster', { skip: SKIP }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'ingress-'));
  let namespace: Namespace;
  let release: Release;
  let client: Probe;

  before(async () => {
    await makeImage('proxies');
    await installAddon('gateway-api');
    const proxies = PROXIES.filter((kind) => ['nginx', 'haproxy'].includes(kind.program) && find(kind) !== undefined);
    const versions = proxies.map((kind) => `${kind.name} ${versionOf(kind)}`);
    await keepVersions('helm', ...versions, `Gateway API ${await pinnedVersion('GATEWAY_API_VERSION')}`);
    namespace = await Namespace.create('ingress');
    release = await Release.install(namespace, 'demo', {
      ...{ replicaCount: 2, minReadySeconds: 5, ingress: INGRESS, service: { type: 'ClusterIP' } },
      config: { trustedProxies: [POD_NETWORK], finalScrapeWaitSeconds: 0 },
    });
    const [pod = ''] = await release.podNames();
    const image = await namespace.kubectl('get', 'pod', pod, '--output=jsonpath={.spec.containers[0].image}');
    client = await Probe.start(namespace.name, 'client', image);
  });
  afterEach(async (context) => {
    if ('passed' in context && !context.passed) await namespace.describe();
  });
  after(async () => {
    await namespace.delete();
    rmSync(folder, { recursive: true, force: true });
  });

  test('the API server takes the Ingress and the HTTPRoute, and refuses one that is wrong', async () => {
    const args = ['template', 'demo', CHART, '--namespace', namespace.name, '--values', '-'];
    const only = ['--show-only', 'templates/ingress.yaml', '--show-only', 'templates/httproute.yaml'];
    const input = stringify({ ingress: INGRESS, httpRoute: ROUTE }, { version: '1.1' });
    const manifests = await runWell('helm', [...args, ...only], { input });
    const kept = (await dryRun(namespace.name, manifests)).trim().split('\n');
    assert.deepEqual(kept.map((name) => name.split('/')[0]).sort(), [
      'httproute.gateway.networking.k8s.io',
      'ingress.networking.k8s.io',
    ]);
    await assert.rejects(dryRun(namespace.name, manifests.replaceAll('PathPrefix', 'Beginning')), /Unsupported value/);
    figure('server-side dry run', 'Ingress and HTTPRoute taken, one with a false path type refused');
  });

  for (const name of ['nginx', 'haproxy'] as const satisfies readonly ProxyName[])
    describe(name, () => {
      let certificates: readonly Certificate[];
      let proxy: ClusterProxy;
      let fleet: Fleet | undefined;

      before(async () => {
        certificates = ['old', 'new'].map((which) => {
          const own = join(folder, `${name}-${which}`);
          mkdirSync(own);
          return makeCertificate(own);
        });
        await putCertificate(namespace.name, SECRET, certificates[0]!);
        const ingress = await kubectlJson<Ingress>('--namespace', namespace.name, 'get', 'ingress', release.fullName);
        proxy = await ClusterProxy.start(name, release, ingress);
        const ca = certificates.map(({ pem }) => pem).join('');
        fleet = await Fleet.start(proxy.url, {
          ...{ ca, clients: CLIENTS, connectsPerSecond: 200, sendsPerSecond: 1, breaks: true },
          ...{ backoff: { baseMs: 200, maxMs: 5000 }, replyTimeoutMs: Infinity },
        });
        const { totals } = await fleet.allOpen(60);
        assert.deepEqual(totals.errorsByKind, {}, 'first connections failed');
      });
      after(async () => {
        await fleet?.end();
        await namespace.kubectl('delete', `deployment/${name}`, '--ignore-not-found');
      });

      test('a rollout refuses no client and cuts none', () => rollOutUnderLoad('first'));

      test('a new certificate in the Secret is served to those who come, and closes nobody', async () => {
        const before = await proxy.fingerprint();
        await putCertificate(namespace.name, SECRET, certificates[1]!);
        await proxy.reloadWith(certificates[1]!);
        await until('the new certificate', 30, async () => (await proxy.fingerprint()) !== before);
        const { breaks, violations } = await fleet!.allOpen(30);
        assert.deepEqual([breaks.length, violations.length], [0, 0]);
        figure(`${name}: certificate replaced`, `served to new clients; ${breaks.length} connections closed`, '0');
      });

      test('another rollout, with the new certificate, does not either', () => rollOutUnderLoad('second'));

      test('the service sees the address of each client, whatever the client says of it', async () => {
        const session = (await client.node('commonjs', HANDSHAKE, [proxy.host, SPOOFED])).trim();
        assert.match(session, /^[0-9a-f-]{36}$/);
        const lines = await until('the line of the connection', 30, async () => {
          const found = (await connected()).filter(({ session_id: id }) => id === session);
          return found.length > 0 && found;
        });
        assert.deepEqual([...new Set(lines.map(({ client_ip: address }) => address))], [await client.address()]);
        const others = new Set((await connected()).map(({ client_ip: address }) => address));
        assert.ok(!others.has(await proxy.podAddress()), 'a client has the address of the proxy');
        assert.ok(!others.has(SPOOFED));
        figure(
          `${name}: client_ip of a pod that says it is ${SPOOFED}`,
          "the pod's own; none is the proxy's",
          'its own',
        );
      });

      async function rollOutUnderLoad(which: string): Promise<void> {
        await rollOut(release);
        const { breaks, violations } = await fleet!.allOpen(60);
        const { codes, refusals, away, count } = summarise(breaks);
        figure(`${name}: ${which} rollout`, describeBreaks(breaks, CLIENTS), '1001 alone, none refused, none cut');
        assert.ok(count >= CLIENTS, 'every client was on an old pod');
        assert.deepEqual({ codes, refusals, away }, { codes: { 1001: count }, refusals: {}, away: 0 });
        assert.deepEqual(
          violations.map(({ kind, detail }) => `${kind}: ${detail}`),
          [],
        );
      }

      /** Lines of connections that pods of the service wrote. */
      async function connected(): Promise<readonly Record<string, unknown>[]> {
        const pods = await release.podNames();
        const logs = await Promise.all(pods.map((pod) => namespace.kubectl('logs', pod, '--tail=-1')));
        return logs
          .flatMap((log) => log.split('\n'))
          .filter((line) => line.includes('"websocket_connected"'))
          .map((line) => JSON.parse(line) as Record<string, unknown>);
      }
    });
});
