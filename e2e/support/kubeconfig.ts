import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { apply, kubectl } from './commands.ts';

/** A kubeconfig, as far as the suite changes it. */
export interface Kubeconfig {
  readonly clusters: readonly { readonly name: string; readonly cluster: { readonly server: string } }[];
  readonly contexts: readonly unknown[];
  readonly users: readonly { readonly name: string; readonly user: unknown }[];
}

/** What a service account may do: a rule of a Role. */
export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

/** Path of the kubeconfig that the suite runs with. @throws {Error} if KUBECONFIG does not name one */
export function kubeconfigPath(): string {
  const path = process.env['KUBECONFIG'];
  if (path === undefined || path === '')
    throw new Error('KUBECONFIG is not set: it names the kubeconfig of the cluster');
  return path;
}

/** Reads the kubeconfig that the suite runs with. */
export async function readKubeconfig(): Promise<Kubeconfig> {
  return parse(await readFile(kubeconfigPath(), 'utf8')) as Kubeconfig;
}

/** Writes one into a folder. @returns its path */
export async function writeKubeconfig(folder: string, name: string, config: Kubeconfig): Promise<string> {
  const path = join(folder, `${name}.kubeconfig`);
  await writeFile(path, stringify(config), { mode: 0o600 });
  return path;
}

/** The kubeconfig of a new service account that may do this in its namespace, and nothing else. */
export async function restrictedKubeconfig(
  namespace: string,
  name: string,
  rules: readonly Rule[],
): Promise<Kubeconfig> {
  const metadata = { name, namespace };
  const group = 'rbac.authorization.k8s.io';
  const objects = [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    { apiVersion: `${group}/v1`, kind: 'Role', metadata, rules },
    {
      apiVersion: `${group}/v1`,
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup: group, kind: 'Role', name },
      subjects: [{ kind: 'ServiceAccount', name, namespace }],
    },
  ];
  await apply(objects.map((each) => stringify(each)).join('---\n'));
  const token = (await kubectl('--namespace', namespace, 'create', 'token', name)).trim();
  const config = await readKubeconfig();
  return { ...config, users: config.users.map((user) => ({ ...user, user: { token } })) };
}
