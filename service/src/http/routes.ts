import type { IncomingMessage, RequestListener } from 'node:http';
import express, {
  type ErrorRequestHandler,
  type Express,
  type Request,
  type RequestHandler,
  type Response,
} from 'express';
import { consolePage } from './console-page.ts';
import { hasValidTarget, normaliseRequest } from './normal-request.ts';
import { retryAfterSeconds } from './raw-answer.ts';
import type { Config } from '../config/options.ts';
import type { Lifecycle } from '../lifecycle/lifecycle.ts';
import type { Logger } from '../log/logger.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { WEBSOCKET_PATH, type ErrorBody, type RejectionReason } from '../protocol/protocol.ts';
import type { Readiness } from '../lifecycle/readiness.ts';
import type { RequestId } from '../protocol/request-id.ts';
import type { Scrapes } from '../lifecycle/last-scrape.ts';

/** Dependencies of the routes of the metrics listener. */
export interface MetricsContext {
  readonly config: Config;
  readonly lifecycle: Lifecycle;
  readonly readiness: Readiness;
  readonly metrics: Metrics;
  readonly scrapes: Scrapes;
  readonly logger: Logger;
}

/** Dependencies of the routes of the public listener. */
export interface HttpContext extends MetricsContext {
  /** The answer that this request would get as a WebSocket handshake: `Handshakes.preflight`. */
  readonly preflight: (request: IncomingMessage) => Promise<{ readonly status: number; readonly body?: ErrorBody }>;
  /** Counts a plain request that came where a WebSocket handshake belongs. @returns its id */
  readonly countNotUpgrade: (request: IncomingMessage) => RequestId;
}

/** Body of `/healthz/`: the guide's fields first. */
interface HealthReport {
  readonly status: 'healthy' | 'unhealthy';
  readonly timestamp: string;
  /** Seconds since the process began. */
  readonly uptime: number;
  /** Why it is not healthy. */
  readonly reason?: string;
}

const METRICS_PATH = '/metrics/';
const HEALTH_PATHS = ['/healthz/', '/readyz/'] as const;

/**
 * Creates the routes of the public listener: health, readiness, metrics unless they have a listener of their own, the
 * console page, and JSON errors. Paths are case-sensitive, and the slash at their end is optional.
 */
export function createHttpApp(context: HttpContext): RequestListener {
  const { consoleEnabled, heartbeatIntervalSeconds, metricsPort } = context.config;
  const metricsHere = metricsPort === undefined;
  const paths = [WEBSOCKET_PATH, ...HEALTH_PATHS, ...(metricsHere ? [METRICS_PATH] : [])];
  return createRoutes(context, paths, (app) => {
    serveHealth(app, context);
    if (metricsHere) serveMetrics(app, context);
    app.get(WEBSOCKET_PATH, async (request, response, next) => {
      if (request.accepts(['html', 'json']) === 'json') await answerPreflight(context, request, response);
      else next();
    });
    app.all(WEBSOCKET_PATH, (request, response) => {
      answerNotUpgrade(context, request, response);
    });
    if (consoleEnabled) app.use(consolePage(heartbeatIntervalSeconds));
  });
}

/** Creates the routes of the metrics listener: metrics, and health, so that one address is enough to watch a process. */
export function createMetricsApp(context: MetricsContext): RequestListener {
  return createRoutes(context, [METRICS_PATH, ...HEALTH_PATHS], (app) => {
    serveHealth(app, context);
    serveMetrics(app, context);
  });
}

/** @param paths what there is, for those who ask for something else */
function createRoutes(
  context: MetricsContext,
  paths: readonly string[],
  addRoutes: (app: Express) => void,
): RequestListener {
  const app = express();
  app.disable('x-powered-by').disable('etag').enable('case sensitive routing');
  app.use((request, _response, next) => {
    next(hasValidTarget(request) ? undefined : 'router');
  });
  addRoutes(app);
  app.use((request, response) => {
    answerUnknown(paths, request, response);
  });
  app.use(answerFailure(context));
  const routes: RequestHandler = app;
  return (request, response) => {
    normaliseRequest(request);
    routes(request as Request, response as Response, () => {
      answerUnparsable(response as Response);
    });
  };
}

function serveHealth(app: Express, { lifecycle, readiness }: MetricsContext): void {
  app.get('/healthz/', (_request, response) => {
    response.status(lifecycle.broken === undefined ? 200 : 503).json(healthReport(lifecycle.broken));
  });
  app.get('/readyz/', (_request, response) => {
    const report = readiness.report();
    response.status(report.ready ? 200 : 503).json(report);
  });
}

function serveMetrics(app: Express, { config, metrics, scrapes }: MetricsContext): void {
  const isScrape = scrapeCheck(config.finalScrapeHeader);
  app.get(METRICS_PATH, async (request, response) => {
    const startedAt = performance.now();
    const text = await metrics.registry.metrics();
    response.on('finish', () => {
      if (isScrape(request)) scrapes.emit('finished', startedAt);
    });
    response.set('Content-Type', metrics.registry.contentType).send(text);
  });
}

/** Whether a request reads the metrics for good, and not just for a look. The answer to HEAD carries none. */
function scrapeCheck(header: string): (request: Request) => boolean {
  return (request) => request.method === 'GET' && (header === '' || request.get(header) !== undefined);
}

/** Express passes on a target that it can't parse without asking any route, and would answer in HTML. */
function answerUnparsable(response: Response): void {
  const body: ErrorBody = { error: 'malformed', message: 'The request target is not a path or a URL.' };
  response.status(400).json(body);
}

/** Liveness: fails only when a restart would help. A blocked event loop does not answer at all. */
function healthReport(broken: string | undefined): HealthReport {
  return {
    status: broken === undefined ? 'healthy' : 'unhealthy',
    timestamp: new Date().toISOString(),
    uptime: process.uptime(),
    ...(broken !== undefined && { reason: broken }),
  };
}

/**
 * Tells a page why its handshake was rejected, which a browser hides. Any page may read it (Fetch standard, CORS): one
 * whose Origin may not connect learns just that.
 */
async function answerPreflight({ preflight }: HttpContext, request: Request, response: Response): Promise<void> {
  const { status, body } = await preflight(request);
  response.set({
    'Access-Control-Allow-Origin': '*',
    'Access-Control-Expose-Headers': 'Retry-After',
    'Cache-Control': 'no-store',
  });
  if (body?.retry_after_ms !== undefined) response.set('Retry-After', retryAfterSeconds(body.retry_after_ms));
  if (body === undefined) response.json({ status: 'ok' });
  else response.status(status).json(body);
}

function answerNotUpgrade({ countNotUpgrade }: HttpContext, request: Request, response: Response): void {
  const body: ErrorBody = {
    error: 'not_upgrade' satisfies RejectionReason,
    message: `${WEBSOCKET_PATH} speaks the WebSocket protocol: ask for an upgrade (RFC 6455), for example with npx --yes wscat -c ws://${request.headers.host ?? 'localhost:8080'}${WEBSOCKET_PATH}`,
    request_id: countNotUpgrade(request),
  };
  response.status(426).set({ Upgrade: 'websocket', Connection: 'Upgrade' }).json(body);
}

function answerUnknown(paths: readonly string[], request: Request, response: Response): void {
  const isPage = ['/', ...paths].includes(request.path.replace(/\/?$/, '/'));
  if (isPage && !['GET', 'HEAD'].includes(request.method)) {
    const body: ErrorBody = { error: 'method_not_allowed', message: `${request.path} answers GET and HEAD.` };
    response.status(405).set('Allow', 'GET, HEAD').json(body);
    return;
  }
  const body: ErrorBody = {
    error: 'not_found',
    message: `Nothing is here. There are ${paths.slice(0, -1).join(', ')} and ${paths.at(-1) ?? ''}.`,
  };
  // A page of another origin that has a wrong address for its WebSocket can see that it is one.
  response.status(404).set('Access-Control-Allow-Origin', '*').json(body);
}

function answerFailure({ metrics, logger }: MetricsContext): ErrorRequestHandler {
  return (error: Error & { status?: number }, request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const status = error.status !== undefined && error.status >= 400 && error.status < 500 ? error.status : 500;
    if (status === 500) {
      metrics.errors.inc({ type: 'internal' });
      logger.error('Answering an HTTP request failed', { event: 'http_error', path: request.path, error });
    }
    const body: ErrorBody =
      status === 500
        ? { error: 'internal', message: 'The service failed: try again later.' }
        : { error: 'malformed', message: `${error.message}.` };
    response.status(status).json(body);
  };
}
