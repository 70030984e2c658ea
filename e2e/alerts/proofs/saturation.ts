import type { Severity } from '../../../alerts/src/rule.ts';
import { stutter } from '../../support/freeze.ts';
import { HOG_MESSAGE_BYTES, holdMemory } from '../../support/memory-hog.ts';
import { until } from '../../support/wait.ts';
import type { Bed, Ending } from '../bed.ts';
import { Clients } from '../clients.ts';
import { inPanel } from '../cause.ts';
import { ruleOf, type Proof } from '../proof.ts';

/** Both tiers in seconds, so that it shows that the critical one silences the other. */
const BOTH_TIERS = {
  critical: { for: '5s', keepFiringFor: '5s' },
  warning: { for: '5s', keepFiringFor: '5s' },
};

const MEMORY_LIMIT_MIB = 192;
/** What one client has the service hold. */
const HELD_BYTES = 4 * 1024 * 1024;

const connectionsNearLimit = tiers({ critical: 100, warning: 85 }, (severity, clients) => ({
  alert: 'WebsocketConnectionsNearLimit',
  severity,
  fault: `${clients} clients on a pod that takes 100`,
  says: /^(\S+ of )?\S+\/connections-near-limit holds [\d.]+% of the connections it takes/,
  cause: [inPanel('Pods', /Open \d+, Of limit \S+ \((orange|red)\)/)],
  rules: ruleOf('WebsocketConnectionsNearLimit', BOTH_TIERS),
  config: { maxConnections: 100 },
  inject: (bed) => connect(bed, clients),
}));

const sessionsNearLimit = tiers({ critical: 98, warning: 85 }, (severity, sessions) => ({
  alert: 'WebsocketSessionsNearLimit',
  severity,
  fault: `${sessions} sessions on a pod that holds 100`,
  says: /^(\S+ of )?\S+\/sessions-near-limit holds [\d.]+% of the sessions it can/,
  cause: [inPanel('Sessions against the Limit', /^\S+: (0\.[89]|1).*$/m)],
  rules: ruleOf('WebsocketSessionsNearLimit', BOTH_TIERS),
  config: { maxSessions: 100, sessionTtlSeconds: 1 },
  inject: (bed) => connect(bed, sessions),
}));

const eventLoopBlocked = tiers({ critical: 1500, warning: 400 }, (severity, stoppedMs) => ({
  alert: 'WebsocketEventLoopBlocked',
  severity,
  fault: `the process is stopped for ${stoppedMs / 1000} s again and again`,
  says: /^The event loops? of .*\S+\/event-loop-blocked ha(s|ve) been .+ late|^The event loops of 100% of the instances of \S+\/event-loop-blocked have been late by more than 1 s/,
  cause: [inPanel('Pods', /Lag \S+ \((orange|red)\)/), inPanel('CPU', /^\S+: 0\.0.*$/m)],
  rules: ruleOf('WebsocketEventLoopBlocked', { window: '20s', ...BOTH_TIERS }),
  inject: async (bed) => stutter(await bed.process(), { stoppedMs, runningMs: 300 }),
}));

const memoryNearLimit = tiers({ critical: 97, warning: 89 }, (severity, percent) => ({
  alert: 'WebsocketMemoryNearLimit',
  severity,
  fault: `messages that never end use memory up to ${percent} %; then the pod is deleted, as the runbook says`,
  says: /^(\S+ of \S+\/memory-near-limit has used (8\d|9[0-4])(\.\d+)?% of its memory limit \(threshold 85 %\)|100% of the instances of \S+\/memory-near-limit have used more than 95 % of their memory limit) for 5s/,
  cause: [inPanel('Pods', /Memory \S+ \((orange|red)\)/), inPanel('Heap', /^most outside: \d{7,}.*$/m)],
  rules: ruleOf('WebsocketMemoryNearLimit', BOTH_TIERS),
  // While the pod that is deleted drains, it is one of two: a ticket, no page.
  besides: ['WebsocketMemoryNearLimit'],
  // Who is in the middle of a frame can answer no ping.
  config: { maxMessageBytes: HOG_MESSAGE_BYTES, heartbeatIntervalSeconds: 600 },
  values: {
    resources: { requests: { cpu: '10m', memory: '64Mi' }, limits: { memory: `${MEMORY_LIMIT_MIB}Mi` } },
  },
  inject: (bed) => fillMemory(bed, percent / 100),
}));

/** Alerts about instances that come near a limit. */
export const SATURATION_PROOFS: readonly Proof[] = [
  ...connectionsNearLimit,
  ...sessionsNearLimit,
  ...eventLoopBlocked,
  ...memoryNearLimit,
];

/** A proof of each of the two tiers, by what brings it about. */
function tiers(
  faults: Readonly<Record<'critical' | 'warning', number>>,
  proofOf: (severity: Severity, fault: number) => Proof,
): readonly Proof[] {
  return [proofOf('critical', faults.critical), proofOf('warning', faults.warning)];
}

async function connect(bed: Bed, count: number): Promise<Ending> {
  const clients = await Clients.open(bed.url, count, 0.2);
  return () => clients.close();
}

/** Adds one client after the other, as the process' own measure says. What it freed it keeps for a while, so it is deleted. */
async function fillMemory(bed: Bed, share: number): Promise<Ending> {
  const { host } = new URL(bed.url);
  const pod = await bed.pod();
  const sockets: ReturnType<typeof holdMemory>[] = [];
  await until('memory being used up', 60, async () => {
    const scrape = await bed.release.metrics(pod);
    if (scrape.value('process_resident_memory_bytes') >= share * MEMORY_LIMIT_MIB * 1024 ** 2) return true;
    sockets.push(holdMemory(host, HELD_BYTES));
    return false;
  });
  return async () => {
    for (const socket of sockets) socket.destroy();
    await bed.release.kubectl('delete', 'pod', pod);
  };
}
