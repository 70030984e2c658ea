import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lineSplitter, parseLogLine, severityOf } from '../src/log-lines.ts';

test('a JSON line is read with all its fields, whatever the case of its level', () => {
  const record = parseLogLine('{"level":"error","message":"m","event":"e","n":1}');
  assert.deepEqual(record, { level: 'ERROR', message: 'm', event: 'e', n: 1 });
  assert.equal(severityOf(record), 'problem');
});

test('the level decides what a line is', () => {
  for (const [level, severity] of [
    ['CRITICAL', 'problem'],
    ['ERROR', 'problem'],
    ['WARN', 'warning'],
    ['INFO', 'normal'],
    ['DEBUG', 'normal'],
  ] as const)
    assert.equal(severityOf(parseLogLine(JSON.stringify({ level, message: 'ERROR in a message' }))), severity);
});

test('a line that is not JSON is a problem if it reads like a crash', () => {
  for (const line of [
    'TypeError: Cannot read properties of undefined',
    'Error: listen EADDRINUSE',
    'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory',
    'Uncaught Error',
    'npm error code 1',
    '{"level":"ERROR","mess',
  ])
    assert.equal(severityOf(parseLogLine(line)), 'problem', line);
  for (const line of ['> websocket-message-counter@0.1.0 start', '    at main.ts:1:1', '[]', 'no errors', 'null'])
    assert.equal(severityOf(parseLogLine(line)), 'normal', line);
});

test('a line without end does not fill the memory, and the next one is read', async () => {
  const splitter = lineSplitter();
  for (let n = 0; n < 20; n += 1) splitter.write(Buffer.alloc(65_536, 'x'));
  splitter.end('\nnext\n');
  assert.deepEqual(await splitter.toArray(), ['next']);
});
