/**
 * Draws previews of the dashboards, for the docs: a loaded service, a real Prometheus and a real Loki answer the panels' own
 * queries, and uPlot draws the answers in Chromium. `npx node dashboards/test/preview/main.ts`; it takes about two minutes.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { program } from '../../../lib/program.ts';
import { TOOLS } from '../../../scripts/tools.ts';
import { readDashboards, type DashboardFile } from '../../../testkit/dashboard-file.ts';
import { ANY } from '../../../testkit/interpolate.ts';
import { LABEL_VALUES } from '../../src/promql.ts';
import { PICKED } from '../support/crowd.ts';
import { NO_STACK, Stack } from '../support/stack.ts';
import { drawnPanels, type Source } from './data.ts';

/** Time of healthy traffic before the faults, in milliseconds. */
const HEALTHY_MS = 60_000;
/** Time after the faults. */
const AFTERWARDS_MS = 10_000;
/** A laptop, with what Grafana's bars and the variables leave of its height. */
const SCREEN = { width: 1280, height: 540 };

program('npx node dashboards/test/preview/main.ts', 'Draws the pictures of the dashboards in docs/.').parse();
const cleanups: (() => void | Promise<void>)[] = [];
try {
  if (NO_STACK !== false) throw new Error(NO_STACK);
  const stack = await Stack.start({ after: (work) => cleanups.unshift(work) });
  await delay(HEALTHY_MS);
  const [overview, logs] = readDashboards() as [DashboardFile, DashboardFile];
  await draw(overview, 'websocket-overview-healthy', await sourceOf(stack), false);
  await draw(logs, 'websocket-logs-healthy', await sourceOf(stack), false);
  await stack.spoil();
  await delay(AFTERWARDS_MS);
  await draw(overview, 'websocket-overview-fault', await sourceOf(stack), false);
  await draw(logs, 'websocket-logs-fault', await sourceOf(stack), false);
  await draw(overview, 'websocket-overview', await sourceOf(stack), true);
  await draw(logs, 'websocket-logs', await sourceOf(stack), true);
} finally {
  for (const work of cleanups) await work();
}

async function sourceOf(stack: Stack): Promise<Source> {
  return {
    prometheus: stack.prometheus,
    lokiUrl: stack.loki.url,
    from: Math.floor(stack.startedAt),
    to: Math.floor(Date.now() / 1000),
    picked: {
      ...{ ...ANY, ...PICKED, session: stack.session },
      job: await stack.prometheus.all(LABEL_VALUES.job),
    },
  };
}

/** @param whole all of it, its rows opened; otherwise what the first screen shows */
async function draw(dashboard: DashboardFile, name: string, source: Source, whole: boolean): Promise<void> {
  const executablePath = TOOLS.chromium.find();
  if (executablePath === undefined) throw new Error(`chromium is missing: ${TOOLS.chromium.howToGet}`);
  // Loaded after the command line is read: it takes longer than all else.
  const { chromium } = await import('playwright-core');
  const browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-background-networking', '--disable-component-update'],
  });
  try {
    const page = await browser.newPage({ viewport: SCREEN });
    await load(page);
    const panels = await drawnPanels(dashboard, source);
    await page.evaluate(`drawDashboard(${JSON.stringify({ panels })})`);
    const path = `docs/${name}.png`;
    await page.screenshot({ path, fullPage: whole });
    process.stdout.write(`wrote ${path}\n`);
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
