import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { missingIn, MOST_STEPS, stepsOf } from '../../e2e/alerts/cause.ts';
import { PROOFS } from '../../e2e/alerts/proofs.ts';
import { ALERT_NAMES } from '../src/alerts.ts';
import { firstSteps } from '../src/runbook.ts';
import { ALERTS, alertingRules } from '../../testkit/rules.ts';

const { prometheusRule } = parse(readFileSync(new URL('../chart/values.yaml', ALERTS), 'utf8')) as {
  prometheusRule: Record<string, unknown>;
};

test('every alert has a proof on a real cluster (npm run e2e:alerts), and no proof is left of one that is gone', () => {
  assert.deepEqual([...new Set(PROOFS.map(({ alert }) => alert))].sort(), [...ALERT_NAMES].sort());
});

for (const { alert, severity, rules, cause, besides = [] } of PROOFS)
  describe(`the proof of ${alert} (${severity})`, () => {
    test('waits for a severity that the alert has', () => {
      const severities = alertingRules()
        .filter((rule) => rule.alert === alert)
        .map(({ labels }) => labels['severity']);
      assert.ok(severities.includes(severity), `${severity} is none of ${severities.join(', ')}`);
    });

    test(`gets from the notification to the cause in at most ${MOST_STEPS} steps, which the notification names`, () => {
      assert.ok(cause.length > 0 && stepsOf(cause) <= MOST_STEPS, `${stepsOf(cause)} steps`);
      for (const look of cause) assert.equal(missingIn(firstSteps(alert), look), undefined);
    });

    test('sets only values that the chart has', () => {
      assert.deepEqual(unknownKeys(rules, prometheusRule), []);
    });

    test('expects no alert beside it that is not there', () => {
      for (const other of besides) assert.ok(ALERT_NAMES.includes(other), other);
    });
  });

function unknownKeys(values: object, known: unknown, path = ''): readonly string[] {
  return Object.entries(values).flatMap(([key, value]: [string, unknown]) => {
    const here = `${path}${key}`;
    if (typeof known !== 'object' || known === null || !(key in known)) return [here];
    const below = (known as Record<string, unknown>)[key];
    return typeof value === 'object' && value !== null ? unknownKeys(value, below, `${here}.`) : [];
  });
}
