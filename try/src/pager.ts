import { stringify } from 'yaml';
import { LABEL, RELEASE } from './names.ts';

/** Name of what receives pages. */
export const PAGER = `${RELEASE}-pager`;

/** What the pager runs: it prints a line for each alert of a page. The image of the service has the Node.js for it. */
const PROGRAM = `require('http').createServer((request, response) => {
  let body = '';
  request.on('data', (chunk) => (body += chunk)).on('end', () => {
    response.end();
    for (const { status, labels, annotations } of JSON.parse(body).alerts)
      console.log('PAGE', status, labels.alertname, annotations.summary, annotations.description);
  });
}).listen(8080, () => console.log('The pager is ready for pages.'))`;

/** The namespace of a trial, and in it the pager: a webhook for Alertmanager whose log is what a person on call would receive. */
export function pagerManifests(namespace: string, image: string): string {
  const labels = { 'app.kubernetes.io/name': PAGER };
  const metadata = { name: PAGER, namespace, labels };
  const securityContext = {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    runAsNonRoot: true,
    capabilities: { drop: ['ALL'] },
    seccompProfile: { type: 'RuntimeDefault' },
  };
  const container = {
    name: 'pager',
    image,
    imagePullPolicy: 'IfNotPresent',
    command: ['/nodejs/bin/node', '--eval', PROGRAM],
    readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 2 },
    resources: { requests: { cpu: '10m', memory: '48Mi' }, limits: { memory: '96Mi' } },
    securityContext,
  };
  const objects = [
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name: namespace,
        labels: { [LABEL[0]]: LABEL[1], 'pod-security.kubernetes.io/enforce': 'restricted' },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata,
      stringData: { 'page-webhook-url': `http://${PAGER}.${namespace}.svc:8080/` },
    },
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { selector: labels, ports: [{ port: 8080 }] } },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: { automountServiceAccountToken: false, containers: [container] },
        },
      },
    },
  ];
  return objects.map((each) => stringify(each)).join('---\n');
}
