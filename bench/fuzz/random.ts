/**
 * Random choices that a seed repeats. Each connection of a run has a stream of its own, made from the run's seed and the
 * connection's number, so that one connection can be replayed without those before it.
 *
 * The generator is sfc32 (Chris Doty-Humphrey, PractRand), seeded by splitmix32.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number, stream: number) {
    let state = seed ^ Math.imul(stream + 1, 0x9e3779b9);
    const word = (): number => {
      state = (state + 0x9e3779b9) | 0;
      let mixed = state ^ (state >>> 16);
      mixed = Math.imul(mixed, 0x21f0aaad);
      mixed ^= mixed >>> 15;
      mixed = Math.imul(mixed, 0x735a2d97);
      return mixed ^ (mixed >>> 15);
    };
    [this.#a, this.#b, this.#c] = [word(), word(), word()];
    for (let round = 0; round < 12; round += 1) this.#next();
  }

  /** A number from 0 to below 1. */
  unit(): number {
    return this.#next() / 4_294_967_296;
  }

  /** A whole number from 0 to below `bound`. */
  below(bound: number): number {
    return Math.floor(this.unit() * bound);
  }

  /** A whole number between two, both included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.#next() < probability * 4_294_967_296;
  }

  /** One of some things. */
  pick<T>(things: readonly T[]): T {
    return things[this.below(things.length)] as T;
  }

  /** One of some things, each as often as its weight tells. */
  weighted<T>(things: readonly (readonly [weight: number, thing: T])[]): T {
    let left = this.below(things.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, thing] of things) {
      left -= weight;
      if (left < 0) return thing;
    }
    throw new RangeError('weights must be whole numbers of at least 1');
  }

  /** Bytes of any value. */
  bytes(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    for (let index = 0; index < length; index += 1) bytes[index] = this.#next();
    return bytes;
  }

  /** Some characters of an alphabet. */
  text(length: number, alphabet: string): string {
    let text = '';
    while (text.length < length) text += alphabet.charAt(this.below(alphabet.length));
    return text;
  }

  /** A UUID in the shape of RFC 9562, of any version. */
  uuid(): string {
    const hex = this.text(32, '0123456789abcdef');
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
  }

  #next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return sum >>> 0;
  }
}
