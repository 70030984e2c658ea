import { NotAcknowledgedError } from './replicated-scripts.ts';

/** Why an operation of a store failed: a closed set, the `reason` label. */
export const STORE_ERRORS = [
  'unreachable',
  'timeout',
  'read_only',
  'out_of_memory',
  'loading',
  'auth',
  'tls',
  'cluster',
  'too_few_replicas',
  'not_on_disk',
  'lost_data',
  'other',
] as const;

/** A value of {@link STORE_ERRORS}. */
export type StoreErrorReason = (typeof STORE_ERRORS)[number];

/** The first word of an error that a server replies (Redis' documentation, "RESP protocol", simple errors). */
const REPLIES: Readonly<Record<string, StoreErrorReason>> = {
  READONLY: 'read_only',
  NOREPLICAS: 'too_few_replicas',
  MASTERDOWN: 'read_only',
  OOM: 'out_of_memory',
  MISCONF: 'read_only',
  LOADING: 'loading',
  BUSY: 'loading',
  NOAUTH: 'auth',
  WRONGPASS: 'auth',
  NOPERM: 'auth',
  MOVED: 'cluster',
  ASK: 'cluster',
  TRYAGAIN: 'cluster',
  CLUSTERDOWN: 'cluster',
};

/** Codes of a handshake that failed, of Node.js and of OpenSSL (nodejs.org/api/tls.html, "X509 certificate error codes"). */
const TLS_FAILURE = /^ERR_(?:SSL|TLS)_|CERT|SELF_SIGNED|UNABLE_TO_/;

/** Where a server repeats a command that it does not know, as Redis since 5.0 does: of HELLO, that is the password. */
const REPEATED_ARGUMENTS = /,? with args beginning with:.*/s;

/** What a failed operation is reported as. */
export interface StoreFailure {
  readonly reason: StoreErrorReason;
  /** The message of the error, without what it repeats of a command. */
  readonly detail: string;
}

/** Says why an operation failed. */
export function storeFailure(error: unknown): StoreFailure {
  // Some errors of the library's client for Sentinels are texts.
  const detail = error instanceof Error ? error.message : String(error);
  return { reason: reasonOf(error, detail), detail: detail.replace(REPEATED_ARGUMENTS, '') };
}

function reasonOf(error: unknown, message: string): StoreErrorReason {
  if (error instanceof NotAcknowledgedError) return error.reason;
  // The library says in front which of several servers it was.
  if (error instanceof Error && error.cause !== undefined) return storeFailure(error.cause).reason;
  const { code = '' } = error as { code?: string };
  const reply = REPLIES[/(?:^|: )([A-Z]+) /.exec(message)?.[1] ?? ''];
  if (reply !== undefined) return reply;
  if (TLS_FAILURE.test(code)) return 'tls';
  if (/time ?out/i.test(message) || code === 'ETIMEDOUT') return 'timeout';
  if (
    /closed|offline|not connected|terminated|available|connect E|getaddrinfo E/i.test(message) ||
    /^E[A-Z]+$/.test(code)
  )
    return 'unreachable';
  return 'other';
}
