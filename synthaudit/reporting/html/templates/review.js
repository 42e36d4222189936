"use strict";
// Reviewing: all pictures of a finding, or all there are, a page at a time.
(() => {
  const { all, one, make, page, ready, count, column, fits, groupOf, isSynthetic, nearest } = synthaudit;
  const size = window.innerWidth < 700 ? 8 : 24;
  let start = 0, groups = [], gallery = null;

  // All images, the likeliest fakes first; synthetic ones beside the real one of their class.
  let everything = [], ordered = null;
  function everyone() {
    const wanted = one("side").value, asked = `${wanted} ${one("order").value}`;
    if (ordered === asked) return everything;
    ordered = asked;
    const order = [...Array(count()).keys()].filter((n) => !wanted || synthaudit.side(n) === wanted);
    const key = column(one("order").value === "probability" ? "probability" : "path");
    if (one("order").value === "probability") order.sort((a, b) => (key[b] ?? -1) - (key[a] ?? -1) || a - b);
    everything = order.map((n) => {
      const near = isSynthetic(n) ? nearest(n, "nearest_real_of_class") ?? nearest(n, "nearest_real") : null;
      return near ? [[n, near.number], [0, 1], ""] : [[n], [0], ""];
    });
    return everything;
  }

  function isDecided(group) {
    const wanted = one("state").value;
    if (!wanted) return true;
    const own = synthaudit.decisionOf(group[0].find(isSynthetic) ?? group[0][0]);
    return wanted === "open" ? !own : own !== undefined && own[0] === (wanted === "kept");
  }

  function choose() {
    const name = one("gallery").value;
    gallery = page.galleries.find((own) => own.name === name) ?? null;
    const text = one("search").value.trim().toLowerCase();
    const wanted = Number(one("class").value);
    const from = gallery ? gallery.groups : everyone();
    // Of what is compared, the image that is judged must fit.
    groups = from.filter((group) => (gallery ? group[0].some((n) => fits(n, text, wanted)) : fits(group[0][0], text, wanted)) && isDecided(group));
    one("reason").value = gallery?.reason ?? "";
    for (const id of ["order", "side"]) one(id).closest("label").hidden = gallery !== null;
  }

  function draw() {
    const shown = groups.slice(start, start + size);
    const roles = gallery?.roles ?? ["", "nearest real of its class"];
    one("review-pictures").replaceChildren(...shown.map((group) => groupOf(group, roles)));
    const total = groups.length.toLocaleString("en");
    const what = groups.length === 1 ? "group" : "groups";
    one("place").textContent = groups.length
      ? `${(start + 1).toLocaleString("en")} to ${(start + shown.length).toLocaleString("en")} of ${total} ${what}`
      : "No picture here fits.";
    const more = gallery?.more ? ` ${gallery.more.toLocaleString("en")} more groups are not in this page: synthaudit view shows them.` : "";
    one("review-title").textContent = gallery ? `${gallery.title}. ${gallery.advice}${more}` : "All images; synthetic ones beside the nearest real image of their class.";
    one("earlier").disabled = start === 0;
    one("later").disabled = start + size >= groups.length;
  }

  function filter() {
    start = 0;
    choose();
    draw();
    document.dispatchEvent(new Event("filtered"));
  }

  // Whether there was a page to turn to.
  function turn(by) {
    const next = start + by * size;
    if (next < 0 || next >= groups.length) return false;
    start = next;
    draw();
    return true;
  }

  function decideAll(isKept) {
    const numbers = all("#review-pictures figure").map((figure) => Number(figure.dataset.n)).filter(isSynthetic);
    synthaudit.decide([...new Set(numbers)], isKept, one("reason").value.trim());
  }

  // Show some of it from elsewhere, such as the findings or the table of classes.
  function review({ name = "", label = "" }) {
    one("gallery").value = name;
    one("class").value = label === "" ? "-1" : String(synthaudit.data().classes.indexOf(label));
    one("search").value = "";
    one("state").value = "";
    filter();
    one("review").scrollIntoView();
  }

  Object.assign(synthaudit, {
    review,
    turn,
    reasonOf: (figure) => {
      const shown = figure.closest("[data-gallery]")?.dataset.gallery;
      return shown ? page.galleries.find((own) => own.name === shown)?.reason : one("reason").value.trim();
    },
    fitsFilter: (n) => fits(n, one("search").value.trim().toLowerCase(), Number(one("class").value)),
  });
  ready.then(() => {
    one("gallery").append(...page.galleries.map((own) => make("option", { value: own.name, textContent: `${own.title} (${(own.groups.length + own.more).toLocaleString("en")})` })));
    one("gallery").append(make("option", { value: "", textContent: `All images (${synthaudit.data().total.toLocaleString("en")})` }));
    one("gallery").value = page.galleries[0]?.name ?? "";
    one("class").append(...synthaudit.data().classes.map((name, number) => make("option", { value: number, textContent: name })));
    for (const id of ["search", "class", "gallery", "side", "order", "state"]) one(id).addEventListener("input", filter);
    for (const [id, by] of [["earlier", -1], ["later", 1]]) {
      one(id).addEventListener("click", () => { if (turn(by)) one("review").scrollIntoView(); });
    }
    one("keep-all").addEventListener("click", () => decideAll(true));
    one("drop-all").addEventListener("click", () => decideAll(false));
    for (const link of all("[data-review]")) {
      link.addEventListener("click", (event) => {
        event.preventDefault();
        review({ name: link.dataset.review });
      });
    }
    one("patches-shown")?.addEventListener("change", (event) => {
      document.querySelector(".patches").classList.toggle("bare", !event.target.checked);
    });
    synthaudit.fill();
    choose();
    draw();
  });
})();
