#!/usr/bin/env node
/**
 * Runs the service: the only place that reads the environment, hooks signals and exits.
 *
 * Exit statuses: 0 after a clean drain, 1 after a crash or a failed start, 2 for bad configuration or arguments, 3 when
 * the drain missed its deadline, 128 + the signal's number when a second signal cut the drain short (a second SIGINT
 * within a second of the first is the same key press).
 */
import '../../lib/node-version.ts';
import { constants } from 'node:os';
import { parseArguments } from './command-line.ts';
import { ConfigError, loadConfig } from './config/load-config.ts';
import type { Config } from './config/options.ts';
import { readEnvFile, type EnvFile } from './config/env-file.ts';
import { describeConfig, changedOptions } from './config/help.ts';
import { descriptorWarning } from './config/open-files-limit.ts';
import type { Logger } from './log/logger.ts';
import { onInterrupt, type Interrupt } from '../../lib/interrupt.ts';
import { VERSION } from '../../lib/version.ts';

const EXIT = { clean: 0, crash: 1, usage: 2, deadline: 3 } as const;
/** Maximum wait for the last log lines to reach Loki after a crash or a second signal. Milliseconds. */
const CRASH_FLUSH_MS = 1000;
const NO_FILE: EnvFile = { variables: {}, warnings: [] };
/** Maximum wait at the end for the last spans to reach their collector. */
const MAX_TRACING_SECONDS = 1;
/** Uncaught errors after which the drain itself is aborted. */
const MAX_UNCAUGHT = 10;

let stopping = false;
const { config, warnings } = configure();
// Loaded once there is something to run: a wrong option, or --check-config, is answered in half the time.
const { ServiceLog } = await import('./service-log.ts');
const { createTracing } = await import('./create-tracing.ts');
const { App } = await import('./app.ts');
const log = new ServiceLog(config, 1);
const { logger } = log;
const tracing = await createTracing(config, logger);
const app = new App({
  config,
  logger,
  stdout: log.stdout,
  loki: log.loki,
  tracing,
  deliverLog: () => log.deliver(config.lokiFlushSeconds * 1000),
});
hookErrors();
hookSignals();
await start();

/**
 * Reads arguments and environment; answers `--help` and its like, and ends the process where there is nothing to run.
 */
function configure(): { config: Config; warnings: readonly string[] } {
  const asked = parseArguments(process.argv.slice(2));
  if (asked.problem !== undefined) return exitWith(EXIT.usage, `${asked.problem}\n`, 'stderr');
  if (asked.help) return exitWith(EXIT.clean, describeConfig(VERSION));
  if (asked.version) return exitWith(EXIT.clean, `${VERSION}\n`);
  try {
    // For development only: in an image the environment comes from the deployment.
    const file = process.env['NODE_ENV'] === 'production' ? NO_FILE : readEnvFile('.env');
    const { config, ...loaded } = loadConfig({ ...file.variables, ...process.env });
    const warnings = [...file.warnings, ...loaded.warnings];
    if (!asked.checkConfig) return { config, warnings };
    const notes = warnings.map((warning) => `warning: ${warning}\n`).join('');
    return exitWith(EXIT.clean, `${notes}The configuration is good.\n`);
  } catch (error) {
    if (error instanceof ConfigError) return exitWith(EXIT.usage, `${error.message}\n`, 'stderr');
    throw error;
  }
}

async function start(): Promise<void> {
  logger.info('Service starts', {
    event: 'service_starting',
    version: VERSION,
    node_version: process.version,
    options: changedOptions(config),
  });
  for (const warning of [...warnings, ...descriptorWarning(config)])
    logger.warn('The configuration looks wrong', { event: 'config_warning', detail: warning });
  try {
    const { port, adminPort, metricsPort } = await app.start();
    if (app.lifecycle.shuttingDown) return;
    logger.info('Service is ready', {
      event: 'service_listening',
      port,
      admin_port: adminPort,
      metrics_port: metricsPort,
      startup_ms: Math.round(process.uptime() * 1000),
    });
  } catch (error) {
    // What a signal cut short has not failed.
    if (app.lifecycle.shuttingDown) return;
    logger.critical('Service can not start', { event: 'service_failed', error });
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    await stop(EXIT.crash, 'start failed');
  }
}

/** The first signal drains; a second ends the process at once, with its log. */
function hookSignals(): void {
  let first: Interrupt;
  onInterrupt(
    (signal) => {
      first = signal;
      void drainAndStop(signal, EXIT.clean);
    },
    (signal) => void stop(128 + constants.signals[signal], `a second signal, ${signal} after ${first}`),
  );
}

/**
 * After an uncaught error the process drains and exits: its state can't be trusted, but its clients still get their
 * byes.
 */
function hookErrors(): void {
  let seen = 0;
  const onUncaught = (error: unknown): void => {
    seen += 1;
    if (seen > MAX_UNCAUGHT) {
      void stop(EXIT.crash, 'too many uncaught errors');
      return;
    }
    app.metrics.errors.inc({ type: 'internal' });
    logger.critical('Uncaught error: draining', { event: 'uncaught_error', error });
    app.lifecycle.markBroken('an uncaught error; the process drains and exits');
    void drainAndStop('uncaught error', EXIT.crash);
  };
  process.on('uncaughtException', onUncaught).on('unhandledRejection', onUncaught);
}

async function drainAndStop(reason: string, status: number): Promise<void> {
  const { clean, unfinished } = await app.drain(reason);
  await stop(clean || status !== EXIT.clean ? status : EXIT.deadline, clean ? reason : `${reason}; ${unfinished}`);
}

/** Writes the last line and ends the process. Later calls are ignored. */
async function stop(status: number, reason: string): Promise<void> {
  if (stopping) return;
  stopping = true;
  // Before the last line, since it logs what it can't send.
  await tracing?.shutdown(status > EXIT.deadline ? 0 : MAX_TRACING_SECONDS);
  const level: keyof Pick<Logger, 'info' | 'error'> = status === EXIT.clean ? 'info' : 'error';
  logger[level]('Service stopped', { event: 'service_stopped', status, reason });
  const lokiMs = config.lokiFlushSeconds * 1000;
  await log.end(status === EXIT.clean ? lokiMs : Math.min(lokiMs, CRASH_FLUSH_MS));
  process.exit(status);
}

function exitWith(status: number, text: string, stream: 'stdout' | 'stderr' = 'stdout'): never {
  process[stream].write(text);
  process.exit(status);
}
