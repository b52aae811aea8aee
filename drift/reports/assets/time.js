"use strict";
// Lines over time. Charts on one axis share what they show (drag to zoom) and where they point.
const Times = (() => {
  const { el, unpack, figure, frame } = Draw;
  const HOUR = 3600;
  const DAY = 86400;
  const STEPS = [HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 28 * DAY, 56 * DAY, 112 * DAY, 364 * DAY];
  const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
  const WEEKDAYS = "Sun Mon Tue Wed Thu Fri Sat".split(" ");
  const two = (value) => String(value).padStart(2, "0");
  const date = (seconds) => new Date(seconds * 1000);
  const dayText = (d) => `${d.getUTCDate()} ${MONTHS[d.getUTCMonth()]}`;
  const hourText = (d) => `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}`;

  class Axis {
    constructor(name, given) {
      Object.assign(this, given, { name });
      this.charts = [];
      this.at = given.times || Array.from({ length: given.count }, (_, i) => given.start + i * given.step);
      this.whole = [this.at[0], (this.at[this.at.length - 1] || given.start) + given.step];
      this.shown = this.whole;
      this.pointed = null;
    }
    offset(seconds) {
      let found = this.offsets.length ? this.offsets[0][1] : 0;
      for (const [cell, ahead] of this.offsets) if (this.at[cell] <= seconds) found = ahead;
      return found;
    }
    local(seconds) { return seconds + this.offset(seconds); }
    // the first cell that starts at or after the moment
    cell(seconds) {
      let low = 0;
      let high = this.at.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (this.at[middle] < seconds) low = middle + 1; else high = middle;
      }
      return low;
    }
    nearest(seconds) { return Math.max(0, Math.min(this.at.length - 1, this.cell(seconds - this.step / 2))); }
    show(from, to) {
      const least = 6 * this.step;
      if (to - from < least) { const middle = (from + to) / 2; from = middle - least / 2; to = middle + least / 2; }
      this.shown = [Math.max(this.whole[0], from), Math.min(this.whole[1], to)];
      for (const chart of this.charts) chart.draw();
      this.remember();
    }
    // What is shown stands in the page's address, so that it can be sent to a colleague.
    remember() {
      const all = this.shown[0] === this.whole[0] && this.shown[1] === this.whole[1];
      const words = all ? location.pathname + location.search : `#${this.name}=${this.shown.map(Math.round).join("-")}`;
      try { history.replaceState(null, "", words); } catch { /* a page inside another has no address of its own */ }
    }
    recall() {
      const [, name, from, to] = /^#(\w+)=(\d+)-(\d+)$/.exec(location.hash) || [];
      if (name === this.name && Number(from) < Number(to) && Number(from) < this.whole[1] && Number(to) > this.whole[0]) this.show(Number(from), Number(to));
    }
    point(cell) {
      this.pointed = cell;
      for (const chart of this.charts) chart.point();
    }
    words(cell) {
      const seconds = this.at[cell];
      const here = date(this.local(seconds));
      const day = `${WEEKDAYS[here.getUTCDay()]} ${dayText(here)}`;
      if (this.days) return day;
      const text = `${day}, ${hourText(here)}`;
      return this.offset(seconds) === 0 ? `${text} UTC` : `${text} (${hourText(date(seconds))} UTC)`;
    }
    ticks(room) {
      const [from, to] = this.shown;
      const step = STEPS.find((each) => (to - from) / each <= room) || STEPS[STEPS.length - 1];
      const found = [];
      for (let here = Math.ceil(this.local(from) / step) * step; ; here += step) {
        const seconds = here - this.offset(here - this.offset(from));
        if (seconds > to) break;
        const d = date(here);
        if (seconds >= from) found.push([seconds, here % DAY === 0 ? dayText(d) : hourText(d)]);
      }
      return found;
    }
  }

  // The path of the cells [from, to); many cells to a pixel become that pixel's extremes.
  function path(values, from, to, x, y, pixels) {
    const bucket = Math.max(1, Math.floor((to - from) / (pixels * 1.5)));
    let text = "";
    let drawing = false;
    const put = (i) => { text += `${drawing ? "L" : "M"}${x(i).toFixed(1)} ${y(values[i]).toFixed(1)}`; drawing = true; };
    for (let i = from; i < to; i += bucket) {
      let low = -1;
      let high = -1;
      for (let j = i; j < Math.min(i + bucket, to); j += 1) {
        if (values[j] === null) continue;
        if (low < 0 || values[j] < values[low]) low = j;
        if (high < 0 || values[j] > values[high]) high = j;
      }
      if (low < 0) { drawing = false; continue; }
      const lone = !drawing && (i + bucket >= to || values[i + bucket] === null);
      put(Math.min(low, high));
      if (high !== low) put(Math.max(low, high));
      else if (lone) text += "h0.1";
    }
    return text;
  }

  function band(low, high, from, to, x, y) {
    let text = "";
    for (let i = from; i < to; i += 1) {
      if (low[i] === null || high[i] === null) continue;
      let end = i;
      while (end < to && low[end] !== null && high[end] !== null) end += 1;
      const upper = [];
      const lower = [];
      for (let j = i; j < end; j += 1) {
        upper.push(`${x(j).toFixed(1)} ${y(high[j]).toFixed(1)}`);
        lower.unshift(`${x(j).toFixed(1)} ${y(low[j]).toFixed(1)}`);
      }
      text += `M${upper.concat(lower).join("L")}Z`;
      i = end;
    }
    return text;
  }

  class Chart {
    constructor(place, readout, given, axis, unit) {
      Object.assign(this, { place, readout, given, axis, unit: given.unit === "fraction" ? "%" : unit });
      this.lines = given.lines.map((line) => ({
        name: line.name,
        style: line.style,
        values: unpack(line),
        low: line.low && unpack(line.low),
        high: line.high && unpack(line.high),
      }));
      axis.charts.push(this);
    }

    extent(from, to) {
      let low = this.given.zero || (this.unit === "%" && this.given.low !== null) ? 0 : Infinity;
      let high = this.given.zero ? 0 : -Infinity;
      for (const line of this.lines) {
        for (const values of [line.values, line.low, line.high]) {
          for (let i = from; values && i < to; i += 1) {
            if (values[i] === null) continue;
            if (values[i] < low) low = values[i];
            if (values[i] > high) high = values[i];
          }
        }
      }
      if (this.given.limit !== null) high = Math.max(high, this.given.limit);
      if (!(high >= low)) return [0, 1];
      const room = (high - low || Math.abs(high) || 1) * 0.06;
      return [low === 0 ? 0 : low - room, high + room];
    }

    draw() {
      const { axis, given } = this;
      const [start, end] = axis.shown;
      const from = Math.max(0, axis.cell(start) - 1);
      const to = Math.min(axis.at.length, axis.cell(end) + 1);
      const { svg, box, y } = frame(this.place, 232, ...this.extent(from, to), this.unit);
      const wide = box.right - box.left;
      const clip = `clip-${this.place.dataset.chart}`;
      this.x = (seconds) => box.left + ((seconds - start) / (end - start)) * wide;
      const x = (i) => this.x(axis.at[i]);
      Object.assign(this, { svg, box, y });
      el("rect", { x: box.left, y: 0, width: wide, height: box.bottom }, el("clipPath", { id: clip }, svg));
      for (const [seconds, text] of axis.ticks(wide / 72)) {
        el("line", { class: "grid", x1: this.x(seconds), x2: this.x(seconds), y1: box.top, y2: box.bottom }, svg);
        el("text", { class: "tick", x: this.x(seconds), y: box.height - 8, "text-anchor": "middle" }, svg, text);
      }
      const inside = el("g", { "clip-path": `url(#${clip})` }, svg);
      this.shade(inside);
      for (const line of this.lines) {
        if (line.low) el("path", { class: `band ${line.style}`, d: band(line.low, line.high, from, to, x, y) }, inside);
      }
      for (const line of this.lines) {
        el("path", { class: `line ${line.style}`, d: path(line.values, from, to, x, y, wide) }, inside);
      }
      if (given.limit !== null) {
        const kind = given.limit_words === "alert above" ? "" : " promised";
        el("line", { class: `limit${kind}`, x1: box.left, x2: box.right, y1: y(given.limit), y2: y(given.limit) }, inside);
        const words = `${given.limit_words} ${figure(given.limit, this.unit)}`;
        el("text", { class: `tick limit-text${kind}`, x: box.left + 4, y: y(given.limit) - 4 }, inside, words);
      }
      for (const [start, end, text] of given.faults) {
        const left = Math.max(this.x(start), box.left);
        const right = Math.min(this.x(end), box.right);
        if (right < box.left || left > box.right) continue;
        const drawn = el("rect", { class: "fault", x: left, width: Math.max(right - left, 2), y: box.top - 5, height: 5 }, inside);
        el("title", {}, drawn, text);
      }
      this.mark = el("g", { class: "mark" }, svg);
      this.point();
      this.listen(el("rect", { class: "touch", x: box.left, y: 0, width: wide, height: box.bottom }, svg));
    }

    shade(parent) {
      const { box } = this;
      const rect = (from, to, attributes) => {
        const left = Math.max(this.x(from), box.left);
        const right = Math.min(this.x(to), box.right);
        if (right < box.left || left > box.right) return null;
        return [el("rect", { x: left, width: Math.max(right - left, 1.5), ...attributes }, parent), left, right];
      };
      const now = this.axis.window;
      const current = rect(now[0], now[1], { class: "window", y: box.bottom - 4, height: 4 });
      if (current) el("title", {}, current[0], "current window");
      let said = -1;
      for (const span of this.given.spans) {
        const drawn = rect(span.from, span.to, { class: `span ${span.level}`, y: box.top, height: box.bottom - box.top });
        if (!drawn) continue;
        el("title", {}, drawn[0], `${span.level}: ${span.text}`);
        if (span.level !== "pending" && drawn[1] > said) {
          el("text", { class: "span-text", x: Math.min(drawn[1] + 4, box.right - 38), y: box.top + 11 }, parent, span.level);
          said = drawn[1] + 44;
        }
      }
    }

    point() {
      if (!this.mark) return;
      this.mark.replaceChildren();
      const cell = this.axis.pointed;
      const said = [];
      if (cell !== null) {
        const at = this.x(this.axis.at[cell]);
        if (at < this.box.left - 1 || at > this.box.right + 1) { this.readout.textContent = ""; return; }
        el("line", { class: "cross", x1: at, x2: at, y1: this.box.top, y2: this.box.bottom }, this.mark);
        for (const line of this.lines) {
          const value = line.values[cell];
          const usual = this.given.usual && line.high && line.high[cell] !== null ? ` (normal ± ${figure(line.high[cell], this.unit)})` : "";
          said.push(`${line.name} ${value === null ? "–" : figure(value, this.unit)}${usual}`);
          if (value !== null) el("circle", { class: `dot ${line.style}`, cx: at, cy: this.y(value), r: 3.5 }, this.mark);
        }
      }
      if (cell !== null) for (const [start, end, text] of this.given.faults) if (start <= this.axis.at[cell] && this.axis.at[cell] < end) said.push(text);
      this.readout.textContent = cell === null ? "" : `${this.axis.words(cell)}  ·  ${said.join("  ·  ")}`;
    }

    seconds(event) {
      const seen = this.svg.getBoundingClientRect();
      const inside = ((event.clientX - seen.left) / seen.width) * this.box.width;
      const [start, end] = this.axis.shown;
      return start + ((inside - this.box.left) / (this.box.right - this.box.left)) * (end - start);
    }

    listen(touch) {
      let from = null;
      let chosen = null;
      touch.addEventListener("pointerdown", (event) => {
        from = this.seconds(event);
        chosen = el("rect", { class: "chosen", y: this.box.top, height: this.box.bottom - this.box.top, x: 0, width: 0 }, this.svg);
        touch.setPointerCapture(event.pointerId);
      });
      touch.addEventListener("pointermove", (event) => {
        const to = this.seconds(event);
        this.axis.point(this.axis.nearest(to));
        if (from === null) return;
        chosen.setAttribute("x", Math.min(this.x(from), this.x(to)));
        chosen.setAttribute("width", Math.abs(this.x(to) - this.x(from)));
      });
      touch.addEventListener("pointerup", (event) => {
        const to = this.seconds(event);
        const first = from;
        from = null;
        if (chosen) chosen.remove();
        if (first !== null && Math.abs(this.x(to) - this.x(first)) > 8) this.axis.show(Math.min(first, to), Math.max(first, to));
      });
      touch.addEventListener("pointercancel", () => { from = null; if (chosen) chosen.remove(); });
      touch.addEventListener("pointerleave", () => { if (from === null) this.axis.point(null); });
      touch.addEventListener("dblclick", () => this.axis.show(...this.axis.whole));
    }

    // Keys on a chart: arrows point, + and − zoom about the point, 0 shows all.
    key(event) {
      const { axis } = this;
      const [start, end] = axis.shown;
      const last = axis.at.length - 1;
      const cell = axis.pointed === null ? axis.nearest((start + end) / 2) : axis.pointed;
      const zoom = (by) => {
        const half = ((end - start) * by) / 2;
        axis.show(axis.at[cell] - half, axis.at[cell] + half);
      };
      if (event.key === "ArrowLeft") axis.point(Math.max(0, cell - 1));
      else if (event.key === "ArrowRight") axis.point(Math.min(last, cell + 1));
      else if (event.key === "+" || event.key === "=") zoom(0.5);
      else if (event.key === "-") zoom(2);
      else if (event.key === "0") axis.show(...axis.whole);
      else return;
      event.preventDefault();
    }
  }

  // Buttons that show the last stretch, above the first chart of an axis.
  function buttons(axis, place) {
    const length = axis.whole[1] - axis.whole[0];
    const bar = document.createElement("p");
    bar.className = "zoom";
    for (const [text, stretch] of [["24 h", DAY], ["3 d", 3 * DAY], ["7 d", 7 * DAY], ["28 d", 28 * DAY], ["all", length]]) {
      if ((stretch >= length && text !== "all") || stretch < 8 * axis.step) continue;
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = text;
      button.setAttribute("aria-label", text === "all" ? "Show all" : `Show the last ${text}`);
      button.addEventListener("click", () => axis.show(axis.whole[1] - stretch, axis.whole[1]));
      bar.append(button);
    }
    bar.append("or drag across a chart");
    place.before(bar);
  }

  return { Axis, Chart, buttons };
})();
