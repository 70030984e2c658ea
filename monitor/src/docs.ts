import { code, markdownTable } from '../../lib/markdown-table.ts';
import { commandLine, ENVIRONMENT, EXIT_STATUSES } from './command-line.ts';
import { EVENT_TYPES, NOTICES, PROBLEMS } from './events.ts';

/** Generated blocks of docs/monitor.md. */
export function monitorBlocks(): Readonly<Record<string, string>> {
  const options = commandLine().options.map(({ flags, defaultValue, description }) => [
    code(flags),
    typeof defaultValue === 'boolean' || defaultValue === undefined ? '' : code(String(defaultValue)),
    description,
  ]);
  return {
    problems: table('Problem', 'What it is', PROBLEMS),
    notices: table('Notice', 'What it means', NOTICES),
    'exit-statuses': table('Exit status', 'Meaning', EXIT_STATUSES),
    options: markdownTable(['Flag', 'Default', 'What it does'], options),
    environment: table('Variable', 'What it does', ENVIRONMENT),
    'event-types': table('`type`', 'What it is', EVENT_TYPES),
  };
}

function table(head: string, meaning: string, rows: Readonly<Record<string, string>>): string {
  return markdownTable(
    [head, meaning],
    Object.entries(rows).map(([name, text]) => [code(name), text]),
  );
}
