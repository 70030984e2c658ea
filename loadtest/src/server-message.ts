/** What a service says goodbye with. */
export interface Bye {
  readonly total: number;
  readonly sessionId: string | undefined;
  /** The JSON object itself, for its `retry_after_ms`. */
  readonly json: object;
  /** Token of a hand-over, to be given back as the query parameter `resume`. */
  readonly resume: string | undefined;
}

/** A message other than a reply. */
export type ServerMessage =
  | { readonly kind: 'reply'; readonly count: number }
  | { readonly kind: 'heartbeat' }
  | { readonly kind: 'bye'; readonly bye: Bye }
  | { readonly kind: 'unknown'; readonly text: string };

const PREFIX = Buffer.from('{"count":');
const SPACE = 0x20;
const ZERO = 0x30;
const CLOSING_BRACE = 0x7d;
/** Longest part of a message that is shown to people. */
const SHOWN_CHARACTERS = 80;

/**
 * The count of a reply `{"count": n}`, read straight from the bytes: it is on the hot path.
 * @returns -1 if it does not look exactly like one; {@link parseMessage} then tells what it is
 */
export function countOf(bytes: Buffer, from: number, to: number): number {
  if (to - from < PREFIX.length + 2 || bytes[to - 1] !== CLOSING_BRACE) return -1;
  for (let index = 0; index < PREFIX.length; index += 1) if (bytes[from + index] !== PREFIX[index]) return -1;
  let at = from + PREFIX.length;
  if (bytes[at] === SPACE) at += 1;
  let count = 0;
  for (; at < to - 1; at += 1) {
    const digit = (bytes[at] ?? 0) - ZERO;
    if (digit < 0 || digit > 9) return -1;
    count = count * 10 + digit;
  }
  return count;
}

/** Reads any message of the service. */
export function parseMessage(text: string): ServerMessage {
  const unknown: ServerMessage = { kind: 'unknown', text: text.slice(0, SHOWN_CHARACTERS) };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return unknown;
  }
  if (typeof value !== 'object' || value === null) return unknown;
  const { count, ts, bye, total, session_id: sessionId, resume } = value as Record<string, unknown>;
  if (bye === true && isCount(total))
    return { kind: 'bye', bye: { total, sessionId: textOf(sessionId), json: value, resume: textOf(resume) } };
  if (isCount(count)) return { kind: 'reply', count };
  return typeof ts === 'string' ? { kind: 'heartbeat' } : unknown;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
