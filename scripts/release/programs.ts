import { run } from '../chart/tools.ts';
import { ReleaseProblem } from './problem.ts';

/** @throws {ReleaseProblem} if a program is not there */
export function requirePrograms(...names: readonly string[]): void {
  const missing = names.filter((name) => run('bash', ['-c', `command -v ${name}`]).status !== 0);
  if (missing.length > 0)
    throw new ReleaseProblem(
      `${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing; npm run testbed -- build crane helm syft cosign builds all but git and buildah, which are Debian packages`,
    );
}
