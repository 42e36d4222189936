"use strict";
// The map: shapes and colours, the picture under the pointer, the gallery of what is selected, keys.
(() => {
  const { all, one, make, page, ready, column, count, side, isSynthetic, label, faults, figure, fitsFilter } = synthaudit;
  if (!one("map-plot")) return;
  // Colours of Okabe and Ito, which the colour-blind tell apart; of more classes the ninth is grey.
  const palette = ["#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9", "#cc79a7", "#f0e442", "#000000"];
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const markers = ["circle", "triangle"];
  const shownAtOnce = 60;
  const nearest = 24;
  const off = new Set();  // entries of the legend that are hidden
  let source, marker, landmarks, whole, cursor = -1, points = [], shown = [], x, y;

  const of = (place) => (place === 7 && dark.matches ? "#ffffff" : palette[place]) ?? synthaudit.colour("soft");

  const short = (name) => (name.length > 20 ? `${name.slice(0, 19)}…` : name);

  function figureOf(n) {
    const wrong = faults(n);
    const sure = column("probability")[n];
    const parts = [sure === null || page.alone ? "" : `fake: ${sure.toFixed(3)}`, ...wrong];
    return figure(n, { text: parts.filter(Boolean).join(", ") });
  }

  function blend(share) {
    const parts = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
    const [from, to] = ["real", "synthetic"].map((name) => parts(synthaudit.colour(name)));
    return `#${from.map((part, k) => Math.round(part + share * (to[k] - part)).toString(16).padStart(2, "0")).join("")}`;
  }

  // Of a point its entry in the legend, and of each entry its colour and name.
  function colouring() {
    const by = one("map-colour").value, { classes, faults: named } = synthaudit.data();
    if (by === "side") return [(n) => column("side")[n], ["real", "synthetic"].map((name) => [synthaudit.colour(name), name])];
    if (by === "class") {
      return [(n) => (column("label")[n] < 0 ? classes.length : column("label")[n]),
        [...classes.map((name, place) => [of(place), name]), [synthaudit.colour("soft"), "no class"]]];
    }
    if (by === "probability") {
      return [(n) => Math.min(Math.floor((column("probability")[n] ?? 0) * 5), 4),
        [0, 1, 2, 3, 4].map((step) => [blend(step / 4), `${step / 5} to ${(step + 1) / 5}`])];
    }
    // Where several things are wrong the first counts.
    return [(n) => { const bits = column("fault")[n]; return bits ? 32 - Math.clz32(bits & -bits) : 0; },
      [[synthaudit.colour("line"), "nothing"], ...named.map((name, place) => [of([3, 1, 5, 7, 4, 2, 0][place]), name])]];
  }

  function paint() {
    const [entryOf, legend] = colouring();
    const entries = points.map(entryOf), seen = new Set(entries);
    const isFault = one("map-colour").value === "fault";
    shown = [...points.keys()].filter((k) => !off.has(entries[k]));
    // What is wrong lies on top of what is not; else nobody lies on top.
    if (isFault) shown.sort((a, b) => (entries[a] > 0) - (entries[b] > 0));
    source.data = {
      x: shown.map((k) => x[k]), y: shown.map((k) => y[k]),
      colour: shown.map((k) => legend[entries[k]][0]),
      alpha: shown.map((k) => (fitsFilter && !fitsFilter(points[k]) ? 0.06 : 0.8)),
      shape: shown.map((k) => markers[column("side")[points[k]]]),
    };
    source.selected.indices = [];
    one("map-legend").replaceChildren(...legend.flatMap(([colour, name], entry) => {
      if (!seen.has(entry)) return [];
      const swatch = make("span", { className: "swatch" });
      swatch.style.background = colour;
      const button = make("button", { type: "button" }, swatch, name);
      button.setAttribute("aria-pressed", !off.has(entry));
      button.addEventListener("click", () => {
        if (!off.delete(entry)) off.add(entry);
        paint();
        all("#map-legend button").find((other) => other.textContent === name)?.focus();
      });
      return [make("li", {}, button)];
    }));
  }

  function hover(place) {
    if (place === undefined || place < 0) return;
    const k = shown[place];
    one("map-hover").replaceChildren(figureOf(points[k]));
    marker.data = { x: [x[k]], y: [y[k]] };
  }

  // What is wrong first, and as many of one side as of the other.
  function balanced(numbers) {
    const parts = [false, true].map((own) => numbers.filter((n) => isSynthetic(n) === own)
      .sort((a, b) => (column("fault")[b] > 0) - (column("fault")[a] > 0)));
    const [real, made] = parts;
    const half = Math.ceil(shownAtOnce / 2);
    const most = [Math.min(real.length, Math.max(half, shownAtOnce - made.length)), Math.min(made.length, Math.max(half, shownAtOnce - real.length))];
    return [...made.slice(0, most[1]), ...real.slice(0, most[0])].slice(0, shownAtOnce);
  }

  let selected = [];
  function gallery(indices) {
    selected = indices.map((place) => points[shown[place]]);
    one("map-chosen").hidden = selected.length === 0;
    const made = selected.filter(isSynthetic).length;
    const first = balanced(selected);
    const more = selected.length > first.length ? `; ${first.length} are shown, those with faults first` : "";
    one("map-count").textContent = `${selected.length.toLocaleString("en")} selected: ${made.toLocaleString("en")} synthetic, ${(selected.length - made).toLocaleString("en")} real${more}`;
    one("map-pictures").replaceChildren(...first.map((n) => make("div", { className: "group" }, figureOf(n))));
  }

  // The nearest point in the direction of an arrow key.
  function step(dx, dy) {
    const at = shown[cursor];
    let best = -1, least = Infinity;
    shown.forEach((k, place) => {
      const [across, up] = [x[k] - x[at], y[k] - y[at]];
      const along = across * dx + up * dy;
      if (place === cursor || along <= 0) return;
      const cost = along + 2 * Math.abs(across * dy - up * dx);
      if (cost < least) [best, least] = [place, cost];
    });
    if (best >= 0) cursor = best;
    hover(cursor);
  }

  function around(place) {
    const at = shown[place];
    const distance = (other) => (x[shown[other]] - x[at]) ** 2 + (y[shown[other]] - y[at]) ** 2;
    return [...shown.keys()].sort((a, b) => distance(a) - distance(b)).slice(0, nearest);
  }

  function keys(event) {
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    if (event.key in arrows) {
      if (cursor < 0 || cursor >= shown.length) { cursor = 0; hover(0); } else step(...arrows[event.key]);
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

  function drag() {
    const wanted = one("map-drag").value;
    synthaudit.model("map").toolbar.active_drag = null;
    for (const name of ["select", "lasso", "move"]) synthaudit.model(`map-${name}`).active = wanted === name;
    // Where a finger should scroll the page the map must let it.
    const within = (root) => [...root.querySelectorAll("*")].flatMap((own) => [own, ...(own.shadowRoot ? within(own.shadowRoot) : [])]);
    for (const own of within(one("map-plot"))) own.style.touchAction = wanted === "scroll" ? "pan-y" : "none";
  }

  function begin() {
    [source, marker, landmarks] = ["map-points", "map-mark", "map-landmarks"].map(synthaudit.model);
    const { x_range: across, y_range: up } = synthaudit.model("map");
    points = [...Array(count()).keys()].filter((n) => column("x")[n] !== null);
    // In an order in which no side hides the other, the same at every opening.
    let seed = 1;
    const random = () => { seed = (seed * 48271) % 2147483647; return seed / 2147483647; };
    for (let k = points.length - 1; k > 0; k--) {
      const other = Math.floor(random() * (k + 1));
      [points[k], points[other]] = [points[other], points[k]];
    }
    [x, y] = [points.map((n) => column("x")[n]), points.map((n) => column("y")[n])];
    whole = [across, up].map((range) => [range, { start: range.start, end: range.end }]);
    const marks = page.landmarks.filter((n) => synthaudit.picture(n));
    landmarks.data = {
      x: marks.map((n) => column("x")[n]), y: marks.map((n) => column("y")[n]),
      url: marks.map(synthaudit.picture), name: marks.map((n) => short(label(n) || side(n))),
    };
    paint();
    drag();
    source.selected.on_change(source.selected.properties.indices, () => gallery([...source.selected.indices]));
    source.inspect.connect(() => hover(source.inspected.indices[0]));
    one("map-plot").addEventListener("keydown", keys);
    one("map-colour").addEventListener("change", () => { off.clear(); paint(); });
    one("map-drag").addEventListener("change", drag);
    one("map-marks").addEventListener("change", () => {
      for (const name of ["map-marks-pictures", "map-marks-names"]) synthaudit.model(name).visible = one("map-marks").checked;
    });
    one("map-in").addEventListener("click", () => zoom(0.6));
    one("map-out").addEventListener("click", () => zoom(1 / 0.6));
    one("map-reset").addEventListener("click", () => { for (const [range, ends] of whole) range.setv(ends); });
    one("map-clear").addEventListener("click", () => { source.selected.indices = []; });
    one("map-drop").hidden = !synthaudit.decide;
    one("map-drop").addEventListener("click", () => synthaudit.decide(selected, false, "dropped on the map"));
    // Whoever types waits for the pictures, not for the map: it follows once they pause.
    let waiting = 0;
    document.addEventListener("filtered", () => {
      clearTimeout(waiting);
      waiting = setTimeout(paint, 300);
    });
    document.addEventListener("painted", paint);
  }

  if (window.matchMedia("(pointer: coarse)").matches) one("map-drag").value = "scroll";
  document.addEventListener("drawn", (event) => {
    if (event.detail === "map-plot") ready.then(begin).then(() => { document.documentElement.dataset.map = "yes"; });
  });
})();
