import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LineSplitter } from '../src/line-splitter.ts';
import { LogCursor, parseStampedLine } from '../src/log-cursor.ts';
import { parseLogLine, severityOf } from '../src/log-record.ts';

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

test('lines come out whole, however chunks cut them, their characters and their line ends', () => {
  const text = Buffer.from('first\r\nzwölf €\n\nlast');
  for (let size = 1; size <= text.length; size += 1) {
    const lines: string[] = [];
    const splitter = new LineSplitter((line) => lines.push(line));
    for (let at = 0; at < text.length; at += size) splitter.push(text.subarray(at, at + size));
    splitter.end();
    assert.deepEqual(lines, ['first', 'zwölf €', 'last'], `chunks of ${size}`);
  }
});

test('a line without end does not fill the memory, and the next one is read', () => {
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line));
  for (let n = 0; n < 20; n += 1) splitter.push(Buffer.alloc(65_536, 'x'));
  splitter.push(Buffer.from('\nnext\n'));
  assert.deepEqual([lines.length, lines[0]?.length, lines[1]], [2, 262_144, 'next']);
});

test("the node's time stamp is read to the nanosecond, with any offset and any number of decimals", () => {
  assert.deepEqual(parseStampedLine('2024-01-01T00:00:01.000000002Z hello'), {
    ns: 1_704_067_201_000_000_002n,
    text: 'hello',
  });
  assert.equal(parseStampedLine('2024-01-01T01:00:01.5+01:00 x').ns, 1_704_067_201_500_000_000n);
  assert.deepEqual(parseStampedLine('2024-01-01T00:00:01Z '), { ns: 1_704_067_201_000_000_000n, text: '' });
  assert.deepEqual(parseStampedLine('failed to watch the file'), { ns: undefined, text: 'failed to watch the file' });
});

test('a log that is opened again goes on after the last line, also among lines of one moment', () => {
  const cursor = new LogCursor();
  const read = (times: readonly bigint[]): bigint[] => times.filter((ns) => cursor.accept(ns));
  assert.deepEqual(read([1n, 2n, 2n]), [1n, 2n, 2n]);
  cursor.reopen();
  assert.deepEqual(read([1n, 2n, 2n, 2n, 3n]), [2n, 3n], 'the third line of the moment is new');
  cursor.reopen();
  assert.deepEqual(read([3n]), []);
  assert.deepEqual(read([5n, 4n]), [5n, 4n], 'in one stream each line counts');
  cursor.reopen();
  assert.deepEqual(read([4n, 5n, 6n]), [6n]);
});

test('the time to ask from is that of the last line', () => {
  const cursor = new LogCursor();
  assert.equal(cursor.since, undefined);
  cursor.accept(1_704_067_201_999_000_000n);
  assert.equal(cursor.since, '2024-01-01T00:00:01.999Z');
});
