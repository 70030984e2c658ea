import type { Context } from './rule.ts';

/**
 * What kube-state-metrics says of the service's Deployment, with the labels of the service's own series. No result where it is not
 * there, nor for another workload than a Deployment.
 * @param matchers beside those that select the Deployment
 */
export function ofDeployment(c: Context, metric: string, ...matchers: readonly string[]): string {
  const series = `${metric}{${[c.deploymentSelector, ...matchers].join(',')}}`;
  // kube-state-metrics has a `job` of its own, and no `release`.
  const ofJob = `label_replace(${series}, "job", "${c.job}", "", "")`;
  const ofRelease = c.release === '' ? ofJob : `label_replace(${ofJob}, "release", "${c.release}", "", "")`;
  return `max ${c.by()} (${ofRelease})`;
}
