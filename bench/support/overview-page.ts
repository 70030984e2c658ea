import { readFileSync } from 'node:fs';
import { escapeHtml, htmlPage, list, row, section } from '../../loadtest/src/html.ts';
import {
  contendersOf,
  measureRows,
  plainFigures,
  ratioText,
  targetFigures,
  valueText,
  type Overview,
  type PartReport,
} from './overview-result.ts';

/** The overview as one page: a plot for each measure, the targets, and every figure. It loads nothing from anywhere. */
export function renderOverview(overview: Overview): string {
  const { at, parts, quick } = overview;
  const [machine] = parts;
  const look = quick ? '; a quick look, no claim' : '';
  const where = `${at}, Node.js ${machine?.node ?? ''}, ${machine?.cpus ?? 0} cores, ${machine?.cpu ?? ''}${look}`;
  return htmlPage({
    title: 'Benchmarks',
    body: `<header><h1>Benchmarks</h1>
<p>${escapeHtml(where)}. Bars are medians of the rounds, lines reach from the least to the most.</p></header>
${list(
  'failures',
  parts.flatMap(({ faults }) => faults),
)}
<div class="plots" id="plots"></div>
${targets(overview)}
${parts.map(partTables).join('\n')}`,
    data: plots(overview),
    script: readFileSync(new URL('overview-page.js', import.meta.url), 'utf8'),
  });
}

/** What the page's script draws. */
interface Plot {
  readonly title: string;
  readonly unit: string;
  readonly bars: readonly { readonly label: string; readonly value: number; readonly spread: readonly number[] }[];
}

function plots({ parts }: Overview): Plot[] {
  return parts.flatMap((part) =>
    measureRows(part).map(({ name, unit, values }) => ({
      title: name,
      unit,
      bars: [...values].map(([label, { value, spread }]) => ({ label, value, spread: spread ?? [value, value] })),
    })),
  );
}

function targets(overview: Overview): string {
  const rows = targetFigures(overview).map((each) =>
    row(
      [each.name, `${valueText(each)} ${each.unit}`, each.target ?? '', each.met === true ? 'met' : 'missed'],
      each.met !== true,
    ),
  );
  return section('Targets', ['figure', 'median and spread', 'target', ''], rows);
}

function partTables(part: PartReport): string {
  const contenders = contendersOf(part);
  const compared = measureRows(part).map(({ name, unit, values, ratios }) =>
    row([
      `${name}${unit === '' ? '' : `, ${unit}`}`,
      ...contenders.map((contender) => {
        const [value, ratio] = [values.get(contender), ratios.get(contender)];
        if (value === undefined) return '';
        return ratio === undefined ? valueText(value) : `${valueText(value)}; ${ratioText(ratio)}`;
      }),
    ]),
  );
  const plain = plainFigures(part).map((each) => row([each.name, `${valueText(each)} ${each.unit}`]));
  return [
    section(part.bench, ['', ...contenders], compared),
    section(compared.length > 0 ? `${part.bench}, besides` : part.bench, ['', ''], plain),
    `<p>${escapeHtml(part.method)}</p>`,
  ].join('\n');
}
