import { CHART_DEFAULTS } from '../../chart/src/options.ts';
import { loadConfig, type Config } from '../../service/src/config/load-config.ts';
import { OPTIONS } from '../../service/src/config/options.ts';
import { objectsIn, render, scenarios, type KubeObject } from './scenarios.ts';

/**
 * Has the service read the environment that the chart gives it, in every scenario, and compares what it makes of the default one
 * with what it would do by itself.
 * @throws {Error} for a value that the service refuses, a variable that it does not know, a default that differs without a reason
 */
export function checkEnvironment(): void {
  for (const scenario of scenarios()) {
    const { config, warnings } = loadConfig(environmentIn(render(scenario)));
    if (warnings.length > 0) throw new Error(`${scenario.name}: ${warnings.join('; ')}`);
    if (scenario.name === 'default') expectDefaults(config);
  }
}

/** Secrets that the chart makes by itself. */
const SECRETS_BY_DEFAULT: ReadonlySet<keyof Config> = new Set(['resumeTokenKey', 'resumeTokenPreviousKey']);

function expectDefaults(config: Config): void {
  const plain = loadConfig({}).config;
  const different = (Object.keys(plain) as (keyof Config)[]).filter(
    (key) =>
      JSON.stringify(plain[key]) !== JSON.stringify(config[key]) &&
      CHART_DEFAULTS[key] === undefined &&
      !SECRETS_BY_DEFAULT.has(key),
  );
  if (different.length > 0) throw new Error(`the chart changes defaults without a reason: ${different.join(', ')}`);
}

interface Deployment extends KubeObject {
  readonly spec: {
    readonly template: {
      readonly spec: { readonly containers: readonly { readonly env: readonly { name: string; value?: string }[] }[] };
    };
  };
}

/** Variables of the service's container, those from Secrets with what might be there. */
function environmentIn(yaml: string): Record<string, string> {
  const deployment = objectsIn(yaml).find(
    ({ kind, metadata }) => kind === 'Deployment' && metadata.name.endsWith('message-counter'),
  ) as Deployment | undefined;
  const env = deployment?.spec.template.spec.containers[0]?.env ?? [];
  const known = new Set(Object.values<{ name: string }>(OPTIONS).map(({ name }) => name));
  return Object.fromEntries(
    env.filter(({ name }) => known.has(name)).map(({ name, value }) => [name, value ?? secretOf(name)]),
  );
}

function secretOf(name: string): string {
  return name.endsWith('_URL') ? 'redis://user:secret@redis:6379' : 'x'.repeat(32);
}
