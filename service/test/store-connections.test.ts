import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { freePort } from '../../testkit/free-port.ts';
import { RedisServer, type Cleanup } from '../../testkit/redis.ts';
import { StoreUnavailableError, type Session } from '../src/sessions/session-store.ts';
import { Authority, textOf, type Identity } from './support/authority.ts';
import { MountedSecret } from './support/mounted-secret.ts';
import { SERVERS } from './support/replicated-redis.ts';
import { NO_FILES, openStore, until, type OpenedStore } from './support/shared-store.ts';
import { StoppableProxy } from './support/stoppable-proxy.ts';
import { countOnce, newId } from './support/store-battery.ts';

const USER = 'counter';
/** All that docs/sessions.md says a user needs. */
const RIGHTS = '~wmc:* +eval +evalsha +get +mget +set +expire +ping +hello +auth'.split(' ');
const CLUSTER_RIGHTS = ['+cluster|slots', '+asking'];
const NAMES = ['password', 'ca', 'certificate', 'key'] as const;
/** In a chain of certificates, which TLS reads to its end. */
const BROKEN = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
type Files = Readonly<Partial<Record<(typeof NAMES)[number], string>>>;

for (const [name, { path, skip }] of SERVERS)
  describe(`The password of an ACL user of ${name}, in a mounted file`, { skip }, () => {
    it('is changed while messages are counted: none fails, and the old one is not needed any more', async (t) => {
      const server = await startWithUser(t, path);
      const secret = new MountedSecret(t, NAMES, { password: 'old\n' });
      const store = openSecured(t, urlOf(server), secret, ['password']);
      const { session } = await store.open(newId());
      const counting = countFor(store, session);
      server.cli('ACL', 'SETUSER', USER, '>new');
      secret.replace({ password: 'new\n' });
      await until(() => store.changes.length === 1);
      server.cli('ACL', 'SETUSER', USER, '<old');
      const told = await counting.stop();
      assert.deepEqual(store.errors, []);
      server.cli('CLIENT', 'KILL', 'USER', USER);
      assert.equal(await store.add(session), told + 1);
    });

    it('is used on, if the one that comes after it is not accepted, until it is', async (t) => {
      const server = await startWithUser(t, path);
      const secret = new MountedSecret(t, NAMES, { password: 'old' });
      const store = openSecured(t, urlOf(server), secret, ['password']);
      const { session } = await store.open(newId());
      assert.equal(await store.add(session), 1);
      secret.replace({ password: 'too early' });
      await until(() => store.errors.includes('read auth'));
      assert.equal(store.health.up, true);
      assert.equal(await store.add(session), 2);
      assert.deepEqual(store.changes, []);
      server.cli('ACL', 'SETUSER', USER, '>too early');
      await until(() => store.changes.length === 1);
      server.cli('ACL', 'SETUSER', USER, '<old');
      server.cli('CLIENT', 'KILL', 'USER', USER);
      assert.equal(await store.add(session), 3);
    });
  });

describe('A server that asks for the certificates of its clients', () => {
  it('gets the one of REDIS_CERT_FILE, and counts for no one without', async (t) => {
    const authority = new Authority(t);
    const server = await TlsServer.start(t, authority);
    const { certificate, key } = authority.issue();
    const files = { ...NO_FILES, ca: authority.certificate };
    const store = openStore(t, server.url, { files: { ...files, certificate, key } });
    const id = newId();
    assert.equal(await countOnce(store, id), 1);
    const stranger = openStore(t, server.url, { files, timeoutSeconds: 1 });
    await assert.rejects(async () => stranger.open(id), StoreUnavailableError);
    await until(() => stranger.errors.includes('read tls'));
    assert.deepEqual(new Set(stranger.errors.filter((error) => /tls/.test(error))), new Set(['read tls']));
    const foreign = new Authority(t).issue();
    const impostor = openStore(t, server.url, { files: { ...files, ...foreign }, timeoutSeconds: 1 });
    await assert.rejects(async () => impostor.open(id), StoreUnavailableError);
    assert.equal(await countOnce(store, id), 2);
  });

  it('changes its authority: certificates are replaced in their files, and no message fails', async (t) => {
    const [before, after] = [new Authority(t), new Authority(t)];
    const both = textOf(before.certificate) + textOf(after.certificate);
    const server = await TlsServer.start(t, before);
    const secret = new MountedSecret(t, NAMES, { ca: both, ...textsOf(before.issue()) });
    const store = openSecured(t, server.url, secret, ['ca', 'certificate', 'key']);
    const { session } = await store.open(newId());
    const counting = countFor(store, session);
    await until(() => store.health.up);
    server.use(after);
    secret.replace({ ca: textOf(after.certificate), ...textsOf(after.issue()) });
    await until(() => store.changes.length === 1);
    const told = await counting.stop();
    assert.deepEqual(store.errors, []);
    // Who comes now shows the new certificate, and trusts the new authority.
    server.redis.cli('CLIENT', 'KILL', 'TYPE', 'normal');
    assert.equal(await store.add(session), told + 1);
  });
});

describe('Files of the store that can not be used', () => {
  it('are told of with the file and the reason, never with what they hold, while what they held before is used', async (t) => {
    const authority = new Authority(t);
    const server = await TlsServer.start(t, authority);
    const good = { ca: textOf(authority.certificate), ...textsOf(authority.issue()) };
    const secret = new MountedSecret(t, NAMES, good);
    const store = openSecured(t, server.url, secret, ['ca', 'certificate', 'key']);
    const { session } = await store.open(newId());
    const of = (variable: string, name: string): string => `${variable}=${JSON.stringify(secret.path(name))}`;
    const [ca, certificate, key] = [
      of('REDIS_CA_FILE', 'ca'),
      of('REDIS_CERT_FILE', 'certificate'),
      of('REDIS_KEY_FILE', 'key'),
    ];
    for (const [files, sentence] of [
      [{ ...good, ca: 'planted' }, `${ca} holds no certificate in PEM`],
      [{ ...good, certificate: good.key }, `${certificate} holds no certificate in PEM`],
      [{ ...good, key: good.certificate }, `${key} holds no private key in PEM without a passphrase`],
      [{ ...good, key: textsOf(authority.issue()).key }, `${key} is not the key of the certificate in ${certificate}`],
      [{ ...good, certificate: good.certificate + BROKEN }, `${certificate} can't be used for TLS: error:`],
    ] as const) {
      secret.replace(files);
      await until(() => store.failures.at(-1)?.startsWith(sentence) === true);
    }
    secret.replace({});
    await until(() => store.failures.at(-1)?.includes("can't be read: ENOENT") === true);
    assert.equal(store.failures.length, 6);
    assert.equal(await store.add(session), 1);
    assert.deepEqual([store.errors, store.changes], [[], []]);
  });

  it('are refused before the first connection', async (t) => {
    const secret = new MountedSecret(t, NAMES, { password: ' \n' });
    const store = openSecured(t, 'redis://127.0.0.1:1', secret, ['password']);
    await assert.rejects(store.prepare(), {
      message: `REDIS_PASSWORD_FILE="${secret.path('password')}" is empty: it holds the password, and nothing else`,
    });
    assert.deepEqual(store.errors, [], 'nothing is tried again');
  });
});

describe('A peer that vanishes without a word', { concurrency: true }, () => {
  // Noticed after 0.8 of it at the latest: a fifth is left for a new connection, and for a busy machine.
  const timeoutSeconds = 30;
  for (const [name, { path, skip }] of SERVERS)
    it(`is noticed before STORE_TIMEOUT_SECONDS, and ${name} answers on another connection`, { skip }, async (t) => {
      const server = await RedisServer.start(t, [], path);
      const proxy = await StoppableProxy.start(t, server.port);
      const store = openStore(t, `redis://127.0.0.1:${proxy.port}`, { timeoutSeconds });
      const { session } = await store.open(newId());
      assert.equal(await store.add(session), 1);
      proxy.swallow();
      // Would be rejected after STORE_TIMEOUT_SECONDS.
      assert.equal(await store.add(session), 2);
      assert.ok(store.errors.includes('read timeout'), store.errors.join());
    });

  it('is reported within STORE_TIMEOUT_SECONDS where it is frozen, by an idle instance as well', async (t) => {
    const server = await RedisServer.start(t);
    const store = openStore(t, server.url, { timeoutSeconds });
    const { session } = await store.open(newId());
    assert.equal(await store.add(session), 1);
    await freeze(server, store, timeoutSeconds);
    assert.equal(await store.add(session), 2);
  });

  it('is not reported by a store that is closed', async (t) => {
    const server = await RedisServer.start(t);
    const store = openStore(t, server.url, { timeoutSeconds });
    const { session } = await store.open(newId());
    server.signal('SIGSTOP');
    void store.add(session);
    await setImmediate();
    await store.close();
    await setImmediate();
    assert.deepEqual(store.errors, []);
  });

  it('is reported as soon while a new password is not accepted', async (t) => {
    const server = await startWithUser(t);
    const secret = new MountedSecret(t, NAMES, { password: 'old' });
    const store = openSecured(t, urlOf(server), secret, ['password'], { timeoutSeconds });
    const { session } = await store.open(newId());
    assert.equal(await store.add(session), 1);
    secret.replace({ password: 'too early' });
    await until(() => store.errors.includes('read auth'));
    await freeze(server, store, timeoutSeconds);
    assert.equal(await store.add(session), 2);
  });

  it('is noticed in a Cluster, whose node answers on another connection', async (t) => {
    const args = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000'];
    const nodes: RedisServer[] = [];
    for (let node = 0; node < 3; node += 1) nodes.push(await RedisServer.start(t, args));
    const proxies: StoppableProxy[] = [];
    for (const node of nodes) proxies.push(await StoppableProxy.start(t, node.port));
    const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
    execFileSync('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-yes'], { timeout: 300_000 });
    nodes.forEach((node, index) => node.cli('CONFIG', 'SET', 'cluster-announce-port', String(proxies[index]?.port)));
    await until(() =>
      nodes.every((node) => proxies.every(({ port }) => node.cli('CLUSTER', 'NODES').includes(`:${port}@`))),
    );
    for (const node of nodes)
      assert.equal(node.cli('ACL', 'SETUSER', USER, 'on', '>old', ...RIGHTS, ...CLUSTER_RIGHTS), 'OK');
    const url = `redis+cluster://${USER}:old@127.0.0.1:${proxies[0]?.port}`;
    const store = openStore(t, url, { timeoutSeconds });
    const opened = await Promise.all(Array.from({ length: 100 }, async () => store.open(newId())));
    const countAll = (): Promise<number[]> => Promise.all(opened.map(async ({ session }) => store.add(session)));
    assert.deepEqual(new Set(await countAll()), new Set([1]));
    proxies[1]?.swallow();
    assert.deepEqual(new Set(await countAll()), new Set([2]));
  });
});

/** Freezes a server until a store reports that, which must be in time, and lets it go on until the store finds it. */
async function freeze(server: RedisServer, store: OpenedStore, withinSeconds: number): Promise<void> {
  server.signal('SIGSTOP');
  const frozenAt = performance.now();
  await until(() => !store.health.up);
  assert.ok(performance.now() - frozenAt < withinSeconds * 1000);
  server.signal('SIGCONT');
  await until(() => store.health.up);
}

/** A server with an ACL user whose password is `old`. */
async function startWithUser(t: Cleanup, program?: string): Promise<RedisServer> {
  const server = await RedisServer.start(t, [], program);
  assert.equal(server.cli('ACL', 'SETUSER', USER, 'on', '>old', ...RIGHTS), 'OK');
  return server;
}

function urlOf({ port }: RedisServer): string {
  return `redis://${USER}@127.0.0.1:${port}`;
}

/** A server that takes TLS with a client's certificate alone, besides a plain port for redis-cli. */
class TlsServer {
  readonly redis: RedisServer;
  readonly url: string;

  private constructor(redis: RedisServer, port: number) {
    this.redis = redis;
    this.url = `rediss://localhost:${port}`;
  }

  static async start(t: Cleanup, authority: Authority): Promise<TlsServer> {
    const port = await freePort();
    const { certificate, key } = authority.issue();
    const files = ['--tls-cert-file', certificate, '--tls-key-file', key, '--tls-ca-cert-file', authority.certificate];
    return new TlsServer(await RedisServer.start(t, ['--tls-port', String(port), ...files]), port);
  }

  /** Shows new connections a certificate of this authority, and asks for one. */
  use(authority: Authority): void {
    const { certificate, key } = authority.issue();
    const files = ['tls-cert-file', certificate, 'tls-key-file', key, 'tls-ca-cert-file', authority.certificate];
    assert.equal(this.redis.cli('CONFIG', 'SET', ...files), 'OK');
  }
}

function textsOf({ certificate, key }: Identity): { certificate: string; key: string } {
  return { certificate: textOf(certificate), key: textOf(key) };
}

/** A store with the files of a mounted Secret, and what it tells of them. */
function openSecured(
  t: Cleanup,
  url: string,
  secret: MountedSecret<string>,
  names: readonly (keyof Files)[],
  options: Parameters<typeof openStore>[2] = {},
): OpenedStore {
  const files = Object.fromEntries(names.map((name) => [name, secret.path(name)]));
  return openStore(t, url, { ...options, files: { ...NO_FILES, ...files } });
}

/** Counts one message after the other. */
function countFor(store: OpenedStore, session: Session): { readonly stop: () => Promise<number> } {
  let stopped = false;
  const counting = (async () => {
    let told = 0;
    while (!stopped) {
      told += 1;
      assert.equal(await store.add(session), told);
    }
    return told;
  })();
  return {
    stop: () => {
      stopped = true;
      return counting;
    },
  };
}
