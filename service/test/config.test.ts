import assert from 'node:assert/strict';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { ConfigError } from '../src/config/load-config.ts';
import { loadConfig } from '../src/config/load-config.ts';
import { OPTIONS } from '../src/config/options.ts';
import { BARE_ENVIRONMENT } from '../../testkit/environment.ts';
import { runToEnd } from '../../testkit/process.ts';

describe('The configuration', () => {
  it('without any variable is the documented defaults', () => {
    const { config, warnings } = loadConfig({});
    assert.equal(config.port, 8080);
    assert.equal(config.environment, 'production');
    assert.equal(config.consoleEnabled, true);
    assert.deepEqual(config.allowedOrigins, ['*']);
    assert.deepEqual(warnings, []);
  });

  it('has no option that nothing reads', () => {
    const source = join(import.meta.dirname, '../src');
    const files = globSync('**/*.ts', { cwd: source }).filter((file) => file !== 'config/options.ts');
    const code = files.map((file) => readFileSync(join(source, file), 'utf8')).join('\n');
    const unread = Object.keys(OPTIONS).filter((option) => !new RegExp(`\\b${option}\\b`).test(code));
    assert.deepEqual(unread, []);
  });

  it('takes an empty variable as not set, and trims', () => {
    const { config } = loadConfig({ PORT: '', MAX_CONNECTIONS: ' 50 ' });
    assert.deepEqual([config.port, config.maxConnections], [8080, 50]);
  });

  it('takes an empty FINAL_SCRAPE_HEADER as empty: every GET is a scrape', () => {
    assert.equal(loadConfig({ FINAL_SCRAPE_HEADER: ' ' }).config.finalScrapeHeader, '');
    assert.equal(loadConfig({}).config.finalScrapeHeader, 'X-Prometheus-Scrape-Timeout-Seconds');
    assert.equal(loadConfig({ PORT: '0', METRICS_PORT: '0', ADMIN_PORT: '0' }).config.metricsPort, 0);
  });

  it('lists all problems at once, each with variable, value and rule', () => {
    const env = {
      PORT: 'eighty',
      LOG_LEVEL: 'LOUD',
      MAX_CONNECTIONS: '0',
      CONSOLE_ENABLED: 'maybe',
      MESSAGE_RATE: '-1',
    };
    assert.throws(
      () => loadConfig(env),
      (error: ConfigError) => {
        assert.deepEqual(error.problems, [
          'PORT="eighty" must be a whole number from 0 to 65535',
          'LOG_LEVEL="LOUD" must be one of DEBUG, INFO, WARN, ERROR, CRITICAL',
          'CONSOLE_ENABLED="maybe" must be true or false',
          'MAX_CONNECTIONS="0" must be a whole number of at least 1',
          'MESSAGE_RATE="-1" must be a number of at least 0',
        ]);
        return true;
      },
    );
  });

  for (const [env, problem] of [
    [{ DRAIN_SPREAD_SECONDS: '9' }, /DRAIN_TIMEOUT_SECONDS=10 must be more than .* = 11: raise it/],
    [{ PRESTOP_MIN_SECONDS: '30' }, /PRESTOP_MIN_SECONDS=30 must be at most PRESTOP_MAX_SECONDS=20/],
    [{ RETRY_AFTER_MIN_SECONDS: '9' }, /RETRY_AFTER_MIN_SECONDS=9 must be at most RETRY_AFTER_MAX_SECONDS=3/],
    [{ STORE_REPLICAS: '1', SESSION_DURABILITY: 'strict' }, /STORE_REPLICAS=1 needs a shared store: set REDIS_URL/],
    [{ SESSION_DURABILITY: 'strict' }, /SESSION_DURABILITY=strict needs a shared store: set REDIS_URL, or drop it/],
    [
      { STORE_FSYNC: 'true', REDIS_URL: 'redis://r' },
      /STORE_FSYNC=true needs SESSION_DURABILITY=strict: with relaxed, replies do not wait .* drop STORE_FSYNC=true/,
    ],
    [
      { REDIS_PASSWORD_FILE: '/p', REDIS_PASSWORD: 'x' },
      /REDIS_PASSWORD_FILE and REDIS_PASSWORD are both set: drop one/,
    ],
    [
      { REDIS_PASSWORD_FILE: '/p', REDIS_URL: 'redis://u:x@r' },
      /REDIS_PASSWORD_FILE is set, and REDIS_URL contains a password: take it out of REDIS_URL, or drop the file/,
    ],
    [
      { REDIS_URL: 'rediss://r', REDIS_CERT_FILE: '/c' },
      /REDIS_CERT_FILE and REDIS_KEY_FILE need each other: set both/,
    ],
    [{ REDIS_URL: 'redis://r', REDIS_CA_FILE: '/a' }, /REDIS_CA_FILE="\/a" needs TLS: write REDIS_URL with rediss/],
    [{ ADMIN_PORT: '8080' }, /ADMIN_PORT=8080 must differ from PORT=8080/],
    [{ METRICS_PORT: '8080' }, /METRICS_PORT=8080 must differ from PORT=8080: leave it empty to serve/],
    [{ METRICS_PORT: '8081', ADMIN_PORT: '8081' }, /METRICS_PORT=8081 must differ from ADMIN_PORT=8081/],
    [{ RESUME_TOKEN_KEY_FILE: '/key', RESUME_TOKEN_KEY: 'k'.repeat(32) }, /are both set: drop one/],
    [{ RESUME_TOKEN_PREVIOUS_KEY_FILE: '/key' }, /RESUME_TOKEN_PREVIOUS_KEY_FILE needs RESUME_TOKEN_KEY_FILE/],
    [{ FINAL_SCRAPE_HEADER: 'X Scraper' }, /FINAL_SCRAPE_HEADER="X Scraper" must be the name of a header, or nothing/],
    [{ ALLOWED_ORIGINS: 'app.example.com' }, /ALLOWED_ORIGINS holds "app\.example\.com"/],
    [{ ALLOWED_ORIGINS: 'https://app.example.com/path' }, /ALLOWED_ORIGINS holds/],
    [{ LOKI_GZIP: 'false' }, /LOKI_GZIP="false" is no longer an option: .* Remove it/],
    [{ TRUSTED_PROXIES: '10.0.0.0/99' }, /TRUSTED_PROXIES holds "10\.0\.0\.0\/99"/],
  ] as const)
    it(`refuses ${JSON.stringify(env)}, since it does not fit together`, () => {
      assert.throws(() => loadConfig(env), problem);
    });

  it('warns of what is set for a store, where there is none', () => {
    const env = { REDIS_USERNAME: 'u', REDIS_PASSWORD_FILE: '/p', REDIS_CA_FILE: '/a' };
    const warningsOf = (more: Record<string, string>): readonly string[] => loadConfig({ ...env, ...more }).warnings;
    assert.deepEqual(warningsOf({ REDIS_URL: 'rediss://r' }), []);
    assert.deepEqual(
      warningsOf({}),
      Object.keys(env).map((name) => `${name} is set and REDIS_URL is not: sessions are kept in memory`),
    );
  });

  it('warns of a misspelt variable and names the nearest, but of no stranger', () => {
    const { warnings } = loadConfig({
      MAX_CONNECTION: '5',
      DRAIN_SPRED_SECONDS: '1',
      HEARTBEAT_EVERY: '5',
      PATH: '/bin',
      LOKI_SERVICE_HOST: '10.0.0.1',
      LOKI_PORT_3100_TCP: 'tcp://10.0.0.1:3100',
      HOSTNAME: 'pod-1',
      MAIL: '/var/mail',
    });
    assert.deepEqual(warnings, [
      'MAX_CONNECTION is not an option: did you mean MAX_CONNECTIONS?',
      'DRAIN_SPRED_SECONDS is not an option: did you mean DRAIN_SPREAD_SECONDS?',
      'HEARTBEAT_EVERY is not an option and has no effect; those that begin alike are HEARTBEAT_INTERVAL_SECONDS',
    ]);
  });
});

describe('The command', () => {
  it('--help lists every option with its default, and exits 0', async () => {
    const { status, stdout } = await runToEnd({}, ['--help']);
    assert.equal(status, 0);
    for (const { name, fallback } of Object.values(OPTIONS)) {
      assert.match(
        stdout,
        new RegExp(`^  ${name}  \\(.*default ${fallback === '' ? 'empty' : fallback.replaceAll('*', '\\*')}\\)$`, 'm'),
      );
    }
  });

  it('--version says the version of package.json', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    assert.equal((await runToEnd({}, ['--version'])).stdout, `${version}\n`);
  });

  it('--check-config exits 0 for a good configuration, with its warnings', async () => {
    const { status, stdout } = await runToEnd({ DRAIN_SPRED_SECONDS: '1' }, ['--check-config']);
    assert.equal(status, 0);
    assert.equal(
      stdout,
      'warning: DRAIN_SPRED_SECONDS is not an option: did you mean DRAIN_SPREAD_SECONDS?\nThe configuration is good.\n',
    );
  });

  it('exits 2 for a bad configuration, with every problem, checking or starting', async () => {
    for (const args of [['--check-config'], []]) {
      const { status, stderr, stdout } = await runToEnd({ PORT: 'x', LOG_LEVEL: 'y' }, args);
      assert.equal(status, 2);
      assert.match(stderr, /^2 problems in the configuration:\n {2}PORT="x" .*\n {2}LOG_LEVEL="y" .*\n$/);
      assert.equal(stdout, '');
    }
  });

  it('exits 2 for an unknown flag, and says which there are', async () => {
    const { status, stderr } = await runToEnd({}, ['--prot', '80']);
    assert.equal(status, 2);
    assert.match(stderr, /Unknown option '--prot'.*--check-config/);
  });

  it('reads a .env file in development, under what the environment says, and never in production', (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'wmc-env-'));
    t.after(() => {
      rmSync(folder, { recursive: true });
    });
    writeFileSync(join(folder, '.env'), 'LOG_LEVEL=LOUD\n');
    const main = new URL('../src/main.ts', import.meta.url).pathname;
    const check = (env: Record<string, string>): number | null =>
      spawnSync(process.execPath, [main, '--check-config'], { cwd: folder, env: { ...BARE_ENVIRONMENT, ...env } })
        .status;
    assert.equal(check({}), 2);
    assert.equal(check({ LOG_LEVEL: 'INFO' }), 0);
    assert.equal(check({ NODE_ENV: 'production' }), 0);
  });

  it('says which port is taken, by which variable, and exits 1', async (t) => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const { port } = server.address() as { port: number };
    const { status, stderr } = await runToEnd({ PORT: String(port), HOST: '127.0.0.1', ADMIN_PORT: '0' });
    assert.equal(status, 1);
    assert.match(
      stderr,
      new RegExp(
        `^PORT=${port} can't be listened on at 127.0.0.1: another process has it; set another, .*: PORT=0 npm start\\n$`,
      ),
    );
  });
});
