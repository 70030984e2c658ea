/** Longest wait that a server's hint is followed for, in milliseconds: a typing error must not end a run. */
const LONGEST_MS = 3_600_000;

/**
 * The `retry_after_ms` of a JSON object such as a bye or the body of a refusal; `undefined` if it has none that is a
 * number.
 */
export function hintOfJson(value: unknown): number | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  return sane((value as { retry_after_ms?: unknown }).retry_after_ms);
}

/** The `retry_after_ms=<n>` of a close frame's reason. */
export function hintOfCloseReason(reason: string): number | undefined {
  const match = /\bretry_after_ms=(\d+)/.exec(reason);
  return match === null ? undefined : sane(Number(match[1]));
}

/**
 * What a Retry-After header asks for (RFC 9110, section 10.2.3: seconds or a date), in milliseconds, and up to a second
 * more at random: whole seconds alone would bring all clients back at once.
 */
export function hintOfHeader(value: string | undefined, now = Date.now(), random = Math.random()): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now;
  const hint = sane(Math.max(0, ms));
  return hint === undefined ? undefined : hint + random * 1000;
}

function sane(ms: unknown): number | undefined {
  return typeof ms === 'number' && ms >= 0 && Number.isFinite(ms) ? Math.min(ms, LONGEST_MS) : undefined;
}
