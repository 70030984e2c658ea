import type { CoreV1Event, V1Pod } from '@kubernetes/client-node';
import type { Findings } from './events.ts';

/** What is known of a pod when an event about it comes. */
export interface PodStanding {
  readonly ready: boolean;
  readonly terminating: boolean;
}

/**
 * Tells the events that Kubernetes records about the pods of the release and the workloads that own them. Events live for an
 * hour: those that were there when the watch began are not told.
 */
export class EventWatch {
  readonly #findings: Findings;
  readonly #standingOf: (pod: string) => PodStanding | undefined;
  /** Names of pods and of what owns them, as `kind/name`. */
  readonly #subjects = new Set<string>();
  /** How often each event was counted when it was told last, by its uid. */
  readonly #counts = new Map<string, number>();
  /** Events that came before the pod they are about. */
  #early: CoreV1Event[] = [];
  #begun = false;

  /** @param standingOf asks for a pod by its name; `undefined` if it is not there */
  constructor(findings: Findings, standingOf: (pod: string) => PodStanding | undefined) {
    this.#findings = findings;
    this.#standingOf = standingOf;
  }

  /** From now on events are told. */
  begin(): void {
    this.#begun = true;
  }

  /** A pod came: events about it and its owners are of interest. */
  addPod({ metadata }: V1Pod): void {
    this.#subjects.add(`Pod/${metadata?.name ?? ''}`);
    for (const { kind, name } of metadata?.ownerReferences ?? []) {
      this.#subjects.add(`${kind}/${name}`);
      // A Deployment names its ReplicaSets after itself and a hash; asking the API would need one more permission.
      if (kind === 'ReplicaSet') this.#subjects.add(`Deployment/${name.replace(/-[^-]+$/, '')}`);
    }
    const early = this.#early;
    this.#early = [];
    for (const event of early) this.seen(event);
  }

  seen(event: CoreV1Event): void {
    const uid = event.metadata.uid ?? '';
    const count = event.series?.count ?? event.count ?? 1;
    const before = this.#counts.get(uid) ?? 0;
    if (!this.#begun) this.#counts.set(uid, count);
    if (!this.#begun || count <= before) return;
    const { kind, name } = event.involvedObject;
    if (!this.#subjects.has(`${kind ?? ''}/${name ?? ''}`)) {
      this.#early.push(event);
      if (this.#early.length > MAX_EARLY) this.#early.shift();
      return;
    }
    this.#counts.set(uid, count);
    this.#tell(event, kind ?? '', name ?? '');
  }

  /** An event that Kubernetes forgot can't come again. */
  gone({ metadata }: CoreV1Event): void {
    this.#counts.delete(metadata.uid ?? '');
  }

  #tell({ type, reason = 'Event', message = '' }: CoreV1Event, kind: string, name: string): void {
    const source = kind === 'Pod' ? name : `${kind} ${name}`;
    if (type === 'Warning' && !this.#isExpected(reason, kind, name))
      this.#findings.problem({
        kind: 'warning_event',
        source,
        message: `Kubernetes warns: ${reason}`,
        detail: message.trim(),
      });
    else this.#findings.notice({ kind: 'event', source, message: `Kubernetes: ${reason}: ${message.trim()}` });
  }

  /** Readiness fails while a pod starts and while it ends: that is what it is for. */
  #isExpected(reason: string, kind: string, name: string): boolean {
    if (reason !== 'Unhealthy' || kind !== 'Pod') return false;
    const standing = this.#standingOf(name);
    return standing === undefined || standing.terminating || !standing.ready;
  }
}

/** Events of others in the namespace are kept among the early ones too: a bound. */
const MAX_EARLY = 200;
