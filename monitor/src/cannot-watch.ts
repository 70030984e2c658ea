/** There is nothing to watch, and there won't be: a wrong context, no permission. The message says why and what to do. */
export class CannotWatchError extends Error {
  override readonly name = 'CannotWatchError';
  /** What can't be watched. */
  readonly part: string;

  constructor(part: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.part = part;
  }
}
