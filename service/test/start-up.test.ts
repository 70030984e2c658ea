import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { ConfigError, loadConfig } from '../src/config/load-config.ts';
import { startApp } from '../../testkit/app.ts';
import { BARE_ENVIRONMENT } from '../../testkit/environment.ts';
import { runToEnd } from '../../testkit/process.ts';

describe('HOST', () => {
  for (const host of [
    '192.0.2.1',
    '2001:db8::1',
    'no-such-host.invalid',
    '0.0.0.0:8080',
    'http://127.0.0.1',
    '256.1.1.1',
  ])
    it(`that can't be had, such as ${host}, is what the error is about`, async () => {
      const { status, stderr } = await runToEnd({ HOST: host });
      assert.equal(status, 1);
      assert.match(stderr, /^HOST="[^"]+" can't be listened on: .*; set an address of this machine, or none for all/);
      assert.ok(stderr.startsWith(`HOST=${JSON.stringify(host)}`));
      assert.equal(stderr.trim().split('\n').length, 1);
    });

  for (const host of ['[::1]', '::1', '127.0.0.1', 'localhost'])
    it(`may be ${host}`, async (t) => {
      const { port } = await startApp(t, { HOST: host });
      const inUrl = host === '::1' ? '[::1]' : host;
      assert.equal((await fetch(`http://${inUrl}:${port}/healthz/`)).status, 200);
    });
});

describe('A file .env', () => {
  const text = 'PORT=eighty\nHOST=127.0.0.1\n';
  const good: Readonly<Record<string, Buffer>> = {
    'in UTF-8': Buffer.from(text),
    'in UTF-8 with a byte order mark': Buffer.from(`\ufeff${text}`),
    'in UTF-16 little-endian': Buffer.from(`\ufeff${text}`, 'utf16le'),
    'in UTF-16 big-endian': Buffer.from(`\ufeff${text}`, 'utf16le').swap16(),
    'with the line ends of Windows': Buffer.from(text.replaceAll('\n', '\r\n')),
    'with quotes, comments and export': Buffer.from(`# PORT=1\n\nexport PORT="eighty" # no\n`),
    'without a line end': Buffer.from('PORT=eighty'),
  };
  for (const [how, bytes] of Object.entries(good))
    it(`${how} gives its first variable`, (t) => {
      const { status, stderr } = check(t, (path) => {
        writeFileSync(path, bytes);
      });
      assert.equal(status, 2);
      assert.match(stderr, /^1 problem in the configuration:\n {2}PORT="eighty" must be a whole number/);
    });

  const bad: Readonly<Record<string, Buffer>> = {
    'in UTF-16 without a byte order mark': Buffer.from(text, 'utf16le'),
    'in Latin-1': Buffer.from('ENVIRONMENT=Z\xfcrich\n', 'latin1'),
    'of other bytes': Buffer.from([0x80, 0, 1, 2]),
  };
  for (const [how, bytes] of Object.entries(bad))
    it(`${how} is refused in a sentence`, (t) => {
      const { status, stderr } = check(t, (path) => {
        writeFileSync(path, bytes);
      });
      assert.equal(status, 2);
      assert.equal(
        stderr,
        "1 problem in the configuration:\n  .env can't be read: it is not text in UTF-8; save it in that encoding\n",
      );
    });

  it('that can not be opened is refused in a sentence', (t) => {
    const { status, stderr } = check(t, (path) => {
      symlinkSync('.env', path);
    });
    assert.equal(status, 2);
    assert.match(stderr, /^1 problem in the configuration:\n {2}\.env can't be read: ELOOP.*\n$/);
  });

  it('that is a folder is passed over with a warning', (t) => {
    const { status, stdout } = check(t, (path) => {
      mkdirSync(path);
    });
    assert.equal(status, 0);
    assert.equal(stdout, 'warning: .env is a folder, and no options are read from it\nThe configuration is good.\n');
  });

  it('that is not there, or a link to nothing, is no matter', (t) => {
    for (const make of [
      () => undefined,
      (path: string) => {
        symlinkSync('nothing', path);
      },
    ]) {
      const { status, stdout } = check(t, make);
      assert.equal(status, 0);
      assert.equal(stdout, 'The configuration is good.\n');
    }
  });
});

describe('Variables of other programs', () => {
  it('bring no warning', () => {
    const strangers = [
      'WSLENV',
      'WSL_DISTRO_NAME',
      'WSL_INTEROP',
      'WSL2_GUI_APPS_ENABLED',
      'SESSION_MANAGER',
      'SESSIONNAME',
      'DESKTOP_SESSION',
      'XDG_SESSION_ID',
      'LOGNAME',
      'LOG_FORMAT',
      'STOREFRONT',
      'MAX_PATH',
      'HOSTNAME',
      'HOSTTYPE',
      'LOKI',
      'WSREP',
      'MESSAGES',
    ];
    assert.deepEqual(loadConfig(Object.fromEntries(strangers.map((name) => [name, 'x']))).warnings, []);
  });

  it('do not hide those that are misspelt', () => {
    const misspelt = [
      'WS_PATH',
      'SESSION_TIMEOUT',
      'LOKI_ADDRESS',
      'MAX_MESSAGE_SIZE',
      'LOG_LEVEL_ALL',
      'SESSIONTTL',
      'LOKIURL',
      'LOGLEVEL',
    ];
    const { warnings } = loadConfig(Object.fromEntries(misspelt.map((name) => [name, 'x'])));
    assert.deepEqual(
      warnings.map((warning) => warning.split(' ')[0]),
      misspelt,
    );
  });
});

describe('LOKI_URL', () => {
  const bases = ['http://loki:3100', 'https://gateway.example/logs/loki'];
  const ends = [
    '',
    '/',
    '//',
    '/loki/api/v1/push',
    '/loki/api/v1/push/',
    '/loki/api/v1',
    '/loki/api/v1/',
    '/api/prom/push',
    '/api/prom/push/',
    '/api/prom',
    '/loki/api/v1/query_range',
    '//loki/api/v1/push',
    '/push',
    '/push/',
  ];
  it(`is where Loki's paths are appended, with any of ${ends.length} ends`, () => {
    for (const base of bases)
      for (const end of ends)
        assert.equal(loadConfig({ LOKI_ENABLED: 'true', LOKI_URL: `${base}${end}` }).config.lokiUrl, base, end);
  });

  it('is read alike by the chart, which has the same pattern', () => {
    const pattern =
      /const ENDPOINT = \/(.+)\/;/.exec(
        readFileSync(new URL('../src/config/loki-url.ts', import.meta.url), 'utf8'),
      )?.[1] ?? '';
    const template = readFileSync(new URL('../../chart/templates/_parts.tpl', import.meta.url), 'utf8');
    assert.ok(template.includes(`regexReplaceAll "${pattern.replaceAll('\\/', '/')}" .Values.loki.url ""`));
  });

  it('keeps a path that is none of Loki’s', () => {
    for (const url of ['http://gate/prom', 'http://gate/loki', 'http://gate/pusher', 'http://gate/myloki/api/v1'])
      assert.equal(loadConfig({ LOKI_ENABLED: 'true', LOKI_URL: `${url}/` }).config.lokiUrl, url);
  });
});

describe('REDIS_URL', () => {
  const forms = [
    'redis://:PASSWORD@redis',
    'rediss://user:PASSWORD@redis:1/2',
    'redis+sentinel://user:PASSWORD@a:1,b/main',
    'redis+cluster://user:PASSWORD@a,b',
  ];
  it('with a password that is not percent-encoded is refused with the way to write it, and without the password', () => {
    for (const password of ['p@ss', 'p/ss', 'p%ss', 'p%zz', '12/3', '1/', '/', '@', '%', '%%', 'p%2', 's@/#%'])
      for (const form of forms)
        assert.throws(
          () => loadConfig({ REDIS_URL: form.replace('PASSWORD', password) }),
          (error) =>
            error instanceof ConfigError &&
            /^REDIS_URL=\(a secret\) must be redis.*; in its user and password, @ \/ # % are written %40 %2F %23 %25, or the password is set in REDIS_PASSWORD as it is$/.test(
              error.problems[0] ?? '',
            ),
          form.replace('PASSWORD', password),
        );
  });

  it('has the password that was meant otherwise', () => {
    for (const [written, password] of [
      ['p%40s%2Fs%23%25', 'p@s/s#%'],
      ['p#ss', 'p#ss'],
      ['p?ss', 'p?ss'],
      ['p:ss', 'p:ss'],
      ['p,s[s]', 'p,s[s]'],
    ] as const)
      for (const form of forms)
        assert.equal(loadConfig({ REDIS_URL: form.replace('PASSWORD', written) }).config.redisUrl?.password, password);
  });
});

/** Runs `--check-config` in a folder with what `make` puts at the path of `.env`. */
function check(
  t: TestContext,
  make: (path: string) => void,
): { status: number | null; stdout: string; stderr: string } {
  const folder = mkdtempSync(join(tmpdir(), 'wmc-env-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  make(join(folder, '.env'));
  const main = new URL('../src/main.ts', import.meta.url).pathname;
  return spawnSync(process.execPath, [main, '--check-config'], {
    cwd: folder,
    env: BARE_ENVIRONMENT,
    encoding: 'utf8',
  });
}
