"use strict";
// What all charts share: elements, scales, ticks, and numbers as people read them.
const Draw = (() => {
  const NS = "http://www.w3.org/2000/svg";

  function el(name, attributes, parent, text) {
    const made = document.createElementNS(NS, name);
    for (const key in attributes) made.setAttribute(key, attributes[key]);
    if (text !== undefined) made.textContent = text;
    if (parent) parent.append(made);
    return made;
  }

  const unpack = (packed) => packed.values.map((value) => (value === null ? null : value * packed.scale));

  function ticks(low, high, about) {
    const rough = (high - low) / about;
    const base = 10 ** Math.floor(Math.log10(rough));
    const step = base * [1, 2, 2.5, 5, 10].find((factor) => factor * base >= rough);
    const found = [];
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i += 1) found.push(i * step);
    return found;
  }

  function number(value) {
    if (value === 0) return "0";
    const digits = Math.max(0, Math.min(8, 2 - Math.floor(Math.log10(Math.abs(value)))));
    const rounded = Number(value.toFixed(digits));
    return rounded.toLocaleString("en", { maximumFractionDigits: digits }).replace("-", "−");
  }

  const figure = (value, unit) => (unit === "%" ? `${number(value * 100)} %` : `${number(value)} ${unit}`.trim());

  // A plain frame with horizontal grid lines; gives the SVG and functions from values to pixels.
  function frame(place, height, low, high, unit, about = 4) {
    const width = Math.max(place.clientWidth, 220);
    const box = { left: 50, right: width - 8, top: 12, bottom: height - 24, width, height };
    const svg = el("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": place.dataset.alt });
    const y = (value) => box.bottom - ((value - low) / (high - low)) * (box.bottom - box.top);
    for (const tick of ticks(low, high, about)) {
      el("line", { class: tick === 0 ? "grid zero" : "grid", x1: box.left, x2: box.right, y1: y(tick), y2: y(tick) }, svg);
      const label = unit === "%" ? figure(tick, "%") : number(tick);
      el("text", { class: "tick", x: box.left - 6, y: y(tick) + 4, "text-anchor": "end" }, svg, label);
    }
    if (unit && unit !== "%") el("text", { class: "tick unit", x: 2, y: 9 }, svg, unit);
    place.replaceChildren(svg);
    return { svg, box, y };
  }

  return { el, unpack, ticks, number, figure, frame };
})();
