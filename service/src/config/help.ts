import { redactedIn } from '../../../lib/redaction.ts';
import { OPTIONS, type Config, type Option } from './options.ts';

const ALL: readonly (readonly [string, Option<unknown>])[] = Object.entries(OPTIONS);

/** The text of `--help`. */
export function describeConfig(version: string): string {
  const options = ALL.map(([, { name, fallback, unit, doc }]) => {
    const value = fallback === '' ? 'empty' : fallback;
    return `  ${name}  (${unit}, default ${value})\n${wrap(doc, 92, '      ')}\n`;
  });
  return [
    `websocket-message-counter ${version}: counts the messages of WebSocket sessions.`,
    '',
    'Usage: websocket-message-counter [--check-config | --help | --version]',
    '',
    '  --check-config  says what is wrong with the environment, and exits: 0 if nothing, 2 otherwise',
    '',
    'Options are environment variables; in development also lines of a file .env (NODE_ENV=production turns it off).',
    'Exit status: 0 clean drain, 1 crash or failed start, 2 bad configuration, 3 drain missed its deadline, 128+n second signal n.',
    '',
    ...options,
  ].join('\n');
}

/** The options that differ from their defaults, by variable, for the log. Of a secret it says only that it is set. */
export function changedOptions(config: Config): Record<string, unknown> {
  const changed: Record<string, unknown> = {};
  for (const [key, option] of ALL) {
    const value = config[key as keyof Config];
    if (JSON.stringify(value) !== JSON.stringify(option.parse(option.fallback)))
      changed[option.name] = option.secret === true ? '(set)' : redactedIn(value);
  }
  return changed;
}

function wrap(text: string, width: number, indent: string): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + word.length + 1 > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].map((each) => indent + each).join('\n');
}
