/** `npm version` runs this after it has written package.json: the other places get its version, and are part of its commit. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { program } from '../../lib/program.ts';
import { ROOT } from '../chart/tools.ts';
import { versionOf, withVersion } from './version.ts';

program('npm run version --', 'What npm version runs: writes the version of package.json to the other places.').parse();
const files = withVersion(ROOT, versionOf(ROOT), new Date().toISOString().slice(0, 10));
for (const [file, text] of files) writeFileSync(join(ROOT, file), text);
// The chart names the version's changes and image for Artifact Hub.
execFileSync(process.execPath, ['chart/src/generate.ts'], { cwd: ROOT, stdio: 'inherit' });
execFileSync('npm', ['run', '--silent', 'docs'], { cwd: ROOT, stdio: 'inherit' });
execFileSync('git', ['add', '--all'], { cwd: ROOT });
