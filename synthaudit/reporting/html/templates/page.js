"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (id) => document.getElementById(id);
  const figures = all("figure");
  const viewer = one("viewer");
  let current = null;

  const visible = () => figures.filter((figure) => !figure.closest(".group").hidden);

  function filter() {
    const text = one("search").value.toLowerCase();
    const label = one("class").value;
    for (const group of all(".group")) {
      group.hidden = !all("figure", group).some((figure) =>
        figure.dataset.path.toLowerCase().includes(text) && (!label || figure.dataset.class === label));
    }
    for (const gallery of all(".gallery")) {
      const none = gallery.querySelector(".none");
      none.hidden = all(".group", gallery).some((group) => !group.hidden);
    }
  }

  function show(figure) {
    current = figure;
    const pair = one("pair");
    pair.replaceChildren();
    // The picture first, then what it is compared with.
    const group = all("figure", figure.closest(".group"));
    for (const other of [figure, ...group.filter((entry) => entry !== figure).slice(0, 1)]) {
      const image = other.querySelector("img");
      if (image) pair.append(image.cloneNode());
    }
    one("caption").textContent = figure.querySelector("figcaption").innerText.replace(/\s+/g, " ");
    one("select").setAttribute("aria-pressed", figure.classList.contains("chosen"));
    if (!viewer.open) viewer.showModal();
  }

  function step(by) {
    const there = visible();
    const place = there.indexOf(current);
    if (there.length) show(there[(place + by + there.length) % there.length]);
  }

  function choose(figure) {
    figure.classList.toggle("chosen");
    const chosen = figures.filter((entry) => entry.classList.contains("chosen"));
    one("count").textContent = chosen.length;
    one("export").disabled = chosen.length === 0;
    one("select").setAttribute("aria-pressed", figure.classList.contains("chosen"));
  }

  function copy(figure) {
    const path = figure.dataset.path;
    const done = () => { one("caption").textContent = `Copied: ${path}`; };
    if (navigator.clipboard) navigator.clipboard.writeText(path).then(done, () => {});
  }

  function save() {
    const lines = figures.filter((figure) => figure.classList.contains("chosen"))
      .map((figure) => `${figure.dataset.side}\t${figure.dataset.path}`);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([[...new Set(lines)].join("\n") + "\n"], { type: "text/plain" }));
    link.download = "selection.tsv";
    link.click();
    URL.revokeObjectURL(link.href);
  }

  function sort(header) {
    const row = header.parentElement;
    const column = [...row.children].indexOf(header);
    const down = header.getAttribute("aria-sort") === "ascending";
    for (const other of row.children) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    const body = header.closest("table").tBodies[0];
    const key = (line) => line.children[column].dataset.value ?? line.children[column].innerText;
    const rows = [...body.rows].sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      const order = column ? Number(x) - Number(y) : x.localeCompare(y);
      return down ? -order : order;
    });
    body.append(...rows);
  }

  for (const figure of figures) {
    const button = figure.querySelector(".picture");
    button.addEventListener("click", () => show(figure));
    button.addEventListener("keydown", (event) => keys(event, figure));
  }

  function keys(event, figure) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "s" || event.key === "S") choose(figure);
    else if (event.key === "c" || event.key === "C") copy(figure);
    else if (viewer.open && event.key === "ArrowRight") step(1);
    else if (viewer.open && event.key === "ArrowLeft") step(-1);
    else return;
    event.preventDefault();
  }

  viewer.addEventListener("keydown", (event) => keys(event, current));
  viewer.addEventListener("close", () => current.querySelector(".picture").focus());
  one("next").addEventListener("click", () => step(1));
  one("previous").addEventListener("click", () => step(-1));
  one("select").addEventListener("click", () => choose(current));
  one("copy").addEventListener("click", () => copy(current));
  one("close").addEventListener("click", () => viewer.close());
  one("export").addEventListener("click", save);
  one("search").addEventListener("input", filter);
  one("class").addEventListener("change", filter);
  for (const header of all("#classes thead th")) header.querySelector("button").addEventListener("click", () => sort(header));
  for (const button of all(".choose")) button.addEventListener("click", () => {
    one("class").value = button.innerText;
    filter();
    one("search").scrollIntoView();
  });
})();
