/* Draws the panels of a dashboard with uPlot. Runs in the browser: see main.ts. */
const COLUMN = 59;
const LINE = 30;
const COLOURS = [
  '#73bf69',
  '#f2cc0c',
  '#5794f2',
  '#ff780a',
  '#e02f44',
  '#b877d9',
  '#56d2ca',
  '#fade2a',
  '#8ab8ff',
  '#ffa6b0',
];
const NAMED = { green: '#73bf69', orange: '#ff9830', red: '#f2495c', blue: '#5794f2', transparent: '#ccccdc' };

/** Draws all of it into the page. */
function drawDashboard({ title, panels }) {
  document.body.innerHTML = `<h1>${title}</h1><p class="note">Preview drawn with uPlot from the answers of a real Prometheus and a real Loki. Grafana draws it its own way.</p>`;
  const grid = element('div', 'grid');
  document.body.append(grid);
  grid.style.height = `${Math.max(...panels.map(({ gridPos: { y, h } }) => y + h)) * LINE}px`;
  for (const panel of panels) {
    const box = element('div', panel.type === 'row' ? 'row' : 'panel');
    const { x, y, w, h } = panel.gridPos;
    Object.assign(box.style, {
      left: `${x * COLUMN}px`,
      top: `${y * LINE}px`,
      width: `${w * COLUMN - 6}px`,
      height: `${h * LINE - 6}px`,
    });
    grid.append(box);
    if (panel.type === 'row') box.textContent = panel.title;
    else drawPanel(box, panel);
  }
}

function drawPanel(box, panel) {
  const heading = element('h2');
  heading.textContent = panel.title;
  box.append(heading);
  const draw = { timeseries, stat, gauge, bargauge, heatmap, 'state-timeline': states, table, logs }[panel.type];
  if (panel.series.length === 0 && panel.lines.length === 0)
    box.insertAdjacentHTML('beforeend', '<div class="empty">none</div>');
  else draw(box, panel);
}

function timeseries(box, panel) {
  const { defaults } = panel.fieldConfig;
  const { stacking, drawStyle, scaleDistribution } = defaults.custom ?? {};
  const shown = panel.series.filter(({ values }) => values.some((value) => value !== null)).slice(0, 24);
  const logarithmic =
    scaleDistribution?.type === 'log' &&
    shown.every(({ values }) => values.every((value) => value === null || value > 0));
  const data = stacking?.mode === 'normal' ? stacked(shown) : shown.map(({ values }) => values);
  const bars = drawStyle === 'bars' ? { paths: uPlot.paths.bars({ size: [0.9, 30] }) } : {};
  const options = {
    width: box.clientWidth - 16,
    height: box.clientHeight - 66,
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { time: true },
      y: logarithmic ? { distr: 3 } : { range: (_, __, max) => [0, Math.max(max, 0) * 1.1 || 1] },
    },
    axes: [
      {
        ...axis(),
        space: 60,
        values: (_, ticks) => ticks.map((tick) => new Date(tick * 1000).toISOString().slice(11, 19)),
      },
      {
        ...axis(),
        size: 58,
        values: (_, ticks) => ticks.map((tick) => (tick === null ? '' : format(tick, defaults.unit))),
      },
    ],
    series: [
      {},
      ...shown.map((_, index) => ({
        stroke: colour(index),
        width: 1,
        fill: `${colour(index)}22`,
        points: { show: false },
        ...bars,
      })),
    ],
  };
  new uPlot(options, [panel.times, ...data], box);
  box.append(legend(shown));
}

/** The topmost is drawn first, so that those below stay visible. */
function stacked(series) {
  const sums = [];
  return series.map(({ values }) =>
    values.map((value, index) => (value === null ? null : (sums[index] = (sums[index] ?? 0) + value))),
  );
}

function stat(box, { series, fieldConfig: { defaults } }) {
  const value = series[0].values.at(-1);
  const big = element('div', 'big');
  big.textContent = format(value, defaults.unit, defaults.decimals);
  big.style.color = thresholdColour(value, defaults.thresholds?.steps);
  box.append(big);
}

function gauge(box, { series, fieldConfig: { defaults } }) {
  const [value, limit] = series.map(({ values }) => values.at(-1));
  const share = Math.min(value / limit, 1);
  const arc = (to) => {
    const angle = Math.PI * (1 - to);
    return `M 20 120 A 100 100 0 0 1 ${120 + 100 * Math.cos(angle)} ${120 - 100 * Math.sin(angle)}`;
  };
  const path = (to, stroke) => `<path d="${arc(to)}" fill="none" stroke="${stroke}" stroke-width="24"/>`;
  box.insertAdjacentHTML(
    'beforeend',
    `<svg viewBox="0 0 240 150" width="100%" height="190">${path(1, '#2c3235')}${path(share, thresholdColour(share * 100, defaults.thresholds.steps))}
    <text x="120" y="115" fill="#ccccdc" font-size="32" text-anchor="middle">${format(value, defaults.unit)}</text>
    <text x="120" y="140" fill="#8e8ea0" font-size="12" text-anchor="middle">of ${format(limit, defaults.unit)}</text></svg>`,
  );
}

/** Buckets are sums of all below them; a bar is what is between two. */
function bargauge(box, { series }) {
  const buckets = byBound(series).map(([bound, values]) => [bound, values.at(-1)]);
  const own = buckets.map(([bound, value], index) => [bound, Math.max(0, value - (buckets[index - 1]?.[1] ?? 0))]);
  const most = Math.max(...own.map(([, value]) => value), 1);
  for (const [bound, value] of own)
    box.insertAdjacentHTML(
      'beforeend',
      `<div class="bar"><span>${bound}</span><div><div style="width:${(value / most) * 100}%"></div></div><span>${format(Math.round(value), 'short')}</span></div>`,
    );
}

function heatmap(box, { series, times, fieldConfig: { defaults } }) {
  const buckets = byBound(series);
  const width = box.clientWidth - 76;
  const height = box.clientHeight - 40;
  const cells = buckets.map(([, values], row) =>
    values.map((value, index) => Math.max(0, (value ?? 0) - (buckets[row - 1]?.[1][index] ?? 0))),
  );
  const most = Math.max(...cells.flat(), 1);
  const rects = cells.flatMap((row, y) =>
    row.flatMap((value, x) => {
      if (value < 0.5) return [];
      const place = `x="${60 + (x / times.length) * width}" y="${height - ((y + 1) / cells.length) * height}"`;
      return [
        `<rect ${place} width="${width / times.length + 0.5}" height="${height / cells.length}" fill="rgba(255,152,48,${Math.sqrt(value / most)})"/>`,
      ];
    }),
  );
  const names = buckets.map(
    ([bound], y) =>
      `<text x="54" y="${height - ((y + 0.3) / cells.length) * height}" fill="#9fa7b3" font-size="9" text-anchor="end">${bound === '+Inf' ? bound : format(Number(bound), defaults.unit ?? 's')}</text>`,
  );
  box.insertAdjacentHTML(
    'beforeend',
    `<svg width="${width + 60}" height="${height}">${rects.join('')}${names.join('')}</svg>`,
  );
}

function states(box, { series, times, fieldConfig: { defaults } }) {
  const options = defaults.mappings[0].options;
  for (const { name, values } of series) {
    const width = box.clientWidth - 110;
    const rects = values.map((value, index) =>
      value === null
        ? ''
        : `<rect x="${(index / times.length) * width}" width="${width / times.length + 0.5}" height="22" fill="${NAMED[options[value].color]}99"/>`,
    );
    box.insertAdjacentHTML(
      'beforeend',
      `<div class="state"><span>${name}</span><svg width="${width}" height="22">${rects.join('')}</svg></div>`,
    );
  }
  const legends = [...new Map(Object.values(options).map(({ text, color }) => [text, color]))];
  box.insertAdjacentHTML(
    'beforeend',
    `<div class="legend">${legends.map(([text, name]) => `<i style="background:${NAMED[name]}"></i>${text}`).join('')}</div>`,
  );
}

function table(box, { series }) {
  const columns = [...new Set(series.flatMap(({ labels }) => Object.keys(labels)))];
  const alerts = columns.includes('alertname');
  const head = [...columns, ...(alerts ? [] : ['value'])].map(
    (name) => `<th>${name === '__name__' ? 'name' : name}</th>`,
  );
  const rows = series.map(({ labels, values }) => [
    ...columns.map((name) => labels[name] ?? ''),
    ...(alerts ? [] : [values.at(-1)]),
  ]);
  box.insertAdjacentHTML(
    'beforeend',
    `<table><tr>${head.join('')}</tr>${rows.map((cells) => `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`).join('')}</table>`,
  );
}

function logs(box, { lines }) {
  const text = element('pre');
  text.textContent = lines.map(([time, line]) => `${new Date(time).toISOString().slice(11, 23)}  ${line}`).join('\n');
  box.append(text);
}

function byBound(series) {
  return series
    .map(({ labels, values }) => [labels.le, values])
    .sort(([one], [other]) => (one === '+Inf' ? 1 : other === '+Inf' ? -1 : Number(one) - Number(other)));
}

function legend(series) {
  const box = element('div', 'legend');
  box.innerHTML = series.map(({ name }, index) => `<i style="background:${colour(index)}"></i>${name}`).join('');
  return box;
}

function axis() {
  return {
    stroke: '#8e8ea0',
    grid: { stroke: '#2c3235', width: 1 },
    ticks: { show: false },
    font: '10px sans-serif',
    size: 30,
  };
}

function thresholdColour(value, steps = []) {
  return NAMED[steps.findLast((step) => step.value === null || value >= step.value)?.color] ?? '#ccccdc';
}

function format(value, unit, decimals) {
  if (unit === 'percentunit') return `${(value * 100).toFixed(decimals ?? (value < 0.1 ? 2 : 0))}%`;
  if (unit === 's') return seconds(value);
  if (unit === 'bytes' || unit === 'Bps') return bytes(value) + (unit === 'Bps' ? '/s' : '');
  return `${Number(value.toPrecision(3)).toLocaleString('en')}${unit === 'cps' ? '/s' : ''}`;
}

function seconds(value) {
  const units = [
    [86400, 'd'],
    [3600, 'h'],
    [60, 'min'],
    [1, 's'],
    [1e-3, 'ms'],
    [1e-6, 'µs'],
  ];
  const [factor, name] = units.find(([least]) => Math.abs(value) >= least) ?? [1, 's'];
  return `${Number((value / factor).toPrecision(3))} ${name}`;
}

function bytes(value) {
  const power = value < 1 ? 0 : Math.min(4, Math.floor(Math.log2(value) / 10));
  return `${Number((value / 1024 ** power).toPrecision(3))} ${['B', 'KiB', 'MiB', 'GiB', 'TiB'][power]}`;
}

function colour(index) {
  return COLOURS[index % COLOURS.length];
}

function element(name, className = '') {
  const made = document.createElement(name);
  made.className = className;
  return made;
}
