"use strict";
// Error by weekday and hour of the day, in the colours of the fleet's strips.
const Heats = (() => {
  const { el, unpack, figure } = Draw;
  const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
  const ROW = 18;

  function heat(place, readout, given) {
    const times = unpack(given.times);
    const wape = unpack(given.wape);
    const width = Math.max(place.clientWidth, 220);
    const height = DAYS.length * ROW + 22;
    const svg = el("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": place.dataset.alt });
    const wide = (width - 46) / 24;
    times.forEach((value, i) => {
      const day = Math.floor(i / 24);
      const hour = i % 24;
      const kind = value === null ? "blank" : `h${given.limits.filter((limit) => value >= limit).length}`;
      const cell = el("rect", { class: `cell ${kind}`, x: 38 + hour * wide, y: day * ROW, width: wide - 1, height: ROW - 1 }, svg);
      const clock = `${DAYS[day]} ${String(hour).padStart(2, "0")}:00`;
      const size = value === null ? "no pairs" : `${value.toFixed(1)} × normal  ·  WAPE ${figure(wape[i], "%")}`;
      cell.addEventListener("pointerenter", () => { readout.textContent = `${clock}  ·  ${size}`; });
      cell.addEventListener("pointerleave", () => { readout.textContent = ""; });
    });
    DAYS.forEach((day, i) => el("text", { class: "tick", x: 32, y: i * ROW + 13, "text-anchor": "end" }, svg, day));
    for (let hour = 0; hour < 24; hour += width < 380 ? 6 : 3) {
      el("text", { class: "tick", x: 38 + (hour + 0.5) * wide, y: height - 6, "text-anchor": "middle" }, svg, String(hour).padStart(2, "0"));
    }
    place.replaceChildren(svg);
  }

  return { heat };
})();
