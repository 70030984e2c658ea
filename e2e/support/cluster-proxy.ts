import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:tls';
import { stringify } from 'yaml';
import { configOf, PROXIES, type ProxyKind } from '../proxies/proxy.ts';
import type { Certificate } from '../proxies/certificate.ts';
import { apply, kubectl, runWell } from './commands.ts';
import type { Release } from './release.ts';
import { SETTINGS } from './settings.ts';
import { until } from './wait.ts';

/** A proxy in the cluster. */
export type ProxyName = 'nginx' | 'haproxy';

/** What the suite reads of an Ingress (Kubernetes API, networking.k8s.io/v1). */
export interface Ingress {
  readonly metadata: { readonly annotations: Readonly<Record<string, string>> };
  readonly spec: {
    readonly tls: readonly { readonly secretName: string }[];
    readonly rules: readonly {
      readonly http: {
        readonly paths: readonly {
          readonly path: string;
          readonly pathType: string;
          readonly backend: { readonly service: { readonly name: string } };
        }[];
      };
    }[];
  };
}

const PORT = 8443;
const NGINX_TIMEOUT = 'nginx.ingress.kubernetes.io/proxy-read-timeout';
const HAPROXY_TIMEOUT = 'haproxy.org/timeout-tunnel';

/**
 * nginx or HAProxy as a Deployment, with the configuration of docs/proxies.md: hosts, paths, time-outs and the certificate are
 * those of an Ingress, as a controller would write them.
 */
export class ClusterProxy {
  readonly name: ProxyName;
  readonly #release: Release;
  readonly #port: number;

  private constructor(name: ProxyName, release: Release, port: number) {
    this.name = name;
    this.#release = release;
    this.#port = port;
  }

  /** Starts one before a release, and waits until it is ready. */
  static async start(name: ProxyName, release: Release, ingress: Ingress): Promise<ClusterProxy> {
    const config = configFor(name, ingress, release.namespace);
    const [tls] = ingress.spec.tls;
    await apply(manifests(name, release.namespace, config, tls?.secretName ?? ''));
    await release.ready(name);
    const path = 'jsonpath={.spec.ports[0].nodePort}';
    const port = Number(await release.kubectl('get', 'service', name, `--output=${path}`));
    const proxy = new ClusterProxy(name, release, port);
    // A NodePort answers a moment after its Service has a ready pod.
    await until(`an answer of ${name}`, 30, () => proxy.fingerprint());
    return proxy;
  }

  /** Address for clients outside the cluster. */
  get url(): string {
    return `wss://localhost:${this.#port}`;
  }

  /** `host` for clients in the cluster; the port is 8443. */
  get host(): string {
    return `${this.name}.${this.#release.namespace}`;
  }

  async podAddress(): Promise<string> {
    return this.#release.kubectl(
      'get',
      'pod',
      `--selector=app=${this.name}`,
      '--output=jsonpath={.items[0].status.podIP}',
    );
  }

  /** Waits until the pod has a new certificate of its Secret, then reloads the configuration, as a controller does. */
  async reloadWith({ pem }: Certificate): Promise<void> {
    const read = 'while read -r line; do echo "$line"; done < /tls/tls.crt';
    await until('the new certificate in the pod', 120, async () => (await this.#shell(read)).trim() === pem.trim());
    await this.#shell(this.name === 'nginx' ? 'nginx -s reload -c /etc/proxy/config' : 'kill -USR2 1');
  }

  /** SHA-256 fingerprint of the certificate that a new connection is shown. */
  async fingerprint(): Promise<string> {
    const socket = connect({
      host: SETTINGS.node,
      port: this.#port,
      servername: 'localhost',
      rejectUnauthorized: false,
    });
    await once(socket, 'secureConnect');
    const { fingerprint256 } = socket.getPeerCertificate();
    socket.destroy();
    return fingerprint256;
  }

  #shell(script: string): Promise<string> {
    return this.#release.kubectl('exec', `deployment/${this.name}`, '--', 'dash', '-c', script);
  }
}

/** Puts a certificate into a Secret of the type that Ingresses name. */
export async function putCertificate(namespace: string, name: string, { path, keyPath }: Certificate): Promise<void> {
  const args = ['--namespace', namespace, 'create', 'secret', 'tls', name, `--cert=${path}`, `--key=${keyPath}`];
  await apply(await kubectl(...args, '--dry-run=client', '--output=yaml'));
}

/** What the API server says of manifests, without keeping them. @throws {Error} if it refuses one */
export function dryRun(namespace: string, manifests: string): Promise<string> {
  const args = [
    '--namespace',
    namespace,
    'apply',
    '--server-side',
    '--dry-run=server',
    '--output=name',
    '--filename=-',
  ];
  return runWell('kubectl', args, { input: manifests });
}

function configFor(name: ProxyName, ingress: Ingress, namespace: string): string {
  const kind = PROXIES.find(({ program }) => program === name);
  assert.ok(kind !== undefined);
  const paths = ingress.spec.rules.flatMap(({ http }) => http.paths);
  const service = paths[0]?.backend.service.name ?? '';
  const changes = name === 'nginx' ? nginxChanges : haproxyChanges;
  const config = replaceAll(configOf(kind), changes(ingress, `${service}.${namespace}.svc.cluster.local`));
  return complete(kind, config);
}

function nginxChanges({ metadata, spec }: Ingress, host: string): Readonly<Record<string, string>> {
  const location = (path: string, type: string): string => (type === 'Exact' ? `= ${path}` : path);
  const [first] = spec.rules.flatMap(({ http }) => http.paths);
  return {
    '  server 10.0.0.1:8080 max_fails=0;\n  server 10.0.0.2:8080 max_fails=0;': `  server ${host}:8080 max_fails=0;`,
    'listen 443 ssl': `listen ${PORT} ssl`,
    '/etc/ssl/chat.pem': '/tls/tls.crt',
    '/etc/ssl/chat.key': '/tls/tls.key',
    'location / {': `location ${location(first?.path ?? '', first?.pathType ?? '')} {`,
    '75s': `${metadata.annotations[NGINX_TIMEOUT] ?? ''}s`,
  };
}

function haproxyChanges({ metadata, spec }: Ingress, host: string): Readonly<Record<string, string>> {
  const conditions = spec.rules.flatMap(({ http }) =>
    http.paths.map(({ path, pathType }) => `{ path${pathType === 'Exact' ? '' : '_beg'} ${path} }`),
  );
  // Pods by their own addresses, as a controller has them of the EndpointSlices: those of the headless Service.
  const pods = host.replace('.', '-metrics.');
  return {
    'bind :443 ssl crt /etc/ssl/chat.pem': `bind :${PORT} ssl crt /tls/tls.crt`,
    '  default_backend instances': `  use_backend instances if ${conditions.join(' or ')}`,
    '  server one 10.0.0.1:8080\n  server two 10.0.0.2:8080': `  server-template pod 6 ${pods}:8080 resolvers cluster init-addr none`,
    'timeout tunnel 75s': `timeout tunnel ${metadata.annotations[HAPROXY_TIMEOUT] ?? ''}`,
  };
}

/** With what a system's main file has. */
function complete(kind: ProxyKind, config: string): string {
  const place = { folder: '/tmp' } as Parameters<ProxyKind['complete']>[1];
  if (kind.program === 'nginx') return kind.complete(config, place);
  return `global\n  ssl-load-extra-del-ext\nresolvers cluster\n  parse-resolv-conf\n  hold valid 1s\n${config}`;
}

function manifests(name: ProxyName, namespace: string, config: string, secretName: string): string {
  const command =
    name === 'nginx'
      ? ['nginx', '-p', '/tmp', '-e', 'stderr', '-c', '/etc/proxy/config']
      : ['haproxy', '-W', '-db', '-f', '/etc/proxy/config'];
  const labels = { app: name };
  const objects = [
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data: { config } },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace },
      spec: { type: 'NodePort', selector: labels, ports: [{ port: PORT }] },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace },
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            securityContext: { runAsNonRoot: true, runAsUser: 101, seccompProfile: { type: 'RuntimeDefault' } },
            containers: [
              {
                name,
                image: `testbed/${name}:1`,
                imagePullPolicy: 'Never',
                command,
                ports: [{ containerPort: PORT }],
                readinessProbe: { tcpSocket: { port: PORT }, periodSeconds: 1 },
                securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
                volumeMounts: [
                  { name: 'config', mountPath: '/etc/proxy' },
                  { name: 'tls', mountPath: '/tls' },
                ],
              },
            ],
            volumes: [
              { name: 'config', configMap: { name } },
              { name: 'tls', secret: { secretName } },
            ],
          },
        },
      },
    },
  ];
  return objects.map((each) => stringify(each)).join('---\n');
}

function replaceAll(config: string, changes: Readonly<Record<string, string>>): string {
  return Object.entries(changes).reduce((text, [from, to]) => {
    assert.ok(text.includes(from), `the configuration of docs/proxies.md has no "${from}"`);
    return text.replaceAll(from, to);
  }, config);
}
