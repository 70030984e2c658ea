/* Draws the panels of a dashboard with uPlot, at the sizes that Grafana gives them. Runs in the browser: see main.ts. */
const COLUMN = 1264 / 24;
const LINE = 38;
const GAP = 8;
/** Share of a panel's height that Grafana gives a legend at most. */
const LEGEND_SHARE = 0.33;
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
const NAMED = {
  green: '#73bf69',
  orange: '#ff9830',
  red: '#f2495c',
  'dark-red': '#c4162a',
  blue: '#5794f2',
  purple: '#b877d9',
  gray: '#8e8e98',
  text: '#ccccdc',
  transparent: '#ccccdc',
};

/** Draws all of it into the page. */
function drawDashboard({ panels }) {
  const grid = element('div', 'grid');
  document.body.append(grid);
  grid.style.height = `${Math.max(...panels.map(({ gridPos: { y, h } }) => y + h)) * LINE}px`;
  for (const panel of panels) {
    const box = element('div', panel.type === 'row' ? 'row' : 'panel');
    const { x, y, w, h } = panel.gridPos;
    Object.assign(box.style, {
      left: `${x * COLUMN}px`,
      top: `${y * LINE}px`,
      width: `${w * COLUMN - GAP}px`,
      height: `${h * LINE - GAP}px`,
    });
    grid.append(box);
    if (panel.type === 'row') box.textContent = `⌄ ${panel.title}`;
    else drawPanel(box, panel);
  }
}

function drawPanel(box, panel) {
  const heading = element('h2');
  heading.textContent = panel.title;
  box.append(heading);
  const draw = { timeseries, stat, gauge, heatmap, 'state-timeline': states, table, logs }[panel.type];
  const shortened = panel.series.map((series) => ({ ...series, name: shortName(series.name, panel) }));
  if (panel.series.length === 0 && panel.lines.length === 0)
    box.insertAdjacentHTML('beforeend', `<div class="empty">${panel.fieldConfig.defaults.noValue ?? 'No data'}</div>`);
  else draw(box, { ...panel, series: shortened });
}

function shortName(name, { transformations }) {
  const rename = transformations.find(({ id }) => id === 'renameByRegex')?.options;
  return rename === undefined ? name : name.replace(new RegExp(rename.regex), rename.renamePattern);
}

function timeseries(box, panel) {
  const { defaults, overrides } = panel.fieldConfig;
  const { stacking, drawStyle, scaleDistribution } = defaults.custom ?? {};
  const shown = panel.series
    .filter(({ values }) => values.some((value) => value !== null))
    .map((series, index) => ({ ...series, ...looksOf(series, index, overrides) }));
  if (shown.length === 0) return void box.insertAdjacentHTML('beforeend', '<div class="empty">No data</div>');
  const names = legend(shown);
  box.append(names);
  names.style.maxHeight = `${Math.floor((box.clientHeight * LEGEND_SHARE) / 15) * 15}px`;
  const logarithmic =
    scaleDistribution?.type === 'log' &&
    shown.every(({ values }) => values.every((value) => value === null || value > 0));
  const data = stacking?.mode === 'normal' ? stacked(shown) : shown.map(({ values }) => values);
  const bars = drawStyle === 'bars' ? { paths: uPlot.paths.bars({ size: [0.9, 30] }) } : {};
  const options = {
    width: box.clientWidth - 16,
    height: box.clientHeight - 30 - names.clientHeight,
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { time: true },
      y: logarithmic ? { distr: 3 } : { range: (_, __, max) => [0, defaults.max ?? (Math.max(max, 0) * 1.1 || 1)] },
    },
    axes: [
      {
        ...axis(),
        space: 60,
        values: (_, ticks) => ticks.map((tick) => new Date(tick * 1000).toISOString().slice(11, 19)),
      },
      {
        ...axis(),
        size: (_, texts) => 14 + 6 * Math.max(2, ...(texts ?? []).map((text) => text.length)),
        values: (_, ticks) => ticks.map((tick) => (tick === null ? '' : format(tick, defaults.unit))),
      },
    ],
    series: [
      {},
      ...shown.map(({ stroke, dashed }) => ({
        stroke,
        width: 1,
        ...(dashed ? { dash: [8, 6] } : { fill: `${stroke}22` }),
        points: { show: false },
        ...(dashed ? {} : bars),
      })),
    ],
  };
  new uPlot(options, [panel.times, ...data], box);
  box.append(names);
}

/** Colour and dashes, by the last rule that matches the name. */
function looksOf({ name }, index, overrides) {
  const properties = overrides
    .filter(({ matcher }) => new RegExp(matcher.options.slice(1, -1)).test(name))
    .flatMap((override) => override.properties);
  const fixed = properties.findLast(({ id }) => id === 'color')?.value.fixedColor;
  return {
    stroke: NAMED[fixed] ?? COLOURS[index % COLOURS.length],
    dashed: properties.some(({ id }) => id === 'custom.lineStyle'),
  };
}

/** The topmost is drawn first, so that those below stay visible. */
function stacked(series) {
  const sums = [];
  return series.map(({ values }) =>
    values.map((value, index) => (value === null ? null : (sums[index] = (sums[index] ?? 0) + value))),
  );
}

/** The last query may be the limit that the others are a share of. */
function withoutLimit({ series, transformations }) {
  const refId = transformations.find(({ id }) => id === 'configFromData')?.options.configRefId;
  const limit = series.find((each) => each.refId === refId)?.values.at(-1);
  return { shown: series.filter((each) => each.refId !== refId), limit };
}

function stat(box, panel) {
  const { defaults, overrides } = panel.fieldConfig;
  const { shown, limit } = withoutLimit(panel);
  const big = element('div', 'big');
  for (const { name, values } of shown) {
    const value = values.at(-1);
    const own = overrides.find(({ matcher }) => matcher.options === name)?.properties[0].value;
    const thresholds = own ?? defaults.thresholds;
    const compared = thresholds.mode === 'percentage' ? (value / limit) * 100 : value;
    const mapped = mapping(value, defaults.mappings);
    const text = mapped?.text ?? format(value, defaults.unit, defaults.decimals);
    const cell = element('span');
    cell.innerHTML = `${panel.options.textMode === 'value_and_name' ? `<small>${name}</small>` : ''}${text}`;
    cell.style.color = mapped?.color === undefined ? thresholdColour(compared, thresholds.steps) : NAMED[mapped.color];
    big.append(cell);
  }
  box.append(big);
  // Grafana makes a value as large as fits.
  for (let size = 26; big.scrollWidth > big.clientWidth && size > 10; size--) big.style.fontSize = `${size - 1}px`;
}

function gauge(box, panel) {
  const { defaults } = panel.fieldConfig;
  const { shown, limit } = withoutLimit(panel);
  const value = shown[0].values.at(-1);
  const arc = (to) => {
    const angle = Math.PI * (1 - to);
    return `M 20 120 A 100 100 0 0 1 ${120 + 100 * Math.cos(angle)} ${120 - 100 * Math.sin(angle)}`;
  };
  const share = Math.min(value / limit, 1);
  const path = (to, stroke) => `<path d="${arc(to)}" fill="none" stroke="${stroke}" stroke-width="24"/>`;
  box.insertAdjacentHTML(
    'beforeend',
    `<svg viewBox="0 0 240 130" width="100%" height="${box.clientHeight - 34}">${path(1, '#2c3235')}${path(share, thresholdColour(share * 100, defaults.thresholds.steps))}
    <text x="120" y="115" fill="#ccccdc" font-size="32" text-anchor="middle">${format(value, defaults.unit)}</text></svg>`,
  );
}

/** Buckets are sums of all below them; a field is what is between two. */
function heatmap(box, { series, times, options }) {
  const buckets = byBound(series);
  const width = box.clientWidth - 86;
  const height = box.clientHeight - 34;
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
  const every = Math.ceil((12 * cells.length) / height);
  const names = buckets.map(([bound], y) =>
    y % every !== 0
      ? ''
      : `<text x="54" y="${height - ((y + 0.3) / cells.length) * height}" fill="#9fa7b3" font-size="10" text-anchor="end">${bound === '+Inf' ? 'more' : format(Number(bound), options.yAxis?.unit ?? 's')}</text>`,
  );
  box.insertAdjacentHTML(
    'beforeend',
    `<svg width="${width + 60}" height="${height}">${rects.join('')}${names.join('')}</svg>`,
  );
}

function states(box, { series, times, fieldConfig: { defaults } }) {
  const options = defaults.mappings[0].options;
  const width = box.clientWidth - 86;
  const height = Math.min(22, (box.clientHeight - 50) / series.length - 2);
  for (const { name, values } of series) {
    const rects = values.map((value, index) =>
      value === null
        ? ''
        : `<rect x="${(index / times.length) * width}" width="${width / times.length + 0.5}" height="${height}" fill="${NAMED[options[value].color]}"/>`,
    );
    box.insertAdjacentHTML(
      'beforeend',
      `<div class="state" style="font-size:${Math.min(12, height)}px;line-height:${height}px"><span>${name}</span><svg width="${width}" height="${height}">${rects.join('')}</svg></div>`,
    );
  }
  const legends = [...new Map(Object.values(options).map(({ text, color }) => [text, color]))];
  box.insertAdjacentHTML(
    'beforeend',
    `<div class="legend">${legends.map(([text, name]) => `<i style="background:${NAMED[name]}"></i>${text}`).join('')}</div>`,
  );
}

function table(box, { series, fieldConfig, transformations, options }) {
  const { renameByName, excludeByName, indexByName } = transformations.find(({ id }) => id === 'organize').options;
  const merged = transformations.some(({ id }) => id === 'merge');
  const rows = new Map();
  for (const { labels, refId, values } of series) {
    const { namespace, release, pod, ...others } = labels;
    const key = merged ? [namespace, release, pod].join() : JSON.stringify(labels);
    const value = { [merged ? `Value #${refId}` : 'Value']: values.at(-1) };
    rows.set(key, { ...rows.get(key), namespace, release, pod, ...others, ...value });
  }
  const fields = Object.keys(indexByName).filter(
    (field) => excludeByName[field] !== true && [...rows.values()].some((row) => field in row),
  );
  const columns = fields.map((field) => {
    const title = renameByName[field];
    const properties = fieldConfig.overrides.find(({ matcher }) => matcher.options === title)?.properties ?? [];
    return { field, title, ...Object.fromEntries(properties.map(({ id, value }) => [id, value])) };
  });
  const [sort] = options.sortBy ?? [];
  const by = columns.find(({ title }) => title === sort?.displayName)?.field;
  const order = [...rows.values()].sort((one, other) => (one[by] < other[by] ? -1 : one[by] > other[by] ? 1 : 0));
  const head = columns.map(
    ({ title, 'custom.width': width }) =>
      `<th${width === undefined ? '' : ` style="width:${width - 12}px"`}>${title}</th>`,
  );
  const cells = (row) => columns.map((column) => tableCell(row[column.field], column)).join('');
  const body = order.map((row) => `<tr>${cells(row)}</tr>`).join('');
  box.insertAdjacentHTML('beforeend', `<table><tr>${head.join('')}</tr>${body}</table>`);
}

function tableCell(value, { unit, decimals, thresholds, mappings, links }) {
  if (value === undefined) return '<td></td>';
  const mapped = mapping(value, mappings);
  const text = mapped?.text ?? (typeof value === 'number' ? format(value, unit ?? 'short', decimals) : value);
  const colour = NAMED[mapped?.color] ?? (thresholds && thresholdColour(value, thresholds.steps));
  return `<td${links ? ' class="link"' : ''}${colour ? ` style="color:${colour}"` : ''}>${text}</td>`;
}

/** Text and colour that the first mapping gives a value. */
function mapping(value, mappings = []) {
  for (const { type, options } of mappings) {
    if (type === 'value' && options[value] !== undefined) return options[value];
    if (type === 'range' && value <= options.to) return options.result;
    if (type === 'regex' && new RegExp(options.pattern).test(value))
      return { text: value.replace(new RegExp(options.pattern), options.result.text) };
  }
  return undefined;
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
  box.innerHTML = series.map(({ name, stroke }) => `<i style="background:${stroke}"></i>${name}`).join('');
  return box;
}

function axis() {
  return {
    stroke: '#8e8ea0',
    grid: { stroke: '#2c3235', width: 1 },
    ticks: { show: false },
    font: '10px sans-serif',
    size: 26,
  };
}

function thresholdColour(value, steps = []) {
  return NAMED[steps.findLast((step) => step.value === null || value >= step.value)?.color] ?? '#ccccdc';
}

function format(value, unit, decimals) {
  if (unit === 'percentunit') return `${(value * 100).toFixed(decimals ?? (value < 0.1 && value > 0 ? 2 : 0))}%`;
  if (unit === 's') return seconds(value, decimals);
  if (unit === 'bytes' || unit === 'Bps') return bytes(value) + (unit === 'Bps' ? '/s' : '');
  const number = (
    decimals === undefined ? Number(value.toPrecision(3)) : Number(value.toFixed(decimals))
  ).toLocaleString('en');
  return unit?.startsWith('suffix:') ? `${number} ${unit.slice(7)}` : number;
}

function seconds(value, decimals) {
  const units = [
    [86400, 'd'],
    [3600, 'h'],
    [60, 'min'],
    [1, 's'],
    [1e-3, 'ms'],
    [1e-6, 'µs'],
  ];
  const [factor, name] = units.find(([least]) => Math.abs(value) >= least) ?? [1, 's'];
  const number = value / factor;
  return `${decimals === undefined ? Number(number.toPrecision(3)) : number.toFixed(decimals)} ${name}`;
}

function bytes(value) {
  const power = value < 1 ? 0 : Math.min(4, Math.floor(Math.log2(value) / 10));
  return `${Number((value / 1024 ** power).toPrecision(3))} ${['B', 'KiB', 'MiB', 'GiB', 'TiB'][power]}`;
}

function element(name, className = '') {
  const made = document.createElement(name);
  made.className = className;
  return made;
}
