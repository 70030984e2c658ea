/**
 * Waits for something, but not for longer than a time limit.
 * @param late message of the error after that
 * @throws {Error} what the work rejects with, or the error `late`
 */
export async function inTime<T>(work: T | Promise<T>, seconds: number, late: string): Promise<Awaited<T>> {
  const { promise: timeout, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new Error(late));
  }, seconds * 1000);
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
