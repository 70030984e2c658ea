import type { AssertionResult } from './asserts.ts';
import { VIOLATIONS, type ViolationKind } from './count-ledger.ts';
import type { MetricsRow, Range } from './metrics-check.ts';
import type { Outcome } from './outcome.ts';
import type { Verdict } from './result.ts';

/** Judges a run. */
export function judge(outcome: Outcome, assertions: readonly AssertionResult[]): Verdict {
  const failures = [
    ...neverOpen(outcome),
    ...wrongCounts(outcome),
    ...outcome.metrics.rows.filter(({ same }) => !same).map(difference),
    ...assertions
      .filter(({ passed }) => !passed)
      .map(({ assertion, found }) => `${assertion} does not hold: ${found}.`),
  ];
  return { passed: failures.length === 0, failures, warnings: warningsOf(outcome) };
}

/** A number of clients' side for people: `12`, or `10 to 12` where they can't know. */
export function rangeText({ least, most }: Range): string {
  return least === most ? String(least) : `${least} to ${most}`;
}

function neverOpen({ sockets }: Outcome): string[] {
  return sockets.everOpen === 0 && sockets.attempts > 0 ? ['No socket could be opened.'] : [];
}

/** One sentence for each kind of wrong count, with the first session it was told to. */
function wrongCounts({ counts }: Outcome): string[] {
  return Object.entries(counts.byKind).map(([kind, times]) => {
    const first = counts.first.find((violation) => violation.kind === kind);
    const example =
      first === undefined
        ? ''
        : ` First: session ${first.sessionId} at ${first.atSeconds.toFixed(1)} s, ${first.detail}.`;
    return `${times} × ${kind}: ${VIOLATIONS[kind as ViolationKind]}.${example}`;
  });
}

function difference({ what, clients, service }: MetricsRow): string {
  const said = service === null ? 'have no such metric' : `say ${service}`;
  return `The metrics differ: ${what}: clients saw ${rangeText(clients)}, the metrics ${said}.`;
}

function warningsOf(outcome: Outcome): string[] {
  const { sockets, messages, metrics, client, errors } = outcome;
  const { loopDelayMs } = client;
  const resources = Object.keys(errors.byKind);
  return [
    [
      client.overloaded,
      `The load test itself was overloaded: its event loop was up to ${ms(loopDelayMs.max)} late (99 %: ${ms(loopDelayMs.p99)}) and busy all the time in ${client.overloadedSeconds} s, so latencies are its own in part; use more --processes, another machine or less load.`,
    ],
    [!metrics.compared && metrics.urls.length > 0, `The metrics were not compared. ${metrics.reason}`],
    [
      sockets.everOpen > 0 && sockets.everOpen < sockets.openable,
      `Only ${sockets.everOpen} of ${sockets.openable} sockets were opened in the time of the run.`,
    ],
    [
      sockets.leftAway > 0,
      `${sockets.leftAway} sessions had no connection at the end: their last counts were not checked over a reconnect.`,
    ],
    [
      messages.missed > 0,
      `${messages.missed} messages were not sent, since their socket was not connected when they were due.`,
    ],
    [
      resources.some((kind) => /EADDRNOTAVAIL|EADDRINUSE/.test(kind)),
      'Ports ran out: give several addresses with --source-addresses, or widen net.ipv4.ip_local_port_range.',
    ],
    [
      resources.some((kind) => /EMFILE|ENFILE/.test(kind)),
      'Open files ran out: raise the limit with ulimit -n, or use more --processes.',
    ],
    [outcome.interrupted, 'The run was ended early.'],
  ].flatMap(([holds, text]) => (holds === true ? [String(text)] : []));
}

function ms(value: number | null): string {
  return `${(value ?? 0).toFixed(0)} ms`;
}
