import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { ROOT } from '../chart/tools.ts';

interface Configuration {
  readonly deploy: { readonly helm: { readonly hooks: { readonly before: readonly { readonly host: Host }[] } } };
}

interface Host {
  readonly command: readonly string[];
}

const { deploy } = parse(readFileSync(join(ROOT, 'skaffold.yaml'), 'utf8')) as Configuration;
const [program = '', ...args] = deploy.helm.hooks.before[0]?.host.command ?? [];

function guard(context: string, allowed?: string): { readonly status: number | null; readonly stderr: string } {
  const env = { PATH: process.env['PATH'], SKAFFOLD_KUBE_CONTEXT: context, ALLOWED_CONTEXT: allowed };
  return spawnSync(program, args, { encoding: 'utf8', env });
}

describe('skaffold', () => {
  for (const context of ['kind-e2e', 'k3d-dev', 'minikube', 'docker-desktop', 'testbed'])
    test(`deploys to ${context}`, () => {
      assert.equal(guard(context).status, 0);
    });

  for (const context of ['prod', 'arn:aws:eks:eu-west-1:1:cluster/kind-of', 'gke_kind-a', ''])
    test(`does not deploy to "${context}"`, () => {
      const { status, stderr } = guard(context);
      assert.equal(status, 1);
      assert.match(stderr, /local clusters only, and the context is .*--kube-context, or set ALLOWED_CONTEXT/);
    });

  test('deploys to the one other cluster that is named', () => {
    assert.equal(guard('dev.example.com', 'dev.example.com').status, 0);
    assert.equal(guard('prod.example.com', 'dev.example.com').status, 1);
  });
});
