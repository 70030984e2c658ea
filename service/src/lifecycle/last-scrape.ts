import { EventEmitter } from 'node:events';

/** Knows when the metrics were scraped, for the one who waits for the last scrape. */
export class Scrapes extends EventEmitter<{ finished: [startedAt: number] }> {
  /**
   * Waits for a scrape that begins after this call and has been answered whole.
   * @param timeoutMs longest wait
   * @returns whether there was one
   */
  next(timeoutMs: number): Promise<boolean> {
    const calledAt = performance.now();
    return new Promise((resolve) => {
      const finish = (scraped: boolean): void => {
        clearTimeout(timer);
        this.off('finished', listener);
        resolve(scraped);
      };
      const listener = (startedAt: number): void => {
        if (startedAt >= calledAt) finish(true);
      };
      const timer = setTimeout(finish, timeoutMs, false);
      this.on('finished', listener);
    });
  }
}
