import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from '../runtime/node-http.ts';
import type { ErrorBody } from '../protocol/protocol.ts';
import type { PrestopReport } from '../lifecycle/prestop-wait.ts';

/**
 * Header that a call must have. A web page on the same machine could send a plain POST to 127.0.0.1; a custom header
 * makes that a preflighted request (Fetch standard, CORS), which this listener never allows.
 */
export const ADMIN_HEADER = 'x-admin-request';

/** Path of the call that drains. */
export const DRAIN_PATH = '/drain';

/**
 * Creates the admin server: `POST /drain` begins the drain, and answers when the preStop hook may return. Bind it to
 * the loopback address only, so that nobody outside the pod can drain it.
 */
export function createAdminServer(drain: () => Promise<PrestopReport>): Server {
  return createServer((request, response) => {
    const problem = problemOf(request);
    if (problem !== undefined) {
      answer(response, problem.status, problem.body);
      return;
    }
    drain().then(
      (report) => {
        answer(response, 200, report);
      },
      (error: unknown) => {
        answer(response, 500, { error: 'internal', message: String(error) });
      },
    );
  });
}

function problemOf(request: IncomingMessage): { status: number; body: ErrorBody } | undefined {
  if (request.url !== DRAIN_PATH)
    return { status: 404, body: { error: 'not_found', message: `There is ${DRAIN_PATH} alone.` } };
  if (request.method !== 'POST')
    return { status: 405, body: { error: 'method_not_allowed', message: 'Draining is a POST.' } };
  if (request.headers[ADMIN_HEADER] === undefined)
    return { status: 403, body: { error: 'forbidden', message: `The header ${ADMIN_HEADER} is missing.` } };
  return undefined;
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
}
