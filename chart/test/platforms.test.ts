import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { findTool, run } from '../../testkit/find-tool.ts';
import { platform } from '../src/docs.ts';

const helm = findTool('helm');
const chart = fileURLToPath(new URL('../', import.meta.url));
/** Seconds that a Spot instance of AWS has after its notice. */
const SPOT_SECONDS = 120;

interface KubeObject {
  readonly kind: string;
  readonly spec?: { readonly template?: { readonly spec: { readonly terminationGracePeriodSeconds: number } } };
}

describe('the values of a platform', { skip: helm.skip }, () => {
  for (const file of readdirSync(`${chart}platforms`))
    it(`are taken by the chart: ${file}`, () => {
      assert.ok(rendered(file).length > 0);
    });

  it('let a pod end before its Spot instance is gone', () => {
    const seconds = rendered('eks-spot.yaml').flatMap(
      ({ spec }) => spec?.template?.spec.terminationGracePeriodSeconds ?? [],
    );
    assert.equal(seconds.length, 1);
    assert.ok(Number(seconds[0]) <= SPOT_SECONDS);
  });
});

describe('the section of a platform', () => {
  it('has heading, text and values of its file', () => {
    assert.equal(
      platform('x.yaml', '# X\n#\n# Text\n# of it.\na: 1\n'),
      '## X\n\nText\nof it.\n\n`chart/platforms/x.yaml`:\n\n```yaml\na: 1\n```',
    );
  });

  it('is missed in a file without them', () => {
    assert.throws(() => platform('x.yaml', 'a: 1\n'), /chart\/platforms\/x.yaml must begin with a heading/);
  });
});

function rendered(file: string): readonly KubeObject[] {
  const { status, output } = run(helm, ['template', 'demo', chart, '--values', `${chart}platforms/${file}`]);
  assert.equal(status, 0, output);
  return parseAllDocuments(output)
    .map((document) => document.toJS() as KubeObject | null)
    .filter((object) => object !== null);
}
