#!/usr/bin/env node
/**
 * The preStop hook: tells the service in the same pod that it is going to be stopped, and waits until no more connections
 * arrive. Kubernetes sends SIGTERM when it returns. A failure is only reported: SIGTERM drains all the same.
 *
 * Reads ADMIN_PORT and PRESTOP_MAX_SECONDS from the environment, as the service does.
 */
import { ADMIN_HEADER, DRAIN_PATH } from './http/admin-server.ts';
import { ConfigError, loadConfig } from './config/load-config.ts';
import type { Config } from './config/options.ts';
import { request } from './runtime/node-http.ts';

try {
  process.stderr.write(`prestop: ${await drain(loadConfig(process.env).config)}\n`);
} catch (error) {
  const what =
    error instanceof ConfigError ? error.message : `the service did not answer on its admin port: ${String(error)}`;
  process.stderr.write(`prestop: ${what}\n`);
  process.exitCode = 1;
}

/** Calls the admin listener. @returns its report, as JSON text */
function drain({ adminPort, prestopMaxSeconds }: Config): Promise<string> {
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
          else reject(new Error(`${response.statusCode ?? 0} ${body.trim()}`));
        });
      },
    );
    call.on('error', reject).end();
  });
}
