import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { StoreUnavailableError } from '../src/sessions/session-store.ts';
import { freePort } from '../../testkit/free-port.ts';
import { RedisServer, type Cleanup } from '../../testkit/redis.ts';
import { CutOffNode } from './support/cut-off-node.ts';
import { IMPATIENT, NO_FILES, opened, openStore, until } from './support/shared-store.ts';
import { countMany, countOnce, newId } from './support/store-battery.ts';

const PASSWORD = 'secret';

describe('A Cluster of three', () => {
  it('counts sessions on all of its nodes', async (t) => {
    const nodes = await startCluster(t);
    const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
    const url = `redis+cluster://${addresses.slice(0, 2).join(',')}`;
    const store = openStore(t, url, { timeoutSeconds: 10 });
    const ids = Array.from({ length: 100 }, newId);
    for (const expected of [1, 2])
      for (const count of await Promise.all(ids.map((id) => countOnce(store, id)))) assert.equal(count, expected);
    for (const node of nodes) assert.ok(Number(node.cli('DBSIZE')) > 0, 'each node holds some');
  });

  it('answers the sessions of two nodes while the third takes nothing, and is not up in that time', async (t) => {
    const nodes = await startCluster(t);
    const [full] = nodes as [RedisServer];
    const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
    const store = openStore(t, `redis+cluster://${addresses.join(',')}`, IMPATIENT);
    const sessions = await Promise.all(Array.from({ length: 60 }, async () => opened(store, newId())));
    const answered = async (): Promise<readonly boolean[]> => {
      const counts = await Promise.allSettled(sessions.map(async (session) => store.add(session)));
      return counts.map(({ status }) => status === 'fulfilled');
    };
    assert.ok((await answered()).every(Boolean));
    full.cli('CONFIG', 'SET', 'maxmemory', '1');
    const first = await answered();
    assert.ok(first.includes(true) && first.includes(false), first.join());
    // From now on who is to be refused is refused at once.
    await delay(1000);
    assert.deepEqual(await answered(), first);
    assert.equal(store.health.up, false);
    full.cli('CONFIG', 'SET', 'maxmemory', '0');
    await until(() => store.health.up);
    assert.ok((await answered()).every(Boolean));
  });

  it('is asked again when a node is cut off from the others, which have replaced it', async (t) => {
    const nodes = await startCluster(t, 1);
    const replaced = nodes.find((node) => node.cli('ROLE').startsWith('master')) as RedisServer;
    const replica = nodes.find((node) => node.cli('ROLE').includes(`\n${replaced.port}\n`)) as RedisServer;
    const proxy = await CutOffNode.start(t, replaced.port);
    replaced.cli('CONFIG', 'SET', 'cluster-announce-port', String(proxy.port));
    await until(() => nodes.every((node) => node.cli('CLUSTER', 'NODES').includes(`:${proxy.port}@`)));
    await until(() => replica.cli('ROLE').includes(`\n${proxy.port}\nconnected\n`));
    const url = `redis+cluster://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`;
    const store = openStore(t, url, { timeoutSeconds: 2 });
    const sessions = await Promise.all(Array.from({ length: 60 }, async () => opened(store, newId())));
    proxy.isCutOff = true;
    replica.cli('CLUSTER', 'FAILOVER');
    await until(() => replica.cli('ROLE').startsWith('master'));
    const deadline = performance.now() + 60_000;
    for (let answered = false; !answered;) {
      assert.ok(performance.now() < deadline, store.errors.slice(-10).join());
      const counts = await Promise.allSettled(sessions.map(async (session) => store.add(session)));
      answered = counts.every(({ status }) => status === 'fulfilled');
    }
  });
});

describe('Sentinels', () => {
  it('are asked for the master, and again after a failover: no count goes back', async (t) => {
    const master = await RedisServer.start(t);
    const replica = await RedisServer.start(t, ['--replicaof', '127.0.0.1', String(master.port)]);
    const sentinel = await RedisServer.startSentinel(t, master.port);
    const url = `redis+sentinel://127.0.0.1:${sentinel.port}/main`;
    const store = openStore(t, url, { timeoutSeconds: 15 });
    const { session } = await store.open(newId());
    assert.equal((await countMany(store, session, 5)).at(-1), 5);
    while (!sentinel.cli('SENTINEL', 'replicas', 'main').includes(String(replica.port)))
      await new Promise((resolve) => setTimeout(resolve, 50));
    await master.kill();
    assert.equal(await store.add(session), 6);
    assert.equal(replica.cli('ROLE').split('\n')[0], 'master');
  });

  it('and their master may ask for a password: it is used, and a wrong one is reported as such', async (t) => {
    const master = await RedisServer.start(t, ['--requirepass', PASSWORD]);
    const sentinel = await RedisServer.startSentinel(t, master.port);
    sentinel.cli('SENTINEL', 'SET', 'main', 'auth-pass', PASSWORD);
    const url = (password: string): string => `redis+sentinel://:${password}@127.0.0.1:${sentinel.port}/main`;
    assert.equal(await countOnce(openStore(t, url(PASSWORD)), newId()), 1);
    const early = openStore(t, url('wrong'));
    await until(() => early.errors.includes('read auth'));
    assert.ok(!early.errors.includes('read other'), early.errors.join());
    sentinel.cli('ACL', 'SETUSER', 'default', 'resetpass', `>${PASSWORD}`);
    assert.equal(await countOnce(openStore(t, url(PASSWORD)), newId()), 1);
    const late = openStore(t, url('wrong'));
    await until(() => late.errors.includes('read auth'));
    assert.ok(!late.errors.includes('read other'), late.errors.join());
  });

  it('keep no message waiting for the one of them that stands still', async (t) => {
    const master = await RedisServer.start(t);
    const frozen = await RedisServer.startSentinel(t, master.port);
    const other = await RedisServer.startSentinel(t, master.port);
    const url = `redis+sentinel://127.0.0.1:${frozen.port},127.0.0.1:${other.port}/main`;
    const store = openStore(t, url);
    const { session } = await store.open(newId());
    const watches = (sentinel: RedisServer): boolean => / psub=[1-9]/.test(sentinel.cli('CLIENT', 'LIST'));
    assert.equal(await store.add(session), 1);
    assert.ok(watches(frozen), 'the first one announces failovers');
    frozen.signal('SIGSTOP');
    for (let count = 2; !watches(other); count += 1) assert.equal(await store.add(session), count);
  });

  it('make no outage of the store when one of them is away: messages are counted', async (t) => {
    const master = await RedisServer.start(t);
    const [first, other] = [
      await RedisServer.startSentinel(t, master.port),
      await RedisServer.startSentinel(t, master.port),
    ];
    const store = openStore(t, `redis+sentinel://127.0.0.1:${first.port},127.0.0.1:${other.port}/main`);
    const { session } = await store.open(newId());
    assert.equal(await store.add(session), 1);
    const ups = new Set<boolean>();
    const looks = setInterval(() => ups.add(store.health.up), 1);
    t.after(() => {
      clearInterval(looks);
    });
    await first.kill();
    for (let count = 2; store.errors.length < 3; count += 1) assert.equal(await store.add(session), count);
    assert.deepEqual([...ups], [true]);
    assert.deepEqual([...new Set(store.errors)], ['read unreachable']);
  });

  it('keep their connections, though nothing is asked on them for longer than a time-out', async (t) => {
    const master = await RedisServer.start(t);
    const sentinel = await RedisServer.startSentinel(t, master.port);
    openStore(t, `redis+sentinel://127.0.0.1:${sentinel.port}/main`, { timeoutSeconds: 8 });
    const oldestSeconds = (): number =>
      Math.max(...Array.from(sentinel.cli('CLIENT', 'LIST').matchAll(/ age=(\d+)/g), ([, age]) => Number(age)));
    const deadline = performance.now() + 60_000;
    while (oldestSeconds() < 7) {
      assert.ok(performance.now() < deadline, `the oldest connection is ${oldestSeconds()} s old`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  });
});

describe('A server over TLS, with a password', () => {
  it('is trusted by the authority of REDIS_CA_FILE, and by no other', async (t) => {
    const folder = temporaryFolder(t);
    const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
    const request = [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '2',
      '-keyout',
      key,
      '-out',
      certificate,
    ];
    execFileSync('openssl', [...request, ...subject], { stdio: 'pipe' });
    const tls = await freePort();
    const files = ['--tls-cert-file', certificate, '--tls-key-file', key, '--tls-ca-cert-file', certificate];
    const options = ['--tls-port', String(tls), '--tls-auth-clients', 'no', '--requirepass', 'a secret', ...files];
    await RedisServer.start(t, options);
    const url = `rediss://:a%20secret@localhost:${tls}`;
    const store = openStore(t, url, { files: { ...NO_FILES, ca: certificate } });
    const id = newId();
    assert.equal(await countOnce(store, id), 1);
    assert.equal(await countOnce(store, id), 2);
    const stranger = openStore(t, url, { timeoutSeconds: 0.3 });
    await assert.rejects(async () => stranger.open(id), StoreUnavailableError);
  });
});

/** Three masters, a third of the slots each, with so many replicas each. */
async function startCluster(t: Cleanup, replicas = 0): Promise<readonly RedisServer[]> {
  const args = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000', '--repl-diskless-sync-delay', '0'];
  const nodes: RedisServer[] = [];
  for (let node = 0; node < 3 * (1 + replicas); node += 1) nodes.push(await RedisServer.start(t, args));
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
  const create = ['--cluster', 'create', ...addresses, '--cluster-replicas', String(replicas), '--cluster-yes'];
  execFileSync('redis-cli', create, { timeout: 300_000 });
  return nodes;
}

function temporaryFolder(t: Cleanup): string {
  const folder = mkdtempSync(join(tmpdir(), 'wmc-redis-setup-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}
