import { readFileSync } from 'node:fs';

/** What stands for the labels of an alert in a runbook's commands, and what Prometheus puts in for them. */
const LABELS: readonly (readonly [variable: string, template: string])[] = [
  ['$SELECTOR', 'app.kubernetes.io/instance=$RELEASE,app.kubernetes.io/component=service'],
  ['$NAMESPACE', '{{ $labels.namespace }}'],
  ['$RELEASE', '{{ $labels.release }}'],
  ['$POD', '{{ $labels.pod }}'],
  ['$INSTANCE', '{{ $labels.instance }}'],
];

/** The text of an alert's runbook. */
export function runbook(alert: string): string {
  return readFileSync(new URL(`../runbooks/${alert}.md`, import.meta.url), 'utf8');
}

/** What the first steps have one search the log for; empty if they do not. */
export function searchedFor(alert: string): string {
  return /\b[Ss]earch the log[^.`]* for `([^`]+)`/.exec(firstSteps(alert))?.[1] ?? '';
}

/**
 * The list under "First steps" of a runbook, one line a step, as a template of Prometheus: its commands can be run as they are.
 * @throws {RangeError} if there is none
 */
export function firstSteps(alert: string): string {
  const [, section = ''] = /^## First steps\n([^]*?)^## /m.exec(runbook(alert)) ?? [];
  const steps = section.match(/^\d+\. .+(?:\n {3}.+)*/gm);
  if (steps === null) throw new RangeError(`the runbook of ${alert} has no list under "## First steps"`);
  const text = steps.map((step) => step.replaceAll(/\n {3}/g, ' ')).join('\n');
  return LABELS.reduce((filled, [variable, template]) => filled.replaceAll(variable, () => template), text);
}
