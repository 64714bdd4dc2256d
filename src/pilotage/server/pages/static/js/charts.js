// The charts: made once per metric, then given their new points. What a page keeps is bounded: the server sends the whole
// lines anew (at most 240 points each) before they have doubled.
"use strict";

(() => {
  const plots = new Map(); // the name of a line -> {plot, element, columns}
  const lines = new Map(); // "v:errors" or "e:errors" -> {label, unit, at, canary, ...}
  let spans = [];
  const LOG10 = Math.LN10;

  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const slug = (name) => name.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "");
  const pad = (number) => String(number).padStart(2, "0");

  function clock(seconds) {
    const at = new Date(seconds * 1000);
    return `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
  }

  const short = (value) => Number(value.toPrecision(3)).toLocaleString("en");

  function told(unit, value) {
    if (value === null) return "";
    if (unit === "share") return `${short(value * 100)} %`;
    if (unit === "s") return value < 1 ? `${short(value * 1000)} ms` : `${short(value)} s`;
    if (unit === "log e") return value === 0 ? "1" : Math.abs(value) < 3.01 ? short(10 ** value) : `10^${short(value)}`;
    if (Math.abs(value) >= 1e6) return `${short(value / 1e6)} M`;
    return short(value);
  }

  function axes(unit) {
    const common = { stroke: css("--muted"), font: "12px system-ui, sans-serif", ticks: { show: false } };
    const grid = { stroke: css("--line"), width: 1 };
    return [
      { ...common, grid: { show: false }, size: 24, space: 90, values: (_, splits) => splits.map(clock) },
      { ...common, grid, size: 62, space: 32, values: (_, splits) => splits.map((value) => told(unit, value)) },
    ];
  }

  // Where a phase begins: a line, and its name at the top.
  function phases(plot, named) {
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio || 1;
    ctx.save();
    ctx.strokeStyle = css("--edge");
    ctx.fillStyle = css("--muted");
    ctx.font = `${11 * ratio}px system-ui, sans-serif`;
    ctx.lineWidth = ratio;
    ctx.setLineDash([2 * ratio, 3 * ratio]);
    ctx.textAlign = "left";
    ctx.textBaseline = "alphabetic";
    let free = -Infinity;
    for (const span of spans) {
      const x = Math.max(bbox.left, plot.valToPos(span.begin, "x", true));
      if (x > bbox.left + bbox.width) continue;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      if (named && x > free) {
        ctx.fillText(span.name, x + 4 * ratio, bbox.top + 11 * ratio);
        free = x + ctx.measureText(span.name).width + 10 * ratio;
      }
    }
    ctx.restore();
  }

  // As high as the values need, and the newest interval; an early interval may be cut: a few requests say little.
  function room(plot, low, high) {
    const [, , , , upper] = plot.data;
    const newest = upper?.findLast((value) => value !== null) ?? 0;
    return [Math.min(0, low ?? 0), Math.max((high ?? 0) * 1.25, newest * 1.05) || 1e-3];
  }

  function make(element, kind, unit, width) {
    const common = {
      width,
      legend: { show: false },
      cursor: { show: false },
      padding: [10, 8, 0, 0],
      hooks: { draw: [(plot) => phases(plot, kind === "v")] },
    };
    if (kind === "v") {
      const hidden = { stroke: "transparent", width: 0, points: { show: false }, auto: false };
      return new uPlot(
        {
          ...common,
          height: 180,
          scales: { x: { time: false }, y: { range: room } },
          axes: axes(unit),
          bands: [{ series: [4, 3], fill: css("--canary-soft") }],
          series: [
            {},
            { stroke: css("--control"), width: 2, dash: [6, 4], points: { show: false }, spanGaps: false },
            { stroke: css("--canary"), width: 2.5, points: { show: false }, spanGaps: false },
            hidden,
            hidden,
          ],
        },
        [[], [], [], [], []],
        element,
      );
    }
    return new uPlot(
      {
        ...common,
        height: 84,
        scales: { x: { time: false }, y: { range: (_, low, high) => [Math.min(-1, low ?? 0), Math.max(2.5, (high ?? 0) * 1.08)] } },
        axes: axes("log e"),
        series: [
          {},
          { stroke: css("--canary"), width: 2, points: { show: false }, spanGaps: false },
          { stroke: css("--limit"), width: 1.5, dash: [9, 3, 2, 3], points: { show: false }, spanGaps: false },
        ],
      },
      [[], [], []],
      element,
    );
  }

  const data = (kind, line) =>
    kind === "v" ? [line.at, line.control, line.canary, line.low, line.high] : [line.at, line.log_e, line.limit];

  // Evidence is drawn as a power of ten, and no further than 10^12: beyond it only its being there matters.
  const powers = (column) => column.map((value) => (value === null ? null : Math.max(-4, Math.min(12, value / LOG10))));

  const sizes = new ResizeObserver((entries) => {
    for (const entry of entries) {
      const known = [...plots.values()].find((one) => one.element === entry.target);
      const width = Math.floor(entry.contentRect.width);
      if (known && width > 0 && known.plot.width !== width) known.plot.setSize({ width, height: known.plot.height });
    }
  });

  function draw() {
    for (const [key, { plot, element }] of plots) {
      if (!element.isConnected) {
        sizes.unobserve(element);
        plot.destroy();
        plots.delete(key);
      }
    }
    for (const [key, line] of lines) {
      const kind = key[0];
      let known = plots.get(key);
      if (!known) {
        const element = document.getElementById(`plot-${kind}-${slug(key.slice(2))}`);
        if (!element) continue;
        sizes.observe(element);
        known = { plot: make(element, kind, line.unit, Math.max(200, Math.floor(element.clientWidth))), element };
        plots.set(key, known);
      }
      known.plot.setData(data(kind, line));
    }
  }

  const columnsOf = (line) => Object.keys(line).filter((name) => Array.isArray(line[name]));

  // `charts` as the server sends them: `whole` replaces what is there, else the points come after the last ones.
  function take(charts) {
    if (!charts) return;
    spans = charts.spans;
    if (charts.whole) lines.clear();
    for (const [key, line] of Object.entries(charts.lines)) {
      if (key[0] === "e") {
        line.log_e = powers(line.log_e);
        line.limit = powers(line.limit);
      }
      const known = lines.get(key);
      if (!known) {
        lines.set(key, line);
        continue;
      }
      for (const name of columnsOf(line)) known[name].push(...line[name]);
    }
    draw();
  }

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const { plot, element } of plots.values()) {
      sizes.unobserve(element);
      plot.destroy();
    }
    plots.clear();
    draw();
  });

  window.pilotage.charts = { take, draw, points: () => Math.max(0, ...[...lines.values()].map((line) => line.at.length)) };
})();
