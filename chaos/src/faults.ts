import { setTimeout as delay } from 'node:timers/promises';
import type { RedisServer } from '../../testkit/redis.ts';
import type { Effect, Mode } from './history.ts';
import type { Instance } from './instance.ts';
import type { System } from './system.ts';

/** Ends a fault. */
export type Undo = () => Promise<void> | void;

/** Something that a fault can be done to. One fault at a time is done to one target. */
export interface Target {
  /** Faults with the same name exclude each other. */
  readonly name: string;
  readonly apply: (ms: number) => Promise<Undo>;
}

/** A kind of fault. */
export interface FaultKind {
  readonly doc: string;
  /** What it can do to counts. Default: nothing. */
  readonly effect?: Effect;
  /** The modes that have a target, and whose promise covers it. Default: all. */
  readonly modes?: readonly Mode[];
  /** Nothing else happens meanwhile, and every client is connected when it begins. */
  readonly alone?: boolean;
  /** What it can be done to. */
  readonly targets: (system: System) => readonly Target[];
  /** Signs, each a metric or a log event, of which one shows the fault. None: it is the business of another program's metrics. */
  readonly signs: readonly string[];
}

/** Modes with a store. */
const STORED: readonly Mode[] = ['strict', 'replicated', 'relaxed'];
const STORE_SIGNS = ['store_unavailable', 'store_lost', 'websocket_store_errors_total', 'slow_store', 'store_down'];

/** Every kind of fault. */
export const FAULTS: Readonly<Record<string, FaultKind>> = {
  'service-killed': {
    doc: 'an instance is killed (SIGKILL), and started again',
    effect: 'crash',
    targets: instances(async (instance) => {
      await instance.kill();
      return () => instance.up();
    }),
    signs: ['service_starting'],
  },
  'service-frozen': {
    doc: 'an instance stands still (SIGSTOP)',
    effect: 'away',
    targets: instances(({ process }) => frozen(process)),
    signs: ['unscraped', 'slow_loop'],
  },
  'service-starved': {
    doc: 'an instance gets a tenth of its CPU time (SIGSTOP and SIGCONT in turn)',
    effect: 'away',
    targets: instances(({ process }, ms) => starved(process, ms)),
    signs: ['unscraped', 'slow_loop'],
  },
  'service-drained': {
    doc: 'an instance is drained (SIGTERM), and replaced: a rollout of one',
    targets: instances(async (instance) => {
      await instance.drain();
      return () => instance.up();
    }),
    signs: ['drain_started'],
  },
  'redis-killed': {
    doc: 'a server of the store is killed (SIGKILL), and started again from its append-only file',
    effect: 'away',
    modes: STORED,
    targets: servers(async (server) => {
      await server.kill();
      return () => server.restart();
    }),
    signs: STORE_SIGNS,
  },
  'redis-frozen': {
    doc: 'a server of the store stands still (SIGSTOP)',
    effect: 'away',
    modes: STORED,
    targets: servers((server) => frozen(server)),
    signs: STORE_SIGNS,
  },
};

function instances(apply: (instance: Instance, ms: number) => Promise<Undo>): FaultKind['targets'] {
  return (system) => system.instances.map((instance) => ({ name: instance.name, apply: (ms) => apply(instance, ms) }));
}

function servers(apply: (server: RedisServer, ms: number) => Promise<Undo>): FaultKind['targets'] {
  return ({ redis }) => redis.map((server, index) => ({ name: `redis-${index}`, apply: (ms) => apply(server, ms) }));
}

/** A program that takes signals. */
interface Signalled {
  readonly signal: (signal: NodeJS.Signals) => void;
}

function frozen(program: Signalled): Promise<Undo> {
  program.signal('SIGSTOP');
  return Promise.resolve(() => {
    program.signal('SIGCONT');
  });
}

/** How long a starved program stands, and runs, in turn. */
const STANDS_MS = 90;
const RUNS_MS = 10;

function starved(program: Signalled, ms: number): Promise<Undo> {
  const end = performance.now() + ms;
  const done = (async (): Promise<void> => {
    while (performance.now() < end) {
      program.signal('SIGSTOP');
      await delay(STANDS_MS);
      program.signal('SIGCONT');
      await delay(RUNS_MS);
    }
  })();
  return Promise.resolve(() => done);
}
