/** Why a trial can't go on: a sentence that names what was found, and the next command. */
export class Problem extends Error {
  override readonly name = 'Problem';
}
