/** A Markdown table. Cells may hold any text without line breaks; a `|` in them is escaped. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

/** Text of a cell in code type; nothing for no text. */
export function code(text: string): string {
  return text === '' ? '' : `\`${text}\``;
}
