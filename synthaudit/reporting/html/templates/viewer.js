"use strict";
// Enlarging: the file in its own resolution, beside what it is compared with; keys for all of it.
(() => {
  const { all, one, make, ready, path, side, sideName, label, isSynthetic, probability, faults, picture, file } = synthaudit;
  const viewer = one("viewer");
  let current = null, partners = [], partner = 0;

  const visible = () => all("main figure[data-judged]").filter((figure) => figure.checkVisibility());
  const numberOf = (figure) => Number(figure.dataset.n);

  // The large file where it can be had, else the picture in the page.
  function enlarged(n) {
    const small = picture(n), large = file(n);
    const image = make("img", { src: large ?? small ?? "", alt: `${side(n)} image ${path(n)}` });
    if (large && small) {
      image.addEventListener("error", () => {
        image.src = small;
        image.dataset.isSmall = "yes";
        one("resolution").textContent = "The file is not where it was: this is the small picture of the report.";
      }, { once: true });
    }
    image.addEventListener("load", () => {
      const size = `${image.naturalWidth} x ${image.naturalHeight}`;
      image.parentElement?.querySelector(".size")?.replaceChildren(image.dataset.isSmall || !large ? `${size}, of the report` : size);
      image.classList.toggle("tiny", image.naturalWidth < 200);
    });
    return image;
  }

  function pane(n, role) {
    const words = make("figcaption", {}, make("span", { className: `side ${side(n)}`, textContent: role || sideName(n) }));
    words.append(` ${[label(n), path(n)].filter(Boolean).join(", ")} `, make("span", { className: "size" }));
    const address = file(n);
    if (address) words.append(" ", make("a", { href: address, target: "_blank", rel: "noopener", textContent: "open the file" }));
    return make("figure", {}, enlarged(n), words);
  }

  function put() {
    const n = numberOf(current), other = partners[partner];
    const mode = other ? one("compare").value : "beside";
    one("pair").className = mode;
    one("resolution").textContent = "";
    const panes = [pane(n, "")];
    if (other) panes.push(pane(numberOf(other), other.querySelector(".side").textContent));
    one("pair").replaceChildren(...panes);
    for (const id of ["compare", "other"]) one(id).disabled = partners.length === 0;
    one("wipe").hidden = mode !== "wipe";
    one("other").hidden = partners.length < 2;
    const wrong = faults(n);
    const seen = probability(n) === null || synthaudit.page.alone ? "" : `; probability of being synthetic ${probability(n).toFixed(3)}`;
    one("caption").textContent = `${sideName(n)} ${path(n)}${seen}${wrong.length ? `; ${wrong.join(", ")}` : ""}`;
    const own = synthaudit.decisionOf?.(n);
    for (const [id, state] of [["keep", own?.[0] === true], ["drop", own?.[0] === false]]) {
      if (!one(id)) continue;  // on pages where nothing is decided
      one(id).disabled = !isSynthetic(n);
      one(id).setAttribute("aria-pressed", state);
    }
    if (!viewer.open) viewer.showModal();
  }

  function show(figure) {
    current = figure;
    const group = figure.closest(".group");
    partners = synthaudit.partnersOf?.(figure)
      ?? (group ? all("figure[data-n]", group).filter((other) => other !== figure) : []);
    partner = 0;
    put();
  }

  function other() {
    if (partners.length) partner = (partner + 1) % partners.length;
    put();
  }

  function copy() {
    const text = path(numberOf(current));
    const done = () => { one("resolution").textContent = `Copied: ${text}`; };
    if (navigator.clipboard) navigator.clipboard.writeText(text).then(done, () => {});
  }

  // The judged figure that is so many on from the current one, on the next page if need be.
  function figureAt(by) {
    const own = current.closest("section");
    const there = visible().filter((figure) => figure.closest("section") === own);
    const place = there.indexOf(current.dataset.judged ? current : current.closest(".group")?.querySelector("[data-judged]"));
    const next = place + by;
    if (next >= 0 && next < there.length) return there[next];
    if (own?.querySelector("#review-pictures") && synthaudit.turn?.(by)) {
      const turned = all("#review-pictures figure[data-judged]");
      return by > 0 ? turned[0] : turned.at(-1);
    }
    return there[(next + there.length) % there.length];
  }

  function move(by) {
    const figure = figureAt(by);
    if (!figure) return;
    if (viewer.open) show(figure);
    else figure.querySelector(".picture").focus();
  }

  // A decision leads on to the next image; taking one back does not.
  function decide(isKept) {
    if (!synthaudit.decide || !isSynthetic(numberOf(current))) return;
    synthaudit.decide([numberOf(current)], isKept, synthaudit.reasonOf?.(current));
    if (isKept !== undefined) move(1);
    else if (viewer.open) put();
  }

  function keys(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
    const figure = viewer.open ? current : event.target.closest?.("figure[data-n]");
    if (!figure || !synthaudit.data()) return;
    current = figure;
    const key = event.key.toLowerCase();
    if (key === "k") decide(true);
    else if (key === "d") decide(false);
    else if (key === "u") decide(undefined);
    else if (key === "c") copy();
    else if (viewer.open && key === "o") other();
    else if (key === "arrowright") move(1);
    else if (key === "arrowleft") move(-1);
    else return;
    event.preventDefault();
  }

  // A finger's stroke to the side leads to the next picture.
  let began = null;
  viewer.addEventListener("touchstart", (event) => { began = event.target.closest("input") ? null : event.touches[0].clientX; }, { passive: true });
  viewer.addEventListener("touchend", (event) => {
    const moved = began === null ? 0 : event.changedTouches[0].clientX - began;
    if (Math.abs(moved) > 60) move(moved < 0 ? 1 : -1);
    began = null;
  });

  ready.then(() => {
    document.addEventListener("keydown", keys);
    document.addEventListener("click", (event) => {
      const button = event.target.closest(".picture");
      if (button) show(button.closest("figure"));
    });
    viewer.addEventListener("close", () => {
      const there = current.isConnected ? current : document.querySelector(`main figure[data-n="${current.dataset.n}"]`);
      there?.querySelector(".picture").focus();
    });
    for (const [id, does] of [
      ["next", () => move(1)], ["previous", () => move(-1)], ["other", other], ["copy", copy],
      ["keep", () => decide(true)], ["drop", () => decide(false)], ["undo", () => decide(undefined)],
      ["close", () => viewer.close()],
    ]) one(id)?.addEventListener("click", does);
    one("compare").addEventListener("change", put);
    one("wipe").addEventListener("input", () => { one("pair").style.setProperty("--wipe", `${one("wipe").value}%`); });
  });
})();
