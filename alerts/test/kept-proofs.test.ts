import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { merge, provenAlerts } from '../../e2e/alerts/kept.ts';
import type { Proof } from '../../e2e/alerts/proof.ts';
import type { Row } from '../../e2e/alerts/report.ts';

const slow = proof('WebsocketSlow', 'warning');
const full = [proof('WebsocketFull', 'critical'), proof('WebsocketFull', 'warning')] as const;
const PROOFS = [slow, ...full];

describe('what alert proofs showed', () => {
  test('is kept, of each proof what was seen last, in the order of the proofs', () => {
    const kept = { alerts: [row(full[0], 1), row(slow, 1)] };
    const merged = merge(kept, { alerts: [row(full[1], 2), row(slow, 2)] }, PROOFS);
    assert.deepEqual(merged.alerts, [row(slow, 2), row(full[0], 1), row(full[1], 2)]);
  });

  test('is not replaced by a failure', () => {
    const failed: Row = { ...full[0], problem: 'nobody was told' };
    assert.deepEqual(merge({ alerts: [row(full[0], 1)] }, { alerts: [failed] }, PROOFS).alerts, [row(full[0], 1)]);
  });

  test('is dropped when the fault is another one now', () => {
    const old: Row = { ...row(slow, 1), fault: 'another' };
    assert.deepEqual(merge({ alerts: [old] }, { alerts: [] }, PROOFS).alerts, []);
  });

  test('proves an alert when each of its tiers is there', () => {
    assert.deepEqual(provenAlerts({ alerts: [row(slow, 1), row(full[0], 1)] }, PROOFS), ['WebsocketSlow']);
  });
});

function proof(alert: string, severity: Proof['severity']): Proof {
  return {
    alert,
    severity,
    fault: `a fault for ${severity}`,
    says: /./,
    cause: [],
    rules: {},
    inject: async () => () => undefined,
  };
}

function row({ alert, severity, fault }: Proof, seconds: number): Row {
  return { alert, severity, fault, secondsToFire: seconds, secondsToClear: seconds };
}
