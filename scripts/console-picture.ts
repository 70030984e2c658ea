/** Takes the picture of the console page for the README, from a running service in Chromium. `npm run picture`. */
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { program } from '../lib/program.ts';
import { TOOLS } from './tools.ts';

program('npm run picture --', 'Takes the picture of the console page for the README.').parse();
const executablePath = TOOLS.chromium.find();
if (executablePath === undefined) throw new Error(`chromium is missing: ${TOOLS.chromium.howToGet}`);
const service = spawn(process.execPath, ['service/src/main.ts'], {
  env: {
    PATH: process.env['PATH'],
    PORT: '0',
    HEARTBEAT_INTERVAL_SECONDS: '1',
    MAX_CONNECTION_AGE_SECONDS: '3',
  },
  stdio: ['ignore', 'pipe', 'inherit'],
});
let port = 0;
for await (const line of createInterface(service.stdout)) {
  const { event, port: listening } = JSON.parse(line) as { event: string; port: number };
  if (event !== 'service_listening') continue;
  port = listening;
  break;
}
// Loaded after the command line is read: it takes longer than all else.
const { chromium } = await import('playwright-core');
const browser = await chromium.launch({
  executablePath,
  args: ['--no-sandbox', '--disable-background-networking', '--disable-component-update'],
});
const page = await browser.newPage({ viewport: { width: 960, height: 640 }, colorScheme: 'light' });
await page.goto(`http://127.0.0.1:${port}/`);
for (let sent = 0; sent < 3; sent += 1) await page.click('text=Send');
await page.waitForSelector('li[data-kind=bye]');
await page
  .locator('#state')
  .filter({ hasText: /^open$/ })
  .waitFor();
await page.click('text=Send');
await page.locator('#count').filter({ hasText: /^4$/ }).waitFor();
await page.screenshot({ path: 'docs/console.png' });
await browser.close();
service.kill('SIGTERM');
await once(service, 'exit');
console.log('wrote docs/console.png');
