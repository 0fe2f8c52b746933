"use strict";
// Sorts, filters, and turns the pages of the table of streams. Rows are kept as text, and only those
// of one page become elements: a browser would need minutes to lay out 100,000 rows.
const table = document.querySelector("table.streams");
if (table) {
  const controls = document.querySelector("[role=search]");
  const [state, text, open] = controls.querySelectorAll("select, input");
  const pages = document.querySelector("nav");
  const counted = controls.querySelector("output");
  const place = pages.querySelector("span");
  const body = table.tBodies[0];
  const { compare } = new Intl.Collator(undefined, { numeric: true });
  const number = (value) => value.toLocaleString("en");

  const more = document.querySelector("noscript");
  const later = more ? more.textContent.split("<tbody")[1].match(/<tr[^]*?<\/tr>/g) : [];
  const AT_ONCE = body.rows.length;
  const rows = [...[...body.rows].map((row) => row.outerHTML), ...later];
  let found = rows;
  let first = 0;
  const pattern = document.createElement("template");
  const characters = { amp: "&", lt: "<", gt: ">", "#34": '"', "#39": "'", quot: '"' };
  const plain = (html) =>
    html.replace(/<[^>]*>/g, "").replace(/&([\w#]+);/g, (_, name) => characters[name] ?? " ").trim();
  const setOf = (number) => document.getElementById(`set-${number}`);
  const wordsOfSet = (number) => setOf(number).textContent.toLowerCase();
  const words = new Map();
  const wordsOf = (row) => {
    if (!words.has(row)) {
      const [, set] = row.match(/ data-set="(\d+)"/) ?? [];
      words.set(row, plain(row).toLowerCase() + (set ? wordsOfSet(set) : ""));
    }
    return words.get(row);
  };

  const show = (some) => {
    pattern.innerHTML = some.join("");
    for (const each of pattern.content.querySelectorAll("[data-set]")) {
      each.replaceWith(setOf(each.dataset.set).querySelector("details").cloneNode(true));
    }
    body.replaceChildren(pattern.content);
    for (const each of open.checked ? body.querySelectorAll("details") : []) each.open = true;
  };
  const turn = (to) => {
    first = to;
    show(found.slice(first, first + AT_ONCE));
    place.textContent = `${number(first + 1)} to ${number(Math.min(first + AT_ONCE, found.length))} of ${number(found.length)}`;
    pages.hidden = found.length <= AT_ONCE;
    previous.disabled = !first;
    next.disabled = first + AT_ONCE >= found.length;
  };
  const filter = () => {
    const wanted = text.value.trim().toLowerCase();
    const marked = `data-state="${state.value}"`;
    found = rows.filter(
      (row) => (!state.value || row.includes(marked)) && (!wanted || wordsOf(row).includes(wanted)),
    );
    counted.value = `${number(found.length)} of ${number(rows.length)} shown`;
    turn(0);
  };

  const sort = (heading) => {
    const down = heading.getAttribute("aria-sort") === "ascending";
    const keys = new Map(
      rows.map((row) => [row, plain(row.split(/(?=<t[hd] )/)[heading.cellIndex + 1])]),
    );
    // Empty values come last in either direction.
    rows.sort((a, b) => {
      const [one, other] = [keys.get(a), keys.get(b)];
      if (!one || !other) return !one - !other;
      return down ? compare(other, one) : compare(one, other);
    });
    for (const each of heading.parentNode.cells) each.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    filter();
  };

  const button = (pressed, ...content) => {
    const made = document.createElement("button");
    made.type = "button";
    made.append(...content);
    made.addEventListener("click", pressed);
    return made;
  };
  const previous = button(() => turn(first - AT_ONCE), "Previous");
  const next = button(() => turn(first + AT_ONCE), "Next");
  pages.prepend(previous);
  pages.append(next);
  for (const heading of table.tHead.rows[0].cells) {
    heading.append(button(() => sort(heading), ...heading.childNodes));
  }
  state.addEventListener("change", filter);
  text.addEventListener("input", filter);
  open.addEventListener("change", () => {
    for (const each of body.querySelectorAll("details")) each.open = open.checked;
  });
  addEventListener("beforeprint", () => show(found));
  addEventListener("afterprint", () => turn(first));
  filter();
  controls.hidden = false;
}
