import { kubectl, run } from './commands.ts';
import type { Pod, Release } from './release.ts';
import { until } from './wait.ts';

/**
 * Drains the cluster's one node of a release's pods, by `kubectl drain`. As soon as the first is evicted the node takes pods
 * again: it must take the replacements, which the PodDisruptionBudget waits for.
 * @param onFirst is called with the pods that are going, once there are any
 * @throws {Error} with kubectl's words if it fails, or if there is more than one node
 */
export async function drainNode(release: Release, onFirst?: (evicted: readonly Pod[]) => void): Promise<void> {
  const nodes = (await kubectl('get', 'nodes', '--output=jsonpath={.items[*].metadata.name}')).split(' ');
  const [node = ''] = nodes;
  if (nodes.length !== 1) throw new Error(`there are ${nodes.length} nodes: name the one to drain`);
  const selector = `--pod-selector=app.kubernetes.io/instance=${release.name},app.kubernetes.io/component=service`;
  const drain = run('kubectl', ['drain', node, selector, '--namespace', release.namespace, '--timeout=180s'], {
    timeoutSeconds: 200,
  });
  try {
    const evicted = await until('the first pod being evicted', 30, async () => {
      const going = (await release.pods()).filter(({ metadata }) => metadata.deletionTimestamp !== undefined);
      return going.length > 0 && going;
    });
    onFirst?.(evicted);
  } finally {
    await kubectl('uncordon', node);
  }
  const { status, stdout, stderr } = await drain;
  if (status !== 0) throw new Error(`kubectl drain ended with ${status}\n${stderr}${stdout}`);
}
