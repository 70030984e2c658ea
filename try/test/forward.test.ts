import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { addressOf, GRAFANA, portOffset, SERVICE } from '../src/forward.ts';

const ROOT = join(import.meta.dirname, '..', '..');

test('the path of Grafana is that of the dashboard', () => {
  const { uid } = JSON.parse(readFileSync(join(ROOT, 'dashboards', 'websocket-overview.json'), 'utf8')) as {
    uid: string;
  };
  assert.equal(GRAFANA.path, `/d/${uid}`);
});

test('an offset is added to each port, up to the highest that every port allows', () => {
  assert.equal(addressOf(SERVICE, portOffset('10000')), 'http://localhost:18080/');
  assert.equal(portOffset('56442'), 56_442);
});

describe('An offset of ports is refused that is', () => {
  for (const [what, text] of Object.entries({
    'no number': 'x',
    empty: '',
    negative: '-1',
    'a fraction': '0.5',
    'in another notation': '1e3',
    'higher than every port allows': '56443',
  }))
    test(what, () => {
      assert.throws(() => portOffset(text), /It must be a whole number from 0 to 56442\./);
    });
});
