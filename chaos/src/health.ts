import { readdirSync } from 'node:fs';
import { Scrape } from '../../testkit/scrape.ts';
import type { Instance } from './instance.ts';
import type { System } from './system.ts';

/** The metric of what an instance has in memory. */
export const MEMORY = 'process_resident_memory_bytes';
const TIMEOUT_MS = 1000;
/** Log lines may wait for Loki so long while all is well. */
const MOST_LAG_SECONDS = 5;
/** Counts may wait for the next write while sessions send: no more than come in a second. */
const MOST_PENDING = 500;

/** What the largest instance uses. */
export interface Resources {
  readonly memoryBytes: number;
  /** Open files, sockets among them. */
  readonly files: number;
  /** The same without the connections of clients. */
  readonly ownFiles: number;
}

/**
 * What is not well, as each instance itself says.
 * @param sending whether sessions send: then some counts always wait to be written
 */
export async function healthProblems({ instances }: System, sending: boolean): Promise<readonly string[]> {
  const problems = await Promise.all(instances.map((instance) => problemsOf(instance, sending ? MOST_PENDING : 0)));
  return problems.flat();
}

export async function resources(instances: readonly Instance[]): Promise<Resources> {
  const scrapes = await Promise.all(instances.map(scrape));
  const files = instances.map(({ process: { child } }) => readdirSync(`/proc/${child.pid}/fd`).length);
  const connections = scrapes.map((each) => each?.value('websocket_active_connections') ?? 0);
  return {
    memoryBytes: Math.max(...scrapes.map((each) => each?.value(MEMORY) ?? Infinity)),
    files: Math.max(...files),
    ownFiles: Math.max(...files.map((each, index) => each - (connections[index] ?? 0))),
  };
}

/** The metrics of an instance; nothing, if it does not answer. */
export async function scrape({ origin }: Instance): Promise<Scrape | undefined> {
  const text = await get(`${origin}/metrics/`);
  return text === undefined ? undefined : new Scrape(text);
}

async function problemsOf(instance: Instance, mostPending: number): Promise<string[]> {
  const { name, origin } = instance;
  if ((await get(`${origin}/readyz/`)) === undefined) return [`${name} is not ready`];
  const metrics = await scrape(instance);
  if (metrics === undefined) return [`${name} has no metrics`];
  const wrong = {
    'its store is away': metrics.value('websocket_store_up') !== 1,
    'counts wait for the store': metrics.value('websocket_store_pending_messages') > mostPending,
    'log lines wait for Loki': metrics.sum('websocket_loki_lag_seconds') > MOST_LAG_SECONDS,
  };
  return Object.entries(wrong).flatMap(([what, holds]) => (holds ? [`${name}: ${what}`] : []));
}

function get(url: string): Promise<string | undefined> {
  return fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) }).then(
    (response) => (response.ok ? response.text() : undefined),
    () => undefined,
  );
}
