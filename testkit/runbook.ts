/** Contents of the code blocks of a language in a page of Markdown. */
export function codeBlocks(markdown: string, language: string): string[] {
  return [...markdown.matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`$`, 'gm'))].map(([, code = '']) =>
    code.trim(),
  );
}
