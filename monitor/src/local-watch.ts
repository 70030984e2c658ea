import type { Readable } from 'node:stream';
import { FileTail, type FileChange } from './file-tail.ts';
import { getText, type Answer } from '../../lib/http-get.ts';
import { aborted, pause } from './waiting.ts';
import { LocalHealth, SERVICE, type HealthCheck } from './local-health.ts';
import { LogWatch } from './log-watch.ts';
import { LokiTail } from './loki-tail.ts';
import { MetricsWatch } from './metrics-watch.ts';
import type { LocalTarget, LokiTarget, Settings } from './options.ts';
import type { Report } from './report.ts';
import { checkHealth, leavesAfterScrape, scrape } from './service-http.ts';
import { isDue, snapshotOf, type Health } from './snapshot.ts';

/** Time between two looks at the health endpoints. */
const HEALTH_MS = 1000;
const TIMEOUT_MS = 5000;
/** Time for a service that is started beside the monitor to answer, before its absence is told. */
const START_MS = 3000;
/** Bound on the last look, after the time is over. */
const LAST_TIMEOUT_MS = 2000;

/** Watches one service by its URL and its log. */
export class LocalWatch {
  readonly #target: LocalTarget;
  readonly #settings: Settings;
  readonly #report: Report;
  readonly #health: LocalHealth;
  readonly #metrics: MetricsWatch;
  readonly #log: LogWatch;
  readonly #startedMs = Date.now();
  #timeoutMs = TIMEOUT_MS;
  #last = false;
  #snapshotMs = 0;

  constructor(target: LocalTarget, settings: Settings, report: Report) {
    this.#target = target;
    this.#settings = settings;
    this.#report = report;
    this.#health = new LocalHealth(report);
    this.#metrics = new MetricsWatch(report, SERVICE, this.#startedMs);
    this.#log = new LogWatch(report, settings.warn, (record) => {
      this.#health.record(record);
    });
  }

  /** Watches until the signal aborts. */
  async run(signal: AbortSignal, stdin: Readable): Promise<void> {
    const { origin } = this.#target.url;
    this.#report.coverage.expect(origin);
    this.#report.notice({
      kind: 'watching',
      source: SERVICE,
      message: `${origin} every ${this.#settings.interval} s; log: ${this.#logText()}`,
    });
    const looks = Promise.all([this.#watchHealth(signal), this.#watchMetrics(signal)]);
    // What is asked now and not answered yet does not hold up the end.
    await Promise.all([this.#watchLog(signal, stdin), Promise.race([aborted(signal), looks])]);
    this.#timeoutMs = LAST_TIMEOUT_MS;
    this.#last = true;
    await (isDue(this.#snapshotMs, this.#settings) ? this.#snapshot() : this.#checkHealth());
    this.#health.finish();
  }

  readonly #get = (path: string): Promise<Answer> => getText(new URL(path, this.#target.url), this.#timeoutMs);

  async #watchHealth(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#checkHealth();
      await pause(HEALTH_MS, signal);
    }
  }

  async #watchMetrics(signal: AbortSignal): Promise<void> {
    const intervalMs = this.#settings.interval * 1000;
    let next = Date.now();
    while (!signal.aborted) {
      await this.#snapshot();
      // On a grid, so that a slow answer does not push back all that follow.
      while (next <= Date.now()) next += intervalMs;
      await pause(next - Date.now(), signal);
    }
  }

  async #checkHealth(): Promise<HealthCheck> {
    const check = await checkHealth(this.#get);
    this.#health.observe(check);
    const { coverage } = this.#report;
    const { origin } = this.#target.url;
    if (check.answered) coverage.seen(origin);
    // A service that was there and went is a problem of the service, not of the watch.
    else if (!this.#health.everReached && (this.#last || Date.now() - this.#startedMs > START_MS))
      coverage.lost(origin, `${check.reason}; is the service running there? --url names another place`);
    return check;
  }

  async #snapshot(): Promise<void> {
    this.#snapshotMs = Date.now();
    const check = await this.#checkHealth();
    this.#report.tellRepeated();
    if (!check.answered || leavesAfterScrape(check)) return;
    const { coverage } = this.#report;
    try {
      const reading = await scrape(this.#get);
      coverage.seen('metrics');
      const { level, previous, activity } = this.#metrics.step(reading);
      if (activity?.restarted === true) this.#health.restarted();
      this.#report.addTotals(level, activity);
      this.#report.snapshot(SERVICE, { ...snapshotOf(level, previous, activity), health: healthOf(check) });
    } catch (error) {
      // A process that just went is told by the health checks.
      if ((await this.#checkHealth()).answered) coverage.lost('metrics', (error as Error).message);
    }
  }

  #logText(): string {
    const { log } = this.#target;
    switch (log.kind) {
      case 'file':
        return log.path;
      case 'stdin':
        return 'standard input';
      case 'loki':
        return `Loki at ${log.url.host}`;
      case 'none':
        return 'none (give --log-file, LOKI_URL or a pipe)';
    }
  }

  async #watchLog(signal: AbortSignal, stdin: Readable): Promise<void> {
    const { log } = this.#target;
    if (log.kind === 'stdin') await this.#followStdin(stdin, signal);
    if (log.kind === 'file') await this.#followFile(log.path, signal);
    if (log.kind === 'loki') await this.#followLoki(log, signal);
  }

  async #followFile(path: string, signal: AbortSignal): Promise<void> {
    const part = `log ${path}`;
    const { coverage } = this.#report;
    const splitter = this.#log.splitter(SERVICE);
    coverage.expect(part);
    const tail = new FileTail(path, {
      data: (chunk) => {
        splitter.push(chunk);
      },
      cut: () => {
        splitter.end();
      },
      changed: (change) => {
        if (change === 'opened') coverage.seen(part);
        else this.#report.notice({ kind: 'stream', source: part, message: FILE_CHANGES[change] });
      },
      failed: ({ code, message }) => {
        coverage.lost(part, code === 'ENOENT' ? 'there is no such file; it is read when it comes' : message);
      },
    });
    await tail.run(signal);
    splitter.end();
  }

  async #followLoki(target: LokiTarget, signal: AbortSignal): Promise<void> {
    const part = `log in Loki at ${target.url.host}`;
    const { coverage } = this.#report;
    coverage.expect(part);
    const tail = new LokiTail(target, this.#startedMs, {
      line: (line) => {
        this.#log.line(SERVICE, line);
      },
      answered: () => {
        coverage.seen(part);
      },
      failed: (reason) => {
        coverage.lost(part, reason);
      },
    });
    await tail.run(signal);
  }

  async #followStdin(stdin: Readable, signal: AbortSignal): Promise<void> {
    const splitter = this.#log.splitter(SERVICE);
    const ended = new Promise<void>((resolve) => {
      stdin.on('data', (chunk: Buffer) => {
        splitter.push(chunk);
      });
      stdin.on('end', () => {
        splitter.end();
        this.#report.notice({
          kind: 'stream',
          source: 'standard input',
          message: 'ended: whoever wrote to it is gone; the service is watched on without its log',
        });
        resolve();
      });
      stdin.on('error', resolve);
    });
    await Promise.race([ended, aborted(signal)]);
    stdin.pause();
  }
}

const FILE_CHANGES: Readonly<Record<Exclude<FileChange, 'opened'>, string>> = {
  rotated: 'rotated: the file that has its name now is read on',
  truncated: 'truncated: read from its beginning',
  vanished: 'the file has lost its name; it is read on until another has it',
};

function healthOf(check: Extract<HealthCheck, { answered: true }>): Health {
  return { ready: check.ready, status: check.status, restarts: null, lastTermination: null, image: null };
}
