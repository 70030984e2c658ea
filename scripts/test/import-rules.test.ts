/** The rules of .dependency-cruiser.js on a small tree of the same layout, in which each rule is broken once. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import assert from 'node:assert/strict';

const ROOT = join(import.meta.dirname, '..', '..');
const TABLES = ['config/options', 'metrics/metrics', 'protocol/protocol', 'log/events'];

/** Rule, file, what the file must not import. */
const VIOLATIONS: readonly (readonly [rule: string, from: string, to: string])[] = [
  ['connections-imports-downwards', 'service/src/connections/drain.ts', 'service/src/app.ts'],
  ['http-imports-downwards', 'service/src/http/routes.ts', 'service/src/connections/handshakes.ts'],
  ['lifecycle-imports-downwards', 'service/src/lifecycle/lifecycle.ts', 'service/src/metrics/metrics.ts'],
  ['metrics-imports-downwards', 'service/src/metrics/buckets.ts', 'service/src/lifecycle/readiness.ts'],
  ['protocol-imports-downwards', 'service/src/protocol/request-id.ts', 'service/src/http/client-address.ts'],
  ['sessions-imports-downwards', 'service/src/sessions/redis/redis-store.ts', 'service/src/loki/shipper.ts'],
  ['loki-imports-downwards', 'service/src/loki/queue.ts', 'service/src/sessions/memory-store.ts'],
  ['tracing-imports-downwards', 'service/src/tracing/opentelemetry.ts', 'service/src/sessions/session-store.ts'],
  ['log-imports-downwards', 'service/src/log/logger.ts', 'service/src/protocol/protocol.ts'],
  ['config-imports-downwards', 'service/src/config/load-config.ts', 'service/src/log/levels.ts'],
  ['runtime-imports-downwards', 'service/src/runtime/version.ts', 'service/src/config/redis-url.ts'],
  ['no-circle', 'loadtest/src/report.ts', 'loadtest/src/result.ts'],
  ['no-import-from-tests', 'monitor/src/main.ts', 'monitor/test/support/cluster.ts'],
  ['testkit-is-for-tests', 'monitor/src/snapshot.ts', 'testkit/scrape.ts'],
  ['service-tables-only', 'bench/store.ts', 'service/src/sessions/session-store.ts'],
  ['service-stands-alone', 'service/src/selftest.ts', 'loadtest/src/client.ts'],
  ['lib-stands-alone', 'lib/http-get.ts', 'monitor/src/waiting.ts'],
  ['client-stands-alone', 'client/src/client.ts', 'lib/version.ts'],
  ['fast-path-for-a-connection', 'service/src/app.ts', 'service/src/connections/fast-path/direct-reply.ts'],
  ['fast-path-by-its-entries', 'service/src/connections/connection.ts', 'service/src/connections/fast-path/frames.ts'],
  ['winston-loki-in-its-transport', 'service/src/loki/sender.ts', 'winston-loki'],
];

/** Imports of the same kinds that are right. */
const ALLOWED: readonly (readonly [from: string, to: string])[] = [
  ['service/src/main.ts', 'service/src/connections/drain.ts'],
  ['service/src/connections/handshakes.ts', 'service/src/runtime/node-http.ts'],
  ['service/src/connections/connection.ts', 'service/src/connections/fast-path/short-text-scanner.ts'],
  ['service/src/loki/transport.ts', 'winston-loki'],
  ['service/test/loki.test.ts', 'testkit/loki.ts'],
  ['service/test/scanner.test.ts', 'service/src/connections/fast-path/frames.ts'],
  ['monitor/test/cluster.test.ts', 'monitor/test/support/cluster.ts'],
  ['testkit/app.ts', 'service/src/app.ts'],
  ['e2e/support/release.ts', 'testkit/scrape.ts'],
  ['loadtest/src/result.ts', 'loadtest/src/report.ts'],
  ...TABLES.map((table) => ['chart/src/generate.ts', `service/src/${table}.ts`] as const),
];

const folder = mkdtempSync(join(tmpdir(), 'import-rules-'));
let found: Set<string>;

before(async () => {
  plant();
  found = await brokenRules();
});
after(() => {
  rmSync(folder, { recursive: true });
});

for (const [rule, from, to] of VIOLATIONS) {
  test(`${rule}: ${from} may not import ${to}`, () => {
    assert.ok(found.has(`${rule}: ${from} → ${to}`), [...found].join('\n'));
  });
}

test('every rule is broken by one of these', async () => {
  const { default: rules } = (await import(join(ROOT, '.dependency-cruiser.js'))) as {
    default: { forbidden: { name: string }[] };
  };
  assert.deepEqual(
    VIOLATIONS.map(([rule]) => rule),
    rules.forbidden.map(({ name }) => name),
  );
});

test('what is right is left alone', () => {
  const planted = VIOLATIONS.map(([rule, from, to]) => `${rule}: ${from} → ${to}`);
  assert.deepEqual(
    [...found].filter((violation) => !planted.includes(violation)),
    [],
  );
});

function plant(): void {
  const files = new Map<string, string[]>();
  for (const [from, to] of [...VIOLATIONS.map(([, from, to]) => [from, to] as const), ...ALLOWED]) {
    files.set(from, [...(files.get(from) ?? []), to]);
    if (to.endsWith('.ts') && !files.has(to)) files.set(to, []);
  }
  for (const [file, imported] of files) {
    const lines = imported.map((to) => `import type * as ${nameOf(to)} from '${specifier(file, to)}';\n`);
    write(file, `${lines.join('')}export type All = [${imported.map((to) => `typeof ${nameOf(to)}`).join(', ')}];\n`);
  }
  write('tsconfig.json', '{}');
  write('package.json', JSON.stringify({ type: 'module', dependencies: { 'winston-loki': '*' } }));
  write('node_modules/winston-loki/package.json', JSON.stringify({ name: 'winston-loki', main: 'index.js' }));
  write('node_modules/winston-loki/index.js', '');
}

/** What the rules find, as `rule: from → to`. */
async function brokenRules(): Promise<Set<string>> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [
      join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs'),
      ...['--config', join(ROOT, '.dependency-cruiser.js'), '--output-type', 'json', '.'],
    ],
    { cwd: folder, maxBuffer: 1e8 },
  );
  const { summary } = JSON.parse(stdout) as {
    summary: { violations: { rule: { name: string }; from: string; to: string }[] };
  };
  return new Set(
    summary.violations.map(({ rule, from, to }) => {
      return `${rule.name}: ${from} → ${to.includes('node_modules') ? 'winston-loki' : to}`;
    }),
  );
}

function write(file: string, text: string): void {
  const path = join(folder, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

function nameOf(file: string): string {
  return file.replace(/\W/g, '_');
}

function specifier(from: string, to: string): string {
  if (!to.endsWith('.ts')) return to;
  const path = relative(dirname(from), to);
  return path.startsWith('.') ? path : `./${path}`;
}
