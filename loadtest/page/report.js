// Draws the plots of the report from the result that is embedded in the page. uPlot is embedded before this.
(() => {
  const result = JSON.parse(document.getElementById('result').textContent);
  const samples = result.timeline;
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const column = (read) => samples.map((sample) => read(sample) ?? null);
  const seconds = column((sample) => sample.second);
  // A logarithmic scale has no place for 0.
  const positive = (value) => (value > 0 ? value : null);
  const times = (which) => [
    ['p50', '#2e9e5b', column((sample) => positive(sample[which].p50))],
    ['p90', '#3b82c4', column((sample) => positive(sample[which].p90))],
    ['p99', '#e0a100', column((sample) => positive(sample[which].p99))],
    ['p99.9', '#e0661f', column((sample) => positive(sample[which]['p99.9']))],
    ['max', '#c62828', column((sample) => positive(sample[which].max))],
  ];
  const ms = (value) =>
    value == null ? '-' : value >= 1000 ? `${(value / 1000).toPrecision(3)} s` : `${Number(value.toPrecision(3))} ms`;
  const number = (value) => (value == null ? '-' : Number(value.toPrecision(4)).toLocaleString('en-GB'));

  const plots = [
    {
      title: 'Sockets',
      format: number,
      lines: [
        ['open', '#3b82c4', column((sample) => sample.open)],
        ['away', '#e0661f', column((sample) => sample.away)],
      ],
    },
    {
      title: 'Messages a second',
      format: number,
      lines: [
        ['sent', '#8a6fd1', column((sample) => sample.sentPerSecond)],
        ['answered', '#2e9e5b', column((sample) => sample.repliesPerSecond)],
      ],
    },
    {
      title: 'Latency of replies, from when the message was due',
      format: ms,
      log: true,
      bands: true,
      lines: times('reply'),
    },
    { title: 'Latency of connecting', format: ms, log: true, bands: true, lines: times('connect') },
    {
      title: 'Errors a second',
      format: number,
      lines: [['errors', '#c62828', column((sample) => sample.errorsPerSecond)]],
    },
    {
      title: 'Connections and reconnects a second',
      format: number,
      lines: [
        ['connections', '#3b82c4', column((sample) => sample.connectsPerSecond)],
        ['reconnects', '#e0661f', column((sample) => sample.reconnectsPerSecond)],
      ],
    },
    {
      title: "The load test's own event loop: late by at most",
      format: ms,
      lines: [['late', '#e0a100', column((sample) => sample.loopDelayMs)]],
    },
    {
      title: "The load test's own event loop: busy",
      format: (value) => (value == null ? '-' : `${Math.round(value * 100)} %`),
      range: [0, 1],
      lines: [['busy', '#8a6fd1', column((sample) => sample.busy)]],
    },
  ];

  const axis = {
    stroke: colour('--soft'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { stroke: colour('--line') },
  };
  const options = ({ format, log, bands, range, lines }, width) => ({
    width,
    height: 220,
    cursor: { sync: { key: 'run' } },
    scales: {
      x: { time: false },
      y: log ? { distr: 3 } : { range: range ?? ((_plot, _min, max) => [0, max > 0 ? max * 1.08 : 1]) },
    },
    axes: [
      { ...axis, values: (_plot, ticks) => ticks.map((tick) => `${tick} s`) },
      { ...axis, size: 70, values: (_plot, ticks) => ticks.map((tick) => (tick === null ? '' : format(tick))) },
    ],
    series: [
      { label: 'time', value: (_plot, value) => (value == null ? '-' : `${value} s`) },
      ...lines.map(([label, stroke]) => ({
        label,
        stroke,
        width: 1.5,
        points: { show: log || seconds.length < 3, size: 3 },
        value: (_plot, value) => format(value),
      })),
    ],
    // Each band reaches from a quantile down to the next lower one.
    bands: bands
      ? lines.slice(1).map(([, stroke], index) => ({ series: [index + 2, index + 1], fill: `${stroke}30` }))
      : [],
  });

  const host = document.getElementById('plots');
  const drawn = plots.map((plot) => {
    const box = host.appendChild(document.createElement('div'));
    box.className = 'plot';
    box.appendChild(document.createElement('h3')).textContent = plot.title;
    const width = () => box.clientWidth - 16;
    const chart = new uPlot(options(plot, width()), [seconds, ...plot.lines.map(([, , values]) => values)], box);
    return () => chart.setSize({ width: width(), height: 220 });
  });
  addEventListener('resize', () => drawn.forEach((fit) => fit()));
})();
