import { setTimeout as delay } from 'node:timers/promises';
import { BEHAVIOURS, type BehaviourName } from '../../loadtest/src/behaviours.ts';
import { Fleet } from '../../loadtest/src/fleet.ts';
import type { RedisServer } from '../../testkit/redis.ts';
import type { Clock } from './clock.ts';
import type { Disk } from './disk.ts';
import type { FaultKind, Target } from './fault-kind.ts';
import type { Mode } from './history.ts';
import type { Instance } from './instance.ts';
import type { Link } from './link.ts';
import type { System } from './system.ts';
import type { Undo } from './undo.ts';
import { linkFaults } from './link-faults.ts';

/** Modes with a store, and with one server of it. */
const STORED: readonly Mode[] = ['strict', 'replicated', 'relaxed'];
const SINGLE: readonly Mode[] = ['strict', 'relaxed'];
const REPLICATED: readonly Mode[] = ['replicated'];

const STORE_SIGNS = ['store_unavailable', 'store_lost', 'store errors', 'store slow', 'store down'] as const;
const SLOW_SIGNS = ['no metrics', 'loop late'] as const;
const CLOSE_SIGNS = ['closes', 'rejections'] as const;
const LOKI_SIGNS = ['loki_push_failing', 'loki pushes failed', 'loki lag', 'loki slow'] as const;

const STORE_SERVER = 'a server of the store, or of a Sentinel,';
/** How far clocks jump: less than a resume token is valid. */
const JUMP_SECONDS = 900;

const SERVICE_FAULTS = {
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
    signs: SLOW_SIGNS,
  },
  'service-starved': {
    doc: 'an instance gets a tenth of its CPU time (SIGSTOP and SIGCONT in turn)',
    effect: 'away',
    targets: instances(({ process }, ms) => starved(process, ms)),
    signs: SLOW_SIGNS,
  },
  'service-squeezed': {
    doc: 'an instance gets no more than another MiB of memory (a control group): the kernel kills it, if it needs more',
    needs: 'memory group',
    targets: instances((instance) => Promise.resolve(instance.squeeze())),
    signs: ['service_starting'],
  },
  'service-clock-ahead': { ...clockFault('an instance', 'ahead', instanceClocks), signs: ['log clock off'] },
  'service-clock-behind': { ...clockFault('an instance', 'behind', instanceClocks), signs: ['log clock off'] },
  'service-drained': {
    doc: 'an instance is drained (SIGTERM), and replaced: a rollout of one',
    targets: instances(async (instance) => {
      await instance.drain();
      return () => instance.up();
    }),
    signs: ['drain_started'],
  },
  ...linkFaults('service', 'the balancer and an instance', ({ instanceLinks }) => instanceLinks, {
    signs: [...CLOSE_SIGNS, 'no metrics'],
  }),
  'balancer-killed': {
    doc: 'the balancer is killed: every client loses its connection in one moment',
    targets: ({ balancer }) => [
      {
        name: 'balancer',
        apply: async () => {
          await balancer.kill();
          return () => balancer.up();
        },
      },
    ],
    signs: CLOSE_SIGNS,
  },
  'bad-clients': {
    doc: 'clients flood, vanish, read slowly, and send what is invalid: each kind of the load test',
    targets: ({ url }) => [{ name: 'bad clients', apply: () => badClients(url) }],
    signs: CLOSE_SIGNS,
  },
} as const satisfies Readonly<Record<string, FaultKind>>;

const STORE_FAULTS: Readonly<Record<string, FaultKind>> = {
  'redis-killed': {
    doc: 'a server of the store is killed (SIGKILL), and started again from its append-only file',
    ...storeFault(async (server) => {
      await server.kill();
      return () => server.restart();
    }),
  },
  'redis-frozen': { doc: 'a server of the store stands still (SIGSTOP)', ...storeFault(frozen) },
  'redis-starved': { doc: 'a server of the store gets a tenth of its CPU time', ...storeFault(starved) },
  'redis-paused': {
    doc: 'a server of the store answers nothing (CLIENT PAUSE)',
    // It ends by itself, and CLIENT UNPAUSE would wait for that, too.
    ...storeFault((server, ms) => command(server, ['CLIENT', 'PAUSE', String(ms), 'ALL'])),
  },
  'redis-full': {
    doc: 'a server of the store is out of memory (maxmemory)',
    ...storeFault((server) =>
      command(server, ['CONFIG', 'SET', 'maxmemory', '1'], ['CONFIG', 'SET', 'maxmemory', '0']),
    ),
  },
  'redis-disk-full': {
    doc: 'the disk of a server of the store is full, below its append-only file (a small tmpfs)',
    ...storeFault((server, _ms, disk) => {
      const free = disk?.fill();
      return Promise.resolve(async () => {
        await free?.();
        await recoverFile(server);
      });
    }),
    needs: 'sandbox',
  },
  'redis-clients-killed': {
    doc: 'a server of the store ends the connections of its clients (CLIENT KILL)',
    ...storeFault((server) => command(server, ['CLIENT', 'KILL', 'TYPE', 'normal'])),
  },
  'redis-scripts-gone': {
    doc: 'a server of the store forgets its scripts (SCRIPT FLUSH)',
    ...storeFault((server) => command(server, ['SCRIPT', 'FLUSH'])),
    // An instance sends the script again at once: no write is late, and nobody has to know.
    effect: 'none',
    signs: [],
  },
  'redis-read-only': {
    doc: 'the store becomes a replica of a server that is not there',
    ...storeFault((server) => command(server, ['REPLICAOF', '127.0.0.1', '1'], ['REPLICAOF', 'NO', 'ONE'])),
    modes: SINGLE,
  },
  'redis-emptied': {
    doc: 'the store loses everything (FLUSHALL), while every session has a connection',
    ...storeFault(async (server) => {
      await command(server, ['FLUSHALL']);
      return () => delay(WRITTEN_AGAIN_MS);
    }),
    modes: SINGLE,
    alone: true,
  },
  'redis-clock-ahead': { ...clockFault(STORE_SERVER, 'ahead', ({ storeClocks }) => storeClocks), modes: STORED },
  'redis-clock-behind': { ...clockFault(STORE_SERVER, 'behind', ({ storeClocks }) => storeClocks), modes: STORED },
  ...linkFaults('redis', 'a server of the store and everybody', ({ redisLinks }) => redisLinks, {
    effect: 'away',
    modes: STORED,
    signs: STORE_SIGNS,
  }),
  'redis-name-gone': {
    doc: 'the name of the store, or of its Sentinels, does not resolve, and all connections to its servers end',
    effect: 'away',
    modes: STORED,
    needs: 'sandbox',
    targets: (system) => [nameTarget('store', system, system.redisLinks)],
    signs: STORE_SIGNS,
  },
  failover: {
    doc: 'a replica is promoted (SENTINEL FAILOVER)',
    effect: 'away',
    modes: REPLICATED,
    targets: sentinels((sentinel) => command(sentinel, ['SENTINEL', 'FAILOVER', 'main'])),
    signs: STORE_SIGNS,
  },
  'sentinel-killed': {
    doc: 'a Sentinel is killed (SIGKILL), and started again',
    modes: REPLICATED,
    targets: sentinels(async (sentinel) => {
      await sentinel.kill();
      return () => sentinel.restart();
    }),
    signs: [],
  },
  'sentinel-frozen': {
    doc: 'a Sentinel stands still (SIGSTOP)',
    modes: REPLICATED,
    targets: sentinels(frozen),
    signs: [],
  },
};

const LOKI_FAULTS: Readonly<Record<string, FaultKind>> = {
  'loki-killed': {
    doc: 'Loki is killed (SIGKILL), and started again',
    targets: ({ loki }) => [
      {
        name: 'loki',
        apply: async () => {
          await loki?.kill();
          return () => loki?.up();
        },
      },
    ],
    signs: LOKI_SIGNS,
  },
  'loki-frozen': {
    doc: 'Loki stands still (SIGSTOP)',
    targets: ({ loki }) => [{ name: 'loki', apply: () => frozen(lokiProgram(loki)) }],
    signs: LOKI_SIGNS,
  },
  'loki-refusing': {
    doc: 'Loki answers 500',
    targets: ({ lokiLinks, brokenLoki }) =>
      lokiLinks.map((link) => ({ name: 'link loki', apply: () => link.divert(brokenLoki?.port ?? 0) })),
    signs: LOKI_SIGNS,
  },
  'loki-name-gone': {
    doc: 'the name of Loki does not resolve, and all connections to it end',
    needs: 'sandbox',
    targets: (system) => [nameTarget('loki', system, system.lokiLinks)],
    signs: LOKI_SIGNS,
  },
  ...linkFaults('loki', 'the instances and Loki', ({ lokiLinks }) => lokiLinks, { signs: LOKI_SIGNS }),
};

/** Every kind of fault, by its name. */
export const FAULTS: Readonly<Record<string, FaultKind>> = { ...SERVICE_FAULTS, ...STORE_FAULTS, ...LOKI_FAULTS };

/** The kinds that a mode has a target for, and whose effects its promise covers. */
export function kindsOf(mode: Mode, withLoki: boolean): readonly string[] {
  return Object.entries(FAULTS)
    .filter(([name, { modes }]) => (modes?.includes(mode) ?? true) && (withLoki || !(name in LOKI_FAULTS)))
    .map(([name]) => name);
}

/** Time for instances to write again what they hold: "twice STORE_TIMEOUT_SECONDS plus one second", and a second more. */
const WRITTEN_AGAIN_MS = 6000;

type Apply<T> = (target: T, ms: number) => Promise<Undo>;

function instances(apply: Apply<Instance>): FaultKind['targets'] {
  return (system) => system.instances.map((instance) => ({ name: instance.name, apply: (ms) => apply(instance, ms) }));
}

function storeFault(apply: (server: RedisServer, ms: number, disk?: Disk) => Promise<Undo>): Omit<FaultKind, 'doc'> {
  return {
    effect: 'away',
    modes: STORED,
    targets: ({ redis, disks }) =>
      redis.map((server, index) => ({ name: `redis-${index}`, apply: (ms) => apply(server, ms, disks[index]) })),
    signs: STORE_SIGNS,
  };
}

function clockFault(whose: string, where: 'ahead' | 'behind', clocks: (system: System) => readonly Clock[]): FaultKind {
  const seconds = where === 'ahead' ? JUMP_SECONDS : -JUMP_SECONDS;
  return {
    doc: `the clock of ${whose} is ${JUMP_SECONDS / 60} minutes ${where} (libfaketime)`,
    needs: 'clock',
    targets: (system) =>
      clocks(system).map((clock) => ({ name: clock.name, apply: () => Promise.resolve(clock.jump(seconds)) })),
    signs: [],
  };
}

function instanceClocks({ instances: all }: System): readonly Clock[] {
  return all.map(({ clock }) => clock);
}

function sentinels(apply: Apply<RedisServer>): FaultKind['targets'] {
  return (system) =>
    system.sentinels.map((sentinel, index) => ({ name: `sentinel-${index}`, apply: (ms) => apply(sentinel, ms) }));
}

function nameTarget(name: string, { names }: System, links: readonly Link[]): Target {
  return {
    name: `name ${name}`,
    apply: async () => {
      const undo = names?.forget(name);
      for (const link of links) await (await link.cut())();
      return () => undo?.();
    },
  };
}

/** Lets a server write to its disk again. A replica that could not write it ends, perhaps only now: it is started again. */
async function recoverFile(server: RedisServer): Promise<void> {
  try {
    await rewriteFile(server);
  } catch {
    await server.kill();
    await server.restart();
    await rewriteFile(server);
  }
}

/**
 * Lets a server write its file again from its memory. After a full disk Redis 7.0.15 was seen with zeros in the middle of a
 * file that such a rewrite had begun, and did not start from it.
 */
async function rewriteFile(server: RedisServer): Promise<void> {
  server.cli('BGREWRITEAOF');
  while (!/aof_rewrite_in_progress:0\s+aof_rewrite_scheduled:0/.test(server.cli('INFO', 'persistence')))
    await delay(50);
}

/** Sends a command, and another one to end its effect. An error in the answer is none of the fault's. */
function command(server: RedisServer, begin: readonly string[], end: readonly string[] = []): Promise<Undo> {
  server.cli(...begin);
  return Promise.resolve(() => {
    if (end.length > 0) server.cli(...end);
  });
}

/** Clients of each bad behaviour of the load test. */
const BAD_CLIENTS = 2;

async function badClients(url: string): Promise<Undo> {
  const behaviours = Object.entries(BEHAVIOURS).flatMap(([name, { ends }]) =>
    ends.length > 0 ? [name as BehaviourName] : [],
  );
  const groups = behaviours.map((behaviour) => ({ behaviour, share: 1 / behaviours.length }));
  const fleet = await Fleet.start(url, { clients: behaviours.length * BAD_CLIENTS, groups, sendsPerSecond: 2 });
  return () => fleet.end();
}

function lokiProgram(loki: System['loki']): Signalled {
  return {
    signal: (signal) => {
      loki?.freeze(signal === 'SIGSTOP');
    },
  };
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
