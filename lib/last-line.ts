/** The last line of a text that is not empty, such as what a program said at its end; '' if there is none. */
export function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.trim() ?? '';
}
