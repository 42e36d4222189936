"use strict";
// Galleries: filter, enlarge, step, compare, select, save. Other scripts use what it returns.
const synthaudit = (() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (id) => document.getElementById(id);
  const viewer = one("viewer");
  const chosen = new Set();
  let current = null;

  const nameOf = (figure) => `${figure.dataset.side}\t${figure.dataset.path}`;
  const visible = () => all("figure[data-path]").filter((figure) => figure.checkVisibility());

  function fits(path, label) {
    const text = one("search") ? one("search").value.toLowerCase() : "";
    const wanted = one("class") ? one("class").value : "";
    return path.toLowerCase().includes(text) && (!wanted || label === wanted);
  }

  function filter() {
    for (const group of all(".group")) {
      group.hidden = !all("figure", group).some((figure) => fits(figure.dataset.path, figure.dataset.class));
    }
    for (const gallery of all(".gallery")) {
      gallery.querySelector(".none").hidden = all(".group", gallery).some((group) => !group.hidden);
    }
    document.dispatchEvent(new Event("filtered"));
  }

  // What a picture is compared with: by default the next one of its group.
  function partnerOf(figure) {
    const group = figure.closest(".group");
    return group ? all("figure", group).find((other) => other !== figure) : null;
  }

  function put(pictures) {
    const pair = one("pair");
    pair.replaceChildren();
    for (const figure of pictures) {
      const image = figure.querySelector("img");
      if (!image) continue;
      const own = document.createElement("figure");
      const words = document.createElement("figcaption");
      words.textContent = figure.querySelector("figcaption").innerText.replace(/\s+/g, " ");
      own.append(image.cloneNode(), words);
      pair.append(own);
    }
    if (!viewer.open) viewer.showModal();
  }

  function show(figure) {
    current = figure;
    const partner = synthaudit.partnerOf(figure);
    put(partner ? [figure, partner] : [figure]);
    one("caption").textContent = `${figure.dataset.side} ${figure.dataset.path}`;
    one("select").setAttribute("aria-pressed", chosen.has(nameOf(figure)));
  }

  function compare() {
    const pair = [...chosen].map((name) => all("figure[data-path]").find((figure) => nameOf(figure) === name));
    if (pair.length !== 2 || !pair[0] || !pair[1]) return;
    current = pair[0];
    put(pair);
    one("caption").textContent = "Two selected pictures";
  }

  function step(by) {
    const there = visible();
    const place = there.indexOf(current);
    if (there.length) show(there[(place + by + there.length) % there.length]);
  }

  function mark() {
    for (const figure of all("figure[data-path]")) figure.classList.toggle("chosen", chosen.has(nameOf(figure)));
    one("count").textContent = chosen.size;
    one("export").disabled = chosen.size === 0;
    one("compare").disabled = chosen.size !== 2;
    if (current) one("select").setAttribute("aria-pressed", chosen.has(nameOf(current)));
  }

  function choose(figure) {
    const name = nameOf(figure);
    if (!chosen.delete(name)) chosen.add(name);
    mark();
  }

  function copy(figure) {
    const path = figure.dataset.path;
    const done = () => { one("caption").textContent = `Copied: ${path}`; };
    if (navigator.clipboard) navigator.clipboard.writeText(path).then(done, () => {});
  }

  function save() {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([[...chosen].join("\n") + "\n"], { type: "text/plain" }));
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
    const isNumber = [...body.rows].every((line) => "value" in line.children[column].dataset);
    const key = (line) => line.children[column].dataset.value ?? line.children[column].innerText;
    const rows = [...body.rows].sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      const order = isNumber ? Number(x) - Number(y) : x.localeCompare(y);
      return down ? -order : order;
    });
    body.append(...rows);
  }

  // A figure like those of the templates; whatever is in the names, it stays text.
  function makeFigure({ side, path, label, caption, source, isBrief = false }) {
    const figure = document.createElement("figure");
    Object.assign(figure.dataset, { side, path, class: label });
    const button = document.createElement("button");
    button.type = "button";
    button.className = "picture";
    if (source) {
      const image = document.createElement("img");
      image.src = source;
      image.alt = `${side} image ${path}`;
      button.append(image);
    } else {
      button.textContent = `no picture of ${side} image ${path}`;
      button.classList.add("blank");
    }
    const words = document.createElement("figcaption");
    const lead = document.createElement("span");
    lead.className = `side ${side}`;
    lead.textContent = side;
    if (!isBrief) words.append(lead, ` ${path}`, document.createElement("br"));
    words.append(caption);
    figure.append(button, words);
    figure.classList.toggle("chosen", chosen.has(nameOf(figure)));
    return figure;
  }

  function keys(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select")) return;
    const figure = viewer.open ? current : event.target.closest("figure[data-path]");
    if (!figure) return;
    if (event.key === "s" || event.key === "S") choose(figure);
    else if (event.key === "c" || event.key === "C") copy(figure);
    else if (viewer.open && event.key === "ArrowRight") step(1);
    else if (viewer.open && event.key === "ArrowLeft") step(-1);
    else return;
    event.preventDefault();
  }

  document.addEventListener("keydown", keys);
  document.addEventListener("click", (event) => {
    const button = event.target.closest(".picture");
    if (button) show(button.closest("figure"));
  });
  viewer.addEventListener("close", () => current.querySelector(".picture").focus());
  one("next").addEventListener("click", () => step(1));
  one("previous").addEventListener("click", () => step(-1));
  one("select").addEventListener("click", () => choose(current));
  one("copy").addEventListener("click", () => copy(current));
  one("close").addEventListener("click", () => viewer.close());
  one("compare").addEventListener("click", compare);
  one("export").addEventListener("click", save);
  for (const id of ["search", "class"]) if (one(id)) one(id).addEventListener("input", filter);
  for (const header of all("table.sortable thead th")) {
    header.querySelector("button").addEventListener("click", () => sort(header));
  }
  for (const button of all(".choose")) {
    button.addEventListener("click", () => {
      one("class").value = button.innerText;
      filter();
      one("search").scrollIntoView();
    });
  }
  return { all, one, fits, makeFigure, mark, chosen, partnerOf };
})();
