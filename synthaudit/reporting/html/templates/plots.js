"use strict";
// Draws Bokeh's plots, in the colours of the reader's theme.
(() => {
  const { one } = synthaudit;
  const items = JSON.parse(one("plot-items").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  synthaudit.colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

  synthaudit.models = function* () {
    for (const drawn of Bokeh.documents) for (const root of drawn.roots()) yield* root.references();
  };
  synthaudit.model = (name) => {
    for (const model of synthaudit.models()) if (model.name === name) return model;
    return null;
  };

  function paint() {
    const [ink, soft, line, card] = ["ink", "soft", "line", "card"].map(synthaudit.colour);
    const roles = { ink, soft, label: ink, fine: synthaudit.colour("fine"), notable: synthaudit.colour("notable"), bad: synthaudit.colour("bad"), real: synthaudit.colour("real"), synthetic: synthaudit.colour("synthetic") };
    for (const model of synthaudit.models()) {
      if (model.type.endsWith("Axis")) {
        Object.assign(model, { axis_label_text_color: soft, major_label_text_color: soft, axis_line_color: soft, major_tick_line_color: soft, minor_tick_line_color: null, axis_label_text_font_style: "normal" });
      } else if (model.type === "Grid") model.grid_line_color = line;
      else if (model.type === "Figure") model.outline_line_color = line;
      else if (model.type === "Legend") Object.assign(model, { label_text_color: ink, background_fill_color: card, border_line_color: line });
      const colour = roles[model.tags[0]];
      if (!colour) continue;
      if ("fill_color" in model && model.fill_color.value !== null) model.fill_color = colour;
      if ("text_color" in model) Object.assign(model, { text_color: colour, background_fill_color: model.tags[0] === "label" ? synthaudit.colour("paper") : null });
      if ("line_color" in model) model.line_color = colour;
    }
  }

  // A plot is drawn when it comes near the screen, or when there is nothing else to do; so a page
  // opens as fast as its first screen, and is whole soon after, for paper too.
  const near = 600;
  const waiting = new Map(items.map((item) => [item.target_id, item]));

  function draw(id) {
    const item = waiting.get(id);
    if (!item) return Promise.resolve();
    waiting.delete(id);
    return Bokeh.embed.embed_item(item).then(() => {
      paint();
      document.dispatchEvent(new CustomEvent("drawn", { detail: id }));
    });
  }

  const idle = (work) => (window.requestIdleCallback ? requestIdleCallback(work, { timeout: 500 }) : setTimeout(work, 50));

  function rest() {
    const [id] = waiting.keys();
    if (id === undefined) document.documentElement.dataset.complete = "yes";
    else draw(id).then(() => idle(rest));
  }

  synthaudit.whole = () => Promise.all([...waiting.keys()].map(draw));
  if (items.length) {
    Bokeh.logger.set_level("error");
    dark.addEventListener("change", () => {
      paint();
      document.dispatchEvent(new Event("painted"));
    });
    const watcher = new IntersectionObserver((entries) => {
      for (const entry of entries) if (entry.isIntersecting) { watcher.unobserve(entry.target); draw(entry.target.id); }
    }, { rootMargin: `${near}px` });
    for (const item of items) watcher.observe(one(item.target_id));
    window.addEventListener("beforeprint", () => { synthaudit.whole(); });
    const first = items.map((item) => item.target_id).filter((id) => one(id).getBoundingClientRect().top < window.innerHeight);
    Promise.all(first.map(draw)).then(() => {
      document.documentElement.dataset.drawn = "yes";
      setTimeout(() => idle(rest), 1000);
    });
  } else document.documentElement.dataset.drawn = "yes";
})();
