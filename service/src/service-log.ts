import type { Config } from './config/options.ts';
import { LineSink } from './log/line-sink.ts';
import { LineWriter } from './log/line-writer.ts';
import { createServiceLogger, type Logger } from './log/logger.ts';
import { lokiSenderOptions } from './loki/shipping-options.ts';
import { LokiReports } from './loki/reports.ts';
import { LokiShipper } from './loki/shipper.ts';

/** Maximum wait for the reader of stdout to read the last lines. */
const STDOUT_FLUSH_MS = 1000;

/** The service's log, from the logger to where its lines go. */
export class ServiceLog {
  readonly logger: Logger;
  readonly stdout: LineWriter;
  /** Only with LOKI_ENABLED. */
  readonly loki: LokiShipper | undefined;
  readonly #sink: LineSink;
  /** Time spent waiting for Loki at the end. */
  #spentMs = 0;

  /** @param fd where lines are written, 1 for stdout */
  constructor(config: Config, fd: number) {
    this.stdout = new LineWriter(fd, config.logBufferBytes);
    this.loki = config.lokiEnabled ? new LokiShipper(lokiSenderOptions(config)) : undefined;
    this.#sink = new LineSink(this.stdout, ...(this.loki === undefined ? [] : [this.loki]));
    this.logger = createServiceLogger(this.#sink, config.logLevel);
    if (this.loki !== undefined) new LokiReports(this.loki, this.logger.named('chat.loki'));
  }

  /** Waits until every line so far is written, up to a second. */
  async written(): Promise<void> {
    this.#sink.handOut();
    await this.stdout.flush(STDOUT_FLUSH_MS);
  }

  /**
   * Delivers the lines so far to Loki. When it does not take them in time, they are counted as lost, and later lines go to
   * stdout alone.
   * @param lokiMs maximum wait, of all calls together
   */
  async deliver(lokiMs: number): Promise<void> {
    this.#sink.handOut();
    const startedAt = performance.now();
    const lost = (await this.loki?.deliver(Math.max(0, lokiMs - this.#spentMs))) ?? 0;
    this.#spentMs += performance.now() - startedAt;
    this.#reportLost(lost);
  }

  /**
   * Delivers the last lines. One more line, on stdout, says how many of them did not reach Loki in time.
   * @param lokiMs maximum wait for Loki, with that of {@link deliver}
   */
  async end(lokiMs: number): Promise<void> {
    await Promise.all([this.written(), this.deliver(lokiMs)]);
    this.#reportLost((await this.loki?.close()) ?? 0);
    await this.written();
  }

  #reportLost(lines: number): void {
    if (lines > 0) this.logger.warn('The last log lines did not reach Loki', { event: 'loki_lines_lost', lines });
  }
}
