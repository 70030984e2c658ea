import { onPath } from '../tools.ts';
import { ReleaseProblem } from './problem.ts';

/** @throws {ReleaseProblem} if a program is not there */
export function requirePrograms(...names: readonly string[]): void {
  const missing = names.filter((name) => onPath(name) === undefined);
  if (missing.length > 0)
    throw new ReleaseProblem(
      `${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing; npm run testbed -- build crane helm syft cosign builds all but git and buildah, which are Debian packages`,
    );
}
