// Draws a bar for each contender, with a line from the least to the most of the rounds. uPlot is embedded before this.
(() => {
  const plots = JSON.parse(document.getElementById('result').textContent);
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const number = (value) => (value == null ? '-' : Number(value.toPrecision(4)).toLocaleString('en-GB'));
  const axis = {
    stroke: colour('--soft'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { stroke: colour('--line') },
  };

  const whiskers = (bars) => (plot) => {
    const { ctx } = plot;
    ctx.save();
    ctx.strokeStyle = colour('--ink');
    ctx.lineWidth = 2;
    bars.forEach(({ spread: [least, most] }, index) => {
      const x = plot.valToPos(index, 'x', true);
      ctx.beginPath();
      ctx.moveTo(x, plot.valToPos(least, 'y', true));
      ctx.lineTo(x, plot.valToPos(most, 'y', true));
      ctx.stroke();
    });
    ctx.restore();
  };

  const options = ({ bars }, width) => ({
    width,
    height: 240,
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { time: false, range: [-0.6, bars.length - 0.4] },
      y: { range: () => [0, 1.08 * Math.max(...bars.map(({ spread }) => spread[1]), 1e-9)] },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        splits: () => bars.map((_bar, index) => index),
        values: () => bars.map(({ label }) => label.replaceAll(', ', '\n').replaceAll(' and ', '\nand ')),
        size: 70,
      },
      { ...axis, size: 70, values: (_plot, ticks) => ticks.map(number) },
    ],
    series: [
      {},
      {
        stroke: '#3b82c4',
        fill: '#3b82c455',
        paths: uPlot.paths.bars({ size: [0.6, 80] }),
        points: { show: false },
      },
    ],
    hooks: { draw: [whiskers(bars)] },
  });

  const host = document.getElementById('plots');
  // All boxes first: each one's width depends on the others.
  const boxes = plots.map(({ title, unit }) => {
    const box = host.appendChild(document.createElement('div'));
    box.className = 'plot';
    box.appendChild(document.createElement('h3')).textContent = unit === '' ? title : `${title}, ${unit}`;
    return box;
  });
  const drawn = plots.map((plot, which) => {
    const box = boxes[which];
    const width = () => box.clientWidth - 16;
    const data = [plot.bars.map((_bar, index) => index), plot.bars.map(({ value }) => value)];
    const chart = new uPlot(options(plot, width()), data, box);
    return () => chart.setSize({ width: width(), height: 240 });
  });
  addEventListener('resize', () => drawn.forEach((fit) => fit()));
})();
