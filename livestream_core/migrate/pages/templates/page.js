"use strict";
// Sorts and filters the table of streams, which is complete without this script.
const table = document.querySelector("table.streams");
if (table) {
  const controls = document.querySelector("[role=search]");
  const [state, text, open] = controls.querySelectorAll("select, input");
  const shown = controls.querySelector("output");
  const rows = [...table.tBodies[0].rows];
  const words = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
  const { compare } = new Intl.Collator(undefined, { numeric: true });

  const filter = () => {
    const wanted = text.value.trim().toLowerCase();
    let count = 0;
    for (const row of rows) {
      row.hidden =
        (state.value !== "" && row.dataset.state !== state.value) ||
        !words.get(row).includes(wanted);
      count += !row.hidden;
    }
    shown.value = `${count.toLocaleString("en")} of ${rows.length.toLocaleString("en")} shown`;
  };

  const sort = (heading) => {
    const down = heading.getAttribute("aria-sort") === "ascending";
    const key = new Map(rows.map((row) => [row, row.cells[heading.cellIndex].textContent.trim()]));
    // Empty values come last in either direction.
    rows.sort((a, b) => {
      const [one, other] = [key.get(a), key.get(b)];
      if (!one || !other) return !one - !other;
      return down ? compare(other, one) : compare(one, other);
    });
    for (const each of heading.parentNode.cells) each.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    for (const row of rows) table.tBodies[0].append(row);
  };

  for (const heading of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    button.addEventListener("click", () => sort(heading));
    heading.append(button);
  }
  state.addEventListener("change", filter);
  text.addEventListener("input", filter);
  open.addEventListener("change", () => {
    for (const each of table.querySelectorAll("details")) each.open = open.checked;
  });
  filter();
  controls.hidden = false;
}
