import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { CountingServer } from '../../testkit/counting-server.ts';
import { loadtest, loadtestJson, readResult, startLoadtest } from '../../testkit/run-loadtest.ts';

/** Gives a test a server of its own: the metrics would show the clients of another. */
function withServer(test: (server: CountingServer) => Promise<void>): () => Promise<void> {
  return async () => {
    const server = await CountingServer.start();
    try {
      await test(server);
    } finally {
      await server.stop();
    }
  };
}

const SHORT = ['--sockets', '3', '--rate', '100', '--send-rate', '10', '--duration', '2'];

describe('the command line', { concurrency: 4 }, () => {
  for (const [what, args, message] of [
    ['an unknown flag', ['--socket', '3'], /^unknown option '--socket' \(Did you mean --sockets\?\)/],
    [
      'a number that is none',
      ['--sockets', 'many'],
      /^option '--sockets <N>' .* It must be a whole number from 1 to 1000000\./,
    ],
    [
      'a rate of nothing',
      ['--rate', '0'],
      /^option '--rate <N>' argument '0' is invalid\. It must be a number from 0\.001 to 100000\./,
    ],
    [
      'a host that is no WebSocket URL',
      ['--host', 'http://localhost:8080'],
      /^option '--host <URL>' argument 'http:\/\/localhost:8080' is invalid\. It must be a URL such as ws:/,
    ],
    [
      'an unknown scenario',
      ['--scenario', 'none'],
      /^option '--scenario <NAME>' .* It must be one of steady, ramp, burst, /,
    ],
    [
      'an assertion of something unknown',
      ['--assert', 'p98<1ms'],
      /^option '--assert <RULE>' .* It has the unknown name p98: did you mean p9[09]\?/,
    ],
    ['a time without a unit', ['--assert', 'p99<10'], /It needs a time with us, ms or s, such as p99<10ms\./],
    [
      'a contradiction',
      ['--reconnect', 'immediately', '--no-reconnect'],
      /^option '--reconnect <POLICY>' cannot be used with option '--no-reconnect'/,
    ],
    [
      'another contradiction',
      ['--metrics-url', 'http://localhost/metrics/', '--no-metrics'],
      /^option '--metrics-url <URL>' cannot be used with option '--no-metrics'/,
    ],
    ['a flag without its value', ['--host'], /^option '--host <URL>' argument missing/],
    ['an argument that is no flag', ['ws://localhost'], /^too many arguments\. Expected 0 arguments but got 1/],
    ['a header with a line end in it', ['--header', 'a: b\r\nc: d'], /It must be a header line/],
    [
      'a report that can not be written',
      ['--report', '/nowhere/report.html'],
      /^option '--report <FILE>' argument '\/nowhere\/report.html' is invalid\. It can not be written \(ENOENT\)\./,
    ],
    ['a report that is a folder', ['--report', '/tmp'], /It can not be written \(EISDIR\)\./],
    ['a file of certificates that is not there', ['--ca', '/nowhere/ca.pem'], /It can not be read \(ENOENT\)\./],
    ['a file without certificates', ['--ca', 'package.json'], /It must be a file with certificates in PEM format\./],
    [
      'a password that is not encoded',
      ['--metrics-url', 'http://u:p%zz@127.0.0.1/metrics/'],
      /argument 'http:\/\/\*\*\*@127\.0\.0\.1\/metrics\/' is invalid\. It has a user or password with a % that begins no code/,
    ],
    ...[
      'Connection: close',
      'upgrade: h2c',
      'Sec-WebSocket-Key: x',
      'sec-websocket-protocol: chat',
      'Content-Length: 5',
    ].map(
      (line) =>
        [
          `the header ${line}`,
          ['--header', line],
          /^option '--header <LINE>' is invalid\. It must not be [\w-]+, which/,
        ] as const,
    ),
    ['a Host that is none', ['--header', 'Host: a b'], /It must have a Host such as chat\.example\.com/],
    [
      'a header that can not be sent',
      ['--header', 'X-Token: \u20ac'],
      /It must have a value of X-Token that a header may hold/,
    ],
    [
      'a name that can not be resolved',
      ['--host', 'ws://no-such-host.invalid'],
      /^The host no-such-host\.invalid can not be resolved: check --host\.\n$/,
    ],
    [
      'a port where nothing listens',
      ['--host', 'ws://127.0.0.1:1'],
      /^No WebSocket opens at 127\.0\.0\.1:1: nothing listens there \(connection refused\)\.\n$/,
    ],
  ] as const)
    it(`refuses ${what} in one sentence, with status 2`, async () => {
      const { status, stderr, stdout } = await loadtest(...args);
      assert.match(stderr, message);
      assert.equal(stderr.trimEnd().split('\n').length, 1);
      assert.equal(stdout, '');
      assert.equal(status, 2);
    });

  it(
    'refuses a host whose path is no WebSocket, saying what it answered',
    withServer(async (server) => {
      const { status, stderr } = await loadtest('--host', `${server.host}/elsewhere/`);
      assert.match(stderr, /^127\.0\.0\.1:\d+\/elsewhere\/ answered with HTTP 404 instead of a WebSocket\.\n$/);
      assert.equal(status, 2);
    }),
  );

  it('refuses a host that does not answer in time', async () => {
    const silent = createServer((socket) => socket.on('error', () => undefined).resume());
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    const { status, stderr } = await loadtest(
      '--no-metrics',
      '--connect-timeout',
      '0.2',
      '--host',
      `ws://127.0.0.1:${port}`,
    );
    assert.match(stderr, /^No WebSocket opens at 127\.0\.0\.1:\d+: no answer within 0\.2 s\.\n$/);
    assert.equal(status, 2);
    silent.close();
  });

  it(
    'refuses metrics that were named and can not be read',
    withServer(async (server) => {
      const { status, stderr } = await loadtest('--host', server.host, '--metrics-url', `${server.metricsUrl}not/`);
      assert.match(stderr, /^--metrics-url: .* answered with HTTP 404\.\n$/);
      assert.equal(status, 2);
    }),
  );

  it(
    "takes the guide's flags",
    withServer(async (server) => {
      const { status, stdout } = await loadtest(
        ...['--sockets', '5', '--rate', '10', '--duration', '3', '--host', server.host, '--send-rate', '0.1'],
      );
      assert.match(stdout, /^sockets {3}5 of 5 opened/m);
      assert.match(stdout, /^verdict {3}PASSED$/m);
      assert.equal(status, 0);
    }),
  );

  it(
    'prints plain lines where its output is no terminal',
    withServer(async (server) => {
      const { stdout } = await loadtest('--host', server.host, ...SHORT);
      assert.match(
        stdout,
        /^opening sockets\nall sockets open\nrunning +\d s {2}open 3\/3 {2}\d+ msg\/s {2}p99 [\d.]+ ms {2}errors 0 {2}reconnects 0\n/,
      );
      assert.ok(!/[\r\u001b]/.test(stdout), 'no control characters');
    }),
  );

  it(
    'prints nothing but the result on stdout with --json',
    withServer(async (server) => {
      const { result, stderr, status } = readResult(await loadtest('--json', '--host', server.host, ...SHORT));
      assert.equal(status, 0);
      assert.match(stderr, /opening sockets/);
      assert.equal(result.schema, 1);
      assert.deepEqual(Object.keys(result), [
        ...['schema', 'version', 'settings', 'verdict', 'assertions', 'startedAt', 'durationSeconds', 'interrupted'],
        ...['sockets', 'messages', 'latency', 'errors', 'counts', 'metrics', 'client', 'timeline'],
      ]);
      assert.equal(result.settings['sockets'], '3');
      assert.deepEqual(Object.keys(result.latency.reply), ['p50', 'p90', 'p99', 'p99.9', 'max']);
    }),
  );

  it(
    'decides by assertions',
    withServer(async (server) => {
      const good = ['--assert', 'p99<5s', '--assert', 'errors<0.1%', '--assert', 'lost=0', '--assert', 'messages>=1'];
      // Long enough for a busy machine to send one.
      const run = ['--host', server.host, ...SHORT, ...good];
      const { status, result } = await loadtestJson(...run, '--assert', 'p50<1us');
      assert.equal(status, 1);
      assert.deepEqual(
        result.assertions.map(({ assertion, passed }) => `${assertion} ${passed}`),
        [...['p99<5s true', 'errors<0.1% true', 'lost=0 true', 'messages>=1 true', 'p50<1us false']],
      );
      assert.match(result.verdict.failures.join(), /^p50<1us does not hold: [\d.]+ ms\.$/);
      assert.equal((await loadtest(...run)).status, 0);
    }),
  );

  it(
    'ends early at Ctrl-C, and still reports',
    withServer(async (server) => {
      const folder = mkdtempSync(join(tmpdir(), 'loadtest-'));
      const report = join(folder, 'report.html');
      const running = startLoadtest(['--host', server.host, ...SHORT, '--duration', '60', '--report', report]);
      await running.printed(/all sockets open/);
      running.process.kill('SIGINT');
      const { status, stdout } = await running.finished;
      assert.match(stdout, /^warning {3}The run was ended early\.$/m);
      assert.match(stdout, /^metrics {3}agree: /m);
      assert.match(stdout, /^verdict {3}PASSED$/m);
      assert.ok(existsSync(report) && readFileSync(report, 'utf8').includes('</html>'));
      assert.equal(status, 130);
      rmSync(folder, { recursive: true });
    }),
  );

  it(
    'takes a second SIGINT within a second for the same key press: a terminal and npm both deliver Ctrl-C',
    withServer(async (server) => {
      const running = startLoadtest(['--host', server.host, ...SHORT, '--duration', '60']);
      await running.printed(/all sockets open/);
      running.process.kill('SIGINT');
      await running.printed(/finishing/);
      running.process.kill('SIGINT');
      const { status, stdout } = await running.finished;
      assert.match(stdout, /^verdict {3}PASSED$/m);
      assert.equal(status, 130);
    }),
  );

  it('ends at once at a second Ctrl-C, a second later', async (t) => {
    const slow = await CountingServer.start({ delayMs: 60_000 }, t);
    const running = startLoadtest(['--host', slow.host, ...SHORT, '--duration', '60', '--reply-timeout', '60']);
    await running.printed(/running +1 s/);
    running.process.kill('SIGINT');
    await running.printed(/finishing/);
    await delay(1100);
    running.process.kill('SIGINT');
    const { status, stdout } = await running.finished;
    assert.equal(status, 130);
    assert.ok(!stdout.includes('verdict'));
  });

  it('lists scenarios, help and version', async () => {
    assert.match(
      (await loadtest('--list-scenarios')).stdout,
      /^steady .*\nramp .*\nburst .*\nreconnect-storm .*\nslow-readers .*\nmixed-bad-clients .*\nlong-soak .*\n$/,
    );
    assert.match((await loadtest('--help')).stdout, /--send-rate <N> [^]*\(default: 1\)[^]*Exit status:/);
    assert.match((await loadtest('--version')).stdout, /^\d+\.\d+\.\d+\n$/);
  });
});
