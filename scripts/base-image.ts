import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './chart/tools.ts';

/** The image that the last stage of the Dockerfile begins with, by the defaults of its arguments. */
export function baseImage(dockerfile = readFileSync(join(ROOT, 'Dockerfile'), 'utf8')): string {
  const [, name = ''] = [...dockerfile.matchAll(/^FROM (?:--\S+ )*(\S+)/gm)].at(-1) ?? [];
  return name.replaceAll(
    /\$\{(\w+)\}/g,
    (_, arg: string) => new RegExp(`^ARG ${arg}=(.*)$`, 'm').exec(dockerfile)?.[1] ?? '',
  );
}
