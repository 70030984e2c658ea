#!/usr/bin/env node
/**
 * The preStop hook: begins the drain of the service in the same pod, and waits until no more connections arrive.
 * Kubernetes sends SIGTERM when it returns. A failure is reported only: SIGTERM drains in any case.
 *
 * Reads ADMIN_PORT and PRESTOP_MAX_SECONDS from the environment, as the service does.
 */
import { ADMIN_HEADER, DRAIN_PATH } from './http/admin-server.ts';
import { loadConfig } from './config/load-config.ts';
import type { Config } from './config/options.ts';
import { request } from './runtime/node-http.ts';

try {
  process.stderr.write(`prestop: ${await drain(loadConfig(process.env).config)}\n`);
} catch (error) {
  process.stderr.write(`prestop: ${(error as Error).message}\n`);
  process.exitCode = 1;
}

/** Calls the admin listener. @returns its report, as JSON text */
function drain({ adminPort, prestopMaxSeconds }: Config): Promise<string> {
  if (adminPort === undefined)
    throw new Error(
      'ADMIN_PORT is not set, so the service has no admin listener to call: set it for the service and for this hook, for example to 8081',
    );
  return new Promise((resolve, reject) => {
    const call = request(
      {
        host: '127.0.0.1',
        port: adminPort,
        path: DRAIN_PATH,
        method: 'POST',
        headers: { [ADMIN_HEADER]: 'prestop' },
        signal: AbortSignal.timeout((prestopMaxSeconds + 5) * 1000),
      },
      (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
        response.on('end', () => {
          if (response.statusCode === 200) resolve(body.trim());
          else reject(new Error(`the service answered ${response.statusCode ?? 0} ${body.trim()}`));
        });
      },
    );
    call.on('error', (error) => {
      reject(new Error(`the service did not answer on its admin port: ${String(error)}`, { cause: error }));
    });
    call.end();
  });
}
