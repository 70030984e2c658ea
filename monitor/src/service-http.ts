import type { Answer } from '../../lib/http-get.ts';
import { parseObject } from './log-lines.ts';

/** Gets a path of the service, by whatever way leads there. */
export type GetPath = (path: string) => Promise<Answer>;

/** What one look at the health endpoints gave. */
export type HealthCheck =
  | { readonly answered: false; readonly reason: string }
  | {
      readonly answered: true;
      /** `/healthz/` answered 200. */
      readonly alive: boolean;
      readonly ready: boolean;
      readonly shuttingDown: boolean;
      /** The `status` of `/readyz/`, or the HTTP status where the body is not understood. */
      readonly status: string;
    };

/** Reads both health endpoints. Never throws: no answer is an outcome. */
export async function checkHealth(get: GetPath): Promise<HealthCheck> {
  try {
    const alive = (await get('/healthz/')).status === 200;
    const { status, body } = await get('/readyz/');
    const report = parseObject(body);
    return {
      answered: true,
      alive,
      ready: status === 200,
      shuttingDown: report['shutting_down'] === true,
      status: typeof report['status'] === 'string' ? report['status'] : `HTTP ${status}`,
    };
  } catch (error) {
    return { answered: false, reason: (error as Error).message };
  }
}

/**
 * Text of `/metrics/`.
 * @throws {Error} with a sentence that says what came instead
 */
export async function scrape(get: GetPath): Promise<string> {
  const { status, body } = await get('/metrics/');
  if (status !== 200) throw new Error(`/metrics/ answered ${status}: ${errorText(body)}`);
  return body;
}

/** What a body says about an error: its `message`, as the service and the API server send it, or its beginning. */
export function errorText(body: string): string {
  const { message } = parseObject(body);
  return typeof message === 'string' ? message : body.trim().slice(0, 200);
}
