import { readdirSync } from 'node:fs';
import type { RedisServer } from '../../testkit/redis.ts';
import type { Scrape } from '../../testkit/scrape.ts';
import { collectGarbage } from './collect-garbage.ts';
import { scrape } from './health.ts';
import type { Instance } from './instance.ts';

/** What a soak looks at. */
export interface Parts {
  readonly redis: RedisServer;
  /** The instance whose process lives through the run. */
  readonly stays: Instance;
  /** Port of its inspector. */
  readonly inspector: number;
  readonly drained: Instance;
}

/** What is read again and again, and must not grow. */
export const GAUGES = {
  memory: { doc: 'resident memory of the instance that stays', unit: 'MiB' },
  heap: { doc: 'its heap once garbage is collected, every 20 s', unit: 'MiB' },
  files: { doc: 'its open files, without its connections', unit: '' },
  threads: { doc: 'its threads', unit: '' },
  series: { doc: 'its series at `/metrics/`', unit: '' },
  sessions: { doc: 'sessions in the memory of both instances', unit: '' },
  stored: { doc: 'sessions in Redis', unit: '' },
  redis: { doc: 'memory of Redis', unit: 'MiB' },
  lag: { doc: 'age of the oldest log line that waits for Loki', unit: 's' },
  dropped: { doc: 'log lines that were dropped', unit: '' },
} as const;
export type GaugeName = keyof typeof GAUGES;

/** One reading; nothing where what it is read from did not answer. */
export type Reading = Readonly<Record<GaugeName, number | undefined>> & { readonly told: number };

const MIB = 2 ** 20;

/**
 * Reads all of them.
 * @param told counts that the clients that stay have received
 * @param collected garbage is collected first; else the heap is not read
 */
export async function readGauges(parts: Parts, told: number, collected: boolean): Promise<Reading> {
  const { redis, stays, drained, inspector } = parts;
  if (collected) await collectGarbage(stays.process.child.pid ?? 0, inspector);
  const [own, other] = await Promise.all([scrape(stays), scrape(drained)]);
  const info = redis.cli('INFO');
  const field = (pattern: RegExp): number => Number(pattern.exec(info)?.[1] ?? NaN);
  const proc = `/proc/${stays.process.child.pid}`;
  return {
    memory: megabytes(own, 'process_resident_memory_bytes'),
    heap: collected ? megabytes(own, 'nodejs_heap_size_used_bytes') : undefined,
    files: own && readdirSync(`${proc}/fd`).length - own.value('websocket_active_connections'),
    threads: readdirSync(`${proc}/task`).length,
    series: own?.series.size,
    // While the other one is being replaced there is no sum.
    sessions: own && other && own.value('websocket_sessions') + other.value('websocket_sessions'),
    stored: field(/db0:keys=(\d+)/),
    redis: field(/used_memory:(\d+)/) / MIB,
    lag: own?.sum('websocket_loki_lag_seconds'),
    dropped: own?.sum('websocket_log_lines_dropped_total'),
    told,
  };
}

function megabytes(scraped: Scrape | undefined, name: string): number | undefined {
  return scraped && scraped.value(name) / MIB;
}
