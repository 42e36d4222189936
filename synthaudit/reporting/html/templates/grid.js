"use strict";
// The grid of a sweep's pictures by any two of its dimensions, and the axes of the trade-off plot.
(() => {
  const { all, one, make, page, ready, count, column, label, figure } = synthaudit;
  const { arms, recommended } = page;
  const real = "real images";
  const armOf = (n) => column("arm")[n];
  const nameOf = (n) => (armOf(n) < 0 ? real : arms[armOf(n)].name);
  const entries = [...Array(count()).keys()].filter((n) => synthaudit.picture(n));

  const dimensions = new Map([
    ["arm", nameOf],
    ["subject", label],
    ["image", (n) => `image ${column("image")[n] + 1}`],
    ...Object.keys(arms[0].axes).map((axis) => [`axis ${axis}`, (n) => (armOf(n) < 0 ? real : arms[armOf(n)].axes[axis] || "(empty)")]),
  ].filter(([, of]) => new Set(entries.filter((n) => armOf(n) >= 0).map(of)).size > 1));

  function pictured(n) {
    const made = figure(n, { role: nameOf(n), text: column("prompt")[n] ?? "" });
    made.dataset.judged = "yes";
    return made;
  }

  function draw() {
    const [down, across] = ["grid-rows", "grid-columns"].map((id) => dimensions.get(one(id).value) ?? (() => "all"));
    const most = Number(one("grid-count").value);
    // What the arms are held against comes first.
    const isReal = new Set(entries.filter((n) => armOf(n) < 0));
    const ordered = [...isReal, ...entries.filter((n) => !isReal.has(n))];
    const [rows, columns] = [down, across].map((of) => [...new Set(ordered.map(of))]);
    const cells = new Map();
    for (const n of ordered) {
      const key = JSON.stringify([down(n), across(n)]);
      if (!cells.has(key)) cells.set(key, []);
      cells.get(key).push(n);
    }
    const head = make("tr", {}, make("td"), ...columns.map((name) => make("th", { textContent: name, scope: "col" })));
    const lines = rows.map((row) => make("tr", {}, make("th", { textContent: row, scope: "row" }), ...columns.map((name) => {
      const own = cells.get(JSON.stringify([row, name])) ?? [];
      return make("td", {}, make("div", { className: "group" }, ...own.slice(0, most).map(pictured)));
    })));
    one("grid-table").replaceChildren(make("thead", {}, head), make("tbody", {}, ...lines));
  }

  // A picture is compared with that of the recommended arm, and with a real one of its subject.
  synthaudit.partnersOf = (shown) => {
    const n = Number(shown.dataset.n);
    const same = (other) => column("image")[other] === column("image")[n];
    const found = [
      entries.find((other) => armOf(other) === recommended && armOf(n) !== recommended && same(other)),
      entries.find((other) => armOf(other) < 0 && armOf(n) >= 0 && label(other) === label(n)),
    ];
    return found.filter((other) => other !== undefined)
      .map((other) => figure(other, { role: armOf(other) < 0 ? "real" : `${nameOf(other)}, recommended`, text: column("prompt")[other] ?? "" }));
  };

  ready.then(() => {
    const names = [...dimensions.keys()];
    for (const [id, wanted] of [["grid-rows", ["arm"]], ["grid-columns", ["subject", "image"]]]) {
      one(id).append(...names.map((name) => make("option", { value: name, textContent: name })));
      one(id).value = wanted.find((name) => dimensions.has(name)) ?? names[0];
      one(id).addEventListener("change", draw);
    }
    one("grid-count").addEventListener("change", draw);
    draw();
  });

  function turn() {
    for (const [id, side] of [["pareto-x", "x"], ["pareto-y", "y"]]) {
      const field = one(id).value;
      for (const model of synthaudit.models()) {
        if (model.type !== "GlyphRenderer" || !["pareto-dots", "pareto-words"].includes(model.name)) continue;
        for (const glyph of [model.glyph, model.nonselection_glyph, model.selection_glyph]) {
          if (glyph && glyph.type) glyph[side] = { field };
        }
      }
      const plot = synthaudit.model("pareto");
      if (plot) (side === "x" ? plot.below : plot.left)[0].axis_label = field;
    }
  }

  for (const id of ["pareto-x", "pareto-y"]) one(id).addEventListener("change", turn);
  document.addEventListener("drawn", (event) => { if (event.detail === "plot-pareto") turn(); });
})();
