import type { Readable } from 'node:stream';
import { getText, type Answer } from '../../lib/http-get.ts';
import type { Settings } from './command-line.ts';
import { LocalHealth, SERVICE } from './local-health.ts';
import { LogFile } from './log-file.ts';
import { lineSplitter } from './log-lines.ts';
import type { LogReader } from './log-reader.ts';
import { MetricsWatch } from './metrics-watch.ts';
import { snapshotOf } from './metrics.ts';
import type { Report } from './report.ts';
import { checkHealth, scrape, type HealthCheck } from './service-http.ts';
import { every } from './every.ts';

/** Time between two looks at the health endpoints. */
const HEALTH_MS = 1000;
const TIMEOUT_MS = 5000;
/** Time for a service that is started beside the monitor to answer, before its absence is reported. */
const START_MS = 3000;

/** Watches one service by its URL and its log. */
export class LocalWatch {
  readonly #settings: Settings;
  readonly #report: Report;
  readonly #log: LogReader;
  readonly #health: LocalHealth;
  readonly #metrics: MetricsWatch;
  readonly #startedMs = Date.now();

  constructor(settings: Settings, report: Report, log: LogReader) {
    this.#settings = settings;
    this.#report = report;
    this.#log = log;
    this.#health = new LocalHealth(report);
    this.#metrics = new MetricsWatch(report, SERVICE, this.#startedMs);
  }

  /**
   * Watches until the signal aborts.
   * @param stdin the log, if it is a pipe and no file is given
   */
  async run(signal: AbortSignal, stdin: Readable | undefined): Promise<void> {
    const { interval, logFile } = this.#settings;
    const log = logFile ?? (stdin === undefined ? 'none (give --log-file or a pipe)' : 'standard input');
    this.#report.expect(this.#place);
    this.#report.notice({
      kind: 'watching',
      source: SERVICE,
      message: `${this.#place} every ${interval} s; log: ${log}`,
    });
    if (logFile === undefined && stdin !== undefined) this.#followPipe(stdin);
    await Promise.all([
      logFile !== undefined && new LogFile(logFile, this.#report, this.#readLine).follow(signal),
      every(HEALTH_MS, signal, () => this.#checkHealth()),
      every(interval * 1000, signal, () => this.#snapshot()),
    ]);
    if (!this.#health.everReached) await this.#checkHealth(0);
    this.#health.finish();
  }

  readonly #get = (path: string): Promise<Answer> => getText(new URL(`.${path}`, this.#settings.url), TIMEOUT_MS);

  /** Address of the service, for people. */
  get #place(): string {
    const { origin, pathname } = this.#settings.url;
    return origin + pathname.replace(/\/$/, '');
  }

  readonly #readLine = (line: string): void => {
    if (line !== '') this.#health.record(this.#log.read(SERVICE, line));
  };

  /** @param startMs time for it to answer at all */
  async #checkHealth(startMs = START_MS): Promise<HealthCheck> {
    const check = await checkHealth(this.#get);
    this.#health.observe(check);
    if (check.answered) this.#report.seen(this.#place);
    // A service that was there and went is a problem of the service, not of the watch.
    else if (!this.#health.everReached && Date.now() - this.#startedMs >= startMs)
      this.#report.lost(this.#place, `${check.reason}; is the service running there? --url names another place`);
    return check;
  }

  async #snapshot(): Promise<void> {
    this.#report.reportRepeated();
    const check = await this.#checkHealth();
    if (!check.answered) return;
    try {
      const step = this.#metrics.step(await scrape(this.#get));
      this.#report.seen('metrics');
      this.#health.metricsRead(step.restarted);
      this.#report.addTotals(step.activity);
      this.#report.snapshot(SERVICE, snapshotOf(step));
    } catch (error) {
      // The end of the process is found by the health checks.
      if ((await this.#checkHealth()).answered) this.#report.lost('metrics', (error as Error).message);
    }
  }

  #followPipe(stdin: Readable): void {
    const ended = { kind: 'stream', source: 'standard input', message: 'ended: no log is read any more' } as const;
    stdin.on('end', () => {
      this.#report.notice(ended);
    });
    stdin.pipe(lineSplitter()).on('data', this.#readLine);
  }
}
