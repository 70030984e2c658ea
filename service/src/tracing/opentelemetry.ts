import {
  diag,
  DiagLogLevel,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type SpanContext,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { VERSION } from '../../../lib/version.ts';
import type { Config } from '../config/options.ts';
import type { Logger } from '../log/logger.ts';
import { RateLimitedWarnings } from '../log/rate-limited-warnings.ts';
import { inTime } from '../runtime/in-time.ts';
import type { TraceContext } from './trace-context.ts';
import type { Span, SpanAttributes, SpanOptions, Tracing } from './tracing.ts';

const NAME = 'websocket-message-counter';

/**
 * Tracing by the OpenTelemetry SDK. Its other variables are read by the SDK itself: OTEL_SERVICE_NAME,
 * OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER, OTEL_BSP_*, OTEL_EXPORTER_OTLP_HEADERS (OpenTelemetry specification,
 * "Environment Variable Specification").
 */
export class OpenTelemetry implements Tracing {
  readonly #provider: BasicTracerProvider;

  constructor({ otlpEndpoint, warnIntervalSeconds }: Config, logger: Logger) {
    logProblems(new RateLimitedWarnings(logger.named('chat.tracing'), warnIntervalSeconds));
    const own = resourceFromAttributes({ 'service.name': NAME, 'service.version': VERSION });
    this.#provider = new BasicTracerProvider({
      resource: own.merge(detectResources({ detectors: [envDetector] })),
      spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url: `${otlpEndpoint}/v1/traces` }))],
    });
  }

  start(name: string, { parent, server = false, secondsAgo = 0, attributes }: SpanOptions = {}): Span {
    const span = this.#provider.getTracer(NAME, VERSION).startSpan(
      name,
      {
        kind: server ? SpanKind.SERVER : SpanKind.INTERNAL,
        // Without one the SDK reads a clock that is finer than this, and never steps.
        ...(secondsAgo > 0 && { startTime: Date.now() - secondsAgo * 1000 }),
        ...(attributes !== undefined && { attributes }),
      },
      parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, remoteContext(parent)),
    );
    const { traceId, spanId, traceFlags } = span.spanContext();
    return {
      context: { traceId, spanId, sampled: (traceFlags & TraceFlags.SAMPLED) !== 0 },
      end: (last: SpanAttributes = {}, error?: string) => {
        span.setAttributes(last);
        if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: error });
        span.end();
      },
    };
  }

  async shutdown(seconds: number): Promise<void> {
    try {
      await inTime(this.#provider.shutdown(), seconds, 'the collector is slow');
    } catch {
      // The collector is away, and its log line has been written.
    }
  }
}

function remoteContext({ traceId, spanId, sampled }: TraceContext): SpanContext {
  return { traceId, spanId, traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE, isRemote: true };
}

/** The SDK tells through its `diag` logger that a batch did not reach the collector. */
function logProblems(warnings: RateLimitedWarnings): void {
  const warn = (detail: string): void => {
    warnings.warn('Spans do not reach the OpenTelemetry Collector', { event: 'tracing_failed', detail });
  };
  diag.setLogger({ error: warn, warn, info: ignore, debug: ignore, verbose: ignore }, DiagLogLevel.WARN);
}

function ignore(): void {
  // Below WARN.
}
