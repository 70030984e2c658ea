import { createReadStream, createWriteStream, type WriteStream } from 'node:fs';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** How counts are kept: the rows of the first table of docs/sessions.md that a run can have. */
export const MODES = ['strict', 'replicated', 'relaxed', 'token'] as const;
export type Mode = (typeof MODES)[number];

/** What a client does or receives. */
const CLIENT_KINDS = ['opened', 'sent', 'told', 'bye', 'closed', 'refused'] as const;
/** Those with a count. */
const COUNTED_KINDS: readonly string[] = ['told', 'bye'];

/** What a client did or received. `connection` numbers the connections of the client. */
export interface ClientEntry {
  /** When, in milliseconds since the epoch. */
  readonly at: number;
  readonly client: number;
  readonly session: string;
  readonly connection: number;
  readonly kind: (typeof CLIENT_KINDS)[number];
  /** The count of `told`, the total of `bye`. */
  readonly count?: number;
  /** The session that a `bye` names. */
  readonly named?: string | undefined;
  /** The close code of `closed`, the HTTP status of `refused`. */
  readonly code?: number;
  /** The `error` of a refusal. */
  readonly error?: string | undefined;
}

/**
 * What was done to the system, as far as a promise depends on it. `crash`: an instance ended without having written what it had
 * counted. `away`: instances could not write to the store, or not in time.
 */
export interface FaultEntry {
  readonly at: number;
  readonly kind: 'began' | 'ended';
  readonly fault: number;
  readonly name: string;
  readonly effect: Effect;
}

const EFFECTS = ['crash', 'away', 'none'] as const;
export type Effect = (typeof EFFECTS)[number];
export type Entry = ClientEntry | FaultEntry;

/** The last line of a history: without it, the run or the file was cut off. */
const END = '{"kind":"end"}';

/** A history that is being written: JSON lines, in the order of time, never changed. */
export class History {
  readonly path: string;
  readonly #file: WriteStream;

  constructor(path: string) {
    this.path = path;
    this.#file = createWriteStream(path);
  }

  /** Adds what happens now. The monotonic clock tells when, so that no entry is earlier than one before. */
  add(entry: Omit<ClientEntry, 'at'> | Omit<FaultEntry, 'at'>): void {
    this.#file.write(`${JSON.stringify({ at: Math.round(performance.timeOrigin + performance.now()), ...entry })}\n`);
  }

  /** Resolves when everything is in the file. */
  async end(): Promise<void> {
    this.#file.end(`${END}\n`);
    await once(this.#file, 'close');
  }
}

/** Reads a history. @throws {Error} at a line that is no entry or earlier than the one before, and if the end is missing */
export async function* readHistory(path: string): AsyncGenerator<Entry> {
  let [number, lastAt, hasEnded] = [0, 0, false];
  for await (const line of createInterface({ input: createReadStream(path) })) {
    number += 1;
    hasEnded = line === END;
    if (hasEnded) continue;
    const entry = parse(line, `${path}:${number}`);
    if (entry.at < lastAt) throw new Error(`${path}:${number}: this is earlier than the line before: ${line}`);
    lastAt = entry.at;
    yield entry;
  }
  if (!hasEnded) throw new Error(`${path}:${number}: here a line ${END} is missing: the run, or the file, was cut off`);
}

function parse(line: string, place: string): Entry {
  try {
    const entry = JSON.parse(line) as Entry;
    if (typeof entry.at === 'number' && ('fault' in entry ? isOfFault(entry) : isOfClient(entry))) return entry;
  } catch {
    // Said below.
  }
  throw new Error(`${place}: this is no entry of a history: ${line.slice(0, 200)}`);
}

function isOfClient({ kind, session, count }: ClientEntry): boolean {
  if (typeof session !== 'string' || !CLIENT_KINDS.some((known) => known === kind)) return false;
  return !COUNTED_KINDS.includes(kind) || Number.isSafeInteger(count);
}

function isOfFault({ kind, effect }: FaultEntry): boolean {
  return (kind === 'began' || kind === 'ended') && EFFECTS.some((known) => known === effect);
}
