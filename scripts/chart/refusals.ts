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
  // What only the API server would refuse.
  { set: ['extraEnv[0].name=X', 'extraEnv[0].value=1'], says: [/\/extraEnv\/0\/value/, /number/] },
  { set: ['extraEnv[0].name=X', 'extraEnv[0].value=true'], says: [/\/extraEnv\/0\/value/, /boolean/] },
  { set: ['extraEnv[0].name=1X', 'extraEnv[0].value=x'], says: [/\/extraEnv\/0\/name/] },
  { set: ['secretEnv.A=B.name=x', 'secretEnv.A=B.key=x'], says: [/secretEnv/] },
  { set: ['tolerations[0].key=a', 'tolerations[0].value=true'], says: [/\/tolerations\/0\/value/, /boolean/] },
  { set: ['nodeSelector.gpu=true'], says: [/\/nodeSelector\/gpu/, /boolean/] },
  { set: ['volumes[0].name=x', 'volumes[0].secret.defaultMode=0440x'], says: [/\/volumes\/0\/secret\/defaultMode/] },
  { set: ['podSecurityContext.runAsUser=nobody'], says: [/\/podSecurityContext\/runAsUser/, /integer/] },
  { set: ['resources.limits.memory=2GiB'], says: [/\/resources\/limits\/memory/] },
  { set: ['stack.loki.persistence.size=10GB'], says: [/\/stack\/loki\/persistence\/size/] },
  { set: ['stack.redis.maxMemory=96Mi'], says: [/\/stack\/redis\/maxMemory/] },
  { set: ['updateStrategy.maxSurge=half'], says: [/\/updateStrategy\/maxSurge/] },
  { set: ['commonLabels.team=the chat team'], says: [/\/commonLabels\/team/] },
  { set: ['image.tag=1.0.0+build.5'], says: [/\/image\/tag/] },
  { set: ['image.repository=Example/Counter'], says: [/\/image\/repository/] },
  { set: ['stack.loki.image.tag='], says: [/\/stack\/loki\/image\/tag/] },
  { set: ['fullnameOverride=Demo_X'], says: [/\/fullnameOverride/] },
  { set: ['nameOverride=Demo_X'], says: [/\/nameOverride/] },
  { set: ['ingress.hosts[0]=Chat_1.example.com'], says: [/\/ingress\/hosts\/0/] },
  { set: ['resumeToken.existingSecret=My_Secret'], says: [/\/resumeToken\/existingSecret/] },
  { set: ['service.loadBalancerSourceRanges[0]=10.0.0.1'], says: [/\/service\/loadBalancerSourceRanges\/0/] },
  { set: ['ingress.hosts[0].hots=x'], says: [/\/ingress\/hosts\/0/] },
  { set: ['initContainers[0].image=x'], says: [/\/initContainers\/0/, /name/] },
  { set: ['hostAliases[0].ip=10'], says: [/\/hostAliases\/0\/ip/, /number/] },
  { set: ['service.spec.sessionAffinity=true'], says: [/\/service\/spec\/sessionAffinity/, /boolean/] },
  { set: ['namespaceOverride=My_Space'], says: [/\/namespaceOverride/] },
  { set: ['updateStrategy.type=BlueGreen'], says: [/\/updateStrategy\/type/, /Recreate/] },
  // `null`, by which Helm takes away a default that must be there.
  { set: ['updateStrategy=null'], says: [/missing property 'updateStrategy'/] },
  { set: ['config.maxSessions=null'], says: [/\/config/, /missing property 'maxSessions'/] },
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
