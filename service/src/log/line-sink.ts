import { LineBuffer, MAX_CHARACTER_BYTES } from './line-buffer.ts';

/** Whole lines, each with its line feed. The bytes are lent: who keeps them copies them. */
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
  flush(timeoutMs: number): Promise<unknown>;
}

/** How long lines are gathered before they are handed out, unless a buffer is full first. */
const GATHER_MS = 20;
const LINE_FEED = 0x0a;

/** Gathers the log's lines, and hands them out in batches: whatever a destination costs, it costs once a batch. */
export class LineSink {
  readonly #destinations: readonly LineDestination[];
  readonly #gathered = new LineBuffer();
  #timer: NodeJS.Timeout | undefined;

  constructor(...destinations: readonly LineDestination[]) {
    this.#destinations = destinations;
  }

  /** Takes a line, without its line feed. Never throws, never waits. */
  write(line: string): void {
    const most = line.length * MAX_CHARACTER_BYTES + 1;
    const gathered = this.room(most);
    if (gathered.fits(most)) {
      gathered.text(line);
      gathered.end();
    } else this.#giveOut({ bytes: Buffer.from(`${line}\n`), lines: 1 });
  }

  /**
   * Where a line can be put together that has so many bytes at most, its line feed included. It is to be ended in the same turn of the
   * event loop. More than the buffer holds does not fit.
   */
  room(bytes: number): LineBuffer {
    if (!this.#gathered.fits(bytes)) this.handOut();
    this.#timer ??= setTimeout(this.#onTimer, GATHER_MS);
    return this.#gathered;
  }

  /** Hands out what is gathered, without waiting for more. */
  handOut(): void {
    const { lines } = this.#gathered;
    if (lines > 0) this.#giveOut({ lines, bytes: this.#gathered.take() });
  }

  /** Hands out what is gathered, and waits for every destination, for this long at most. */
  async flush(timeoutMs: number): Promise<void> {
    this.handOut();
    await Promise.all(this.#destinations.map((destination) => destination.flush(timeoutMs)));
  }

  #giveOut(batch: LineBatch): void {
    for (const destination of this.#destinations) destination.take(batch);
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
