import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test, type TestContext } from 'node:test';
import { onInterrupt } from '../interrupt.ts';

function listen(t: TestContext): { signals: EventEmitter; calls: string[] } {
  t.mock.timers.enable({ apis: ['Date'] });
  const signals = new EventEmitter();
  const calls: string[] = [];
  onInterrupt(
    (signal) => calls.push(`first ${signal}`),
    (signal) => calls.push(`again ${signal}`),
    signals,
  );
  return { signals, calls };
}

test('a second SIGINT within a second is the same key press, and a later one is not', (t) => {
  const { signals, calls } = listen(t);
  signals.emit('SIGINT');
  t.mock.timers.tick(999);
  signals.emit('SIGINT');
  assert.deepEqual(calls, ['first SIGINT']);
  t.mock.timers.tick(1);
  signals.emit('SIGINT');
  assert.deepEqual(calls, ['first SIGINT', 'again SIGINT']);
});

test('a SIGTERM after the first signal is never the same key press', (t) => {
  const { signals, calls } = listen(t);
  signals.emit('SIGTERM');
  signals.emit('SIGTERM');
  assert.deepEqual(calls, ['first SIGTERM', 'again SIGTERM']);
});
