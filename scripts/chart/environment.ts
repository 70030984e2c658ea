import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { CHART_DEFAULTS } from '../../chart/src/options.ts';
import { OPTIONS, type Option } from '../../service/src/config/options.ts';
import { objectsIn, render, scenarios, type KubeObject } from './scenarios.ts';

/**
 * Lets the service check the environment that the chart gives it in every scenario (`--check-config`), and compares the environment
 * of the default one with the service's own defaults.
 * @throws {Error} for a value that the service refuses, a variable that it does not know, a default that differs without a reason
 */
export function checkEnvironment(): void {
  for (const scenario of scenarios()) {
    const environment = environmentIn(render(scenario));
    checkConfig(scenario.name, environment);
    if (scenario.name === 'default') expectDefaults(environment);
  }
}

function checkConfig(scenario: string, environment: Readonly<Record<string, string>>): void {
  const { status, stdout, stderr } = spawnSync(process.execPath, [SERVICE, '--check-config'], {
    encoding: 'utf8',
    env: { ...environment, NODE_ENV: 'production' },
  });
  if (status !== 0 || stdout.includes('warning: ')) throw new Error(`${scenario}: ${stdout}${stderr}`);
}

const SERVICE = fileURLToPath(new URL('../../service/src/main.ts', import.meta.url));

/** What the chart sets by itself: secrets, the port that its preStop hook calls, and the one that is not published. */
const SET_BY_CHART: ReadonlySet<string> = new Set([
  'resumeTokenKeyFile',
  'resumeTokenPreviousKeyFile',
  'adminPort',
  'metricsPort',
]);

function expectDefaults(environment: Readonly<Record<string, string>>): void {
  const different = Object.entries<Option<unknown>>(OPTIONS)
    .filter(([, { name, fallback, parse }]) => {
      const set = environment[name];
      return set !== undefined && set !== '' && JSON.stringify(parse(set)) !== JSON.stringify(parse(fallback));
    })
    .map(([key]) => key)
    .filter((key) => !(key in CHART_DEFAULTS) && !SET_BY_CHART.has(key));
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
    ({ kind, metadata }) => ['Deployment', 'Rollout'].includes(kind) && metadata.name.endsWith('message-counter'),
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
