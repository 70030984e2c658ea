import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  OPTIONS,
  optionsTable,
  parseOptions,
  usage,
  UsageError,
  type LocalTarget,
  type Settings,
} from '../src/options.ts';

function parse(args: string[], env: Record<string, string> = {}, stdinPiped = false): Settings {
  const settings = parseOptions(args, { env, stdinPiped });
  assert.ok(settings !== 'help');
  return settings;
}

function localLog(args: string[], env: Record<string, string> = {}, stdinPiped = false): LocalTarget['log'] {
  const { target } = parse(args, env, stdinPiped);
  assert.ok(target.mode === 'local');
  return target.log;
}

test('nothing given watches the local service for a minute', () => {
  const { target, seconds, interval, warn, json } = parse([]);
  assert.ok(target.mode === 'local');
  assert.equal(target.url.href, 'http://127.0.0.1:8080/');
  assert.deepEqual({ seconds, interval, warn, json }, { seconds: 60, interval: 10, warn: false, json: false });
});

test("the guide's `60` is the time to watch, and 0 is until it is interrupted", () => {
  assert.equal(parse(['60']).seconds, 60);
  assert.equal(parse(['0']).seconds, Infinity);
});

test('a file goes before Loki, and Loki before a pipe', () => {
  const env = { LOKI_URL: 'http://localhost:3100' };
  assert.equal(localLog(['--log-file', 'a.log'], env, true).kind, 'file');
  assert.equal(localLog([], env, true).kind, 'loki');
  assert.equal(localLog([], {}, true).kind, 'stdin');
  assert.equal(localLog(['--log-file', '-'], env).kind, 'stdin');
  assert.equal(localLog([]).kind, 'none');
});

test('Loki is signed in to as the service does it', () => {
  const log = localLog([], {
    LOKI_URL: 'https://loki.example.com/path',
    LOKI_USERNAME: 'user',
    LOKI_PASSWORD: 'pass',
    LOKI_TENANT_ID: 'chat',
  });
  assert.ok(log.kind === 'loki');
  assert.deepEqual(log.headers, { authorization: 'Basic dXNlcjpwYXNz', 'x-scope-orgid': 'chat' });
});

test('any flag of the cluster makes it watch the cluster', () => {
  for (const args of [
    ['-n', 'chat'],
    ['--release', 'demo'],
    ['--context', 'prod'],
    ['--kubeconfig', 'x'],
  ])
    assert.equal(parse(args).target.mode, 'cluster', args.join(' '));
});

const REFUSED: readonly (readonly [args: string[], words: RegExp])[] = [
  [['--ulr', 'x'], /^--ulr is not a flag: did you mean --url\?$/],
  [['--nonsense'], /^--nonsense is not a flag; --help lists them\.$/],
  [['--url'], /--url.*argument/],
  [['--url', 'ftp://x'], /^--url "ftp:\/\/x" must be a URL such as/],
  [['soon'], /^The time to watch, "soon" must be a number of seconds/],
  [['-5'], /-5 is not a flag/],
  [['1', '2'], /^One number of seconds is expected, not "1" and "2"\.$/],
  [['--interval', '0'], /^--interval "0" must be a number of seconds from 0\.1/],
  [['--url', 'http://a', '-r', 'demo'], /^--url is for a local service and --release for a cluster/],
  [['-n', 'Chat!'], /^--namespace "Chat!" must be lower-case letters/],
];

for (const [args, words] of REFUSED)
  test(`\`${args.join(' ')}\` is refused in a sentence`, () => {
    assert.throws(
      () => parseOptions(args, { env: {}, stdinPiped: false }),
      (error: Error) => error instanceof UsageError && words.test(error.message) && !error.message.includes('\n'),
    );
  });

test('a LOKI_URL that is none is refused by its name', () => {
  assert.throws(() => parse([], { LOKI_URL: 'loki:3100' }), /^UsageError: LOKI_URL "loki:3100" must be a URL/);
});

test('the help and the table of the documentation have every flag', () => {
  for (const flag of Object.keys(OPTIONS)) {
    assert.ok(usage().includes(`--${flag}`), `--help has --${flag}`);
    assert.ok(optionsTable().includes(`\`--${flag}`), `the table has --${flag}`);
  }
});
