import type { Config } from './config/options.ts';
import type { Logger } from './log/logger.ts';
import type { Tracing } from './tracing/tracing.ts';

/** Tracing as configured, or `undefined`: then nothing of OpenTelemetry is loaded. */
export async function createTracing(config: Config, logger: Logger): Promise<Tracing | undefined> {
  if (config.otlpEndpoint === '') return undefined;
  const { OpenTelemetry } = await import('./tracing/opentelemetry.ts');
  return new OpenTelemetry(config, logger);
}
