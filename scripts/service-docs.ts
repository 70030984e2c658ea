/** Generated blocks of the pages about the service: configuration, metrics, protocol, logs. */
import { Registry } from 'prom-client';
import { code, markdownTable } from '../lib/markdown-table.ts';
import { VERSION } from '../lib/version.ts';
import { defaultConfig, OPTIONS, type Option } from '../service/src/config/options.ts';
import { LOG_EVENTS } from '../service/src/log/events.ts';
import { createMetrics, ERROR_TYPES, SERVER_ERROR_TYPES } from '../service/src/metrics/metrics.ts';
import { CLOSE_CODES, REJECTIONS } from '../service/src/protocol/protocol.ts';
import type { Blocks } from './generated-blocks.ts';

export function configurationBlocks(): Blocks {
  const options: readonly Option<unknown>[] = Object.values(OPTIONS);
  return {
    options: markdownTable(
      ['Variable', 'Default', 'Unit and rule', 'What it does'],
      options.map(({ name, fallback, unit, rule, doc }) => [
        code(name),
        code(fallback),
        rule === '' || rule === unit ? unit : `${unit}; ${rule}`,
        doc,
      ]),
    ),
  };
}

export async function metricsBlocks(): Promise<Blocks> {
  const metrics = await registeredMetrics();
  return {
    metrics: markdownTable(
      ['Metric', 'Type', 'Labels', 'Meaning'],
      metrics.map(({ name, type, help, values }) => {
        const labels = new Set(values.flatMap(({ labels: set }) => Object.keys(set)));
        labels.delete('le');
        return [code(name), String(type), [...labels].map(code).join(', '), help];
      }),
    ),
    'error-types': markdownTable(
      ['Type', 'Meaning', 'Whose fault'],
      Object.entries(ERROR_TYPES).map(([type, meaning]) => [
        code(type),
        meaning,
        (SERVER_ERROR_TYPES as string[]).includes(type) ? 'service' : 'client or network',
      ]),
    ),
  };
}

export function protocolBlocks(): Blocks {
  return {
    'close-codes': markdownTable(
      ['Code', 'When', 'What a good client does'],
      Object.values(CLOSE_CODES).map(({ code: status, when, client }) => [String(status), when, client]),
    ),
    refusals: markdownTable(
      ['Status', '`error`', 'When'],
      Object.entries(REJECTIONS).map(([error, { status, when }]) => [String(status), code(error), when]),
    ),
  };
}

export function logBlocks(): Blocks {
  return {
    events: markdownTable(
      ['Event', 'Meaning'],
      Object.entries(LOG_EVENTS).map(([event, meaning]) => [code(event), meaning]),
    ),
  };
}

async function registeredMetrics(): ReturnType<Registry['getMetricsAsJSON']> {
  const registry = new Registry();
  const nothing = (): number => 0;
  createMetrics(registry, defaultConfig(), VERSION, {
    activeConnections: nothing,
    sessions: nothing,
    storeHealth: () => ({ up: true, pendingMessages: 0, pendingSessions: 0 }),
    ready: () => false,
    draining: () => false,
    shutdownSeconds: nothing,
    closingSeconds: nothing,
    spreadSeconds: nothing,
    logPaths: {},
    lokiLagSeconds: nothing,
  });
  return registry.getMetricsAsJSON();
}
