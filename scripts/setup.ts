/** Installs the tools that `npm test` needs, and nothing else. `npm run setup`. */
import { program } from '../lib/program.ts';
import {
  buildTools,
  describeMissing,
  installQuickTools,
  isInstallable,
  missingTools,
  obstacles,
  TOOL_CACHE,
} from './tools.ts';

program(
  'npm run setup --',
  'Installs the tools that npm test needs. Exit status 1 if one is missing afterwards.',
).parse();
const hindered = obstacles();
const installable = missingTools().filter((tool) => isInstallable(tool, hindered));
installQuickTools(installable);
await buildTools(installable);
const missing = missingTools();
if (missing.length > 0) console.log(describeMissing(missing, hindered));
else console.log(`OK: npm test has every tool it needs; what was built is in ${TOOL_CACHE}`);
process.exitCode = missing.length === 0 ? 0 : 1;
