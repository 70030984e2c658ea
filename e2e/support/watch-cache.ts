import { run } from './commands.ts';

const INTERVAL_MS = 500;

/**
 * Touches a namespace's pods while something watches pods without naming a resource version, as skaffold does. The API server
 * waits at most 3 s for its cache of pods to be as new as etcd; where nothing happens to pods, only etcd can tell it that it
 * is, and versions before 3.4.31 and 3.5.13 don't (Kubernetes documentation, feature gate ConsistentListFromCache): the watch
 * then ends with "Too large resource version", and skaffold streams no log.
 */
export async function withPodsTouched<T>(namespace: string, watch: () => Promise<T>): Promise<T> {
  let touched = 0;
  const touch = (): void => {
    touched += 1;
    void run('kubectl', [
      ...['--namespace', namespace, 'annotate', 'pods', '--all', '--overwrite'],
      `example.com/touched=${touched}`,
    ]);
  };
  const timer = setInterval(touch, INTERVAL_MS);
  try {
    return await watch();
  } finally {
    clearInterval(timer);
  }
}
