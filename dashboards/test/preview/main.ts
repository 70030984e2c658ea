/**
 * Draws previews of the dashboards, for the docs: a loaded service, a real Prometheus and a real Loki answer the panels' own
 * queries, and uPlot draws the answers in Chromium. `npx node dashboards/test/preview/main.ts`; it takes about two minutes.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { chromium, type Page } from 'playwright-core';
import { TOOLS } from '../../../scripts/tools.ts';
import { readDashboards } from '../../../testkit/dashboard-file.ts';
import { ANY } from '../../../testkit/interpolate.ts';
import { NO_STACK, Stack } from '../support/stack.ts';
import { drawnPanels, type Source } from './data.ts';

/** Time of healthy traffic before the faults, in milliseconds. */
const HEALTHY_MS = 45_000;
/** Time after the faults. */
const AFTERWARDS_MS = 10_000;

const cleanups: (() => void | Promise<void>)[] = [];
try {
  if (NO_STACK !== false) throw new Error(NO_STACK);
  const stack = await Stack.start({ after: (work) => cleanups.unshift(work) });
  await delay(HEALTHY_MS);
  await stack.spoil();
  await delay(AFTERWARDS_MS);
  await draw({
    prometheus: stack.prometheus,
    lokiUrl: stack.loki.url,
    from: Math.floor(stack.startedAt),
    to: Math.floor(Date.now() / 1000),
    picked: { ...ANY, session: stack.session },
  });
} finally {
  for (const work of cleanups) await work();
}

async function draw(source: Source): Promise<void> {
  const executablePath = TOOLS.chromium.find();
  if (executablePath === undefined) throw new Error(`chromium is missing: ${TOOLS.chromium.howToGet}`);
  const browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-background-networking', '--disable-component-update'],
  });
  try {
    for (const dashboard of readDashboards()) {
      const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
      await load(page);
      const panels = await drawnPanels(dashboard, source);
      await page.evaluate(`drawDashboard(${JSON.stringify({ title: dashboard.title, panels })})`);
      const path = `docs/${dashboard.uid}.png`;
      await page.screenshot({ path, fullPage: true });
      process.stdout.write(`wrote ${path}\n`);
    }
  } finally {
    await browser.close();
  }
}

async function load(page: Page): Promise<void> {
  const file = (path: string): string => new URL(path, import.meta.url).pathname;
  await page.setContent('<!doctype html><meta charset="utf-8"><body></body>');
  await page.addStyleTag({ path: file('../../../node_modules/uplot/dist/uPlot.min.css') });
  await page.addStyleTag({ path: file('page.css') });
  await page.addScriptTag({ path: file('../../../node_modules/uplot/dist/uPlot.iife.min.js') });
  await page.addScriptTag({ path: file('page.js') });
}
