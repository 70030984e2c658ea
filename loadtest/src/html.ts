import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** What a page with plots is made of. */
export interface PageParts {
  readonly title: string;
  /** HTML of the body. */
  readonly body: string;
  /** What the script draws, as JSON in the element `result`. */
  readonly data: unknown;
  /** JavaScript that runs last, with uPlot there. */
  readonly script: string;
}

/** One HTML page with plots, which loads nothing from anywhere; its Content-Security-Policy forbids it to. */
export function htmlPage({ title, body, data, script }: PageParts): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>${escapeHtml(title)}</title>
<style>${readUplot('uPlot.min.css')}
${readFileSync(new URL('../page/report.css', import.meta.url), 'utf8')}</style>
</head>
<body>
${body}
<script type="application/json" id="result">${embeddedJson(data)}</script>
<script>${readUplot('uPlot.iife.min.js')}</script>
<script>${script}</script>
</body>
</html>
`;
}

/** A table with its heading; nothing if it has no rows. */
export function section(title: string, headings: readonly string[], rows: readonly string[]): string {
  if (rows.length === 0) return '';
  const cells = headings.map((heading) => `<th>${escapeHtml(heading)}</th>`).join('');
  return `<h2>${escapeHtml(title)}</h2>\n<div class="tables"><table><thead><tr>${cells}</tr></thead><tbody>\n${rows.join('\n')}\n</tbody></table></div>`;
}

/** A row of a table. */
export function row(cells: readonly string[], bad = false): string {
  return `<tr${bad ? ' class="bad"' : ''}>${cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join('')}</tr>`;
}

/** A list of a CSS class; nothing if it is empty. */
export function list(name: string, sentences: readonly string[]): string {
  if (sentences.length === 0) return '';
  return `<ul class="${name}">${sentences.map((sentence) => `<li>${escapeHtml(sentence)}</li>`).join('')}</ul>`;
}

export function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** JSON that can't end its script element. */
function embeddedJson(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c');
}

function readUplot(name: string): string {
  return readFileSync(fileURLToPath(import.meta.resolve(`uplot/dist/${name}`)), 'utf8');
}
