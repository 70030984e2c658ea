import { join } from 'node:path';
import { TESTBED_SCRIPTS } from '../../scripts/chart/tools.ts';
import { kubectlJson, run, runWell } from './commands.ts';
import { figure } from './figures.ts';

/** What the test bed installs that platforms bring (testbed/addons). */
export type Addon = 'kube-router' | 'metrics-server' | 'keda' | 'argo-rollouts' | 'gateway-api';

/** Longest that building and installing one may take, in seconds. */
const PATIENCE_SECONDS = 900;

/** Installs one into the test bed, or finds it there. */
export async function installAddon(name: Addon): Promise<void> {
  await runWell(join(TESTBED_SCRIPTS, 'addons'), [name], { timeoutSeconds: PATIENCE_SECONDS });
}

/** Ends kube-router, and with it all that network policies refused. */
export async function stopKubeRouter(): Promise<void> {
  await runWell(join(TESTBED_SCRIPTS, 'addons'), ['kube-router', '--off']);
}

/** Makes an image of the test bed (testbed/image). */
export async function makeImage(...args: string[]): Promise<void> {
  await runWell(join(TESTBED_SCRIPTS, 'image'), args, { timeoutSeconds: PATIENCE_SECONDS });
}

/** Installs the operator with its Prometheus and Alertmanager again (testbed/monitoring). */
export async function installMonitoring(): Promise<void> {
  await runWell(join(TESTBED_SCRIPTS, 'monitoring'), [], { timeoutSeconds: PATIENCE_SECONDS });
}

/** Keeps what a case ran with. @param others programs beside the cluster and Helm: `kube-router v2.1.0` */
export async function keepVersions(helm: 'helm' | 'helm4', ...others: string[]): Promise<void> {
  const { serverVersion } = await kubectlJson<{ serverVersion: { gitVersion: string } }>('version');
  const helmVersion = (await runWell(helm, ['version', '--template={{.Version}}'])).trim();
  figure('with', [`Kubernetes ${serverVersion.gitVersion}`, `Helm ${helmVersion}`, ...others].join(', '));
}

/** A version that the test bed pins, as testbed/tools.env names it: `KUBE_ROUTER_VERSION`. */
export async function pinnedVersion(variable: string): Promise<string> {
  const script = '. "$0" && printf %s "${!1}"';
  return (await run('bash', ['-c', script, join(TESTBED_SCRIPTS, 'tools.env'), variable])).stdout;
}
