/** Things that arrive, in order, for one who may ask before or after they come. */
export class Inbox<T> {
  readonly #arrived: T[] = [];
  readonly #waiting: { readonly wanted: (item: T) => boolean; readonly resolve: (item: T) => void }[] = [];

  put(item: T): void {
    const index = this.#waiting.findIndex(({ wanted }) => wanted(item));
    if (index === -1) this.#arrived.push(item);
    else this.#waiting.splice(index, 1)[0]?.resolve(item);
  }

  /** The first thing that is wanted, now or when it comes. It is taken out. */
  next(wanted: (item: T) => boolean = () => true): Promise<T> {
    const index = this.#arrived.findIndex(wanted);
    if (index !== -1) return Promise.resolve(this.#arrived.splice(index, 1)[0] as T);
    return new Promise((resolve) => this.#waiting.push({ wanted, resolve }));
  }

  /** What arrived and was not taken. */
  get left(): readonly T[] {
    return this.#arrived;
  }
}
