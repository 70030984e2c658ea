import type { V1ContainerStatus, V1Pod } from '@kubernetes/client-node';
import type { Findings, NoticeKind, ProblemKind } from './events.ts';
import type { ContainerState } from './pod-log.ts';
import type { Health } from './snapshot.ts';

/** Time for a new pod to become ready before its not being ready is a problem at the end of the watch. */
const READY_MS = 30_000;

/**
 * Reasons for which a container waits that do not pass by themselves. `PodInitializing` and `ContainerCreating` do
 * (kubernetes pkg/kubelet/images/types.go, pkg/kubelet/container/sync_result.go).
 */
const STUCK: ReadonlySet<string> = new Set([
  'CrashLoopBackOff',
  'ErrImagePull',
  'ImagePullBackOff',
  'ErrImageNeverPull',
  'InvalidImageName',
  'ImageInspectError',
  'RegistryUnavailable',
  'SignatureValidationFailed',
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
  'PreCreateHookError',
  'PreStartHookError',
  'PostStartHookError',
]);

/** Follows the status of one pod and tells what changes, and which of it is a problem. */
export class PodHealth {
  readonly #findings: Findings;
  #pod: V1Pod;
  readonly #name: string;
  /** Ended instances that were told of, by their container ids. */
  readonly #toldEnds = new Set<string>();
  readonly #restarts = new Map<string, number>();
  readonly #stuck = new Map<string, string>();
  #ready = false;
  #terminating = false;
  #failed = false;

  /** @param known the pod is older than the watch: what happened to it before is not told */
  constructor(findings: Findings, pod: V1Pod, known: boolean) {
    this.#findings = findings;
    this.#pod = pod;
    this.#name = pod.metadata?.name ?? '';
    this.#notice('pod_added', `${known ? 'watched' : 'came'}: ${describe(pod)}`);
    if (known) this.#takeAsKnown(pod);
    this.update(pod);
  }

  get terminating(): boolean {
    return this.#pod.metadata?.deletionTimestamp !== undefined;
  }

  /** A container that serves is running, so there is someone to ask for metrics. */
  get running(): boolean {
    return (
      this.#pod.status?.podIP !== undefined && statuses(this.#pod).some(({ state }) => state?.running !== undefined)
    );
  }

  get ready(): boolean {
    return isReady(this.#pod);
  }

  /** The status changed. */
  update(pod: V1Pod): void {
    this.#pod = pod;
    this.#judgeTermination();
    for (const status of statuses(pod)) {
      this.#judgeEnd(status);
      this.#judgeRestart(status);
      this.#judgeWaiting(status);
    }
    this.#judgePhase();
    this.#judgeReadiness();
  }

  /** The pod is gone. */
  gone(): void {
    this.#notice('pod_gone', 'gone');
  }

  /** The watch is over. */
  finish(): void {
    if (this.ready || this.terminating || this.#failed || this.#pod.status?.phase === 'Succeeded') return;
    const ageMs = Date.now() - time(this.#pod.metadata?.creationTimestamp);
    if (ageMs >= READY_MS) this.#problem('not_ready', 'not ready at the end of the watch', statusText(this.#pod));
  }

  /** State of a container, for who reads its log. */
  container(name: string): ContainerState {
    const status = statuses(this.#pod).find((each) => each.name === name);
    const { running, terminated, waiting } = status?.state ?? {};
    return {
      restarts: status?.restartCount ?? 0,
      running: running !== undefined,
      terminated: terminated !== undefined || (waiting !== undefined && status?.lastState?.terminated !== undefined),
    };
  }

  view(): Health {
    const all = statuses(this.#pod);
    const ends = all.map(lastEnd).filter((end) => end !== undefined);
    const last = ends.sort((a, b) => time(a.finishedAt) - time(b.finishedAt)).at(-1);
    return {
      ready: this.ready,
      status: statusText(this.#pod),
      restarts: all.reduce((total, { restartCount }) => total + restartCount, 0),
      lastTermination:
        last === undefined ? null : `${endText(last)} at ${new Date(time(last.finishedAt)).toISOString()}`,
      image: all.map(({ image }) => image).join(', '),
    };
  }

  #takeAsKnown(pod: V1Pod): void {
    for (const status of statuses(pod)) {
      const end = lastEnd(status);
      if (end?.containerID !== undefined) this.#toldEnds.add(end.containerID);
      this.#restarts.set(status.name, status.restartCount);
    }
    this.#ready = isReady(pod);
  }

  #judgeTermination(): void {
    if (this.#terminating || !this.terminating) return;
    this.#terminating = true;
    this.#notice('draining', `is asked to end, with ${this.#pod.metadata?.deletionGracePeriodSeconds ?? '?'} s for it`);
  }

  /** An end is seen as the present state or, after the restart, as the last one. */
  #judgeEnd(status: V1ContainerStatus): void {
    const end = lastEnd(status);
    if (end?.containerID === undefined || this.#toldEnds.has(end.containerID)) return;
    this.#toldEnds.add(end.containerID);
    const what = `container ${status.name} ended: ${endText(end)}`;
    const detail = end.message?.trim();
    if (end.reason === 'OOMKilled') this.#problem('oom_killed', what, detail);
    else if (end.exitCode !== 0) this.#problem('container_failed', what, detail);
    else if (this.terminating) this.#notice('draining', what);
    // A server that ends by itself, or by its liveness probe, is started anew: that is told as the restart.
    else this.#toldEnds.delete(end.containerID);
  }

  #judgeRestart(status: V1ContainerStatus): void {
    const { name, restartCount } = status;
    const before = this.#restarts.get(name) ?? 0;
    this.#restarts.set(name, restartCount);
    if (restartCount <= before) return;
    const id = status.lastState?.terminated?.containerID;
    const text = `container ${name} was started anew`;
    const told = id !== undefined && this.#toldEnds.has(id) && restartCount - before === 1;
    if (id !== undefined) this.#toldEnds.add(id);
    if (told) this.#notice('restarted', `${text}; ${restartCount} restarts in all`);
    else this.#problem('restarted', text, `${restartCount} restarts in all`);
  }

  #judgeWaiting({ name, state }: V1ContainerStatus): void {
    const reason = state?.waiting?.reason;
    if (reason === undefined || !STUCK.has(reason)) {
      this.#stuck.delete(name);
      return;
    }
    if (this.#stuck.get(name) === reason) return;
    this.#stuck.set(name, reason);
    this.#problem('container_failed', `container ${name} does not start: ${reason}`, state?.waiting?.message);
  }

  #judgePhase(): void {
    const { phase, reason, message } = this.#pod.status ?? {};
    if (phase !== 'Failed' || this.#failed) return;
    this.#failed = true;
    // A pod that was deleted may end as failed; why its container ended with an error is told already.
    if (!this.terminating || reason !== undefined)
      this.#problem('pod_failed', `failed: ${reason ?? 'no reason given'}`, message);
  }

  #judgeReadiness(): void {
    const ready = this.ready;
    if (ready === this.#ready) return;
    this.#ready = ready;
    if (ready) this.#notice('ready', 'ready');
    // A container that does not run can't be ready: its end is the problem.
    else if (!this.terminating && this.running) this.#problem('not_ready', 'not ready any more', statusText(this.#pod));
  }

  #problem(kind: ProblemKind, message: string, detail?: string): void {
    this.#findings.problem({ kind, source: this.#name, message, ...(detail !== undefined && { detail }) });
  }

  #notice(kind: NoticeKind, message: string): void {
    this.#findings.notice({ kind, source: this.#name, message });
  }
}

function statuses(pod: V1Pod): V1ContainerStatus[] {
  return pod.status?.containerStatuses ?? [];
}

function lastEnd({ state, lastState }: V1ContainerStatus) {
  return state?.terminated ?? lastState?.terminated;
}

function endText({ reason, exitCode, signal }: NonNullable<ReturnType<typeof lastEnd>>): string {
  const why = reason === undefined ? '' : `${reason}, `;
  return signal === undefined ? `${why}exit status ${exitCode}` : `${why}signal ${signal}`;
}

function isReady(pod: V1Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

/** What kubectl shows as the status: the reason a container waits or ended for, else the phase. */
function statusText(pod: V1Pod): string {
  if (pod.metadata?.deletionTimestamp !== undefined) return 'Terminating';
  for (const { state } of statuses(pod)) {
    const reason = state?.waiting?.reason ?? state?.terminated?.reason;
    if (reason !== undefined) return reason;
  }
  return pod.status?.reason ?? pod.status?.phase ?? 'Unknown';
}

function describe(pod: V1Pod): string {
  const images = (pod.spec?.containers ?? []).map(({ image }) => image ?? '?').join(', ');
  return `${statusText(pod)}${isReady(pod) ? ', ready' : ''}, on ${pod.spec?.nodeName ?? 'no node yet'}, image ${images}`;
}

/** Times are text in what a watch sends, and dates in what the library's calls return. */
function time(value: Date | string | undefined): number {
  return value === undefined ? NaN : new Date(value).getTime();
}
