import { Fleet, type FleetOptions, type FleetReport } from '../../loadtest/src/fleet.ts';
import { keepTo } from './cores.ts';

/** How a kind of server is spoken to: where its WebSockets are, and the module with its dialect of the load test's clients. */
const DIALECTS = {
  /** The service, the bare `ws` server, and what speaks as they do. */
  plain: { path: '/ws/chat/', dialect: undefined },
  'socket.io': {
    path: '/socket.io/?EIO=4&transport=websocket',
    dialect: new URL('dialects/socket-io.ts', import.meta.url).href,
  },
  centrifugo: { path: '/connection/websocket', dialect: new URL('dialects/centrifugo.ts', import.meta.url).href },
} as const;

/** A key of {@link DIALECTS}. */
export type DialectName = keyof typeof DIALECTS;

/** How clients are opened. */
export interface ClientOptions {
  readonly dialect?: DialectName;
  /** Handshakes in progress at once; 100 by default. */
  readonly connectsAtOnce?: number;
  /** More of the plan of the load test. */
  readonly plan?: Pick<FleetOptions, 'reconnect' | 'connectTimeoutMs' | 'countsKept' | 'connectsPerSecond'>;
  /** Keeps their process off the server's core. */
  readonly offServerCore?: boolean;
}

/** Longest that all of them may take to connect, in seconds. */
const OPEN_SECONDS = 120;

/**
 * Opens clients of the load test to a server, in a process of their own: they send when told to, and do not come back, unless the plan says so.
 * @throws {Error} if one of them is refused
 */
export async function openClients(
  port: number,
  clients: number,
  { dialect = 'plain', connectsAtOnce = 100, plan = {}, offServerCore = false }: ClientOptions = {},
): Promise<{ readonly fleet: Fleet; readonly opened: FleetReport }> {
  const { path, dialect: module } = DIALECTS[dialect];
  const fleet = await Fleet.start(`ws://127.0.0.1:${port}${path}`, {
    clients,
    connectsAtOnce,
    sendsPerSecond: 0,
    reconnect: 'never',
    dialect: module,
    ...plan,
  });
  try {
    if (offServerCore) for (const pid of fleet.pids) keepTo('others', pid);
    return { fleet, opened: await fleet.allOpen(OPEN_SECONDS) };
  } catch (error) {
    await fleet.end();
    throw error;
  }
}

/** What the clients saw that must not happen, such as a wrong count. */
export function faultsOf({ violations, totals }: FleetReport): string[] {
  return [
    ...violations.map(({ kind, detail }) => `${kind}: ${detail}`),
    ...Object.entries(totals.errorsByKind).map(([kind, times]) => `${kind}, ${times} times`),
  ];
}

/** Messages answered by each client as fast as it goes: its next is sent when the last is answered. */
export async function saturate(
  fleet: Fleet,
  seconds: number,
): Promise<{ readonly messages: number; readonly report: FleetReport }> {
  const before = await fleet.report();
  const report = await fleet.send({ perSecond: Infinity, seconds });
  return { messages: report.totals.counters.replied - before.totals.counters.replied, report };
}
