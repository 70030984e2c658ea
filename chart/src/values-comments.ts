/**
 * What the comment above a key of values.yaml says: `# -- ` begins its description, which goes on to the end of the comment,
 * `# @schema {...}` is its rule, and `# @default -- ` words for a default that is derived or long.
 */
import { isScalar, type Pair, type YAMLMap } from 'yaml';

/** The comment above the key at an index; empty if there is none. */
export function commentOf(map: YAMLMap, index: number): string {
  // The parser gives the comment above a map's first key to the map.
  const above = index === 0 ? map.commentBefore : undefined;
  const key = map.items[index]?.key;
  return above ?? (isScalar(key) ? key.commentBefore : undefined) ?? '';
}

/** The description in a comment; empty if there is none. */
export function descriptionIn(comment: string): string {
  const lines = linesOf(comment);
  const start = lines.findLastIndex((line) => line.startsWith('-- '));
  if (start === -1) return '';
  return lines
    .slice(start)
    .filter((line) => !line.startsWith('@'))
    .join(' ')
    .slice('-- '.length);
}

/** The rule in a comment, as YAML. */
export function ruleTextIn(comment: string): string | undefined {
  return textAfter('@schema ', comment);
}

/** The words for the default in a comment. */
export function defaultIn(comment: string): string | undefined {
  return textAfter('@default -- ', comment);
}

export function keyName({ key }: Pair): string {
  return String(isScalar(key) ? key.value : key);
}

function textAfter(mark: string, comment: string): string | undefined {
  return linesOf(comment)
    .find((line) => line.startsWith(mark))
    ?.slice(mark.length);
}

function linesOf(comment: string): string[] {
  return comment.split('\n').map((line) => line.trim());
}
