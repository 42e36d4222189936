"use strict";
// The grid of a sweep's pictures by any two of its dimensions, and the axes of the trade-off plot.
(() => {
  const { all, one, makeFigure } = synthaudit;
  const { arms, pictures, recommended } = JSON.parse(one("grid-data").textContent);
  const pictured = new Map();

  const dimensions = new Map([
    ["arm", (entry) => arms[entry.arm].name],
    ["subject", (entry) => entry.subject],
    ["image", (entry) => `image ${entry.image + 1}`],
    ...Object.keys(arms[0].axes).map((axis) => [`axis ${axis}`, (entry) => arms[entry.arm].axes[axis] || "(empty)"]),
  ].filter(([, of]) => new Set(pictures.map(of)).size > 1));

  const cell = (name, text = "") => {
    const made = document.createElement(name);
    made.textContent = text;
    return made;
  };

  function draw() {
    const [down, across] = ["grid-rows", "grid-columns"].map((id) => dimensions.get(one(id).value) ?? (() => "all"));
    const most = Number(one("grid-count").value);
    const [rows, columns] = [down, across].map((of) => [...new Set(pictures.map(of))]);
    const cells = new Map();
    for (const entry of pictures) {
      const key = JSON.stringify([down(entry), across(entry)]);
      if (!cells.has(key)) cells.set(key, []);
      cells.get(key).push(entry);
    }
    const head = cell("tr");
    head.append(cell("td"), ...columns.map((name) => Object.assign(cell("th", name), { scope: "col" })));
    pictured.clear();
    const lines = rows.map((row) => {
      const line = cell("tr");
      line.append(Object.assign(cell("th", row), { scope: "row" }));
      for (const column of columns) {
        const own = cells.get(JSON.stringify([row, column])) ?? [];
        const place = cell("td");
        const box = cell("div");
        box.className = "group";
        for (const entry of own.slice(0, most)) {
          const figure = makeFigure({
            side: "synthetic", path: entry.path, label: entry.subject,
            caption: [arms[entry.arm].name, entry.subject, `image ${entry.image + 1}`].filter(Boolean).join(", "),
            isBrief: true,
            source: `data:image/webp;base64,${entry.picture}`,
          });
          pictured.set(figure, entry);
          box.append(figure);
        }
        place.append(box);
        line.append(place);
      }
      return line;
    });
    const [top, body] = [cell("thead"), cell("tbody")];
    top.append(head);
    body.append(...lines);
    one("grid-table").replaceChildren(top, body);
  }

  synthaudit.partnerOf = (figure) => {
    const entry = pictured.get(figure);
    const other = entry.arm === recommended ? null
      : pictures.find((candidate) => candidate.arm === recommended && candidate.image === entry.image);
    if (!other) return null;
    return makeFigure({
      side: "synthetic", path: other.path, label: other.subject, caption: `${arms[other.arm].name}, recommended`, isBrief: true,
      source: `data:image/webp;base64,${other.picture}`,
    });
  };

  const fallback = [...dimensions.keys()];
  for (const [id, wanted] of [["grid-rows", ["arm"]], ["grid-columns", ["subject", "image"]]]) {
    one(id).append(...fallback.map((name) => Object.assign(cell("option", name), { value: name })));
    one(id).value = wanted.find((name) => dimensions.has(name)) ?? fallback[0];
    one(id).addEventListener("change", draw);
  }
  one("grid-count").addEventListener("change", draw);
  draw();

  document.addEventListener("drawn", () => {
    for (const [id, side] of [["pareto-x", "x"], ["pareto-y", "y"]]) {
      one(id).addEventListener("change", () => {
        const field = one(id).value;
        for (const model of synthaudit.models()) {
          if (model.type === "GlyphRenderer" && ["pareto-dots", "pareto-words"].includes(model.name)) {
            for (const glyph of [model.glyph, model.nonselection_glyph, model.selection_glyph]) {
              if (glyph && glyph.type) glyph[side] = { field };
            }
          }
        }
        const plot = synthaudit.model("pareto");
        (side === "x" ? plot.below : plot.left)[0].axis_label = field;
      });
    }
  }, { once: true });
})();
