import { GAUGES, type GaugeName } from './soak-gauges.ts';

type Sample = Readonly<Partial<Record<GaugeName, number | undefined>>> & { readonly at: number };

const COLUMNS = 2;
const [WIDTH, HEIGHT] = [420, 130];
/** Around the curve of each panel. */
const MARGIN = { left: 12, right: 64, top: 34, bottom: 18 };
/** Points of a curve, at most. */
const POINTS = 300;
const SHOWN = ['memory', 'heap', 'files', 'series', 'sessions', 'stored', 'redis', 'lag'] as const;

/** An SVG with a panel for each gauge, from 0 on, and a line for each drain. Colours are readable on white and on black. */
export function soakPlot(samples: readonly Sample[], drainsMs: readonly number[]): string {
  const end = samples.at(-1)?.at ?? 1;
  const every = Math.ceil(samples.length / POINTS);
  const thinned = samples.filter((_, index) => index % every === 0);
  const panels = SHOWN.map((name, index) => {
    const place = `translate(${(index % COLUMNS) * WIDTH},${Math.floor(index / COLUMNS) * HEIGHT})`;
    return `<g transform="${place}">${panel(name, thinned, drainsMs, end)}</g>`;
  });
  const [width, height] = [COLUMNS * WIDTH, Math.ceil(SHOWN.length / COLUMNS) * HEIGHT];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">
<style>text { fill: #777 } path { fill: none; stroke: #2f81d6; stroke-width: 1.5 } line { stroke: #999; stroke-width: 0.5 } .drain { stroke: #c80 }</style>
${panels.join('\n')}
</svg>
`;
}

function panel(name: GaugeName, samples: readonly Sample[], drainsMs: readonly number[], end: number): string {
  const { doc, unit } = GAUGES[name];
  const [right, bottom] = [WIDTH - MARGIN.right, HEIGHT - MARGIN.bottom];
  const points = samples.flatMap((sample) => {
    const value = sample[name];
    return value === undefined ? [] : [{ at: sample.at, value }];
  });
  const most = Math.max(...points.map(({ value }) => value), 1e-9) * 1.1;
  const x = (at: number): string => (MARGIN.left + (at / end) * (right - MARGIN.left)).toFixed(1);
  const y = (value: number): string => (bottom - (value / most) * (bottom - MARGIN.top)).toFixed(1);
  const last = points.at(-1)?.value ?? 0;
  return [
    `<text x="${MARGIN.left}" y="${MARGIN.top - 14}">${doc.replaceAll('`', '')}${unit && `, ${unit}`}</text>`,
    `<line x1="${MARGIN.left}" x2="${right}" y1="${bottom}" y2="${bottom}"/>`,
    ...drainsMs.map((at) => `<line class="drain" x1="${x(at)}" x2="${x(at)}" y1="${MARGIN.top}" y2="${bottom}"/>`),
    `<path d="${points.map(({ at, value }, index) => `${index === 0 ? 'M' : 'L'}${x(at)} ${y(value)}`).join('')}"/>`,
    `<text x="${right + 6}" y="${y(last)}">${Number(last.toFixed(last < 10 ? 2 : 0))}</text>`,
    `<text x="${MARGIN.left}" y="${bottom + 13}">0</text>`,
    `<text x="${right}" y="${bottom + 13}" text-anchor="end">${Number((end / 60_000).toFixed(1))} min</text>`,
  ].join('');
}
