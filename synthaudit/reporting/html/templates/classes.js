"use strict";
// The classes: a heat map of what is wrong in each, the worst first; a click opens one.
(() => {
  const { one, make, page, ready } = synthaudit;
  if (!one("classes-table")) return;
  const atOnce = 40;
  let order = -1, isDown = true, isWhole = false;

  const spoken = (column, name, [value, low, high]) =>
    `${name}, ${column.title}: ${value.toFixed(3)}${low === null ? "" : ` (${low.toFixed(3)} to ${high.toFixed(3)})`}. ${column.meaning}`;

  function cellOf(column, row, place) {
    const own = row.cells[place];
    if (!own) return make("td", { className: "heat", textContent: "–" });
    const text = spoken(column, row.name, own);
    const cell = make("td", { className: "heat", title: text, textContent: own[0].toFixed(column.digits), dataset: { heat: Math.ceil(own[3] * 5) } });
    cell.addEventListener("mouseenter", () => { one("class-told").textContent = text; });
    return cell;
  }

  function lineOf(row) {
    const open = make("button", { type: "button", className: "choose", textContent: row.name });
    open.addEventListener("click", () => synthaudit.review?.({ label: row.name }));
    open.addEventListener("focus", () => {
      one("class-told").textContent = page.classes.columns.map((column, place) => (row.cells[place] ? spoken(column, row.name, row.cells[place]).split(". ")[0] : "")).filter(Boolean).join("; ");
    });
    const head = make("th", {}, open);
    head.scope = "row";
    return make("tr", {}, head, ...page.classes.columns.map((column, place) => cellOf(column, row, place)),
      make("td", { textContent: row.real.toLocaleString("en") }), make("td", { textContent: row.synthetic ? row.synthetic.toLocaleString("en") : "none" }));
  }

  function draw() {
    const wanted = one("class-search").value.trim().toLowerCase();
    const key = (row) => (order < 0 ? row.heat : row.cells[order]?.[3] ?? -1);
    const rows = page.classes.rows.filter((row) => row.name.toLowerCase().includes(wanted))
      .sort((a, b) => (isDown ? key(b) - key(a) : key(a) - key(b)) || a.name.localeCompare(b.name));
    const shown = isWhole ? rows : rows.slice(0, atOnce);
    one("classes-table").tBodies[0].replaceChildren(...shown.map(lineOf));
    if (rows.length === 0) one("class-told").textContent = "No class fits.";
    one("classes-all").hidden = shown.length === rows.length;
    one("classes-all").textContent = `Show all ${rows.length.toLocaleString("en")} classes`;
    [...one("classes-table").tHead.rows[0].cells].forEach((head, place) => {
      if (place - 1 === order) head.setAttribute("aria-sort", isDown ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
  }

  ready.then(() => {
    const heads = ["class, worst first", ...page.classes.columns.map((column) => column.title)].map((title, place) => {
      const button = make("button", { type: "button", textContent: title });
      button.addEventListener("click", () => {
        isDown = place - 1 === order ? !isDown : true;
        order = place - 1;
        draw();
      });
      return make("th", { scope: "col" }, button);
    });
    one("classes-table").tHead.replaceChildren(make("tr", {}, ...heads, make("th", { scope: "col", textContent: "real" }), make("th", { scope: "col", textContent: "synthetic" })));
    one("class-search").addEventListener("input", draw);
    one("classes-all").addEventListener("click", () => { isWhole = true; draw(); });
    draw();
  });
})();
