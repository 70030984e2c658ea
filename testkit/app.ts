import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { App, type Ports } from '../service/src/app.ts';
import type { Authorize } from '../service/src/connections/authorization.ts';
import { countOnly, type Handle } from '../service/src/connections/message-handler.ts';
import { loadConfig } from '../service/src/config/load-config.ts';
import type { LogLevel } from '../service/src/log/levels.ts';
import { ServiceLog } from '../service/src/service-log.ts';
import type { SessionStore } from '../service/src/sessions/session-store.ts';
import { TEST_OPTIONS } from './environment.ts';
import { Scrape } from './scrape.ts';

/** A line of the service's log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly event: string; readonly level: LogLevel };

/** An app in this process, with real listeners on free ports and its log in a file. */
export interface RunningApp extends Ports {
  readonly app: App;
  /** `ws://127.0.0.1:port/ws/chat/` */
  readonly url: string;
  /** `http://127.0.0.1:port` */
  readonly origin: string;
  readonly scrape: () => Promise<Scrape>;
  /** Every line logged so far. */
  readonly log: () => Promise<LogLine[]>;
}

/** What a test may give an app besides its environment. */
interface Extras {
  readonly store?: SessionStore;
  readonly handle?: Handle;
  readonly authorize?: Authorize;
}

/** What the tests of the service are about, whatever handler.ts holds. */
const PLAIN = { handle: countOnly, authorize: () => ({}) };

/** Starts an app, which ends with the test. */
export async function startApp(
  t: TestContext,
  env: Readonly<Record<string, string>> = {},
  extras: Extras = {},
): Promise<RunningApp> {
  const { config } = loadConfig({ ...TEST_OPTIONS, DRAIN_SPREAD_SECONDS: '0', ...env });
  const folder = mkdtempSync(join(tmpdir(), 'wmc-test-'));
  const file = join(folder, 'log');
  const log = new ServiceLog(config, openSync(file, 'w'));
  const app = new App({ config, logger: log.logger, stdout: log.stdout, loki: log.loki, ...PLAIN, ...extras });
  const ports = await app.start();
  const origin = `http://127.0.0.1:${ports.port}`;
  t.after(async () => {
    for (const connection of app.connections.shuffled()) connection.cut();
    await app.drain('test over');
    await log.end(0);
    rmSync(folder, { recursive: true });
  });
  return {
    ...ports,
    app,
    origin,
    url: `ws://127.0.0.1:${ports.port}/ws/chat/`,
    scrape: () => Scrape.of(`http://127.0.0.1:${ports.metricsPort ?? ports.port}/metrics/`),
    log: async () => {
      await log.written();
      return parseLines(readFileSync(file, 'utf8'));
    },
  };
}

/** Reads JSON lines. */
export function parseLines(text: string): LogLine[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as LogLine);
}
