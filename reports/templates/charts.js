/* Draws every [data-chart] with uPlot, in the colours of the page, and again whenever these or the width change. */
(() => {
  "use strict";
  const tones = ["s1", "s2", "s3", "s4"];  // no colour of an outcome; the dash tells lines apart in grey
  const dashes = [[], [7, 4], [2, 3]], borders = ["solid", "dashed", "dotted"];
  const tone = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const spoken = (value) => value == null ? "–" : value >= 100 ? value.toFixed(0) : value.toPrecision(3);

  function axis(label, more) {
    const ink = tone("--soft"), line = tone("--line");
    return { label, stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, labelSize: 22, font: "12px system-ui", labelFont: "12px system-ui", ...more };
  }
  function options(chart, width) {
    const right = chart.lines.some((line) => line.axis === "right");
    const spread = chart.log ? 3 : 1;
    return {
      width, height: 260, padding: [12, right ? 8 : 36, 0, 0],
      legend: { markers: { width: 3, dash: (_, n) => borders[(n - 1) % borders.length] } },
      hooks: { setLegend: [(plot) => plot.root.querySelector(".u-legend")?.toggleAttribute("data-at", plot.cursor.idx != null)] },
      scales: { x: { time: false }, y: { distr: spread, ...(chart.log ? {} : { range: (_, low, high) => [Math.min(0, low), high > 0 ? high * 1.05 : 1] }) }, right: { range: (_, low, high) => [0, high > 0 ? high * 1.05 : 1] } },
      axes: [axis(chart.x_label, chart.ticks.length ? { splits: () => chart.ticks.map(([at]) => at), values: () => chart.ticks.map(([, name]) => name), space: 20 } : {}), axis(chart.y_label, { size: 62, values: (_, splits) => splits.map((v) => v == null ? "" : String(+v.toPrecision(4))) }),
        ...(right ? [axis(chart.right_label, { scale: "right", side: 1, grid: { show: false } })] : [])],
      series: [{ label: chart.x_label, value: (_, v) => chart.ticks.find(([at]) => at === v)?.[1] ?? spoken(v) }, ...chart.lines.map((line, n) => ({
        label: line.axis === "right" ? `${line.label} (right)` : line.label, scale: line.axis === "right" ? "right" : "y", stroke: tone(`--${line.tone || tones[n % tones.length]}`), width: 2, spanGaps: false,
        dash: dashes[n % dashes.length], value: (_, v) => spoken(v), points: { show: chart.x.length < 40, size: 5 },
      }))],
    };
  }
  const drawn = [];
  function draw(figure) {
    const chart = JSON.parse(figure.dataset.chart), at = figure.querySelector(".chart-area");
    const width = Math.max(at.clientWidth, 280);
    const plot = new uPlot(options(chart, width), [chart.x, ...chart.lines.map((line) => line.points)], at);
    drawn.push({ figure, at, plot, width });
  }
  function again() {
    for (const { figure, plot } of drawn.splice(0)) { plot.destroy(); draw(figure); }
  }
  const figures = [...document.querySelectorAll("[data-chart]")];
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) { seen.unobserve(entry.target); draw(entry.target); }
  }, { rootMargin: "400px" });
  for (const figure of figures) seen.observe(figure);
  for (const query of ["(prefers-color-scheme: dark)", "print"]) matchMedia(query).addEventListener("change", again);
  addEventListener("beforeprint", () => { for (const figure of figures) if (!drawn.some((one) => one.figure === figure)) { seen.unobserve(figure); draw(figure); } });
  let waiting = 0;
  addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(() => { for (const { at, plot } of drawn) if (at.clientWidth) plot.setSize({ width: at.clientWidth, height: 260 }); }, 100); });
})();
