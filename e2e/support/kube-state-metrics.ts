import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { stringify } from 'yaml';
import { apply, kubectlJson } from './commands.ts';

interface Deployment {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: { readonly replicas: number };
  readonly status: {
    readonly availableReplicas?: number;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

/**
 * Has Prometheus scrape what kube-state-metrics would say of the Deployments of a namespace: a stand-in over the API server, for
 * tests alone, with the metrics that the rules read.
 * @param host address at which pods reach this process
 * @returns ends it
 */
export async function standInForKubeStateMetrics(namespace: string, host: string): Promise<() => void> {
  const server = createServer((_, response) => {
    void kubectlJson<{ items: Deployment[] }>('--namespace', namespace, 'get', 'deployments').then(
      ({ items }) => response.setHeader('Content-Type', 'text/plain; version=0.0.4').end(items.map(lines).join('')),
      () => response.writeHead(503).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  const { port } = server.address() as AddressInfo;
  await apply(
    objects(namespace, host, port)
      .map((each) => stringify(each))
      .join('---\n'),
  );
  return () => {
    server.close();
    server.closeAllConnections();
  };
}

function lines({ metadata: { name, namespace }, spec, status }: Deployment): string {
  const labels = `namespace="${namespace}",deployment="${name}"`;
  const conditions = (status.conditions ?? []).flatMap(({ type, status: is }) =>
    ['true', 'false', 'unknown'].map(
      (each) =>
        `kube_deployment_status_condition{${labels},condition="${type}",status="${each}"} ${Number(is.toLowerCase() === each)}`,
    ),
  );
  return [
    `kube_deployment_spec_replicas{${labels}} ${spec.replicas}`,
    `kube_deployment_status_replicas_available{${labels}} ${status.availableReplicas ?? 0}`,
    ...conditions,
    '',
  ].join('\n');
}

/** A Service without pods whose one address is this process, and what has Prometheus scrape it. */
function objects(namespace: string, host: string, port: number): readonly object[] {
  const name = 'kube-state-metrics';
  const metadata = { name, namespace, labels: { app: name } };
  const ports = [{ name: 'metrics', port, protocol: 'TCP' }];
  return [
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { clusterIP: 'None', ports } },
    // Prometheus finds what is scraped by Endpoints or by EndpointSlices, as it is told: Kubernetes makes the second from the first.
    { apiVersion: 'v1', kind: 'Endpoints', metadata, subsets: [{ addresses: [{ ip: host }], ports }] },
    {
      apiVersion: 'monitoring.coreos.com/v1',
      kind: 'ServiceMonitor',
      metadata,
      spec: {
        selector: { matchLabels: { app: name } },
        endpoints: [{ port: 'metrics', interval: '5s', honorLabels: true }],
      },
    },
  ];
}
