"use strict";
// Search, filter and sort for tables; a link into a fold opens it. The page is complete without this.
for (const table of document.querySelectorAll("table[data-find]")) {
  const rows = [...table.tBodies[0].rows];
  const bar = document.createElement("p");
  const field = Object.assign(document.createElement("input"), { type: "search" });
  field.setAttribute("aria-label", table.dataset.find);
  field.placeholder = table.dataset.find;
  const choice = document.createElement("select");
  choice.setAttribute("aria-label", table.dataset.all);
  choice.add(new Option(table.dataset.all, ""));
  const words = new Map();
  for (const row of rows)
    for (const badge of row.querySelectorAll("td .badge")) words.set(badge.classList[1], badge.lastChild.data.trim());
  for (const [name, word] of words) choice.add(new Option(word, name));
  const show = () => {
    const wanted = field.value.toLowerCase();
    for (const row of rows)
      row.hidden =
        !row.textContent.toLowerCase().includes(wanted) ||
        (choice.value !== "" && row.querySelector("td .badge." + choice.value) === null);
  };
  field.addEventListener("input", show);
  choice.addEventListener("change", show);
  bar.append(field, " ", choice);
  table.parentElement.before(bar);
}
for (const table of document.querySelectorAll("table.sorts"))
  for (const head of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const up = head.ariaSort !== "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.ariaSort = up ? "ascending" : "descending";
      const key = (row) => row.cells[head.cellIndex]?.dataset.key ?? row.cells[head.cellIndex]?.textContent ?? "";
      const order = (a, b) => key(a).localeCompare(key(b), undefined, { numeric: true });
      const rows = [...table.tBodies[0].rows].sort((a, b) => (up ? order(a, b) : order(b, a)));
      table.tBodies[0].append(...rows);
    });
  }
const open = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let fold = target?.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  target?.scrollIntoView();
};
addEventListener("hashchange", open);
open();
