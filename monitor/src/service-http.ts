import type { Answer } from '../../lib/http-get.ts';
import type { HealthCheck } from './local-health.ts';
import { parseMetricsText } from '../../lib/metrics-text.ts';
import type { Reading } from './snapshot.ts';

/** Gets a path of the service, by whatever way leads there. */
export type GetPath = (path: string) => Promise<Answer>;

/** Reads both health endpoints. Never throws: no answer is an outcome. */
export async function checkHealth(get: GetPath): Promise<HealthCheck> {
  try {
    const alive = (await get('/healthz/')).status === 200;
    const { status, body } = await get('/readyz/');
    const report = parseReport(body);
    return {
      answered: true,
      alive,
      ready: status === 200,
      shuttingDown: report.shutting_down === true,
      status: typeof report.status === 'string' ? report.status : `HTTP ${status}`,
      connections: typeof report.connections === 'number' ? report.connections : undefined,
    };
  } catch (error) {
    return { answered: false, reason: (error as Error).message };
  }
}

/**
 * Scrapes the metrics.
 * @throws {Error} with a sentence that says what came instead
 */
export async function scrape(get: GetPath): Promise<Reading> {
  const { status, body } = await get('/metrics/');
  if (status !== 200) throw new Error(`/metrics/ answered ${status}: ${body.trim().slice(0, 200)}`);
  return { atMs: Date.now(), samples: parseMetricsText(body) };
}

/**
 * Whether a scrape now could be taken for the last one: a drained process waits for Prometheus to scrape it once more, and
 * leaves when that happened (FINAL_SCRAPE_WAIT_SECONDS). The monitor must not take its place.
 */
export function leavesAfterScrape(check: HealthCheck): boolean {
  return check.answered && check.shuttingDown && check.connections === 0;
}

function parseReport(body: string): { status?: unknown; shutting_down?: unknown; connections?: unknown } {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
