/** Builds dist/: the programs as JavaScript, and the files they read beside them. `npm run build`. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { program } from '../lib/program.ts';

/** What programs read at run time and the compiler does not look at: files, and folders as they are. */
const ASSETS = ['package.json', 'client/client.js', 'service/console', 'loadtest/page', 'loadtest/scenarios'];

const { out } = program('npm run build --', 'Builds the programs as JavaScript.')
  .option('--out <folder>', 'where they are put; it is emptied first', 'dist')
  .parse()
  .opts<{ out: string }>();
rmSync(out, { recursive: true, force: true });
// Lint checks the types, so the compiler reads nothing but the sources. It says itself what else is wrong.
if (spawnSync('tsc', ['-p', 'tsconfig.build.json', '--outDir', out], { stdio: 'inherit' }).status !== 0)
  process.exit(1);
for (const path of ASSETS) if (existsSync(path)) cpSync(path, join(out, path), { recursive: true });
