/**
 * Checks types, imports, style, format and workflows, all of them even if one fails. `npm run lint`; `npm run lint -- --fix` mends
 * what can be mended.
 */
import { spawnSync } from 'node:child_process';
import { program } from '../lib/program.ts';
import { TOOLS } from './tools.ts';

const { fix } = program('npm run lint --', 'Checks types, imports, style, format and workflows.')
  .option('--fix', 'mend what can be mended')
  .parse()
  .opts<{ fix?: true }>();
/** Files that did not change since they passed are not parsed again. */
const PRETTIER_CACHE = ['--cache', '--cache-strategy', 'content', '--cache-location', '.cache/prettier'];
const CHECKS: readonly (readonly string[])[] = [
  ['oxlint', '--type-aware', '--type-check', '--report-unused-disable-directives', ...(fix ? ['--fix'] : [])],
  ['tsc', '-p', 'service/console/tsconfig.json'],
  ['depcruise', '.'],
  ['prettier', '.', '--log-level', 'warn', ...PRETTIER_CACHE, fix ? '--write' : '--check'],
];

const actionlint = TOOLS.actionlint.find();
// Without the checkers of scripts, which not every machine has.
const workflows = actionlint === undefined ? [] : [[actionlint, '-shellcheck=', '-pyflakes=']];
let failed = false;
if (actionlint === undefined) {
  failed = process.env['CI'] === 'true';
  console.error(`lint: the workflows are not checked, actionlint is missing: ${TOOLS.actionlint.howToGet}`);
}
for (const [command = '', ...args] of [...CHECKS, ...workflows]) {
  const { status } = spawnSync(command, args, { stdio: 'inherit' });
  if (status !== 0) {
    failed = true;
    const next = fix ? 'mend by hand what is left' : 'npm run lint -- --fix mends what can be mended';
    console.error(`lint: ${[command, ...args].join(' ')} found problems (above); ${next}`);
  }
}
process.exitCode = failed ? 1 : 0;
