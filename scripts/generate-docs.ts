/**
 * Writes the pages of docs/ that are made from definitions in the code. `npm run docs`; with `--check` it writes nothing and
 * exits 1 if a page differs from its definition.
 */
import { renderPerformanceDocs } from '../bench/docs.ts';
import { renderAlertProofs } from '../e2e/alerts/docs.ts';
import { renderLoadtestDocs } from '../loadtest/src/docs.ts';
import { renderMonitorDocs } from '../monitor/src/docs.ts';
import { generate } from './generated-files.ts';
import { SERVICE_PAGES } from './service-docs.ts';

const PAGES: Readonly<Record<string, () => string | Promise<string>>> = {
  ...SERVICE_PAGES,
  'loadtest.md': renderLoadtestDocs,
  'monitor.md': renderMonitorDocs,
  'performance.md': renderPerformanceDocs,
  'alert-proofs.md': renderAlertProofs,
};

const files = new Map<string, string>();
for (const [name, render] of Object.entries(PAGES)) files.set(`docs/${name}`, await render());
generate(files, 'npm run docs');
