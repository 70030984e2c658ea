/** Builds dist/: the programs as JavaScript, and the files they read beside them. `npm run build`. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, rmSync } from 'node:fs';
import { program } from '../lib/program.ts';

/** What programs read at run time and the compiler does not look at: files, and folders as they are. */
const ASSETS = ['client/client.js', 'service/console', 'loadtest/page', 'loadtest/scenarios'];

program('npm run build --', 'Builds dist/.').parse();
rmSync('dist', { recursive: true, force: true });
// Lint checks the types. The compiler says itself what else is wrong.
if (spawnSync('tsc', ['-p', 'tsconfig.build.json', '--noCheck'], { stdio: 'inherit' }).status !== 0) process.exit(1);
for (const path of ASSETS) if (existsSync(path)) cpSync(path, `dist/${path}`, { recursive: true });
