import { code, markdownTable } from '../../lib/markdown-table.ts';
import { ASSERTABLE } from './asserts.ts';
import { BEHAVIOURS } from './behaviours.ts';
import { VIOLATIONS } from './count-ledger.ts';
import { EXIT_STATUSES, optionsTable } from './options.ts';
import { SCENARIOS } from './scenarios.ts';

/** Generated blocks of docs/loadtest.md. */
export function loadtestBlocks(): Readonly<Record<string, string>> {
  return {
    options: optionsTable(),
    'exit-statuses': markdownTable(['Exit status', 'Meaning'], named(EXIT_STATUSES)),
    violations: markdownTable(['Kind', 'Meaning'], named(VIOLATIONS)),
    scenarios: SCENARIOS.map(scenarioText).join('\n\n'),
    behaviours: markdownTable(
      ['Behaviour', 'What it does, and how its connections may end'],
      Object.entries(BEHAVIOURS).map(([name, { doc }]) => [code(name), doc]),
    ),
    assertions: markdownTable(
      ['Name', 'Of', 'Meaning'],
      Object.entries(ASSERTABLE).map(([name, { unit, doc }]) => [code(name), UNITS[unit], doc]),
    ),
  };
}

const UNITS = { ms: 'time', count: 'number', '%': 'number or percentage' } as const;

function scenarioText({ name, summary, about, defaults = {} }: (typeof SCENARIOS)[number]): string {
  const flags = Object.entries(defaults).map(([flag, value]) => `\`--${flag} ${value}\``);
  const note = flags.length === 0 ? '' : ` Defaults: ${flags.join(', ')}.`;
  return `**${name}**: ${summary}. ${about}${note}`;
}

function named(meanings: Readonly<Record<string, string>>): string[][] {
  return Object.entries(meanings).map(([name, meaning]) => [code(name), meaning]);
}
