import { lastLine } from '../../lib/last-line.ts';
import { run } from './commands.ts';
import { SETTINGS } from './settings.ts';

/** Longest wait for the API server or Prometheus to answer, in seconds. */
const ANSWER_SECONDS = 10;

/**
 * What the suite can't do without and is not there, in a sentence that says what to do; `undefined` if all is there.
 * @param prometheus whether it needs one
 */
export async function missingPart(prometheus = true): Promise<string | undefined> {
  for (const tool of ['kubectl', 'helm']) {
    const problem = await version(tool);
    if (problem !== undefined) return problem;
  }
  const request = ['get', '--raw', '/readyz', `--request-timeout=${ANSWER_SECONDS}s`];
  const { status, stderr } = await run('kubectl', request, { timeoutSeconds: ANSWER_SECONDS + 5 });
  if (status !== 0)
    return `no Kubernetes cluster answers (${lastLine(stderr)}); point KUBECONFIG at one, or start the test cluster by npm run testbed -- up`;
  if (!prometheus) return undefined;
  try {
    const response = await fetch(`${SETTINGS.prometheusUrl}/-/ready`, {
      signal: AbortSignal.timeout(ANSWER_SECONDS * 1000),
    });
    if (response.ok) return undefined;
    return `Prometheus at ${SETTINGS.prometheusUrl} is not ready (HTTP ${response.status}); wait for it`;
  } catch {
    return `no Prometheus answers at ${SETTINGS.prometheusUrl}; install the operator with one by npm run testbed -- monitoring, or set E2E_PROMETHEUS_URL`;
  }
}

async function version(tool: string): Promise<string | undefined> {
  try {
    await run(tool, ['version', '--client']);
    return undefined;
  } catch (error) {
    return `${tool} can't be run (${String(error)}); put it on PATH, or build it by npm run testbed -- build ${tool}`;
  }
}
