/**
 * Writes the pages of docs/ that are made from definitions in the code. `npm run docs`; with `--check` it writes nothing and
 * exits 1 if a page differs from its definition.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { renderPerformanceDocs } from '../bench/docs.ts';
import { renderAlertProofs } from '../e2e/alerts/docs.ts';
import { renderLoadtestDocs } from '../loadtest/src/docs.ts';
import { renderMonitorDocs } from '../monitor/src/docs.ts';
import { SERVICE_PAGES } from './service-docs.ts';

const PAGES: Readonly<Record<string, () => string | Promise<string>>> = {
  ...SERVICE_PAGES,
  'loadtest.md': renderLoadtestDocs,
  'monitor.md': renderMonitorDocs,
  'performance.md': renderPerformanceDocs,
  'alert-proofs.md': renderAlertProofs,
};

const check = process.argv.includes('--check');
for (const [name, render] of Object.entries(PAGES)) {
  const path = `docs/${name}`;
  const text = await render();
  const current = existsSync(path) ? readFileSync(path, 'utf8') : '';
  if (text === current) continue;
  if (check) {
    console.error(`${path} differs from the code it is made from: run npm run docs and commit it`);
    process.exitCode = 1;
  } else {
    writeFileSync(path, text);
    console.log(`wrote ${path}`);
  }
}
