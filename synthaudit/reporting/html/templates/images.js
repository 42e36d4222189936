"use strict";
// What the page knows of its images, and a figure of any of them. The other scripts build on this.
const synthaudit = (() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (id) => document.getElementById(id);
  const page = JSON.parse(one("page-data").textContent);
  let data = page.images ?? null;
  let lower = null;

  // A page that a server shows asks it for what a file of its own carries in itself.
  const ready = page.served
    ? Promise.all([fetch("data.json").then((answer) => answer.json()), fetch("decisions.csv").then((answer) => answer.text())])
      .then(([found, decisions]) => {
        Object.assign(page, found, { decisions });
        data = found.images;
      })
    : Promise.resolve();

  const make = (name, options = {}, ...children) => {
    const { dataset, ...rest } = options;
    const made = Object.assign(document.createElement(name), rest);
    Object.assign(made.dataset, dataset ?? {});
    made.append(...children);
    return made;
  };

  const column = (name) => data.columns[name];
  const count = () => column("path").length;
  const path = (n) => column("path")[n];
  const isSynthetic = (n) => column("side")[n] === 1;
  const side = (n) => data.sides[column("side")[n]];
  const sideName = (n) => (page.alone ? "image" : side(n));
  const label = (n) => (column("label")[n] < 0 ? "" : data.classes[column("label")[n]]);
  const probability = (n) => column("probability")[n];
  const faults = (n) => data.faults.filter((_, bit) => column("fault")[n] >> bit & 1);

  function nearest(n, name) {
    const found = data.columns.nearest[name];
    if (!found || found.number[n] < 0) return null;
    return { number: found.number[n], distance: found.distance[n] };
  }

  // The picture that the page has, or a small one from the server.
  function picture(n) {
    if (page.served) return `image/${n}?edge=192`;
    const own = page.pictures[n];
    return own ? `data:image/webp;base64,${own}` : null;
  }

  // The file itself, where the report lies beside the images.
  function file(n) {
    if (page.served) return `image/${n}`;
    const root = data.roots[side(n)];
    if (!root) return null;
    return root + (data.links[n] ?? path(n).split("/").map(encodeURIComponent).join("/"));
  }

  function fits(n, text, wanted) {
    lower ??= column("path").map((name) => name.toLowerCase());
    return (wanted < 0 || column("label")[n] === wanted) && (!text || lower[n].includes(text));
  }

  // Whatever is in the names, it stays text.
  function figure(n, { role = "", text = "" } = {}) {
    // Of what the page has no picture, the file itself, where it lies beside the page.
    const source = picture(n) ?? file(n);
    const button = make("button", { type: "button", className: "picture" });
    const spoken = page.alone ? `image ${path(n)}` : `${side(n)} image ${path(n)}`;
    const blank = () => make("span", { className: "blank", textContent: `no picture of ${spoken}` });
    if (source) {
      // What is in the page is there at once, also on paper.
      const loading = source.startsWith("data:") ? "eager" : "lazy";
      const image = make("img", { alt: spoken, loading, width: 128, height: 128 });
      image.addEventListener("error", () => image.replaceWith(blank()), { once: true });
      image.src = source;
      button.append(image);
    } else button.append(blank());
    const lead = make("span", { className: `side ${side(n)}`, textContent: role || sideName(n) });
    const words = make("figcaption", {}, lead);
    if (label(n)) words.append(` ${label(n)}`);
    words.append(make("span", { className: "path", textContent: path(n), title: path(n) }));
    if (text) words.append(make("span", { className: "said", textContent: text }));
    // What is judged is stepped to; what it is compared with is shown beside it.
    const judged = role ? {} : { judged: "yes" };
    const made = make("figure", { dataset: { n, path: path(n), side: side(n), class: label(n), ...judged } }, button, words);
    synthaudit.decorate?.(made);
    return made;
  }

  // Pictures that belong together, with what is to be said of them.
  function groupOf([numbers, roles, text], names, most = Infinity) {
    const box = make("div", { className: "group" });
    box.append(...numbers.slice(0, most).map((n, place) => {
      const near = ["nearest_real_of_class", "nearest_real"]
        .map((name) => nearest(numbers[0], name)).find((own) => own && own.number === n);
      const role = names[roles[place]] ?? "";
      const distance = role.startsWith("nearest") && near ? `distance ${near.distance.toFixed(3)}` : "";
      return figure(n, { role, text: distance });
    }));
    if (text) box.append(make("p", { className: "said", textContent: text }));
    return box;
  }

  // What stands in the page from the start: the pictures of the findings.
  function fill() {
    for (const place of all("[data-gallery]")) {
      const own = page.galleries.find((gallery) => gallery.name === place.dataset.gallery);
      if (!own) continue;
      const [most, width] = [Number(place.dataset.count), Number(place.dataset.width)];
      place.replaceChildren(...own.groups.slice(0, most).map((group) => groupOf(group, own.roles, width)));
    }
  }

  function sort(header) {
    const row = header.parentElement;
    const place = [...row.children].indexOf(header);
    const down = header.getAttribute("aria-sort") === "ascending";
    for (const other of row.children) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    const body = header.closest("table").tBodies[0];
    const isNumber = [...body.rows].every((line) => "value" in line.children[place].dataset);
    const key = (line) => line.children[place].dataset.value ?? line.children[place].innerText;
    const rows = [...body.rows].sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      const order = isNumber ? Number(x) - Number(y) : x.localeCompare(y);
      return down ? -order : order;
    });
    body.append(...rows);
  }

  for (const header of all("table.sortable thead th")) {
    header.querySelector("button").addEventListener("click", () => sort(header));
  }
  return {
    all, one, make, page, ready, count, column, path, side, isSynthetic, label, probability, faults,
    sideName, nearest, picture, file, fits, figure, groupOf, fill, data: () => data,
  };
})();
