"use strict";
// The fleet table sorts and filters. Without this script it stands as it was written: worst first.
(() => {
  const table = document.getElementById("fleet");
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const MOST = 250; // rows shown until all are asked for: a table of thousands is slow, and read by nobody
  const names = new Map(rows.map((row) => [row, row.cells[0].textContent.toLowerCase()]));
  let order = rows;
  let most = MOST;
  const make = (name, fields) => Object.assign(document.createElement(name), fields);

  const value = (row, column) => {
    const cell = row.cells[column];
    if (cell.dataset.value !== undefined) return Number(cell.dataset.value);
    if (cell.classList.contains("num")) return null; // no value: last, whichever way
    return cell.textContent.trim().toLowerCase();
  };
  const collator = new Intl.Collator(undefined, { numeric: true });
  const compare = (a, b) => (typeof a === "string" ? collator.compare(a, b) : a - b);

  function sort(head, column) {
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const keyed = rows.map((row) => [value(row, column), row]);
    keyed.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null);
      return down ? compare(b, a) : compare(a, b);
    });
    order = keyed.map(([, row]) => row);
    body.append(...order);
    filter();
  }

  Array.from(table.tHead.rows[0].cells).forEach((head, column) => {
    if (head.dataset.plain !== undefined) return;
    const button = make("button", { type: "button", textContent: head.textContent });
    button.addEventListener("click", () => sort(head, column));
    head.replaceChildren(button);
  });

  const filters = document.getElementById("filters");
  const choice = (words, key) => {
    const values = Array.from(new Set(rows.map((row) => row.dataset[key]).filter((value) => value))).sort();
    const select = make("select", { ariaLabel: words });
    select.append(make("option", { value: "", textContent: words }));
    for (const each of values) select.append(make("option", { value: each, textContent: each }));
    if (values.length) choices.push([key, select]);
    return select;
  };
  const choices = [];
  const text = make("input", { type: "search", placeholder: "City", ariaLabel: "Show cities with this in their name" });
  choice("Any state", "state");
  choice("Any model version", "version");
  choice("Any group", "group");
  const count = make("output", {});
  const more = make("button", { type: "button" });
  more.addEventListener("click", () => { most = rows.length; filter(); });
  function filter() {
    const wanted = text.value.trim().toLowerCase();
    let found = 0;
    for (const row of order) {
      const fits = names.get(row).includes(wanted) && choices.every(([key, select]) => !select.value || row.dataset[key] === select.value);
      found += fits;
      row.hidden = !fits || found > most;
      row.classList.remove("far");
    }
    count.textContent = found === rows.length ? `${found} rows` : `${found} of ${rows.length} rows`;
    more.hidden = found <= most;
    more.textContent = `Show all ${found}`;
  }
  const controls = [text, ...choices.map(([, select]) => select)];
  for (const control of controls) control.addEventListener("input", filter);
  filters.append(...controls, count, more);
  filter();

  // The day under the pointer, in words.
  const readout = document.getElementById("day");
  const DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  const told = (row, days, day) => {
    const at = DIGITS.indexOf(days[day]);
    const size = at < 0 ? "no figure" : `${at === DIGITS.length - 1 ? "6.1 and more" : (at / 10).toFixed(1)} × normal`;
    const ago = days.length - 1 - day;
    const when = ago === 0 ? "today" : ago === 1 ? "yesterday" : `${ago} days ago`;
    return `${row.cells[0].firstElementChild.textContent} · ${row.dataset.version} · ${when} · ${size}`;
  };
  body.addEventListener("pointermove", (event) => {
    const picture = event.target.closest("svg.strip");
    if (!picture) { readout.textContent = ""; return; }
    const seen = picture.getBoundingClientRect();
    const days = picture.dataset.days;
    const day = Math.min(days.length - 1, Math.max(0, Math.floor(((event.clientX - seen.left) / seen.width) * days.length)));
    readout.textContent = told(picture.closest("tr"), days, day);
  });
  body.addEventListener("pointerleave", () => { readout.textContent = ""; });
})();
