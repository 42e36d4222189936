"use strict";
// The table of contents: made of the headings, it follows the reader.
(() => {
  const { all, one, make, ready } = synthaudit;
  const heads = all("main section > h2[id]");
  const links = new Map(heads.map((head) => [head, make("a", { href: `#${head.id}`, textContent: head.dataset.short ?? head.textContent })]));
  one("contents").append(make("ol", {}, ...[...links.values()].map((link) => make("li", {}, link))));

  function follow() {
    const line = window.innerHeight / 3;
    const passed = heads.filter((head) => head.getBoundingClientRect().top <= line);
    const current = passed.at(-1) ?? heads[0];
    for (const [head, link] of links) {
      if (head !== current) link.removeAttribute("aria-current");
      else if (!link.hasAttribute("aria-current")) {
        link.setAttribute("aria-current", "true");
        const box = one("contents");
        if (box.scrollWidth > box.clientWidth) box.scrollLeft = link.offsetLeft - box.clientWidth / 3;
      }
    }
  }

  document.addEventListener("scroll", follow, { passive: true });
  follow();
  // The last script: whatever the others do once there is something to show, they have done.
  ready.then(() => { document.documentElement.dataset.ready = "yes"; });
})();
