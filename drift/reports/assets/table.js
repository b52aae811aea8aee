"use strict";
// The fleet table sorts and filters. Without this script it stands as it was written: worst first.
(() => {
  const table = document.getElementById("fleet");
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const make = (name, fields) => Object.assign(document.createElement(name), fields);

  const value = (row, column) => {
    const cell = row.cells[column];
    if (cell.dataset.value !== undefined) return Number(cell.dataset.value);
    if (cell.classList.contains("num")) return null; // no value: last, whichever way
    return cell.textContent.trim().toLowerCase();
  };
  const compare = (a, b) => (typeof a === "string" ? a.localeCompare(b, undefined, { numeric: true }) : a - b);

  function sort(head, column) {
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const keyed = rows.map((row) => [value(row, column), row]);
    keyed.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null);
      return down ? compare(b, a) : compare(a, b);
    });
    body.append(...keyed.map(([, row]) => row));
  }

  Array.from(table.tHead.rows[0].cells).forEach((head, column) => {
    if (head.textContent.startsWith("WAPE")) return;
    const button = make("button", { type: "button", textContent: head.textContent });
    button.addEventListener("click", () => sort(head, column));
    head.replaceChildren(button);
  });

  const filters = document.getElementById("filters");
  const choice = (words, values) => {
    const select = make("select", { ariaLabel: words });
    select.append(make("option", { value: "", textContent: words }));
    for (const each of values) select.append(make("option", { value: each, textContent: each }));
    return select;
  };
  const all = (key) => Array.from(new Set(rows.map((row) => row.dataset[key]))).sort();
  const text = make("input", { type: "search", placeholder: "City", ariaLabel: "Show cities with this in their name" });
  const states = choice("Any state", all("state"));
  const versions = choice("Any model version", all("version"));
  const count = make("output", {});
  function filter() {
    const wanted = text.value.trim().toLowerCase();
    let shown = 0;
    for (const row of rows) {
      row.hidden = !(
        row.cells[0].textContent.toLowerCase().includes(wanted) &&
        (!states.value || row.dataset.state === states.value) &&
        (!versions.value || row.dataset.version === versions.value)
      );
      shown += !row.hidden;
    }
    count.textContent = shown === rows.length ? `${shown} rows` : `${shown} of ${rows.length} rows`;
  }
  for (const control of [text, states, versions]) control.addEventListener("input", filter);
  filters.append(text, states, versions, count);
  filter();
})();
