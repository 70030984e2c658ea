import assert from 'node:assert/strict';
import { describe, it, before, after } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { startApp } from '../../testkit/app.ts';
import { CHROMIUM, launchChromium } from '../../testkit/chromium.ts';
import { ServiceProcess } from '../../testkit/process.ts';

describe('The console page', { skip: CHROMIUM === undefined && 'chromium is missing' }, () => {
  let browser: Browser;
  /** Goes from one test's service to the next: a new page costs half a second of CPU. */
  let page: Page;
  const problems: string[] = [];
  before(async () => {
    browser = await launchChromium();
    page = await browser.newPage();
    page.on('pageerror', (error) => problems.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(message.text());
    });
  });
  after(async () => {
    await browser.close();
  });

  it('opens a socket, sends, and shows count, session, heartbeat and readiness', async (t) => {
    const { origin, log } = await startApp(t, { HEARTBEAT_INTERVAL_SECONDS: '1' });
    await page.goto(origin);
    await shows(page, '#state', /^open$/);
    await page.fill('#text', 'from a browser');
    await page.click('text=Send');
    await shows(page, '#count', /^1$/);
    await page.keyboard.press('Enter');
    await page.press('#text', 'Enter');
    await shows(page, '#count', /^[23]$/);
    await shows(page, '#heartbeat', /^\d{4}-\d\d-\d\dT/);
    await shows(page, '#readiness', /^ready \(200\)$/);
    const session = await page.textContent('#session');
    const connected = (await log()).find(({ event }) => event === 'websocket_connected');
    assert.equal(connected?.['session_id'], session);
    await page.click('text=Disconnect');
    await shows(page, '#state', /^closed \(1000\)$/);
    await page.click('text=New session');
    await shows(page, '#state', /^open$/);
    assert.notEqual(await page.textContent('#session'), session);
    assert.deepEqual(problems, []);
  });

  it('shows the bye, waits the delay asked for, and resumes with its count', async (t) => {
    const first = await ServiceProcess.start(t, {
      RETRY_AFTER_MIN_SECONDS: '2.5',
      RETRY_AFTER_MAX_SECONDS: '3',
      FINAL_SCRAPE_WAIT_SECONDS: '0',
    });
    await page.goto(first.origin);
    await shows(page, '#state', /^open$/);
    for (let expected = 1; expected <= 3; expected += 1) {
      await page.click('text=Send');
      await shows(page, '#count', new RegExp(`^${expected}$`));
    }
    const session = await page.textContent('#session');
    first.signal('SIGTERM');
    await shows(page, '#state', /^waiting (2[5-9]\d\d|3000) ms to resume$/);
    const bye = JSON.parse((await page.textContent('li[data-kind=bye]'))?.replace(/^.*? bye /, '') ?? '') as Record<
      string,
      unknown
    >;
    assert.deepEqual([bye['total'], bye['session_id']], [3, session]);
    await first.exited;
    // A new process at the same address, as behind a Service; its store is new too, so only the session stays.
    const second = await ServiceProcess.start(t, { PORT: String(first.port) });
    await shows(page, '#state', /^open$/);
    const resumed = await second.event('websocket_connected');
    assert.equal(resumed['session_id'], session);
  });

  it('keeps its token while nobody answers, and gives it up when the service takes it no more', async (t) => {
    const key = 'a key that is long enough for a test';
    const first = await ServiceProcess.start(t, { RESUME_TOKEN_KEY: key, RETRY_AFTER_MAX_SECONDS: '0.1' });
    await page.goto(first.origin);
    await shows(page, '#state', /^open$/);
    await page.click('text=Send');
    await shows(page, '#count', /^1$/);
    first.signal('SIGTERM');
    await first.exited;
    await page.locator('li[data-kind=close]').filter({ hasText: '1006' }).first().waitFor();
    const second = await ServiceProcess.start(t, { PORT: String(first.port), RESUME_TOKEN_KEY: key });
    await shows(page, '#state', /^open$/);
    await page.click('text=Send');
    await shows(page, '#count', /^2$/);
    second.signal('SIGTERM');
    await second.exited;
    await ServiceProcess.start(t, { PORT: String(first.port), RESUME_TOKEN_KEY: `not ${key}` });
    await page
      .locator('#state')
      .filter({ hasText: /^open$/ })
      .waitFor({ timeout: 300_000 });
    await page.click('text=Send');
    await shows(page, '#count', /^1$/);
  });

  it('goes on with the count after a maximum age, on the same process', async (t) => {
    const { origin } = await startApp(t, { MAX_CONNECTION_AGE_SECONDS: '3', RETRY_AFTER_MAX_SECONDS: '0.2' });
    await page.goto(origin);
    await shows(page, '#state', /^open$/);
    await page.click('text=Send');
    await shows(page, '#count', /^1$/);
    await page.waitForSelector('li[data-kind=bye]');
    await shows(page, '#state', /^open$/);
    await page.click('text=Send');
    await shows(page, '#count', /^2$/);
  });

  it('sees 1003 for binary data that its own socket sends', async (t) => {
    const { origin } = await startApp(t);
    await page.goto(origin);
    const code = await page.evaluate(`new Promise((resolve) => {
      const socket = new WebSocket(location.origin.replace('http', 'ws') + '/ws/chat/');
      socket.onopen = () => socket.send(new Uint8Array([1]));
      socket.onclose = (event) => resolve(event.code);
    })`);
    assert.equal(code, 1003);
  });

  it('has a strict policy: no outside resource, nothing inline, not in a frame', async (t) => {
    const { origin } = await startApp(t);
    const response = await fetch(origin);
    const policy = response.headers.get('content-security-policy') ?? '';
    assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; /);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.ok(!/unsafe|https?:|\*/.test(policy), policy);
    const html = await response.text();
    assert.ok(!/(src|href)="(https?:)?\/\//.test(html));
    assert.ok(!/<style|style=|onclick=|<script>/.test(html));
  });

  it('is not there when it is switched off', async (t) => {
    const { origin } = await startApp(t, { CONSOLE_ENABLED: 'false' });
    for (const path of ['/', '/console.js', '/console.css', '/client.js'])
      assert.equal((await fetch(origin + path)).status, 404);
  });
});

/** Waits until an element has the text. */
async function shows(page: Page, selector: string, text: RegExp): Promise<void> {
  await page.locator(selector).filter({ hasText: text }).waitFor({ timeout: 300_000 });
}
