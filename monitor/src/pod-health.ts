import type { V1ContainerStatus, V1Pod } from '@kubernetes/client-node';
import type { Findings, NoticeKind, ProblemKind } from './events.ts';
import type { Health } from './metrics.ts';

/** Time for a new pod to become ready before its not being ready is a problem at the end of the watch. */
const READY_MS = 30_000;
/** Reasons for which a container waits that pass by themselves. */
const STARTING = ['ContainerCreating', 'PodInitializing'];

/**
 * Reports what changed between two versions of a pod, and which of it is a problem.
 * @param before `undefined` for a pod that is new
 */
export function comparePods(before: V1Pod | undefined, pod: V1Pod, findings: Findings): void {
  const source = pod.metadata?.name ?? '';
  const problem = (kind: ProblemKind, message: string, detail?: string): void => {
    findings.problem({ kind, source, message, detail: detail?.trim() });
  };
  const notice = (kind: NoticeKind, message: string): void => {
    findings.notice({ kind, source, message });
  };
  if (isTerminating(pod) && !(before && isTerminating(before)))
    notice('draining', `is being deleted, with ${pod.metadata?.deletionGracePeriodSeconds ?? '?'} s to end`);
  for (const status of containers(pod)) {
    const last = before && containers(before).find(({ name }) => name === status.name);
    compareContainers(last, status, isTerminating(pod), problem, notice);
  }
  const { phase, reason, message } = pod.status ?? {};
  // A pod that was deleted may end as failed: why its container ended is reported already.
  if (phase === 'Failed' && before?.status?.phase !== 'Failed' && (!isTerminating(pod) || reason !== undefined))
    problem('pod_failed', `failed: ${reason ?? 'no reason given'}`, message);
  const wasReady = before !== undefined && isReady(before);
  if (isReady(pod) && !wasReady) notice('ready', 'ready');
  // A container that does not run can't be ready: its end is the problem.
  if (wasReady && !isReady(pod) && !isTerminating(pod) && isRunning(pod))
    problem('not_ready', 'not ready any more', statusText(pod));
}

/** Reports a pod that is not ready at the end of the watch, unless it is young. */
export function judgeAtEnd(pod: V1Pod, findings: Findings): void {
  const ageMs = Date.now() - time(pod.metadata?.creationTimestamp);
  if (isReady(pod) || isTerminating(pod) || pod.status?.phase === 'Succeeded' || !(ageMs > READY_MS)) return;
  const message = 'not ready at the end of the watch';
  findings.problem({ kind: 'not_ready', source: pod.metadata?.name ?? '', message, detail: statusText(pod) });
}

/** Health of a pod as snapshots show it. */
export function healthOf(pod: V1Pod): Health {
  const ends = containers(pod).flatMap((status) => lastEnd(status) ?? []);
  const last = ends.sort((a, b) => time(a.finishedAt) - time(b.finishedAt)).at(-1);
  return {
    ready: isReady(pod),
    status: statusText(pod),
    restarts: containers(pod).reduce((total, { restartCount }) => total + restartCount, 0),
    lastTermination: last === undefined ? null : `${endText(last)} at ${new Date(time(last.finishedAt)).toISOString()}`,
    image: containers(pod)
      .map(({ image }) => image)
      .join(', '),
  };
}

/** What a notice says about a pod. */
export function podText(pod: V1Pod): string {
  const images = (pod.spec?.containers ?? []).map(({ image }) => image ?? '?').join(', ');
  return `${statusText(pod)}${isReady(pod) ? ', ready' : ''}, on ${pod.spec?.nodeName ?? 'no node yet'}, image ${images}`;
}

/** Status of each container of a pod that has one. */
export function containers(pod: V1Pod): V1ContainerStatus[] {
  return pod.status?.containerStatuses ?? [];
}

/** Whether the pod is being deleted. */
export function isTerminating(pod: V1Pod): boolean {
  return pod.metadata?.deletionTimestamp !== undefined;
}

/** Whether a container of the pod runs, so that it can be asked for metrics. */
export function isRunning(pod: V1Pod): boolean {
  return pod.status?.podIP !== undefined && containers(pod).some(({ state }) => state?.running !== undefined);
}

/** Whether the pod is ready. */
export function isReady(pod: V1Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

/** An end is seen as the present state or, after the restart, as the last one. */
function compareContainers(
  before: V1ContainerStatus | undefined,
  status: V1ContainerStatus,
  terminating: boolean,
  problem: (kind: ProblemKind, message: string, detail?: string) => void,
  notice: (kind: NoticeKind, message: string) => void,
): void {
  const { name, restartCount, state } = status;
  const end = lastEnd(status);
  if (end !== undefined && end.containerID !== (before && lastEnd(before))?.containerID) {
    const what = `container ${name} ended: ${endText(end)}`;
    if (end.reason === 'OOMKilled') problem('oom_killed', what, end.message);
    else if (end.exitCode !== 0) problem('container_failed', what, end.message);
    else if (terminating) notice('draining', what);
  }
  if (restartCount > (before?.restartCount ?? 0)) {
    const [what, total] = [`container ${name} was restarted`, `${restartCount} restarts in all`];
    // A container that ended by itself or by its liveness probe may have ended with status 0: only the restart shows it.
    if (end === undefined || end.exitCode === 0) problem('restarted', what, total);
    else notice('restarted', `${what}; ${total}`);
  }
  const reason = state?.waiting?.reason;
  if (reason !== undefined && !STARTING.includes(reason) && reason !== before?.state?.waiting?.reason)
    problem('container_failed', `container ${name} does not start: ${reason}`, state?.waiting?.message);
}

function lastEnd({ state, lastState }: V1ContainerStatus) {
  return state?.terminated ?? lastState?.terminated;
}

function endText({ reason, exitCode, signal }: NonNullable<ReturnType<typeof lastEnd>>): string {
  const why = reason === undefined ? '' : `${reason}, `;
  return signal === undefined ? `${why}exit status ${exitCode}` : `${why}signal ${signal}`;
}

/** What kubectl shows as the status: the reason a container waits or ended for, else the phase. */
function statusText(pod: V1Pod): string {
  if (isTerminating(pod)) return 'Terminating';
  const reasons = containers(pod).flatMap(({ state }) => state?.waiting?.reason ?? state?.terminated?.reason ?? []);
  return reasons[0] ?? pod.status?.reason ?? pod.status?.phase ?? 'Unknown';
}

/** Times are text in what a watch sends, and dates by the library's types. */
function time(value: Date | string | undefined): number {
  return value === undefined ? NaN : new Date(value).getTime();
}
