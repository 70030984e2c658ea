import { CHART, run } from './tools.ts';

/** Values that must be refused, with what the refusal must say: the key, and what to do where values don't fit together. */
const REFUSALS: readonly { readonly set: readonly string[]; readonly says: readonly RegExp[] }[] = [
  // Misspelt keys, at any depth.
  { set: ['replicacount=2'], says: [/replicacount/] },
  { set: ['config.maxConection=5'], says: [/\/config/, /maxConection/] },
  // An option that was removed.
  { set: ['config.lokiGzip=true'], says: [/\/config/, /lokiGzip/] },
  { set: ['stack.loki.persistance.enabled=true'], says: [/\/stack\/loki/, /persistance/] },
  { set: ['livenessProbe.httpGet.path=/x'], says: [/\/livenessProbe/, /httpGet/] },
  { set: ['ingress.host=x'], says: [/\/ingress/, /host/] },
  // Wrong types and values out of bounds.
  { set: ['replicaCount=two'], says: [/\/replicaCount/, /integer/] },
  { set: ['config.consoleEnabled=maybe'], says: [/\/config\/consoleEnabled/, /boolean/] },
  { set: ['config.logLevel=LOUD'], says: [/\/config\/logLevel/, /DEBUG/] },
  { set: ['config.readinessConnectionsRatio=2'], says: [/\/config\/readinessConnectionsRatio/] },
  { set: ['config.readinessConnectionsRatio=2.5'], says: [/\/config\/readinessConnectionsRatio/] },
  { set: ['config.closeTimeoutSeconds=soon'], says: [/\/config\/closeTimeoutSeconds/] },
  { set: ['config.allowedOrigins=x'], says: [/\/config\/allowedOrigins/, /array/] },
  { set: ['image.digest=abc'], says: [/\/image\/digest/] },
  { set: ['serviceMonitor.enabled=sometimes'], says: [/\/serviceMonitor\/enabled/, /auto/] },
  { set: ['metrics.scrapeInterval=fast'], says: [/\/metrics\/scrapeInterval/] },
  { set: ['loki.url=loki:3100'], says: [/\/loki\/url/] },
  { set: ['nodeHeapPercent=100'], says: [/\/nodeHeapPercent/] },
  { set: ['secretEnv.TOKEN.name=x'], says: [/\/secretEnv\/TOKEN/, /key/] },
];

/** Values that should have been refused, or were refused without saying why. */
export function missedRefusals(): readonly string[] {
  return REFUSALS.flatMap(({ set, says }) => {
    const { status, stderr } = run('helm', ['template', 'demo', CHART, ...set.flatMap((pair) => ['--set', pair])]);
    if (status === 0) return [`${set.join(' ')} was not refused`];
    return says.every((pattern) => pattern.test(stderr))
      ? []
      : [`${set.join(' ')} was refused without saying so: ${stderr}`];
  });
}

/** How many refusals are tried. */
export const REFUSAL_COUNT = REFUSALS.length;
