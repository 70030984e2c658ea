import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { PROBE_TIMEOUTS_MS } from './storm.ts';

test('The storm waits for health and readiness as long as the probes of the chart do', () => {
  const { livenessProbe, readinessProbe } = parse(
    readFileSync(new URL('../chart/values.yaml', import.meta.url), 'utf8'),
  ) as Record<'livenessProbe' | 'readinessProbe', { readonly timeoutSeconds: number }>;
  assert.deepEqual(PROBE_TIMEOUTS_MS, {
    '/healthz/': livenessProbe.timeoutSeconds * 1000,
    '/readyz/': readinessProbe.timeoutSeconds * 1000,
  });
});
