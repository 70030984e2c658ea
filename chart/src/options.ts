import { OPTIONS, type Option } from '../../service/src/config/options.ts';

/** Key of one of the service's options. */
export type OptionKey = keyof typeof OPTIONS;

/** Options that are no values of the chart, with the reason. */
export const NOT_EXPOSED: Readonly<Partial<Record<OptionKey, string>>> = {
  host: 'a pod listens on all of its addresses: probes and Services reach it by the one that the cluster chose',
  resumeTokenKey: 'the chart mounts the key as a file, which is read again when the Secret changes',
  resumeTokenPreviousKey: 'the same, for the previous key',
  podName: 'the downward API gives it to a pod that ships its log',
  podNamespace: 'the downward API gives it to a pod that ships its log',
  releaseName: 'the downward API gives it to a pod that ships its log',
};

/** Options that another value of the chart sets, with the value's path. Those the service has not are left out of the pod. */
export const SET_BY_OTHER_VALUES: Readonly<Partial<Record<string, string>>> = {
  port: 'containerPorts.http',
  adminPort: 'containerPorts.admin',
  metricsPort: 'containerPorts.metrics',
  lokiEnabled: 'loki.ship',
  lokiUrl: 'loki.url',
  lokiBearerToken: 'loki.bearerTokenSecret',
  lokiPassword: 'loki.passwordSecret',
  redisUrl: 'store.redis.url',
  redisPassword: 'store.redis.passwordSecret',
  redisPasswordFile: 'store.redis.passwordSecret',
  redisCertFile: 'store.redis.tls.clientSecret',
  redisKeyFile: 'store.redis.tls.clientSecret',
  resumeTokenKeyFile: 'resumeToken.enabled',
  resumeTokenPreviousKeyFile: 'resumeToken.existingSecret',
};

/** Defaults of the chart that differ from the service's, with the reason. `null` is derived by the templates. */
export const CHART_DEFAULTS: Readonly<Partial<Record<OptionKey, { readonly value: unknown; readonly why: string }>>> = {
  consoleEnabled: { value: false, why: 'Off in a cluster: it is a page for developers.' },
  finalScrapeWaitSeconds: {
    value: null,
    why: 'Empty is the scrape interval plus a margin if the release includes a scraper (ServiceMonitor or stack), otherwise 0.',
  },
};

/** The options that the chart has under `config`, each by the service's own key. */
export function configOptions(): readonly (readonly [OptionKey, Option<unknown>])[] {
  return (Object.entries(OPTIONS) as [OptionKey, Option<unknown>][]).filter(
    ([key]) => NOT_EXPOSED[key] === undefined && SET_BY_OTHER_VALUES[key] === undefined,
  );
}

/** The options of {@link SET_BY_OTHER_VALUES} that the service has. */
export function otherOptions(): readonly (readonly [OptionKey, Option<unknown>])[] {
  return (Object.entries(OPTIONS) as [OptionKey, Option<unknown>][]).filter(
    ([key]) => SET_BY_OTHER_VALUES[key] !== undefined,
  );
}

/** Default of an option under `config`, as a value of YAML. */
export function configDefault(key: OptionKey, option: Option<unknown>): unknown {
  const own = CHART_DEFAULTS[key];
  return own === undefined ? option.parse(option.fallback) : own.value;
}
