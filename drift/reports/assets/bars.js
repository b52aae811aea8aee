"use strict";
// Bars against a reference, and two distributions on the same bins.
const Groups = (() => {
  const { el, unpack, ticks, number, figure, frame } = Draw;

  function bars(place, readout, given) {
    const series = given.series.map((each) => ({ name: each.name, current: unpack(each.current), reference: unpack(each.reference) }));
    const known = series.flatMap((each) => each.current.concat(each.reference)).filter((value) => value !== null);
    const { svg, box, y } = frame(place, 220, 0, Math.max(1e-9, ...known) * 1.08, "%");
    const group = (box.right - box.left) / given.labels.length;
    const room = Math.min(group * 0.8, 30 * series.length);
    const wide = room / series.length;
    const every = Math.ceil(given.labels.length * 22 / (box.right - box.left));
    given.labels.forEach((label, g) => {
      const left = box.left + g * group + (group - room) / 2;
      series.forEach((each, s) => {
        const x = left + s * wide;
        const now = each.current[g];
        const usual = each.reference[g];
        if (now !== null) el("rect", { class: `bar m${s % 6}`, x, width: Math.max(wide - 1, 1), y: y(now), height: box.bottom - y(now) }, svg);
        if (usual !== null) el("line", { class: "usual", x1: x - 0.5, x2: x + wide - 0.5, y1: y(usual), y2: y(usual) }, svg);
      });
      if (g % every === 0) {
        const middle = box.left + (g + 0.5) * group;
        el("text", { class: "tick", x: middle, y: box.height - 8, "text-anchor": "middle" }, svg, label);
      }
      const touch = el("rect", { class: "touch", x: box.left + g * group, width: group, y: box.top, height: box.bottom - box.top }, svg);
      const told = (value) => (value === null ? "–" : figure(value, "%"));
      const words = series.map((each) => `${each.name} ${told(each.current[g])} (reference ${told(each.reference[g])})`);
      touch.addEventListener("pointerenter", () => { readout.textContent = `${given.across} ${label}  ·  ${words.join("  ·  ")}`; });
      touch.addEventListener("pointerleave", () => { readout.textContent = ""; });
    });
  }

  function outline(edges, shares, x, y) {
    let text = `M${x(edges[0])} ${y(0)}`;
    shares.forEach((share, i) => { text += `V${y(share).toFixed(1)}H${x(edges[i + 1]).toFixed(1)}`; });
    return `${text}V${y(0)}`;
  }

  function steps(place, readout, given) {
    const edges = unpack(given.edges);
    const reference = unpack(given.reference);
    const current = unpack(given.current);
    const { svg, box, y } = frame(place, 150, 0, Math.max(1e-9, ...reference, ...current) * 1.06, "%", 3);
    const low = edges[0];
    const high = edges[edges.length - 1];
    const x = (value) => box.left + ((value - low) / (high - low)) * (box.right - box.left);
    el("path", { class: "step reference", d: outline(edges, reference, x, y) }, svg);
    el("path", { class: `step ${given.style}`, d: outline(edges, current, x, y) }, svg);
    for (const tick of ticks(low, high, 5)) {
      el("text", { class: "tick", x: x(tick), y: box.height - 8, "text-anchor": "middle" }, svg, number(tick));
    }
    reference.forEach((usual, i) => {
      const touch = el("rect", { class: "touch", x: x(edges[i]), width: x(edges[i + 1]) - x(edges[i]), y: box.top, height: box.bottom - box.top }, svg);
      const words = `${number(edges[i])} to ${figure(edges[i + 1], given.unit)}  ·  reference ${figure(usual, "%")}  ·  current ${figure(current[i], "%")}`;
      touch.addEventListener("pointerenter", () => { readout.textContent = words; });
      touch.addEventListener("pointerleave", () => { readout.textContent = ""; });
    });
  }

  return { bars, steps };
})();
