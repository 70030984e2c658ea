import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { addByKey } from '../../loadtest/src/tally.ts';
import { seconds, describeTally } from './breaks.ts';
import { FAILOVER_FAULTS, TIMES } from './failover-faults.ts';
import { progress, row } from './figures.ts';
import { Namespace } from './namespace.ts';
import { mainProcess } from './node-process.ts';
import { Release, type Pod } from './release.ts';
import type { ReplicatedStore } from './replicated-store.ts';
import { SessionLoad, type Passage } from './session-load.ts';
import { ask, PodHost, type StoreHost } from './store-server.ts';
import { keepVersions, makeImage } from './testbed-addon.ts';
import { secondsSince, until } from './wait.ts';

/** How failovers are put to the proof. */
export interface Failovers {
  /** Its name in the table; the namespace is named after it. */
  readonly store: string;
  readonly start: (host: StoreHost) => Promise<ReplicatedStore>;
  readonly storeReplicas: number;
}

const SHAPE = { sockets: 1000, sendRate: 1 };
const PODS = 4;
const BACK_SECONDS = 90;

/**
 * The proof that a failover loses no count that was told, where STORE_REPLICAS covers every replica; with fewer, what it lost.
 * Each fault is done as often as the environment says, 10 times by default.
 */
export function proveFailovers({ store: name, start, storeReplicas }: Failovers): void {
  const times = Number(process.env[TIMES] ?? 10);
  const shape = `${SHAPE.sockets} sessions that send ${SHAPE.sendRate} message/s each`;
  describe(`${name}, STORE_REPLICAS=${storeReplicas}: ${shape}`, () => {
    let namespace: Namespace;
    let store: ReplicatedStore;
    let release: Release;
    before(async () => {
      await makeImage('redis');
      namespace = await Namespace.create(`failover-${name.toLowerCase()}-${storeReplicas}`);
      store = await start(await PodHost.create(namespace.name));
      const [, version = ''] =
        /redis_version:(\S+)/.exec(await ask((await store.master(0)).master, 'INFO', 'server')) ?? [];
      await keepVersions('helm', `Redis ${version}`);
      release = await Release.install(namespace, 'demo', {
        ...{ replicaCount: PODS, minReadySeconds: 0, resumeToken: { enabled: false } },
        store: { type: 'redis', redis: { url: store.url } },
        config: { finalScrapeWaitSeconds: 0, sessionDurability: 'strict', storeReplicas },
      });
      // Pods may be ready a moment before the node forwards its port.
      const url = (await release.url()).replace('ws:', 'http:');
      await until('an answer at the port of the node', 30, async () => (await fetch(url)).status > 0);
    });
    afterEach(async (context) => {
      if ('passed' in context && !context.passed) await namespace.describe();
    });
    after(() => namespace.delete());

    for (const [fault, work] of Object.entries(FAILOVER_FAULTS))
      test(fault, async () => {
        const load = await SessionLoad.start(await release.url(), SHAPE);
        const trials: Trial[] = [];
        try {
          while (trials.length < times) trials.push(await tryOnce(load, work, trials.length));
        } finally {
          const { counts } = await load.stop();
          if (trials.length > 0) tell(fault, trials);
          progress(`over the whole load: ${counts.lost} lost, ${describeTally(counts.byKind)}`);
        }
        const wrong = trials.map((trial) => trial.wrong).reduce(addByKey, {});
        if (storeReplicas >= store.replicas) assert.deepEqual(wrong, {}, 'counts were told wrongly');
      });

    async function tryOnce(load: SessionLoad, work: (typeof FAILOVER_FAULTS)[string], turn: number): Promise<Trial> {
      const { master, replicas } = await store.master(turn);
      const half = (await release.pods()).slice(0, PODS / 2);
      load.passage();
      const began = performance.now();
      let promotedSeconds = 0;
      const promoted = async (): Promise<void> => {
        await store.promoted(master);
        promotedSeconds = secondsSince(began);
        progress(`${master.name} is replaced after ${promotedSeconds} s`);
      };
      const dead = await work({ store, master, replicas, half: half.map(processOf), promoted });
      await store.repair(dead);
      // A container that is killed again and again is started again later each time; a new pod's is not.
      await renew(release, half);
      await load.untilWhole(BACK_SECONDS);
      const trial = { ...load.passage(), promotedSeconds };
      progress(`trial ${turn + 1}: told ${trial.told}, lost ${trial.lost}, ${describeTally(trial.errors)}`);
      return trial;
    }

    function tell(fault: string, trials: readonly Trial[]): void {
      const sum = (value: (trial: Trial) => number): number => trials.reduce((total, each) => total + value(each), 0);
      const wrong = trials.map((trial) => trial.wrong).reduce(addByKey, {});
      const others = Object.entries(wrong).filter(([kind]) => !LOST.includes(kind));
      row({
        store: name,
        STORE_REPLICAS: String(storeReplicas),
        fault,
        times: String(trials.length),
        told: sum(({ told }) => told).toLocaleString('en'),
        lost: sum(({ lost }) => lost).toLocaleString('en'),
        'wrong otherwise': describeTally(Object.fromEntries(others)),
        'promoted after, at most': seconds(Math.max(...trials.map(({ promotedSeconds }) => promotedSeconds))),
        'longest absence': seconds(Math.max(...trials.map(({ longestAbsence }) => longestAbsence))),
      });
    }
  });
}

interface Trial extends Passage {
  readonly promotedSeconds: number;
}

/** Kinds of wrong counts that are told as lost. */
const LOST = ['lost', 'reset'];

/** Deletes the pods of which a container was killed. */
async function renew(release: Release, pods: readonly Pod[]): Promise<void> {
  const now = await release.pods();
  const killed = pods.filter(({ metadata, status }) =>
    now.some(
      (pod) =>
        pod.metadata.uid === metadata.uid &&
        pod.status.containerStatuses?.[0]?.containerID !== status.containerStatuses?.[0]?.containerID,
    ),
  );
  const names = killed.map(({ metadata }) => metadata.name);
  if (names.length > 0) await release.kubectl('delete', 'pod', ...names, '--grace-period=0', '--force');
  await release.ready();
}

function processOf({ metadata, status }: Pod): number {
  const pid = mainProcess(status.containerStatuses?.[0]?.containerID ?? '');
  assert.ok(pid !== undefined, `${metadata.name} does not run on this machine, so it can't be killed from here`);
  return pid;
}
