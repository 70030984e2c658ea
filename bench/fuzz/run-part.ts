import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Connection } from './connections.ts';
import type { Outcome } from './exchange.ts';
import { HANDSHAKE_TIMEOUT_SECONDS, type Part } from './parts.ts';
import { Target, type Played } from './target.ts';

/** How a part is run. */
export interface RunOptions {
  readonly seed: number;
  /** Minimum of inputs to send: an input is a request, or a frame or a message in fragments. */
  readonly inputs: number;
  /** Runs this input alone: fast-check's path to it, as a failure prints it. */
  readonly only?: string | undefined;
}

/** What a part found. */
export interface PartReport {
  readonly part: string;
  readonly inputs: number;
  readonly connections: number;
  readonly messages: number;
  /** Messages of the checking clients, each with the right count. */
  readonly checked: number;
  readonly seconds: number;
  /** Bytes by which the heap of the first service grew from the first part of the run to its end. */
  readonly heapGrowth: number;
  /** What went wrong, with the shrunk input and the command that repeats it; undefined if nothing did. */
  readonly failure: string | undefined;
}

/** Connections of a batch, at most: they are played at once. */
const BATCH = 32;
/** Batches of one call of fast-check. Each call has a seed of its own, so that a failure late in a run is replayed fast. */
const BATCHES = 5;
/** Longest that a failing batch is shrunk. A batch is never interrupted: it would go on, beside the next one. */
const MAX_SHRINK_MS = 60_000;
/** Share of the inputs after which the heap is first measured: by then code is compiled and caches are full. */
const WARMUP_SHARE = 0.3;
/** Growth of the heap that is noise, and what a connection may add to it. A leaked connection is 3 KiB or more. */
const HEAP_NOISE_BYTES = 1_500_000;
const HEAP_BYTES_PER_CONNECTION = 40;
/** Refusals and close codes that limits bring about. */
const LIMIT_STATUSES: readonly (number | undefined)[] = [403, 429, 503];
const LIMIT_CLOSES: readonly (number | undefined)[] = [undefined, 1001, 1008];
/** A connection that took longer was given more tokens than its burst. */
const TOKEN_SECONDS = 0.9;

/** Runs one part against services of its own. */
export async function runPart(part: Part, options: RunOptions): Promise<PartReport> {
  const run = new PartRun(part, options);
  try {
    return await run.report();
  } finally {
    await run.end();
  }
}

class PartRun {
  readonly #part: Part;
  readonly #options: RunOptions;
  readonly #targets: readonly Target[];
  #round = 0;
  /** When a batch first failed, on `performance.now`'s clock. */
  #failedAt: number | undefined;
  #inputs = 0;
  #connections = 0;
  #messages = 0;

  constructor(part: Part, options: RunOptions) {
    this.#part = part;
    this.#options = options;
    this.#targets = part.variants.map((env) => new Target(env));
  }

  async report(): Promise<PartReport> {
    const startedAt = performance.now();
    const { inputs, only } = this.#options;
    let failure = await this.#send(only === undefined ? inputs * WARMUP_SHARE : 1);
    let heapGrowth = 0;
    if (failure === undefined && only === undefined) {
      const [base, connections] = [await this.#heapBytes(), this.#connections];
      failure = await this.#send(inputs);
      heapGrowth = (await this.#heapBytes()) - base;
      const bound = HEAP_NOISE_BYTES + HEAP_BYTES_PER_CONNECTION * (this.#connections - connections);
      if (heapGrowth > bound) failure ??= `the heap grew by ${heapGrowth} bytes, more than ${bound}`;
    }
    return {
      part: this.#part.name,
      inputs: this.#inputs,
      connections: this.#connections,
      messages: this.#messages,
      checked: this.#targets.reduce((sum, { checked }) => sum + checked, 0),
      seconds: (performance.now() - startedAt) / 1000,
      heapGrowth,
      failure,
    };
  }

  async end(): Promise<void> {
    for (const target of this.#targets) await target.end();
  }

  /** Sends until there were so many inputs. @returns what went wrong */
  async #send(inputs: number): Promise<string | undefined> {
    const { only } = this.#options;
    const batches = fc.array(this.#part.connections, { minLength: 1, maxLength: BATCH, size: 'max' });
    const property = fc.asyncProperty(batches, (batch) => this.#try(batch));
    while (this.#inputs < inputs) {
      const seed = this.#options.seed + this.#round;
      this.#round += 1;
      const details = await fc.check(property, {
        seed,
        numRuns: BATCHES,
        includeErrorInReport: true,
        ...(only !== undefined && { path: only, endOnFailure: true }),
      });
      const replay = `npm run fuzz -- --part ${this.#part.name} --seed ${seed} --only ${String(details.counterexamplePath)}`;
      if (details.failed) return `${fc.defaultReportMessage(details)}\nTo repeat it: ${replay}`;
      if (only !== undefined) return undefined;
    }
    return undefined;
  }

  /** Plays a batch, unless one has failed and was shrunk for long: then the smallest one that failed is the last. */
  async #try(batch: readonly Connection[]): Promise<void> {
    if (this.#failedAt !== undefined && performance.now() - this.#failedAt > MAX_SHRINK_MS) return;
    try {
      await this.#play(batch);
    } catch (error) {
      this.#failedAt ??= performance.now();
      throw error;
    }
  }

  async #play(batch: readonly Connection[]): Promise<void> {
    // After the input at its path fast-check would go on with those beside it.
    if (this.#options.only !== undefined && this.#connections > 0) return;
    const played = await Promise.all(this.#targets.map((target) => target.play(batch)));
    const [first, ...others] = played;
    if (first === undefined) return;
    for (const each of played) checkPlayed(batch, each, this.#part.strict);
    for (const other of others) checkAlike(batch, first, other);
    this.#connections += batch.length;
    this.#inputs += batch.reduce((sum, { stream }) => sum + 1 + stream.frames, 0);
    this.#messages += sumOf(first.outcomes);
  }

  async #heapBytes(): Promise<number> {
    return (await this.#targets[0]?.heapBytes()) ?? NaN;
  }
}

/** Compares what clients got with what was predicted, and, where nothing is lost, with what the service counted. */
function checkPlayed(batch: readonly Connection[], { outcomes, counted }: Played, strict: boolean): void {
  outcomes.forEach((outcome, index) => {
    const { statuses, stream, ending } = batch[index] as Connection;
    const { status, replies, pongs, close } = outcome;
    const limited = !strict && LIMIT_STATUSES.includes(status);
    const late = status === 408 && outcome.seconds >= HANDSHAKE_TIMEOUT_SECONDS;
    if (statuses !== undefined && ending !== 'reset' && !limited && !late)
      assert.ok(
        statuses.includes(status ?? 0),
        `the answer was ${status ?? 'none'}, expected ${statuses.join(' or ')}`,
      );
    if (status !== 101 || stream.expected === undefined || outcome.seconds > TOKEN_SECONDS) return;
    if (strict) assert.deepEqual({ replies, pongs, close }, stream.expected);
    else {
      assert.ok(replies <= stream.expected.replies, `${replies} replies to ${stream.expected.replies} messages`);
      assert.ok(close === stream.expected.close || LIMIT_CLOSES.includes(close), `closed with ${close ?? 'nothing'}`);
    }
  });
  if (strict)
    assert.equal(counted.get('websocket_messages_total') ?? 0, sumOf(outcomes), 'messages counted and answered');
}

/** Without a fast path everything is the same: each frame, and each count by its labels. */
function checkAlike(batch: readonly Connection[], one: Played, other: Played): void {
  const slow = [...one.outcomes, ...other.outcomes].some(({ seconds }) => seconds > TOKEN_SECONDS);
  if (slow) return;
  batch.forEach((_connection, index) => {
    assert.deepEqual(other.outcomes[index]?.frames, one.outcomes[index]?.frames);
  });
  assert.deepEqual(other.counted, one.counted);
}

function sumOf(outcomes: readonly Outcome[]): number {
  return outcomes.reduce((sum, { replies }) => sum + replies, 0);
}
