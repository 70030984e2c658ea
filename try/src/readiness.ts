import { setTimeout as delay } from 'node:timers/promises';
import { FULL_NAME } from './names.ts';
import { Problem } from './problem.ts';
import { lastLine } from '../../lib/last-line.ts';
import type { Runner } from './runner.ts';

/** Longest wait for every pod, in seconds: the first time, images are pulled. */
const PATIENCE_SECONDS = 300;
const NO_IMAGE = /^(ErrImagePull|ImagePullBackOff|ErrImageNeverPull|InvalidImageName)$/;

interface Deployment {
  readonly metadata: { readonly name: string; readonly generation: number };
  readonly spec: { readonly replicas: number };
  readonly status: {
    readonly observedGeneration?: number;
    readonly updatedReplicas?: number;
    readonly availableReplicas?: number;
    readonly replicas?: number;
  };
}

/** A pod, as far as its state is looked at. */
export interface Pod {
  readonly metadata: { readonly name: string };
  readonly status: {
    readonly containerStatuses?: readonly {
      readonly image: string;
      readonly state: { readonly waiting?: { readonly reason: string } };
    }[];
  };
}

/** Waits until every deployment has the pods that it wants, with a line whenever that changes. @throws {Problem} if it takes too long */
export async function untilReady(runner: Runner): Promise<void> {
  const began = performance.now();
  console.log('── wait until every pod is ready');
  for (let printed = ''; ;) {
    const deployments = await items<Deployment>(runner, 'deployments');
    const pods = await items<Pod>(runner, 'pods');
    const waiting = deployments.filter((each) => !isReady(each)).map(({ metadata }) => metadata.name);
    if (waiting.length === 0 && deployments.length > 0) break;
    const noImage = missingImage(pods);
    if (noImage !== undefined) throw new Problem(noImage);
    const state = `${deployments.length - waiting.length} of ${deployments.length} ready; waiting for ${waiting.join(', ')}`;
    if (state !== printed) console.log(`   ${(printed = state)}`);
    if (performance.now() - began > PATIENCE_SECONDS * 1000)
      throw new Problem(`${waiting.join(', ')} did not get ready within ${PATIENCE_SECONDS} s: ${reasons(pods)}`);
    await delay(1000);
  }
  console.log(`   done in ${((performance.now() - began) / 1000).toFixed()} s`);
}

/** A sentence about a pod of the service whose image its node can't get. Other images may only be slow. */
export function missingImage(pods: readonly Pod[]): string | undefined {
  for (const { metadata, status } of pods)
    for (const { image, state } of status.containerStatuses ?? [])
      if (
        metadata.name.startsWith(`${FULL_NAME}-`) &&
        /websocket-message-counter/.test(image) &&
        NO_IMAGE.test(state.waiting?.reason ?? '')
      )
        return `The cluster can't get the image ${image} (${state.waiting?.reason ?? ''} of pod ${metadata.name}): check that the registry is one that it pulls from, or use a cluster of its own, npm run try -- --on kind`;
  return undefined;
}

function isReady({ metadata, spec, status }: Deployment): boolean {
  const { observedGeneration = 0, updatedReplicas = 0, availableReplicas = 0, replicas = 0 } = status;
  return (
    observedGeneration >= metadata.generation &&
    [updatedReplicas, availableReplicas, replicas].every((count) => count === spec.replicas)
  );
}

function reasons(pods: readonly Pod[]): string {
  const waiting = pods.flatMap(({ metadata, status }) =>
    (status.containerStatuses ?? []).flatMap(({ state }) =>
      state.waiting === undefined ? [] : [`${metadata.name} is in ${state.waiting.reason}`],
    ),
  );
  return `${waiting.join(', ') || 'no pod says why'}; run npm run try again with a machine that is less busy`;
}

async function items<T>(runner: Runner, kind: string): Promise<readonly T[]> {
  const { status, stdout, stderr } = await runner.run(runner.kubectl('get', kind, '--output', 'json'));
  if (status !== 0) throw new Problem(`The cluster stopped answering: ${lastLine(stderr)}; start it, then npm run try`);
  return (JSON.parse(stdout) as { items: readonly T[] }).items;
}
