/**
 * What the suite is told about the cluster by the environment, beside KUBECONFIG:
 *
 * - `E2E_NODE`: address at which NodePorts answer; 127.0.0.1 by default
 * - `E2E_PROMETHEUS_URL`: the Prometheus that the Prometheus Operator runs; http://127.0.0.1:30990 by default
 * - `E2E_ALERTMANAGER_URL`: the Alertmanager that the Prometheus Operator runs; http://127.0.0.1:30993 by default
 * - `E2E_HOST`: address at which pods reach the machine that the suite runs on; the first node's by default
 * - `E2E_VALUES`: path of a values file for every installation, for example with the image's repository and pull secrets
 */
export const SETTINGS = {
  node: process.env['E2E_NODE'] ?? '127.0.0.1',
  prometheusUrl: process.env['E2E_PROMETHEUS_URL'] ?? 'http://127.0.0.1:30990',
  alertmanagerUrl: process.env['E2E_ALERTMANAGER_URL'] ?? 'http://127.0.0.1:30993',
  host: process.env['E2E_HOST'],
  valuesFile: process.env['E2E_VALUES'],
} as const;
