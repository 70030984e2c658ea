/**
 * Fills the generated blocks of the Markdown pages from the definitions in the code. `npm run docs`; with `--check` it writes
 * nothing. Exits with 1 if a block has no place, a mark names no block, a line of prose is too long, a link leads nowhere, a
 * test that is named is not there or, with `--check`, a block differs.
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { alertBlocks } from '../alerts/src/docs.ts';
import { performanceBlocks, stormBlock } from '../bench/docs.ts';
import { chaosBlocks } from '../chaos/src/docs.ts';
import { soakBlock } from '../chaos/src/soak-result.ts';
import { chartBlocks, platformValues } from '../chart/src/docs.ts';
import { dashboardBlocks } from '../dashboards/src/docs.ts';
import { proofBlocks } from '../e2e/alerts/docs.ts';
import { failoverBlock } from '../e2e/failover/kept.ts';
import { proxyBlocks } from '../e2e/proxies/docs.ts';
import { platformBlocks } from '../e2e/platform/kept.ts';
import { releaseBlocks } from '../e2e/release/kept.ts';
import { loadtestBlocks } from '../loadtest/src/docs.ts';
import { monitorBlocks } from '../monitor/src/docs.ts';
import { program } from '../lib/program.ts';
import { clientBlocks } from './client-docs.ts';
import { fillBlocks, misplacedBlocks, staleBlocks, type Blocks } from './generated-blocks.ts';
import { brokenLinks, longLines, MAX_LINE, unknownTests } from './prose.ts';
import { configurationBlocks, logBlocks, metricsBlocks, protocolBlocks } from './service-docs.ts';

const { check } = program('npm run docs --', 'Fills the generated blocks of the Markdown pages.')
  .option('--check', 'write nothing; fail if a block differs')
  .parse()
  .opts<{ check?: boolean }>();

/** The blocks of each page that has any, by its path from the project's root. */
const BLOCKS: Readonly<Record<string, Blocks>> = {
  'chart/README.md': chartBlocks(),
  'docs/alert-proofs.md': proofBlocks(),
  'docs/alerts.md': alertBlocks(),
  'docs/clients.md': clientBlocks(),
  'docs/configuration.md': configurationBlocks(),
  'docs/dashboards.md': dashboardBlocks(),
  'docs/loadtest.md': loadtestBlocks(),
  'docs/logs.md': logBlocks(),
  'docs/metrics.md': await metricsBlocks(),
  'docs/monitor.md': monitorBlocks(),
  'docs/performance.md': performanceBlocks(),
  'docs/platform-proofs.md': platformBlocks(),
  'docs/platforms.md': platformValues(),
  'docs/protocol.md': protocolBlocks(),
  'docs/proxies.md': proxyBlocks(),
  'docs/reliability.md': { ...chaosBlocks(), soak: soakBlock(), failovers: failoverBlock(), storm: stormBlock() },
  'docs/releasing.md': releaseBlocks(),
};

const ROOT = new URL('../', import.meta.url);
const PAGES = globSync('**/*.md', { cwd: ROOT, exclude: (path) => /^(node_modules|dist|\.cache)$/.test(path) });

for (const path of new Set([...PAGES, ...Object.keys(BLOCKS)])) {
  const url = new URL(path, ROOT);
  const page = readFileSync(url, 'utf8');
  const blocks = BLOCKS[path] ?? {};
  for (const fault of misplacedBlocks(page, blocks)) complain(path, fault);
  for (const name of staleBlocks(page, blocks))
    if (check === true)
      complain(path, `the block "${name}" differs from the code: run npm run docs and commit the page`);
    else console.log(`${path}: wrote "${name}"`);
  for (const line of longLines(page)) complain(`${path}:${line}`, `a line of prose has over ${MAX_LINE} characters`);
  for (const target of brokenLinks(page, url)) complain(path, `the link to ${target} leads to no file or heading`);
  for (const title of unknownTests(page, url))
    complain(path, `the test "${title}" is not in the file that the link names`);
  if (check !== true) writeFileSync(url, fillBlocks(page, blocks));
}

function complain(path: string, fault: string): void {
  console.error(`${path}: ${fault}`);
  process.exitCode = 1;
}
