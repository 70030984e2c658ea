/**
 * Whether the load test measures latency right: against a server that delays each reply by a known time, and one that stalls for 2 s.
 * `npm run bench -- loadtest-latency [--rounds N] [--seconds N]`.
 *
 * What is known is what the server itself took for each message, from its arrival to its reply: a timer is late, too. The rest is
 * the way there and back, and the load test's own.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { CountingServer } from '../testkit/counting-server.ts';
import { readResult, startLoadtest } from '../testkit/run-loadtest.ts';
import type { Quantiles } from '../loadtest/src/quantiles.ts';
import { describeResult, figure, quantile, type Figure } from './support/bench.ts';

const DELAYS_MS = [0, 5, 50];
const STALL_MS = 2000;
const SHARES = { p50: 0.5, p90: 0.9, p99: 0.99 } as const;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '10' },
    json: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const faults: string[] = [];
const found = new Map<string, number[]>();

for (let round = 0; round < rounds; round += 1) {
  for (const delayMs of DELAYS_MS) {
    const { measured, taken } = await runOnce({ delayMs });
    for (const [name, share] of Object.entries(SHARES)) {
      const known = quantile(taken, share);
      note(`${delayMs} ms, ${name} measured`, measured[name as keyof typeof SHARES] ?? NaN);
      note(`${delayMs} ms, ${name} known`, known);
      const off = Math.abs((measured[name as keyof typeof SHARES] ?? NaN) - known);
      note(`${delayMs} ms, ${name} off by, of 2 ms or 2 %`, off / Math.max(2, known * 0.02));
    }
  }
  const { measured } = await runOnce({ stallMs: STALL_MS });
  note(`stall of ${STALL_MS} ms, p50 measured`, measured.p50 ?? NaN);
  note(`stall of ${STALL_MS} ms, p99.9 measured`, measured['p99.9'] ?? NaN);
  note(
    `stall of ${STALL_MS} ms, p99.9 off by, of 5 %`,
    Math.abs((measured['p99.9'] ?? NaN) - STALL_MS) / (STALL_MS * 0.05),
  );
}
const result = {
  figures: [...found].map(toFigure),
  faults,
  method: `50 sockets, 10 messages/s each, ${seconds} s, ${rounds} rounds in turn; known is what the server took as it measured itself`,
};
console.log(describeResult('loadtest-latency', result));
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(result, null, 2)}\n`);

async function runOnce({ delayMs = 0, stallMs = 0 }: { delayMs?: number; stallMs?: number }): Promise<{
  measured: Quantiles;
  taken: readonly number[];
}> {
  const server = await CountingServer.start({ delayMs });
  try {
    const running = startLoadtest([
      ...['--json', '--host', server.host, '--sockets', '50', '--rate', '500', '--send-rate', '10'],
      ...['--duration', String(seconds)],
    ]);
    if (stallMs > 0) {
      await running.printed(/all sockets open/);
      server.stall(stallMs);
    }
    const { result: run } = readResult(await running.finished);
    faults.push(...run.verdict.failures);
    return { measured: run.latency.reply, taken: server.takenMs.toSorted((a, b) => a - b) };
  } finally {
    await server.stop();
  }
}

function note(name: string, value: number): void {
  found.set(name, [...(found.get(name) ?? []), value]);
}

function toFigure([name, each]: [string, number[]]): Figure {
  return name.includes('off by') ? figure(name, '', each, { atMost: 1 }) : figure(name, 'ms', each);
}
