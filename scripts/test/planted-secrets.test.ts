import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startApp } from '../../testkit/app.ts';
import { BARE_ENVIRONMENT, TEST_OPTIONS } from '../../testkit/environment.ts';
import { RedisServer, type Cleanup } from '../../testkit/redis.ts';

/** Stands in every place where people have secrets; no output may hold it. */
const SECRET = 'planted5ecret';
/** A port that refuses: what is asked of it fails, and is told of. */
const NOBODY = '127.0.0.1:1';

interface Run {
  readonly status: number | null;
  /** All that the program printed. */
  readonly output: string;
}

describe('A planted secret', { concurrency: 2 }, () => {
  for (const [what, env] of [
    [
      'in addresses that refuse',
      {
        LOKI_ENABLED: 'true',
        LOKI_URL: `http://${NOBODY}`,
        LOKI_USERNAME: 'us',
        LOKI_PASSWORD: SECRET,
        REDIS_URL: `redis://us:${SECRET}@${NOBODY}`,
        RESUME_TOKEN_KEY: SECRET.repeat(4),
        LOG_LEVEL: 'DEBUG',
      },
    ],
    ['in the address of a Loki that is off', { LOKI_URL: `http://us:${SECRET}@${NOBODY}/?token=${SECRET}` }],
    ['in a password of its own', { REDIS_URL: `redis://${NOBODY}`, REDIS_PASSWORD: SECRET }],
    ['in a mounted file', { REDIS_URL: `redis://${NOBODY}`, REDIS_PASSWORD_FILE: 'the file' }],
    ['in a bearer token', { LOKI_ENABLED: 'true', LOKI_URL: `http://${NOBODY}`, LOKI_BEARER_TOKEN: SECRET }],
  ] as const)
    it(`is in no log line and no page of the service: ${what}`, async (t) => {
      const file = join(folderFor(t), 'secret');
      writeFileSync(file, SECRET);
      const service = start(t, 'service/src/main.ts', [], {
        ...TEST_OPTIONS,
        DRAIN_SPREAD_SECONDS: '0',
        CLOSE_TIMEOUT_SECONDS: '0.5',
        STORE_TIMEOUT_SECONDS: '1',
        DRAIN_TIMEOUT_SECONDS: '3',
        FINAL_SCRAPE_WAIT_SECONDS: '0',
        ...('REDIS_PASSWORD_FILE' in env ? { ...env, REDIS_PASSWORD_FILE: file } : env),
      });
      const port = await service.printed(/"event":"service_listening".*?"port":(\d+)/);
      const pages = ['/', '/metrics/', '/healthz/', '/readyz/', '/ws/chat/'].map(async (path) =>
        (await fetch(`http://127.0.0.1:${port}${path}`, { headers: { Accept: 'application/json' } })).text(),
      );
      for (const page of await Promise.all(pages)) assertHidden(page);
      service.signal('SIGTERM');
      assertHidden((await service.ended).output);
    });

  it('is in no log line about a Redis that repeats what it does not understand: the login', async (t) => {
    const redis = await RedisServer.start(t, ['--requirepass', SECRET, '--rename-command', 'HELLO', '']);
    assert.match(await redis.ask('HELLO', '3', 'AUTH', 'us', SECRET), new RegExp(SECRET));
    const env = { ...TEST_OPTIONS, REDIS_URL: redis.url, REDIS_PASSWORD: SECRET };
    const service = start(t, 'service/src/main.ts', [], env);
    assert.match(await service.printed(/"event":"store_unavailable".*?"detail":"(.*?)"/), /unknown command 'HELLO'/);
    service.signal('SIGTERM');
    assertHidden((await service.ended).output);
  });

  for (const env of [
    { REDIS_URL: `redis://us:${SECRET}/with#a@slash` },
    { REDIS_URL: `http://us:${SECRET}@host` },
    { REDIS_URL: `redis://us:${SECRET}%zz@host` },
    { LOKI_ENABLED: 'true', LOKI_URL: `http://us:${SECRET}@host:port` },
    { LOKI_ENABLED: 'true', LOKI_URL: `us:${SECRET}@host` },
    { LOKI_ENABLED: 'true', LOKI_URL: `http://host/?token=${SECRET}` },
    { LOKI_ENABLED: 'true', LOKI_URL: `http://${NOBODY}`, LOKI_PASSWORD: `${SECRET}\n` },
    { REDIS_URL: `redis://us:${SECRET}@host`, REDIS_PASSWORD: SECRET, REDIS_PASSWORD_FILE: '/file' },
    { RESUME_TOKEN_KEY: SECRET, RESUME_TOKEN_PREVIOUS_KEY: SECRET, PORT: 'x' },
  ])
    it(`is in no refusal of ${Object.keys(env).join(', ')} (${JSON.stringify(Object.values(env).at(-1))})`, async (t) => {
      const { status, output } = await start(t, 'service/src/main.ts', [], env).ended;
      assert.notEqual(status, 0);
      assert.ok(output.length > 0);
      assertHidden(output);
    });

  for (const [program, ...args] of [
    ['service/src/selftest.ts', '--service', `http://us:${SECRET}@${NOBODY}/?token=${SECRET}`, '--timeout', '1'],
    ['service/src/selftest.ts', '--service', `us:${SECRET}@nowhere`],
    ['loadtest/src/main.ts', '--host', `ws://us:${SECRET}@${NOBODY}`, '--no-metrics'],
    ['loadtest/src/main.ts', '--host', `ws://${NOBODY}/?token=${SECRET}`, '--json'],
    ['loadtest/src/main.ts', '--host', `us:${SECRET}@${NOBODY}`],
    ['loadtest/src/main.ts', '--host', `ws://us:${SECRET}%zz@${NOBODY}`],
    ['loadtest/src/main.ts', '--metrics-url', `http://us:${SECRET}%zz@${NOBODY}/metrics/`],
    ['loadtest/src/main.ts', '--header', `Authorization Bearer:\n${SECRET}`],
    ['monitor/src/main.ts', '1', '--url', `http://us:${SECRET}@${NOBODY}`],
    ['monitor/src/main.ts', '1', '--url', `http://${NOBODY}/?token=${SECRET}`],
    ['monitor/src/main.ts', '1', '--url', `us:${SECRET}@${NOBODY}`, '--json'],
    ['scripts/release/release.ts', '--registry', `https://us:${SECRET}@${NOBODY}/x`],
    ['scripts/release/verify.ts', `us:${SECRET}@${NOBODY}/x`, '0.1.0'],
    ['bench/run.ts', `http://us:${SECRET}@${NOBODY}`],
    ['e2e/run.ts', `http://us:${SECRET}@${NOBODY}`],
    ['e2e/proxies/run.ts', `http://us:${SECRET}@${NOBODY}`],
    ['try/src/main.ts', `http://us:${SECRET}@${NOBODY}`],
  ] as const)
    it(`is in no word of ${program} ${args.join(' ')}`, async (t) => {
      const { status, output } = await start(t, program, args).ended;
      assert.notEqual(status, 0);
      assert.ok(output.length > 0);
      assertHidden(output);
    });

  it('is in no word of the monitor about a cluster that refuses its token', async (t) => {
    const kubeconfig = join(folderFor(t), 'config');
    writeFileSync(
      kubeconfig,
      `{"clusters":[{"name":"c","cluster":{"server":"https://us:${SECRET}@${NOBODY}"}}],` +
        `"users":[{"name":"u","user":{"token":"${SECRET}"}}],` +
        '"contexts":[{"name":"x","context":{"cluster":"c","user":"u"}}],"current-context":"x"}',
    );
    const args = ['1', '--namespace', 'default', '--kubeconfig', kubeconfig];
    for (const more of [[], ['--json']]) {
      const { output } = await start(t, 'monitor/src/main.ts', [...args, ...more]).ended;
      assert.ok(output.length > 0);
      assertHidden(output);
    }
  });

  it('is in no output of a whole run of the load test: text, JSON, report', async (t) => {
    const { port } = await startApp(t);
    const folder = folderFor(t);
    const args = [
      ...['--host', `ws://127.0.0.1:${port}/ws/chat/?token=${SECRET}`],
      ...['--metrics-url', `http://us:${SECRET}@127.0.0.1:${port}/metrics/?token=${SECRET}`],
      ...['--header', `Authorization: Bearer ${SECRET}`, '--sockets', '2', '--duration', '1'],
    ];
    for (const [name, more] of [
      ['text', []],
      ['json', ['--json']],
    ] as const) {
      const { output } = await start(t, 'loadtest/src/main.ts', [
        ...args,
        ...more,
        '--report',
        join(folder, `${name}.html`),
      ]).ended;
      assertHidden(output);
    }
    assert.equal(readdirSync(folder).length, 2);
    for (const file of readdirSync(folder)) assertHidden(readFileSync(join(folder, file), 'utf8'));
  });
});

/** In any of its usual spellings. */
function assertHidden(output: string): void {
  for (const form of [SECRET, Buffer.from(`us:${SECRET}`).toString('base64'), Buffer.from(SECRET).toString('base64')]) {
    const at = output.indexOf(form);
    assert.equal(at, -1, `${form} is in: ${output.slice(Math.max(0, at - 200), at + 200)}`);
  }
}

function folderFor(t: Cleanup): string {
  const folder = mkdtempSync(join(tmpdir(), 'wmc-secrets-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  return folder;
}

/** Starts a program, which ends with the test. */
function start(
  t: Cleanup,
  path: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): {
  readonly ended: Promise<Run>;
  readonly printed: (pattern: RegExp) => Promise<string>;
  readonly signal: (signal: NodeJS.Signals) => void;
} {
  const child = spawn(process.execPath, [path, ...args], {
    env: { ...BARE_ENVIRONMENT, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 300_000,
  });
  t.after(() => {
    child.kill('SIGKILL');
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = once(child, 'close').then(([status]) => ({ status: status as number | null, output }));
  const printed = async (pattern: RegExp): Promise<string> => {
    for (;;) {
      const found = pattern.exec(output)?.[1];
      if (found !== undefined) return found;
      if (child.exitCode !== null) throw new Error(`ended before it printed ${pattern}: ${output}`);
      await Promise.race([once(child.stdout, 'data'), ended]);
    }
  };
  return { ended, printed, signal: (signal) => void child.kill(signal) };
}
