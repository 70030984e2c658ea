/**
 * Finds few items that still fail, by delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing
 * Input", 2002: ddmin).
 * @param fails whether a part of the items fails, in their order
 * @param attempts calls of `fails`, at most
 */
export async function shrink<T>(
  items: readonly T[],
  fails: (part: readonly T[]) => Promise<boolean>,
  attempts: number,
): Promise<readonly T[]> {
  let left = items;
  let parts = 2;
  let calls = 0;
  while (left.length > 1) {
    const size = Math.ceil(left.length / parts);
    const cuts = Array.from({ length: Math.ceil(left.length / size) }, (_, index) => index * size);
    const candidates = [
      ...(parts === 2 ? cuts.map((from) => left.slice(from, from + size)) : []),
      ...(parts === 2 ? [] : cuts.map((from) => [...left.slice(0, from), ...left.slice(from + size)])),
    ];
    const smaller = await firstThat(candidates, async (part) => (calls += 1) <= attempts && (await fails(part)));
    if (calls > attempts) return left;
    if (smaller !== undefined) {
      left = smaller;
      parts = Math.max(2, parts - 1);
    } else if (parts >= left.length) return left;
    else parts = Math.min(left.length, parts * 2);
  }
  return left;
}

async function firstThat<T>(items: readonly T[], holds: (item: T) => Promise<boolean>): Promise<T | undefined> {
  for (const item of items) if (await holds(item)) return item;
  return undefined;
}
