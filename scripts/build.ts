/** Builds dist/: the programs as JavaScript, and the files they read beside them. `npm run build`. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, rmSync } from 'node:fs';
import { program } from '../lib/program.ts';

/** Files that programs read at run time, from folders that the compiler does not look at. */
const ASSETS = ['service/console', 'loadtest/page', 'loadtest/scenarios'];

program('npm run build --', 'Builds dist/.').parse();
rmSync('dist', { recursive: true, force: true });
execFileSync('tsc', ['-p', 'tsconfig.build.json'], { stdio: 'inherit' });
for (const folder of ASSETS) if (existsSync(folder)) cpSync(folder, `dist/${folder}`, { recursive: true });
