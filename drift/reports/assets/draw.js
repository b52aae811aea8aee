"use strict";
// Draws every chart of the page from its one block of data, again whenever a chart's width changes.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const axes = {};
  for (const name in data.axes) axes[name] = new Times.Axis(name, data.axes[name]);
  const redraw = new Map();
  for (const place of document.querySelectorAll("[data-chart]")) {
    const name = place.dataset.chart;
    const given = data.charts[name];
    const readout = document.querySelector(`[data-readout="${name}"]`);
    if (given.type !== "time") {
      const kinds = given.type === "heat" ? Heats : Groups;
      redraw.set(place, () => kinds[given.type](place, readout, given));
      continue;
    }
    const axis = axes[given.axis];
    if (!axis.at.length) { place.textContent = "no data"; continue; }
    if (!axis.charts.length && axis.at.length > 60) Times.buttons(axis, place);
    const chart = new Times.Chart(place, readout, given, axis, data.unit);
    place.tabIndex = 0;
    place.addEventListener("keydown", (event) => chart.key(event));
    redraw.set(place, () => chart.draw());
  }
  const widths = new Map();
  const watch = new ResizeObserver((entries) => {
    for (const { target, contentRect } of entries) {
      if (widths.get(target) === contentRect.width) continue;
      widths.set(target, contentRect.width);
      requestAnimationFrame(redraw.get(target)); // not now: a chart that grows would call this again
    }
  });
  for (const [place, draw] of redraw) {
    draw();
    widths.set(place, place.getBoundingClientRect().width);
    watch.observe(place);
  }
  for (const name in axes) axes[name].recall();
  document.documentElement.dataset.drawn = String(redraw.size);
})();
