#!/usr/bin/env node
/**
 * Checks the chart without a cluster: generated files, lint, unit tests, refused values, `null`, the environment as the service reads it,
 * best practice (kube-score), the API's schemas (kubeconform), and the configuration of the stack by the programs that read it.
 * With `--server` it also has a real API server admit every scenario (dry run), in a namespace that enforces the restricted
 * Pod Security Standard.
 *
 *   npx node scripts/check-chart.ts [--server]
 *
 * One line a check; exit status 1 if any failed.
 */
import { join } from 'node:path';
import { generatedFiles } from '../chart/src/generate.ts';
import { staleFiles } from '../lib/generated-files.ts';
import { program } from '../lib/program.ts';
import { checkEnvironment } from './chart/environment.ts';
import { kubernetesTypes } from './chart/kubernetes-types.ts';
import { KubeScore } from './chart/kube-score.ts';
import {
  customResourceFiles,
  exampleSchemas,
  KUBERNETES_VERSIONS,
  kubeSchemas,
  schemaLocation,
} from './chart/kube-schemas.ts';
import { expectNullsAreEmpty } from './chart/nulls.ts';
import { missedRefusals, REFUSAL_COUNT } from './chart/refusals.ts';
import { objectsIn, platforms, render, scenarios } from './chart/scenarios.ts';
import { checkStackConfig } from './chart/stack-config.ts';
import { expectTwoInOneRelease } from './chart/subchart.ts';
import { CHART, ROOT, run, runWell } from './chart/tools.ts';

/** Manifests that the documentation refers to. */
const EXAMPLES = join(ROOT, 'examples/external-secret');
/** Most characters of a failure that are printed: Helm quotes whole templates. */
const MOST_TEXT = 4000;

/** Kinds that a cloud adds to its clusters: their definitions are not published. */
const OF_CLOUDS = 'GCPBackendPolicy,HealthCheckPolicy,PodMonitoring';

/** Namespaces that enforce the restricted standard refuse a pod that breaks it, and warn of a pod template that does. */
const RESTRICTED_NAMESPACE = `
apiVersion: v1
kind: Namespace
metadata:
  name: chart-check
  labels:
    pod-security.kubernetes.io/enforce: restricted
    pod-security.kubernetes.io/warn: restricted
`;

const options = program('npx node scripts/check-chart.ts', 'Checks the chart.')
  .option('--server', 'have the API server that KUBECONFIG names admit every scenario, too')
  .parse()
  .opts<{ server?: boolean }>();
let failed = 0;

check('generated files are up to date', () => {
  expectNone(staleFiles(generatedFiles()), 'run npx node chart/src/generate.ts');
});
check("the schema's types are those of the API of Kubernetes", () => {
  expectNone(staleFiles(kubernetesTypes()), 'run npx node scripts/chart/kubernetes-types.ts');
});
for (const scenario of scenarios())
  check(
    `helm lint --strict, ${scenario.name}`,
    () => void runWell('helm', ['lint', '--strict', CHART, '--values', scenario.path]),
  );
check('helm-unittest', () => lastLines(runWell('helm-unittest', ['--strict', CHART])));
check(`${REFUSAL_COUNT} bad values are refused by name`, () => {
  expectNone(missedRefusals(), '');
});
check('a render without a cluster is the same each time', () => {
  for (const scenario of scenarios())
    if (render(scenario) !== render(scenario)) throw new Error(`two renders of ${scenario.name} differ`);
});
check('null is the same as empty where that is the default', () => expectNullsAreEmpty());
check('twice in one release, as a subchart', () => expectTwoInOneRelease());
check('the service reads the environment of every scenario', () => {
  checkEnvironment();
});
checkKubeScore();
check('kubeconform, examples of manifests', () => {
  const text = runWell('kubeconform', ['-schema-location', schemaLocation(exampleSchemas()), '-summary', EXAMPLES]);
  if (!text.includes('Valid: 1')) throw new Error(text);
});
for (const version of KUBERNETES_VERSIONS)
  check(`kubeconform, Kubernetes ${version}`, () => {
    expectConform(version);
  });
check('kubeconform, the values of each platform', () => {
  const location = schemaLocation(kubeSchemas(KUBERNETES_VERSIONS[1]));
  for (const platform of platforms())
    runWell('kubeconform', ['-schema-location', location, '-strict', '-skip', OF_CLOUDS, '-'], render(platform));
});
check('configuration of the stack, by the programs that read it', () => checkStackConfig());
if (options.server === true) checkServer();
console.log(failed === 0 ? 'The chart is well.' : `${failed} checks failed.`);
process.exitCode = failed === 0 ? 0 : 1;

function check(name: string, work: () => unknown): void {
  const startedAt = performance.now();
  try {
    const detail = work();
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    console.log(`ok      ${name} (${seconds} s)${typeof detail === 'string' && detail !== '' ? `: ${detail}` : ''}`);
  } catch (error) {
    failed += 1;
    const message = error instanceof Error ? error.message : String(error);
    console.log(`FAILED  ${name}\n${message.length > MOST_TEXT ? `${message.slice(0, MOST_TEXT)} …` : message}`);
  }
}

function expectNone(problems: readonly string[], advice: string): void {
  if (problems.length > 0) throw new Error([...problems, advice].join('\n'));
}

function checkKubeScore(): void {
  const score = new KubeScore();
  for (const scenario of scenarios())
    check(`kube-score, ${scenario.name}`, () => {
      expectNone(
        score.faults(render(scenario)),
        'mend it, or give an exception with its reason in scripts/chart/kube-score.ts',
      );
    });
  check('kube-score needs every exception', () => {
    expectNone(score.unusedExceptions(), '');
  });
}

function expectConform(version: string): void {
  const location = schemaLocation(kubeSchemas(version));
  for (const scenario of scenarios())
    runWell('kubeconform', ['-schema-location', location, '-strict', '-'], render(scenario, '--kube-version', version));
}

/** Has the API server admit every scenario, custom resources and all. */
function checkServer(): void {
  check('the server knows the custom resources', () => {
    for (const file of customResourceFiles())
      runWell('kubectl', ['apply', '--server-side', '--force-conflicts', '--filename', file]);
  });
  check('a namespace that enforces the restricted standard', () => {
    runWell('kubectl', ['apply', '--filename', '-'], RESTRICTED_NAMESPACE);
  });
  for (const scenario of scenarios())
    check(`server-side dry run, ${scenario.name}`, () => {
      const yaml = render(scenario);
      // A dry run of a pod wants its service account to be there.
      const accounts = objectsIn(yaml).filter(({ kind }) => kind === 'ServiceAccount');
      for (const account of accounts) runWell('kubectl', ['apply', '--filename', '-'], JSON.stringify(account));
      const { status, stdout, stderr } = run('kubectl', ['apply', '--dry-run=server', '--filename', '-'], yaml);
      // A pod template that breaks the standard is admitted with a warning: the pods would be refused later.
      if (status !== 0 || /Warning/.test(stderr)) throw new Error(stderr);
      const expected = objectsIn(yaml).length;
      const admitted = stdout.trim().split('\n').length;
      if (admitted !== expected) throw new Error(`${admitted} of ${expected} objects were admitted:\n${stdout}`);
      return `${admitted} objects`;
    });
  run('kubectl', ['delete', 'namespace', 'chart-check', '--wait=false']);
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-5).join('; ');
}
