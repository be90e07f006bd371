// What opens above the frame: help with the keys and the state, and the export menu.

const KEYS = [
  ["\u2190 \u2192", "one step back, one step on"],
  ["Space", "play and pause"],
  ["Home End", "start and end"],
  ["R", "rewind"],
];

/** Popovers of which one at most is open. */
export function popovers(guard) {
  const all = [];
  const close = () =>
    all.forEach(([button, pop]) => {
      pop.hidden = true;
      button.setAttribute("aria-expanded", "false");
    });
  const add = (button, pop, opened = () => {}) => {
    all.push([button, pop]);
    button.setAttribute("aria-expanded", "false");
    button.addEventListener(
      "click",
      guard(() => {
        const open = pop.hidden;
        close();
        pop.hidden = !open;
        button.setAttribute("aria-expanded", String(open));
        if (open) opened();
      }),
    );
    return pop;
  };
  return { add, close };
}

/** Button and popover that list the keys and the state as text. */
export function helpMenu(f, spec, pops) {
  const button = h(
    "button",
    { type: "button", class: "tl-i", "aria-label": "Help and keys", title: "Help and keys" },
    "?",
  );
  const text = h("input", { type: "text", readonly: true, onfocus: () => text.select() });
  const keys = [...(f.steps ? KEYS : []), ...(spec.help || []), ["?", "this list"]];
  const pop = h(
    "div",
    { class: "tl-pop", role: "dialog", "aria-label": "Help and keys", hidden: true },
    spec.about && h("p", { class: "tl-about" }, spec.about),
    h(
      "dl",
      { class: "tl-keys" },
      keys.map(([k, what]) => [h("dt", null, k), h("dd", null, what)]),
    ),
    h("label", { class: "tl-lab tl-state" }, "what is seen now, for state=", text),
  );
  return {
    button,
    pop: pops.add(button, pop, () => {
      text.value = JSON.stringify(f.state);
    }),
  };
}

/** Button and menu of the exports `[[label, fn]]`. */
export function exportMenu(f, spec, pops) {
  const button = h("button", { type: "button", "aria-haspopup": "menu" }, "Export \u25be");
  const item = ([label, fn]) => {
    const onclick = f.guard(() => {
      pops.close();
      fn();
      f.root.focus();
    });
    return h("button", { type: "button", role: "menuitem", onclick }, label);
  };
  const pop = h(
    "div",
    { class: "tl-pop tl-menu", role: "menu", "aria-label": "Export", hidden: true },
    (spec.exports || []).map(item),
  );
  return { button, pop: pops.add(button, pop) };
}

/** The exports that all widgets offer; `get()` gives the frame, `svg()` the drawing where there is one. */
export function fileExports(get, model, name, svg) {
  const picture = () => download(`${name}-${get().state.step}.svg`, "image/svg+xml", standaloneSvg(svg()));
  // The model learns of the last move a moment later: the page is of what is seen now.
  const page = () =>
    download(
      `${name}.html`,
      "text/html",
      standalonePage(model, get().root.getAttribute("aria-label"), { ...get().state }),
    );
  const data = () => {
    const payload = model.get("payload");
    download(`${name}.json`, "application/json", JSON.stringify(payload.trace || payload));
  };
  const files = [
    ["HTML page, works offline", page],
    ["JSON", data],
  ];
  return svg ? [["SVG of this step", picture], ...files] : files;
}
