import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { VERSION } from '../../lib/version.ts';
import { platform, type Command, type PlatformName } from '../src/platforms.ts';
import { Problem } from '../src/problem.ts';

const IMAGE = `websocket-message-counter:${VERSION}`;
const OPTIONS = { kubeconfig: '/trial/kubeconfig', context: 'prod', testbed: '/testbed' };

/** Commands of each kind that makes a cluster of its own. None was run where these tests were written. */
const OWN = {
  kind: {
    start: 'kind create cluster --name websocket-try --wait 120s',
    load: `kind load docker-image ${IMAGE} --name websocket-try`,
    stop: 'kind delete cluster --name websocket-try',
  },
  k3d: {
    start: 'k3d cluster create websocket-try --wait --timeout 120s',
    load: `k3d image import ${IMAGE} --cluster websocket-try`,
    stop: 'k3d cluster delete websocket-try',
  },
  minikube: {
    start: 'minikube start --profile websocket-try --driver docker',
    load: `minikube image load ${IMAGE} --profile websocket-try`,
    stop: 'minikube delete --profile websocket-try',
  },
} as const;

for (const [name, { start, load, stop }] of Object.entries(OWN))
  test(`${name}: makes a cluster in a kubeconfig of its own, builds with Docker, loads, deletes both`, () => {
    const place = platform(name as PlatformName, OPTIONS);
    assert.equal(place.kubeconfig, OPTIONS.kubeconfig);
    assert.equal(place.context, undefined);
    assert.deepEqual(lines(place.start), [start]);
    assert.deepEqual(lines(place.build), [`docker build --tag ${IMAGE} .`]);
    assert.deepEqual(lines(place.load), [load]);
    assert.deepEqual(lines(place.stop), [stop]);
    assert.deepEqual(lines(place.forget), [`docker image rm ${IMAGE}`]);
  });

describe('The cluster of a context is never made nor deleted, and gets the image', () => {
  const loads: Readonly<Record<string, readonly string[]>> = {
    'kind-dev': [`kind load docker-image ${IMAGE} --name dev`],
    'k3d-dev': [`k3d image import ${IMAGE} --cluster dev`],
    minikube: [`minikube image load ${IMAGE}`],
    'docker-desktop': [],
  };
  for (const [context, load] of Object.entries(loads))
    test(`of this machine: ${context}`, () => {
      const place = platform('context', { ...OPTIONS, context });
      assert.deepEqual(lines(place.load), load);
      assert.deepEqual([place.start, place.stop, place.context], [[], [], context]);
    });

  test('by a registry', () => {
    const place = platform('context', { ...OPTIONS, registry: 'registry.example.com/team' });
    assert.deepEqual(lines(place.load), [`docker push registry.example.com/team/${IMAGE}`]);
    assert.equal(place.repository, 'registry.example.com/team/websocket-message-counter');
  });

  test('or says that it needs one', () => {
    assert.throws(() => platform('context', OPTIONS), new RegExp('context prod .* --registry HOST/PATH$'));
    assert.throws(() => platform('context', OPTIONS), Problem);
  });
});

test('The test bed builds by its own scripts, and runs no Grafana', () => {
  const place = platform('testbed', OPTIONS);
  assert.equal(place.kubeconfig, '/testbed/state/admin.kubeconfig');
  assert.deepEqual(lines(place.build), ['testbed/image base', `testbed/image build ${IMAGE} .`]);
  assert.match(place.withoutGrafana, /image can't be had/);
});

function lines(commands: readonly Command[]): readonly string[] {
  return commands.map((command) => command.join(' '));
}
