import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parse } from 'yaml';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

describe('examples/external-secret', () => {
  const { metadata, spec } = parse(read('examples/external-secret/resume-token.yaml')) as ExternalSecret;

  it('makes the Secret that its comment has the chart read', () => {
    assert.match(
      read('examples/external-secret/resume-token.yaml'),
      new RegExp(`--set resumeToken\\.existingSecret=${spec.target.name}$`, 'm'),
    );
    assert.equal(metadata.name, spec.target.name);
  });

  it('has the keys that the chart mounts, of two versions of one secret', () => {
    const mounted = [...read('chart/templates/_pod.tpl').matchAll(/\{key: ([\w-]+), path: \1\}/g)].map(
      ([, key]) => key,
    );
    assert.deepEqual(
      spec.data.map(({ secretKey }) => secretKey),
      mounted,
    );
    assert.deepEqual([...new Set(spec.data.map(({ remoteRef }) => remoteRef.key))].length, 1);
    assert.deepEqual(
      spec.data.map(({ remoteRef }) => remoteRef.version),
      ['AWSCURRENT', 'AWSPREVIOUS'],
    );
  });
});

interface ExternalSecret {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly target: { readonly name: string };
    readonly data: readonly {
      readonly secretKey: string;
      readonly remoteRef: { readonly key: string; readonly version: string };
    }[];
  };
}
