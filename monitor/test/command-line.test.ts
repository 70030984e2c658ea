import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { commandLine, readSettings, watchesCluster } from '../src/command-line.ts';

const MAIN = new URL('../src/main.ts', import.meta.url).pathname;

test('nothing given watches the local service for a minute', () => {
  const { url, seconds, interval, warn, json } = readSettings([]);
  assert.equal(url.href, 'http://127.0.0.1:8080/');
  assert.deepEqual({ seconds, interval, warn, json }, { seconds: 60, interval: 10, warn: false, json: false });
  assert.ok(!watchesCluster(readSettings(['60'])));
});

test('--url keeps its path, without the page of the service that people paste', () => {
  const urls = [
    'http://a',
    'http://a/',
    'http://a/chat',
    'http://a/chat//',
    'http://a/chat/metrics/',
    'http://a/healthz',
  ];
  assert.deepEqual(
    urls.map((url) => readSettings(['--url', url]).url.href),
    ['http://a/', 'http://a/', 'http://a/chat/', 'http://a/chat/', 'http://a/chat/', 'http://a/'],
  );
});

test('0 is until it is interrupted', () => {
  assert.equal(readSettings(['0']).seconds, 0);
});

test('any flag of the cluster makes it watch the cluster', () => {
  for (const args of [
    ['-n', 'chat'],
    ['--release', 'demo'],
    ['--context', 'prod'],
    ['--kubeconfig', 'x'],
  ])
    assert.ok(watchesCluster(readSettings(args)), args.join(' '));
});

const REFUSED: readonly (readonly [args: string[], words: RegExp])[] = [
  [['--ulr', 'x'], /^monitor: unknown option '--ulr' \(Did you mean --url\?\)/],
  [['--url'], /option '--url <url>' argument missing/],
  [['--url', 'ftp://me:secret@x'], /argument 'ftp:\/\/\*\*\*@x' is invalid\. It must be a URL such as/],
  [['--url', 'me:secret@x'], /argument '\*\*\*@x' is invalid\. It must be a URL such as/],
  [['--url', 'http://me:secret%zz@x'], /It has a user or password with a % that begins no code: write it as %25/],
  [['--url', 'http://x/?token=secret'], /argument 'http:\/\/x\/\?token=\*\*\*' is invalid\. It must not have a query/],
  [['--url', 'http://x:99999'], /It must be a URL such as/],
  [['http://me:secret@x'], /It must be a number of seconds from 0\.1/],
  [['-5'], /value '-5' is invalid for argument 'seconds'/],
  [['1', '2'], /too many arguments/],
  [['--interval', '0'], /'--interval <seconds>' argument '0' is invalid\. It must be a number of seconds from 0\.1/],
  [['--url', 'http://a', '-r', 'demo'], /'--url <url>' cannot be used with option '-r, --release <name>'/],
  [['-n', 'Chat!'], /It must be lower-case letters/],
];

for (const [args, words] of REFUSED)
  test(`\`${args.join(' ')}\` is refused in a sentence, with status 2`, () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' });
    assert.match(stderr, words);
    assert.match(stderr, /^[^\n]+\n$/, 'one line');
    assert.doesNotMatch(stderr, /secret/);
    assert.equal(stdout, '');
    assert.equal(status, 2);
  });

test('--help has every flag, and what the exit statuses mean', () => {
  const { status, stdout } = spawnSync(process.execPath, [MAIN, '--help'], { encoding: 'utf8' });
  assert.equal(status, 0);
  for (const { long } of commandLine().options) assert.ok(stdout.includes(`${long ?? ''} `), long);
  assert.match(stdout, /2 +it could not watch/);
});
