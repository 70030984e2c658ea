import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { ALERT_NAMES } from '../src/alerts.ts';
import { firstSteps } from '../src/runbook.ts';
import { codeBlocks } from '../../testkit/runbook.ts';
import { alertingRules, ALERTS, wrapQueries } from '../../testkit/rules.ts';
import { findTool, run, withFolder } from '../../testkit/find-tool.ts';

const promtool = findTool('promtool');
/** Titles of panels and rows. */
const TITLES = new Set(
  ['overview', 'logs']
    .map((name) => readFileSync(new URL(`../dashboards/websocket-${name}.json`, ALERTS), 'utf8'))
    .flatMap((dashboard) => [...dashboard.matchAll(/"title": "([^"]+)"/g)].map(([, title]) => title)),
);
const values = parse(readFileSync(new URL('../chart/values.yaml', ALERTS), 'utf8')) as Record<string, unknown>;

for (const name of ALERT_NAMES)
  describe(`the runbook of ${name}`, () => {
    const text = readFileSync(new URL(`runbooks/${name}.md`, ALERTS), 'utf8');

    test('says what it means, what it does to clients, how to find the cause, and what to do', () => {
      assert.match(text, new RegExp(`^# ${name}\n`));
      const sections = [...text.matchAll(/^## (.+)$/gm)].map(([, title]) => title);
      assert.deepEqual(sections, ['Meaning', 'Impact', 'First steps', 'Diagnosis', 'Mitigation']);
      for (const section of text.split(/^## .+$/m).slice(1))
        assert.ok(section.trim().length > 60, 'no section is empty');
    });

    test('has a few first steps, which a notification can hold', () => {
      const steps = firstSteps(name).split('\n');
      assert.ok(steps.length <= 3, `${steps.length} steps`);
      for (const step of steps) assert.ok(step.length <= 420, step);
      assert.doesNotMatch(steps.join(), /\$[A-Z]/, 'no variable is left');
    });

    test('has queries for the diagnosis and commands for the mitigation', () => {
      const [, diagnosis = '', mitigation = ''] = /## Diagnosis([^]*)## Mitigation([^]*)/.exec(text) ?? [];
      assert.ok(codeBlocks(diagnosis, 'promql').length > 0, 'a query');
      assert.ok(codeBlocks(mitigation, 'bash').length > 0, 'a command');
    });

    test('has queries that Prometheus can parse', { skip: promtool.skip }, () => {
      withFolder((folder) => {
        const file = join(folder, 'queries.json');
        writeFileSync(file, wrapQueries(codeBlocks(text, 'promql')));
        const { status, output } = run(promtool, ['check', 'rules', file]);
        assert.equal(status, 0, output);
      });
    });

    test('has commands that a shell can parse', () => {
      for (const command of codeBlocks(text, 'bash')) {
        const { status, stderr } = spawnSync('bash', ['-n'], { input: command, encoding: 'utf8' });
        assert.equal(status, 0, `${command}\n${stderr}`);
      }
    });

    test('names only labels that the alert has', () => {
      if (!hasPod(name)) assert.doesNotMatch(text, /\$POD/);
    });

    test('names only panels and rows that the dashboards have', () => {
      const prose = text.replaceAll(/^```[^]*?^```$/gm, '').replaceAll(/`[^`]*`/g, '');
      for (const [, title = ''] of prose.matchAll(/"([^"]+)"/g)) assert.ok(TITLES.has(title), title);
      for (const [sentence] of prose.matchAll(/[^.?:]*\bdashboard\b/g)) assert.match(sentence, /"/, 'it names a panel');
    });

    test('asks for kinds that a cluster may lack by a command of their own, which may fail', () => {
      assert.doesNotMatch(text, /get \S*,httproutes?|get httproutes?,/);
    });

    test('names only values that the chart has', () => {
      const paths = [
        ...text.matchAll(/--set '?([\w.]+)=/g),
        ...text.matchAll(/`((?:config|prometheusRule|resources|autoscaling)\.[\w.]+)`/g),
      ].map(([, path = '']) => path);
      for (const path of paths) assert.ok(hasPath(values, path.split('.')), path);
    });
  });

/** Whether every tier of an alert is about one instance, and so has the label `pod`. */
function hasPod(name: string): boolean {
  return alertingRules()
    .filter(({ alert }) => alert === name)
    .every(({ annotations }) => annotations['dashboard_url']?.includes('var-pod='));
}

function hasPath(value: unknown, [key, ...rest]: readonly string[]): boolean {
  if (key === undefined) return true;
  return (
    typeof value === 'object' &&
    value !== null &&
    key in value &&
    hasPath((value as Record<string, unknown>)[key], rest)
  );
}
