import { ToolFailure } from '../chart/tools.ts';

/** Why there is no release, in one sentence for a person: what was found, where, and what to do next. */
export class ReleaseProblem extends Error {
  override readonly name = 'ReleaseProblem';
}

/**
 * Runs a program of a release. A problem, or a tool that fails, is printed as one line, status 1; anything else is a fault of
 * the program.
 */
export async function withProblems(name: string, work: () => Promise<void> | void): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof ReleaseProblem) console.error(`${name}: ${error.message}`);
    else if (error instanceof ToolFailure) console.error(`${name}: ${error.summary}`);
    else throw error;
    process.exitCode = 1;
  }
}
