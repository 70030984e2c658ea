import { inTime } from '../../runtime/in-time.ts';

/** Who must have a batch before it counts as written. */
export interface Acknowledgement {
  /** Replicas that must have received it; with `fsync`, that must have it on disk. */
  readonly replicas: number;
  /** The master must have it on disk, too. */
  readonly fsync: boolean;
}

/** A client of the library that sends pipelines, each over one connection. */
export interface PipelineClient {
  multi(): Pipeline;
}

/** Commands that the library sends over one connection, in order, or rejects all together. */
interface Pipeline {
  sendCommand(args: readonly string[]): this;
  /** @throws {Error} the first error that a command got */
  execAsPipeline(): Promise<unknown[]>;
}

/** Why a batch that the server applied is not acknowledged: values of the `reason` label. */
export type MissingAcknowledgement = 'too_few_replicas' | 'not_on_disk';

/** Replicas, or the disk, did not acknowledge a batch in time. */
export class NotAcknowledgedError extends Error {
  override readonly name = 'NotAcknowledgedError';
  readonly reason: MissingAcknowledgement;

  constructor(reason: MissingAcknowledgement, message: string) {
    super(message);
    this.reason = reason;
  }
}

/**
 * Runs scripts on one server, and waits until what they wrote is acknowledged, by `WAIT` or `WAITAOF`.
 *
 * `WAIT` covers the writes of its own connection, so it goes behind the scripts in the same pipeline. It blocks what
 * comes behind it, so scripts go in groups, one `WAIT` each. The next group has everything that arrived meanwhile.
 */
export class ReplicatedScripts {
  readonly #client: PipelineClient;
  readonly #acknowledgement: Acknowledgement;
  readonly #timeoutSeconds: number;
  readonly #wait: readonly string[];
  #waiting: Call[] = [];
  #sending = false;

  /** @param timeoutSeconds maximum wait for the acknowledgement of a group */
  constructor(client: PipelineClient, acknowledgement: Acknowledgement, timeoutSeconds: number) {
    this.#client = client;
    this.#acknowledgement = acknowledgement;
    this.#timeoutSeconds = timeoutSeconds;
    this.#wait = waitCommand(acknowledgement, timeoutSeconds * 1000);
  }

  /**
   * Runs a script that writes something whenever it succeeds: nothing would be waited for otherwise.
   * @returns its reply, once what it wrote is acknowledged
   * @throws {NotAcknowledgedError} when that takes too long
   * @throws {Error} when this script, or another one of its group, fails
   */
  run(command: readonly string[]): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    this.#waiting.push({ command, resolve, reject });
    if (!this.#sending) {
      this.#sending = true;
      // With what other writers send in this turn.
      setImmediate(() => void this.#sendAll());
    }
    return promise;
  }

  async #sendAll(): Promise<void> {
    while (this.#waiting.length > 0) await this.#send(this.#waiting.splice(0));
    this.#sending = false;
  }

  async #send(group: readonly Call[]): Promise<void> {
    try {
      // Longer than WAIT, which says by its reply who is missing.
      const late = `timeout: no acknowledgement within ${this.#timeoutSeconds * 2} s`;
      const replies = await inTime(this.#exchange(group), this.#timeoutSeconds * 2, late);
      this.#check(replies.pop());
      for (const [index, call] of group.entries()) call.resolve(replies[index] as string);
    } catch (error) {
      for (const call of group) call.reject(error);
    }
  }

  #exchange(group: readonly Call[]): Promise<unknown[]> {
    const pipeline = this.#client.multi();
    for (const { command } of group) pipeline.sendCommand(command);
    return pipeline.sendCommand(this.#wait).execAsPipeline();
  }

  /** @param reply replicas for WAIT; for WAITAOF the master (0 or 1), then replicas */
  #check(reply: unknown): void {
    const { replicas, fsync } = this.#acknowledgement;
    const [master, received] = (fsync ? reply : [1, reply]) as [number, number];
    if (received < replicas)
      throw new NotAcknowledgedError(
        'too_few_replicas',
        `${received} of ${replicas} replicas acknowledged the batch within ${this.#timeoutSeconds} s${fsync ? ' as on disk' : ''}`,
      );
    if (master < 1)
      throw new NotAcknowledgedError('not_on_disk', `the batch was not on disk within ${this.#timeoutSeconds} s`);
  }
}

/** Waits at most `ms`. */
function waitCommand({ replicas, fsync }: Acknowledgement, ms: number): readonly string[] {
  const rest = [String(replicas), String(Math.ceil(ms))];
  return fsync ? ['WAITAOF', '1', ...rest] : ['WAIT', ...rest];
}

interface Call {
  readonly command: readonly string[];
  readonly resolve: (reply: string) => void;
  readonly reject: (error: unknown) => void;
}
