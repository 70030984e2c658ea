import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { choose } from '../src/choice.ts';
import type { Machine } from '../src/machine.ts';
import { Problem } from '../src/problem.ts';

const BARE: Machine = { docker: 'absent', tools: new Set(), context: undefined, testbed: 'no Go' };
const WITH_DOCKER: Machine = { ...BARE, docker: 'answers' };

describe('A trial runs', () => {
  for (const tool of ['kind', 'k3d', 'minikube'] as const)
    test(`on ${tool} where it is there with Docker, whatever the current context is`, () => {
      assert.deepEqual(choose({ ...WITH_DOCKER, tools: new Set([tool]), context: 'prod' }), { use: tool });
    });

  test('on kind before k3d and minikube', () => {
    assert.deepEqual(choose({ ...WITH_DOCKER, tools: new Set(['minikube', 'k3d', 'kind']) }), { use: 'kind' });
  });

  test('on the current context only after the user was asked', () => {
    assert.deepEqual(choose({ ...WITH_DOCKER, context: 'prod', testbed: undefined }), { ask: 'prod' });
  });

  test('on the test bed where there is nothing else', () => {
    assert.deepEqual(choose({ ...BARE, testbed: undefined }), { use: 'testbed' });
    assert.deepEqual(choose({ ...BARE, docker: 'silent', tools: new Set(['kind']), testbed: undefined }), {
      use: 'testbed',
    });
  });

  test('where the user says, if that is possible', () => {
    const machine = { ...WITH_DOCKER, tools: new Set(['kind', 'minikube']), context: 'prod' };
    assert.deepEqual(choose(machine, 'minikube'), { use: 'minikube' });
    assert.deepEqual(choose(machine, 'context'), { use: 'context' });
  });
});

describe('Without a place to run, one sentence says what was found and what to do', () => {
  const cases: readonly (readonly [string, Machine, Parameters<typeof choose>[1], RegExp])[] = [
    ['no Docker and no Go', BARE, undefined, /no Docker; .*no Go.*: install Docker .* and kind .*, then npm run try$/],
    ["Docker's daemon is not running", { ...BARE, docker: 'silent' }, undefined, /daemon does not answer/],
    ['kind is wanted, and its Docker is off', { ...BARE, docker: 'silent' }, 'kind', /systemctl start docker$/],
    ['k3d is wanted, and is not there', WITH_DOCKER, 'k3d', /k3d is not on PATH; install /],
    ['a context is wanted, and there is none', WITH_DOCKER, 'context', /kubectl config use-context NAME$/],
    [
      'a context is wanted, and there is neither it nor Docker',
      BARE,
      'context',
      /Docker is not .*; and the kubeconfig has no/,
    ],
    [
      'a context is wanted, and the kubeconfig is not there',
      { ...WITH_DOCKER, noContext: 'KUBECONFIG names /absent, which does not exist' },
      'context',
      /KUBECONFIG names \/absent, which does not exist; mend that, then npm run try$/,
    ],
    [
      'the context is not to be used',
      { ...WITH_DOCKER, noContext: 'the context prod is not to be used' },
      undefined,
      /no kind, k3d or minikube; the context prod is not to be used; no test bed: no Go/,
    ],
    ['the test bed is wanted without Go', BARE, 'testbed', /^--on testbed is not possible: no Go; install /],
  ];
  for (const [name, machine, wanted, says] of cases)
    test(name, () => {
      assert.throws(
        () => choose(machine, wanted),
        (error) => error instanceof Problem && says.test(error.message) && !error.message.includes('\n'),
      );
    });
});
