import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { startApp } from '../../testkit/app.ts';
import { Client } from '../../testkit/client.ts';
import { LossyProxy } from '../../testkit/lossy-proxy.ts';
import { RedisServer } from '../../testkit/redis.ts';
import { StoreUnavailableError, StoreUnsuitableError } from '../src/sessions/session-store.ts';
import {
  followed,
  newestConnection,
  NEWER_SERVERS,
  SERVERS,
  startReplica,
  startReplicated,
  toldOrWaiting,
} from './support/replicated-redis.ts';
import { IMPATIENT, opened as reopened, openStore, storedCount, until } from './support/shared-store.ts';
import { newId, storeBattery } from './support/store-battery.ts';

const REPLICATED = { acknowledgement: { replicas: 1, fsync: false } };
const ON_DISK = { acknowledgement: { replicas: 0, fsync: true } };
const APPEND_ONLY = ['--appendonly', 'yes'];

storeBattery('A store that waits for its replica', async (t) => {
  const { master } = await startReplicated(t);
  return openStore(t, master.url, REPLICATED);
});

describe('A count', { concurrency: true }, () => {
  for (const [name, { path, skip }] of SERVERS)
    describe(`that ${name} has to replicate`, { skip, concurrency: true }, () => {
      for (const [what, before] of [
        ['is told once the replica has it', () => undefined],
        ['is not told by what follows a script that failed', (master: RedisServer) => master.cli('SCRIPT', 'FLUSH')],
      ] as const)
        it(what, async (t) => {
          const { master, stream } = await startReplicated(t, path);
          const store = openStore(t, master.url, REPLICATED);
          const { session } = await store.open(newId());
          assert.equal(await store.add(session), 1);
          stream.stop();
          before(master);
          const told = Promise.resolve(store.add(session));
          assert.equal(await toldOrWaiting(told, master), 'waiting');
          stream.resume();
          assert.equal(await told, 2);
          assert.deepEqual(store.errors, []);
        });

      it('is not told by a connection that has written nothing, when its batch is sent again', async (t) => {
        const { master, stream } = await startReplicated(t, path);
        const proxy = await LossyProxy.start(t, master.port);
        const store = openStore(t, `redis://127.0.0.1:${proxy.port}`, REPLICATED);
        const { session } = await store.open(newId());
        assert.equal(await store.add(session), 1);
        await store.flush();
        stream.stop();
        proxy.lose = 1;
        const before = await newestConnection(master);
        const told = Promise.resolve(store.add(session));
        assert.equal(await toldOrWaiting(told, master, before), 'waiting');
        assert.equal(proxy.lost, 1);
        stream.resume();
        assert.equal(await told, 2, 'it counts once');
      });

      it('is given up after the time-out, never told, and counted once', async (t) => {
        const { master, stream } = await startReplicated(t, path);
        const store = openStore(t, master.url, { ...REPLICATED, ...IMPATIENT });
        const { session } = await store.open(newId());
        assert.equal(await store.add(session), 1);
        stream.stop();
        await assert.rejects(async () => store.add(session), StoreUnavailableError);
        await until(() => store.errors.includes('write too_few_replicas'));
        assert.equal(store.health.up, false);
        stream.resume();
        await until(() => store.health.up);
        assert.equal(await store.add(session), 3);
      });
    });

  for (const [name, { path, skip }] of NEWER_SERVERS)
    describe(`that ${name} has to write to disk`, { skip, concurrency: true }, () => {
      it('is told once it is there', async (t) => {
        const master = await RedisServer.start(t, [...APPEND_ONLY, '--appendfsync', 'always'], path);
        // A disk that is busy with other files takes seconds.
        const store = openStore(t, master.url, ON_DISK);
        const { session } = await store.open(newId());
        assert.equal(await store.add(session), 1);
        // Left to the kernel, which takes half a minute.
        master.cli('CONFIG', 'SET', 'appendfsync', 'no');
        await assert.rejects(async () => store.add(session), StoreUnavailableError);
        await until(() => store.errors.includes('write not_on_disk'));
        master.cli('CONFIG', 'SET', 'appendfsync', 'always');
        await until(() => store.health.up);
        assert.equal(await store.add(session), 3);
      });

      it('waits for the disks of replicas, too', async (t) => {
        const { master, replica } = await startReplicated(t, path, [...APPEND_ONLY, '--appendfsync', 'always']);
        const store = openStore(t, master.url, { acknowledgement: { replicas: 1, fsync: true } });
        const { session } = await store.open(newId());
        assert.equal(await store.add(session), 1);
        replica.cli('CONFIG', 'SET', 'appendonly', 'no');
        const told = Promise.resolve(store.add(session));
        assert.equal(await toldOrWaiting(told, master), 'waiting');
        replica.cli('CONFIG', 'SET', 'appendonly', 'yes');
        assert.equal(await told, 2);
      });
    });
});

describe('A Cluster with replicas', () => {
  it('acknowledges the batches of a node together, follows a failover, and stops where a replica is missing', async (t) => {
    const args = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000', '--repl-diskless-sync-delay', '0'];
    const nodes: RedisServer[] = [];
    for (let node = 0; node < 6; node += 1) nodes.push(await RedisServer.start(t, args));
    const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
    const create = ['--cluster', 'create', ...addresses, '--cluster-replicas', '1', '--cluster-yes'];
    execFileSync('redis-cli', create, { timeout: 300_000 });
    const withRole = (role: string): RedisServer[] => nodes.filter((node) => node.cli('ROLE').startsWith(role));
    for (const master of withRole('master')) await followed(master, 1);
    await until(() => nodes.every((node) => node.cli('CLUSTER', 'INFO').startsWith('cluster_state:ok')));

    const url = `redis+cluster://${addresses.join(',')}`;
    const store = openStore(t, url, REPLICATED);
    const opened = await Promise.all(Array.from({ length: 200 }, async () => store.open(newId())));
    const sessions = opened.map(({ session }) => session);
    const countAll = (): Promise<number[]> => Promise.all(sessions.map(async (session) => store.add(session)));
    for (const node of nodes) node.cli('CONFIG', 'RESETSTAT');
    for (const expected of [1, 2]) assert.deepEqual(new Set(await countAll()), new Set([expected]));
    for (const master of withRole('master')) assert.ok(calls(master, 'wait') < calls(master, 'evalsha') / 4);

    const [promoted] = withRole('slave') as [RedisServer];
    promoted.cli('CLUSTER', 'FAILOVER');
    await until(() => promoted.cli('ROLE').startsWith('master'));
    await followed(promoted, 1);
    assert.deepEqual(new Set(await countAll()), new Set([3]));
    assert.deepEqual(store.errors, []);

    const impatient = openStore(t, url, { ...REPLICATED, ...IMPATIENT });
    const again = await Promise.all(sessions.map(async ({ id }) => reopened(impatient, id)));
    await (withRole('slave')[0] as RedisServer).kill();
    const results = await Promise.allSettled(again.map(async (session) => impatient.add(session)));
    const told = results.filter(({ status }) => status === 'fulfilled').length;
    assert.ok(told > 0 && told < sessions.length, `${told} told`);
    assert.ok(
      impatient.errors.every((error) => /too_few_replicas/.test(error)),
      impatient.errors.join(),
    );
  });
});

describe('Sentinels with two replicas', () => {
  it('promote one that has every count, and counting goes on with the other', async (t) => {
    const master = await RedisServer.start(t, ['--repl-diskless-sync-delay', '0']);
    const args = ['--repl-diskless-sync-delay', '0'];
    const replicas = [
      await startReplica(t, master.port, undefined, args),
      await startReplica(t, master.port, undefined, args),
    ];
    await followed(master, 2);
    const sentinel = await RedisServer.startSentinel(t, master.port);
    // Before, it would find no replica good enough, and try again much later.
    const good = (): number =>
      sentinel.cli('SENTINEL', 'replicas', 'main').match(/^master-link-status\nok$/gm)?.length ?? 0;
    await until(() => good() === replicas.length);
    const store = openStore(t, `redis+sentinel://127.0.0.1:${sentinel.port}/main`, {
      ...REPLICATED,
      timeoutSeconds: 30,
    });
    const { session } = await store.open(newId());
    assert.equal(await store.add(session), 1);
    await master.kill();
    assert.equal(await store.add(session), 2);
    const other = await openStore(t, `redis+sentinel://127.0.0.1:${sentinel.port}/main`).open(session.id);
    assert.equal(other.session.count, 2);
  });
});

describe('What is wrong with the server', () => {
  it('stops the start, where it has no WAITAOF', async (t) => {
    const { url } = await RedisServer.start(t, APPEND_ONLY);
    const start = startApp(t, { REDIS_URL: url, SESSION_DURABILITY: 'strict', STORE_FSYNC: 'true' });
    await assert.rejects(start, (error) => {
      assert.ok(error instanceof StoreUnsuitableError);
      assert.match(error.message, /^STORE_FSYNC=true needs the command WAITAOF, .* Redis 7\.2 or later/);
      return true;
    });
  });

  it('stops the start, where the user may not run WAIT', async (t) => {
    const server = await RedisServer.start(t);
    server.cli('ACL', 'SETUSER', 'counter', 'on', '>secret', '~*', '+@all', '-wait');
    const store = openStore(t, `redis://counter:secret@127.0.0.1:${server.port}`, REPLICATED);
    await assert.rejects(
      store.prepare(),
      /^StoreUnsuitableError: STORE_REPLICAS needs the command WAIT.* grant \+wait/,
    );
  });

  for (const [name, { path, skip }] of NEWER_SERVERS)
    it(`stops the start, where ${name} has no append-only file`, { skip }, async (t) => {
      const { url } = await RedisServer.start(t, [], path);
      const refused = openStore(t, url, ON_DISK).prepare();
      await assert.rejects(
        refused,
        /^StoreUnsuitableError: STORE_FSYNC=true needs an append-only file, .* appendonly yes/,
      );
    });

  it('is a warning in the log, where settings leave a hole, or can not be read', async (t) => {
    const { master } = await startReplicated(t);
    const env = { REDIS_URL: master.url, SESSION_DURABILITY: 'strict', STORE_REPLICAS: '1' };
    const warnings = async (url = master.url): Promise<string[]> => {
      const { log } = await startApp(t, { ...env, REDIS_URL: url });
      const lines = (await log()).filter(({ event }) => event === 'store_warning');
      assert.ok(lines.every(({ level }) => level === 'WARN'));
      return lines.map(({ detail }) => String(detail));
    };
    const [hole = ''] = await warnings();
    assert.match(
      hole,
      /^min-replicas-to-write 0 and min-replicas-max-lag 10 let a master .* at least STORE_REPLICAS=1/,
    );

    master.cli('CONFIG', 'SET', 'min-replicas-to-write', '1');
    assert.deepEqual(await warnings(), []);
    master.cli('CONFIG', 'SET', 'min-replicas-max-lag', '0');
    assert.match((await warnings()).join(), /max-lag 0 let/);
    master.cli('CONFIG', 'SET', 'min-replicas-max-lag', '10');

    master.cli('ACL', 'SETUSER', 'counter', 'on', '>secret', '~*', '+@all', '-config', '-info');
    const [settings = '', replicas = ''] = await warnings(`redis://counter:secret@127.0.0.1:${master.port}`);
    assert.match(settings, /^min-replicas-to-write can't be read \(NOPERM .*\): see to it that it is at least/);
    assert.match(replicas, /^the number of replicas can't be read \(NOPERM /);

    await startReplica(t, master.port);
    await followed(master, 2);
    assert.match(
      (await warnings()).join(),
      /^2 replicas are connected, more than STORE_REPLICAS=1: .* STORE_REPLICAS=2$/,
    );
  });

  it('is a warning, where there are too few replicas', async (t) => {
    const { url } = await RedisServer.start(t);
    const store = openStore(t, url, REPLICATED);
    await store.prepare();
    assert.match(
      store.warnings.join(),
      /0 replicas are connected, fewer than STORE_REPLICAS=1: no message is answered/,
    );
  });

  it('does not keep the service from starting while the server is away', async (t) => {
    const server = await RedisServer.start(t);
    await server.kill();
    const store = openStore(t, server.url, { ...REPLICATED, timeoutSeconds: 1 });
    await store.prepare();
    assert.deepEqual(store.warnings, []);
    await server.restart();
    await until(() => store.warnings.length > 0);
  });
});

describe('A client of a service whose replica is missing', () => {
  it('gets 1013, and the metrics say why', async (t) => {
    const { master, stream } = await startReplicated(t);
    const { url, scrape } = await startApp(t, {
      REDIS_URL: master.url,
      SESSION_DURABILITY: 'strict',
      STORE_REPLICAS: '1',
      STORE_TIMEOUT_SECONDS: '0.5',
      RETRY_AFTER_MAX_SECONDS: '0.1',
      // Redis ends before the app does.
      DRAIN_TIMEOUT_SECONDS: '1',
      CLOSE_TIMEOUT_SECONDS: '0.2',
    });
    const up = async (): Promise<number> => (await scrape()).value('websocket_store_up');
    const id = newId();
    const { client, count } = await Client.counted(`${url}?session_id=${id}`);
    stream.stop();
    client.socket.send('hello');
    assert.equal((await client.closed).code, 1013);
    const missing = 'websocket_store_errors_total{operation="write",reason="too_few_replicas"}';
    await until(async () => (await scrape()).value(missing) > 0);
    assert.equal(await up(), 0);
    stream.resume();
    await until(async () => (await up()) === 1);
    assert.equal(storedCount(master, id), count + 1);
    assert.ok((await Client.counted(`${url}?session_id=${id}`)).count > count + 1);
  });
});

/** How often a server ran a command. */
function calls(server: RedisServer, command: string): number {
  return Number(new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(server.cli('INFO', 'commandstats'))?.[1]);
}
