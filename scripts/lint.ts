/** Checks types, imports, style and format, all of them even if one fails. `npm run lint`; `npm run lint -- --fix` mends what can be mended. */
import { spawnSync } from 'node:child_process';
import { program } from '../lib/program.ts';

const { fix } = program('npm run lint --', 'Checks types, imports, style and format.')
  .option('--fix', 'mend what can be mended')
  .parse()
  .opts<{ fix?: true }>();
const CHECKS: readonly (readonly string[])[] = [
  ['tsc', '-p', 'tsconfig.json'],
  ['tsc', '-p', 'service/console/tsconfig.json'],
  ['depcruise', '.'],
  ['eslint', '.', '--max-warnings', '0', ...(fix ? ['--fix'] : [])],
  ['prettier', '.', '--log-level', 'warn', fix ? '--write' : '--check'],
];

let failed = false;
for (const [command = '', ...args] of CHECKS) {
  const { status } = spawnSync(command, args, { stdio: 'inherit' });
  if (status !== 0) {
    failed = true;
    console.error(
      `lint: ${[command, ...args].join(' ')} found problems (above); npm run lint -- --fix mends what can be mended`,
    );
  }
}
process.exitCode = failed ? 1 : 0;
