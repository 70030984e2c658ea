import { readFileSync } from 'node:fs';
import { Router, type Response } from 'express';

/** Path, file and media type of the page's files. */
const FILES = [
  ['/', 'service/console/index.html', 'text/html; charset=utf-8'],
  ['/console.js', 'service/console/console.js', 'text/javascript; charset=utf-8'],
  ['/console.css', 'service/console/console.css', 'text/css; charset=utf-8'],
  ['/client.js', 'client/client.js', 'text/javascript; charset=utf-8'],
] as const;

/** Where the page learns how often heartbeats come. */
const HEARTBEAT = /data-heartbeat-ms="\d+"/;

/** Nothing but its own files and its own origin; `connect-src 'self'` holds WebSockets too (CSP 3, section 6.7.2.8). */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Serves the console page at `/`. Its files are read once. */
export function consolePage(heartbeatIntervalSeconds: number): Router {
  const router = Router({ caseSensitive: true });
  for (const [address, file, type] of FILES) {
    const content = readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8').replace(
      HEARTBEAT,
      `data-heartbeat-ms="${heartbeatIntervalSeconds * 1000}"`,
    );
    router.get(address, (_request, response) => {
      secure(response).type(type).send(content);
    });
  }
  return router;
}

function secure(response: Response): Response {
  return response.set({
    'Content-Security-Policy': POLICY,
    'Cache-Control': 'no-cache',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
  });
}
