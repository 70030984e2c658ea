import type { Server } from 'node:http';
import { createServer } from '../runtime/node-http.ts';
import { createMetricsApp, type MetricsContext } from './routes.ts';

/** Scrapers are few. More would take file descriptors from clients. */
const MAX_CONNECTIONS = 128;

/**
 * Creates the metrics server: `/metrics/` and health, on a port that no load balancer publishes. Unlike the admin
 * server it is reached from other machines, and changes nothing.
 */
export function createMetricsServer(context: MetricsContext): Server {
  const server = createServer(createMetricsApp(context));
  server.maxConnections = MAX_CONNECTIONS;
  return server;
}
