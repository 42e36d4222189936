"use strict";
// The map: colours, the picture under the pointer, the gallery of what is selected, the keyboard.
(() => {
  const { all, one, fits, makeFigure, chosen } = synthaudit;
  const held = one("map-data");
  if (!held) return;
  const data = JSON.parse(held.textContent);
  const sides = data.sides;
  const palette = ["#2f7fc1", "#d1700f", "#2a9d5c", "#c8443a", "#8a63c9", "#9a6a4f", "#c9599f", "#7a7a7a", "#8f9a14", "#149aa8"];
  const shownAtOnce = 60;
  const nearest = 24;
  const elsewhere = new Map(all("figure[data-path] img").map((image) => {
    const figure = image.closest("figure");
    return [`${figure.dataset.side}\t${figure.dataset.path}`, image.src];
  }));
  const { x, y } = data;
  let source, marker, whole, cursor = -1;

  const labelOf = (n) => (data.label[n] < 0 ? "" : data.classes[data.label[n]]);
  const pictureOf = (n) =>
    data.pictures[n] ? `data:image/webp;base64,${data.pictures[n]}` : elsewhere.get(`${sides[data.side[n]]}\t${data.path[n]}`);

  function figureOf(n) {
    const fault = data.fault[n] ? `, ${data.faults[data.fault[n]]}` : "";
    const label = labelOf(n);
    return makeFigure({
      side: sides[data.side[n]], path: data.path[n], label, source: pictureOf(n),
      caption: `${label ? `${label}, ` : ""}fake: ${data.probability[n].toFixed(3)}${fault}`,
    });
  }

  function blend(share) {
    const parts = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
    const [from, to] = sides.map((side) => parts(synthaudit.colour(side)));
    return `#${from.map((part, k) => Math.round(part + share * (to[k] - part)).toString(16).padStart(2, "0")).join("")}`;
  }

  function colouring() {
    const by = one("map-colour").value;
    const two = sides.map(synthaudit.colour);
    if (by === "side") return [data.side.map((s) => two[s]), sides.map((side, s) => [two[s], side])];
    if (by === "class") {
      const of = (label) => (label < 0 ? synthaudit.colour("soft") : palette[label % palette.length]);
      return [data.label.map(of), data.classes.map((name, label) => [of(label), name])];
    }
    if (by === "probability") {
      return [data.probability.map(blend), [0, 0.25, 0.5, 0.75, 1].map((share) => [blend(share), share.toFixed(2)])];
    }
    const of = (fault) => (fault ? palette[(fault + 2) % palette.length] : synthaudit.colour("line"));
    const seen = new Set(data.fault);
    return [data.fault.map(of), data.faults.map((name, fault) => [of(fault), name]).filter((_, fault) => seen.has(fault))];
  }

  function paint() {
    const [colours, legend] = colouring();
    const alpha = data.path.map((path, n) => (fits(path, labelOf(n)) ? 0.8 : 0.06));
    source.data = { x, y, colour: colours, alpha };
    one("map-legend").replaceChildren(...legend.map(([colour, text]) => {
      const entry = document.createElement("li");
      const swatch = document.createElement("span");
      swatch.className = "swatch";
      swatch.style.background = colour;
      entry.append(swatch, text);
      return entry;
    }));
  }

  function hover(n) {
    if (n === undefined || n < 0) return;
    one("map-hover").replaceChildren(figureOf(n));
    marker.data = { x: [x[n]], y: [y[n]] };
  }

  function gallery(indices) {
    const there = one("map-chosen");
    there.hidden = indices.length === 0;
    const more = indices.length > shownAtOnce ? `, the first ${shownAtOnce} are shown` : "";
    one("map-count").textContent = `${indices.length} selected on the map${more}`;
    there.querySelector(".groups").replaceChildren(...indices.slice(0, shownAtOnce).map((n) => {
      const group = document.createElement("div");
      group.className = "group";
      group.append(figureOf(n));
      return group;
    }));
  }

  // The nearest point in the direction of an arrow key.
  function step(dx, dy) {
    let best = -1, least = Infinity;
    for (let n = 0; n < x.length; n++) {
      const [across, up] = [x[n] - x[cursor], y[n] - y[cursor]];
      const along = across * dx + up * dy;
      if (n === cursor || along <= 0) continue;
      const cost = along + 2 * Math.abs(across * dy - up * dx);
      if (cost < least) [best, least] = [n, cost];
    }
    if (best >= 0) cursor = best;
    hover(cursor);
  }

  function around(n) {
    const distance = (m) => (x[m] - x[n]) ** 2 + (y[m] - y[n]) ** 2;
    return [...x.keys()].sort((a, b) => distance(a) - distance(b)).slice(0, nearest);
  }

  function keys(event) {
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    if (event.key in arrows) {
      if (cursor < 0) { cursor = 0; hover(0); } else step(...arrows[event.key]);
    } else if (event.key === "Enter" && cursor >= 0) source.selected.indices = around(cursor);
    else if (event.key === "Escape") source.selected.indices = [];
    else return;
    event.preventDefault();
  }

  function zoom(factor) {
    for (const [range] of whole) {
      const [middle, half] = [(range.start + range.end) / 2, (range.end - range.start) / 2];
      range.setv({ start: middle - factor * half, end: middle + factor * half });
    }
  }

  function begin() {
    [source, marker] = ["map-points", "map-mark"].map(synthaudit.model);
    const { x_range: across, y_range: up } = synthaudit.model("map");
    whole = [across, up].map((range) => [range, { start: range.start, end: range.end }]);
    paint();
    source.selected.on_change(source.selected.properties.indices, () => gallery([...source.selected.indices]));
    source.inspect.connect(() => hover(source.inspected.indices[0]));
    one("map-plot").addEventListener("keydown", keys);
    one("map-colour").addEventListener("change", paint);
    one("map-drag").addEventListener("change", () => {
      synthaudit.model("map").toolbar.active_drag = null;
      for (const name of ["select", "move"]) synthaudit.model(`map-${name}`).active = one("map-drag").value === name;
    });
    one("map-in").addEventListener("click", () => zoom(0.6));
    one("map-out").addEventListener("click", () => zoom(1 / 0.6));
    one("map-reset").addEventListener("click", () => { for (const [range, ends] of whole) range.setv(ends); });
    one("map-clear").addEventListener("click", () => { source.selected.indices = []; });
    one("map-all").addEventListener("click", () => {
      for (const n of source.selected.indices) chosen.add(`${sides[data.side[n]]}\t${data.path[n]}`);
      synthaudit.mark();
    });
    document.addEventListener("filtered", paint);
    document.addEventListener("painted", paint);
  }

  document.addEventListener("drawn", begin, { once: true });
})();
