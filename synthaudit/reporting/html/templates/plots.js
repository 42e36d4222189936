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
    document.dispatchEvent(new Event("painted"));
  }

  if (items.length) {
    Bokeh.logger.set_level("error");
    Promise.all(items.map((item) => Bokeh.embed.embed_item(item))).then(() => {
      paint();
      dark.addEventListener("change", paint);
      document.dispatchEvent(new Event("drawn"));
      document.documentElement.dataset.drawn = "yes";
    });
  }
})();
