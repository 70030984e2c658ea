import type { Agent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import LokiTransport from 'winston-loki';
import type { LokiEntry, LokiSenderOptions, LokiStream } from './types.ts';

/**
 * winston-loki's transport, handed whole batches.
 *
 * This is the one file that uses what winston-loki does not document: the `batcher` of a transport, its `batch` and its
 * `sendBatchToLoki`, and that its JSON writer takes the entries of a stream by one call of `map`. The way it documents,
 * `log(info)`, makes one request of each line or runs a loop of its own, without a limit on its queue and with a pause of 60 s after
 * a failure; it cuts times to milliseconds, within which Loki keeps no order. With `batching: false` and `clearOnError` the batcher
 * has no loop, and each batch is one request and one promise, whatever its result.
 *
 * package.json pins the version; service/test/loki-transport.test.ts fails when another one behaves differently.
 */
export class BatchTransport extends LokiTransport {
  declare private readonly batcher: Batcher;

  /** @param agent keeps the connections; destroying it ends a request under way, which the `timeout` of winston-loki may not */
  constructor({ url, headers }: Pick<LokiSenderOptions, 'url' | 'headers'>, agent: Agent) {
    super({
      host: url,
      headers: { ...headers },
      json: true,
      batching: false,
      // It would end the process on SIGTERM.
      gracefulShutdown: false,
      replaceTimestamp: false,
      clearOnError: true,
      ...(agent instanceof HttpsAgent ? { httpsAgent: agent } : { httpAgent: agent }),
    });
  }

  /**
   * Sends one request with these streams.
   * @throws {PushError} if Loki answers with another status than 2xx
   * @throws {Error} a system error, if there is no answer
   */
  push(streams: readonly LokiStream[]): Promise<void> {
    this.batcher.batch = {
      streams: streams.map(({ labels, entries }) => ({ labels, entries: new FinishedEntries(...entries) })),
    };
    return this.batcher.sendBatchToLoki();
  }
}

/** The error of an answer that is not 2xx. */
export interface PushError extends Error {
  readonly statusCode: number;
  readonly responseBody: string;
}

interface Batcher {
  batch: { streams: { labels: Readonly<Record<string, string>>; entries: FinishedEntries }[] };
  sendBatchToLoki(): Promise<void>;
}

/** Entries that are written as they are: `map` does not rebuild them from milliseconds. */
class FinishedEntries extends Array<LokiEntry> {
  override map<U>(): U[] {
    return this as unknown as U[];
  }
}
