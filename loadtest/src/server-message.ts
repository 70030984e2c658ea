import { hintOfJson } from './retry-hint.ts';

/** A bye of the service. */
export interface Bye {
  readonly total: number;
  readonly sessionId: string | undefined;
  /** Time to wait that it asks for, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** Token of a hand-over, to be given back as the query parameter `resume`. */
  readonly resume: string | undefined;
}

/** A message of the service. */
export type ServerMessage =
  | { readonly kind: 'reply'; readonly count: number }
  | { readonly kind: 'heartbeat' }
  | { readonly kind: 'bye'; readonly bye: Bye }
  | { readonly kind: 'unknown'; readonly text: string };

/** Longest part of a message that is shown to people. */
const SHOWN_CHARACTERS = 80;

/** Reads a message of the service. */
export function parseMessage(text: string): ServerMessage {
  const unknown: ServerMessage = { kind: 'unknown', text: text.slice(0, SHOWN_CHARACTERS) };
  const value = parseObject(text);
  if (value === undefined) return unknown;
  const { count, ts, bye, total, session_id: sessionId, resume } = value;
  if (isCount(count)) return { kind: 'reply', count };
  if (bye === true && isCount(total)) {
    const retryAfterMs = hintOfJson(value);
    return { kind: 'bye', bye: { total, sessionId: textOf(sessionId), retryAfterMs, resume: textOf(resume) } };
  }
  return typeof ts === 'string' ? { kind: 'heartbeat' } : unknown;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
