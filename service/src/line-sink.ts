/** Whole lines, each with its line feed. Destinations share the bytes: they read them and never change them. */
export interface LineBatch {
  readonly bytes: Buffer;
  readonly lines: number;
}

/** Where batches of lines go. */
export interface LineDestination {
  /** Takes lines, or drops and counts what it has no room for. Never throws, never waits. */
  take(batch: LineBatch): void;
  /**
   * Waits until all lines taken so far are delivered or lost.
   * @param timeoutMs after this long it returns all the same
   */
  flush(timeoutMs: number): Promise<void>;
}

/** How long lines are gathered before they are handed out, unless {@link BATCH_CHARS} come together first. */
const GATHER_MS = 10;
/** Size of a batch: large enough to make a write cheap, small enough for a pipe (64 KiB on Linux). */
const BATCH_CHARS = 65_536;
const LINE_FEED = 0x0a;

/** Gathers the log's lines, and hands them out in batches: whatever a destination costs, it costs once a batch. */
export class LineSink {
  readonly #destinations: readonly LineDestination[];
  #gathered = '';
  #lines = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(...destinations: readonly LineDestination[]) {
    this.#destinations = destinations;
  }

  /** Takes a line, without its line feed. Never throws, never waits. */
  write(line: string): void {
    this.#gathered += line + '\n';
    this.#lines += 1;
    if (this.#gathered.length >= BATCH_CHARS) this.handOut();
    this.#timer ??= setTimeout(this.#onTimer, GATHER_MS);
  }

  /** Hands out what is gathered, without waiting for more. */
  handOut(): void {
    if (this.#lines === 0) return;
    const batch: LineBatch = { bytes: Buffer.from(this.#gathered), lines: this.#lines };
    this.#gathered = '';
    this.#lines = 0;
    for (const destination of this.#destinations) destination.take(batch);
  }

  /** Hands out what is gathered, and waits for every destination, for this long at most. */
  async flush(timeoutMs: number): Promise<void> {
    this.handOut();
    await Promise.all(this.#destinations.map((destination) => destination.flush(timeoutMs)));
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    this.handOut();
  };
}

/** The whole lines at the start of a batch that fit into `maxBytes`, and the rest. */
export function splitBatch(batch: LineBatch, maxBytes: number): readonly [LineBatch, LineBatch] {
  const { bytes, lines } = batch;
  if (bytes.length <= maxBytes) return [batch, { bytes: bytes.subarray(bytes.length), lines: 0 }];
  const end = maxBytes <= 0 ? 0 : bytes.lastIndexOf(LINE_FEED, maxBytes - 1) + 1;
  const kept = bytes.subarray(0, end);
  const keptLines = countLines(kept);
  return [
    { bytes: kept, lines: keptLines },
    { bytes: bytes.subarray(end), lines: lines - keptLines },
  ];
}

function countLines(bytes: Buffer): number {
  let lines = 0;
  for (let at = bytes.indexOf(LINE_FEED); at !== -1; at = bytes.indexOf(LINE_FEED, at + 1)) lines += 1;
  return lines;
}
