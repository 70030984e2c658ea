import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { KubeConfig, type Cluster, type User } from '@kubernetes/client-node';
import { parseHttpUrl } from '../../lib/http-url.ts';
import { redactedAddress } from '../../lib/redaction.ts';
import { CannotWatchError } from './report.ts';

/** Name of the part of the watch that can not begin without it. */
export const KUBECONFIG = 'kubeconfig';
/** Where a pod has the token of its service account (Kubernetes documentation, "Accessing the API from a Pod"). */
const POD_TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token';

/**
 * Reads the kubeconfig as kubectl does (Kubernetes documentation, "Organizing Cluster Access Using kubeconfig Files"): the
 * file that is named; else those that KUBECONFIG lists, of which missing ones and empty names are skipped and the first
 * to set a value or name wins; else `~/.kube/config`; else the service account of the pod.
 * @throws {CannotWatchError} if there is none, or one can't be read
 */
export function readKubeconfig(path: string | undefined): KubeConfig {
  const files = path === undefined ? listedFiles().filter((file) => existsSync(file)) : [path];
  const config = merged(files.map(readFile));
  if (config.clusters.length > 0 || files.length > 0) return config;
  if (!existsSync(POD_TOKEN))
    throw new CannotWatchError(KUBECONFIG, 'none is there: set KUBECONFIG, or give --kubeconfig');
  config.loadFromCluster();
  return config;
}

/**
 * URL of the API server. Without a scheme it is that of kubectl: https where certificates are named, or not to be checked, else
 * http.
 * @throws {CannotWatchError}
 */
export function serverOf({ name, server, ...cluster }: Cluster, user: User | null): URL {
  const tls = [cluster.caData, cluster.caFile, cluster.skipTLSVerify, user?.certData, user?.certFile].some(Boolean);
  const address = /^[a-z][a-z0-9+.-]*:\/\//i.test(server) ? server : `${tls ? 'https' : 'http'}://${server}`;
  try {
    return parseHttpUrl(address, 'https://127.0.0.1:6443');
  } catch (error) {
    throw new CannotWatchError(
      KUBECONFIG,
      `the server ${JSON.stringify(redactedAddress(server))} of the cluster ${JSON.stringify(name)} ${(error as Error).message}`,
      error,
    );
  }
}

function listedFiles(): string[] {
  const listed = process.env['KUBECONFIG'] ?? '';
  if (listed === '') return [join(homedir(), '.kube', 'config')];
  return [...new Set(listed.split(delimiter).filter((file) => file !== ''))];
}

function readFile(path: string): KubeConfig {
  const config = new KubeConfig();
  try {
    const text = readFileSync(path, 'utf8');
    if (isEmpty(text)) return config;
    // The library takes any YAML for one, or fails with a TypeError.
    if (!/^[\s{"]*(apiVersion|kind|clusters|contexts|users|current-context)\b/m.test(text)) throw new TypeError();
    config.loadFromFile(path);
    return config;
  } catch (error) {
    const [reason = ''] = (error as Error).message.split('\n', 1);
    const said = error instanceof TypeError ? 'it is no kubeconfig' : reason;
    throw new CannotWatchError(KUBECONFIG, `${path} can not be read: ${said}`, error);
  }
}

function isEmpty(yaml: string): boolean {
  return yaml.split('\n').every((line) => /^\s*(#.*|---\s*)?$/.test(line));
}

function merged(configs: readonly KubeConfig[]): KubeConfig {
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: firstOfEachName(configs.map(({ clusters }) => clusters)),
    users: firstOfEachName(configs.map(({ users }) => users)),
    contexts: firstOfEachName(configs.map(({ contexts }) => contexts)),
    currentContext: configs.map(({ currentContext }) => currentContext).find(Boolean),
  });
  return config;
}

function firstOfEachName<T extends { readonly name: string }>(lists: readonly (readonly T[])[]): T[] {
  const byName = new Map<string, T>();
  for (const each of lists.flat()) if (!byName.has(each.name)) byName.set(each.name, each);
  return [...byName.values()];
}
