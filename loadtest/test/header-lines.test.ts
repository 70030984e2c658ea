import assert from 'node:assert/strict';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { loadtest } from '../../testkit/run-loadtest.ts';
import { parseHeaderLines } from '../src/header-lines.ts';

test('a Host that is given replaces the one of the address, whatever its case, and the last one counts', async () => {
  const requests: IncomingMessage[] = [];
  const server = createServer().on('upgrade', (request, socket) => {
    requests.push(request);
    socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (const lines of [['Host: a.test'], ['hOST:a.test'], ['Host: b.test', 'host: a.test']])
    await loadtest('--no-metrics', '--host', host, ...lines.flatMap((line) => ['--header', line]));
  server.close();
  assert.deepEqual(
    requests.map(({ rawHeaders }) => rawHeaders.filter((_text, index) => /^host$/i.test(rawHeaders[index - 1] ?? ''))),
    [['a.test'], ['a.test'], ['a.test']],
  );
});

test('lines of one name are one header with all values', () => {
  assert.deepEqual(parseHeaderLines(['X-A: 1', 'x-a: 2', 'Authorization: Bearer t', 'X-Empty:']), {
    'X-A': ['1', '2'],
    Authorization: ['Bearer t'],
    'X-Empty': [''],
  });
});

test('a line that is wrong is refused without its value', () => {
  for (const line of [
    'Authorization Bearer secret',
    'A: secret\r\nB: c',
    ': secret',
    'Trailer\u00e9: secret',
    'Host: secret/\u0001',
  ])
    assert.throws(
      () => parseHeaderLines([line]),
      (error: unknown) =>
        error instanceof RangeError && error.message.startsWith('must ') && !error.message.includes('secret'),
      line,
    );
});
