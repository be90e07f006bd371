// Gallery: pictures made beforehand; a slider, choices and ticks say which one is seen.

/** Places of the knobs from a state, which may come from anywhere. */
export function places(knobs, pick) {
  const given = Array.isArray(pick) && pick.length === knobs.length ? pick : [];
  return knobs.map((k, i) => (Number.isInteger(given[i]) && given[i] >= 0 && given[i] < k.values.length ? given[i] : k.start));
}

/** A box to tick, with the interface of `choices`. */
function tick(label, toggle) {
  const box = h("input", { type: "checkbox", onchange: () => toggle(box.checked ? 1 : 0) });
  return {
    el: h("label", { class: "tl-xp-choice" }, box, label),
    update: (now) => {
      box.checked = now === 1;
    },
  };
}

function render({ model, el }) {
  const p = model.get("payload"),
    options = model.get("options") || {},
    slide = p.knobs.length && p.knobs[0].kind === "slide" ? p.knobs[0] : null,
    rest = p.knobs.slice(slide ? 1 : 0),
    last = slide ? slide.values.length - 1 : 0;
  const picture = h("div", { class: "tl-ga-picture" }),
    body = h("tbody"),
    table = h("div", { class: "tl-grid tl-ga-table" }, h("table", null, h("thead", null, h("tr", null, p.head.map((t) => h("th", { scope: "col" }, t)))), body));

  const turn = (i, to) => f.set({ pick: places(rest, f.state.pick).map((v, j) => (i === j ? to : v)) });
  const knobs = rest.map((k, i) =>
    k.kind === "tick"
      ? tick(k.label, (to) => turn(i, to))
      : choices(
          k.label,
          k.values.map((v, j) => [j, v]),
          (to) => turn(i, to),
        ),
  );

  function draw(state) {
    const at = places(rest, state.pick),
      seen = p.frames[(slide ? [state.step, ...at] : at).join(".")];
    knobs.forEach((k, i) => k.update(at[i]));
    const svg = safeMarkup(`<svg class="tl-scene" viewBox="0 0 ${p.size[0]} ${p.size[1]}" role="img">${seen.svg}</svg>`);
    svg.setAttribute("aria-label", `${options.title}. ${seen.says}`);
    picture.replaceChildren(svg);
    body.replaceChildren(...seen.rows.map((row) => h("tr", null, row.map((c, i) => h("td", { class: i ? "tl-n" : "" }, c)))));
    picture.hidden = !!state.table;
    table.hidden = !state.table;
    f.narr.textContent = seen.says;
    if (!slide) return;
    const said = `${slide.label} ${slide.values[state.step]}`,
      count = f.root.querySelector(".tl-count"),
      input = f.root.querySelector(".tl-scrub input");
    if (count) count.replaceChildren(h("b", null, slide.values[state.step]));
    if (input) {
      input.setAttribute("aria-label", slide.label);
      input.setAttribute("aria-valuetext", said);
    }
  }

  const f = frame(
    { model, el },
    {
      title: options.title,
      meta: "",
      steps: last,
      phases: slide ? [{ name: slide.label, count: last, hue: "value" }] : [],
      table: p.head.length > 0,
      start: { pick: null },
      help: p.head.length ? [["T", "numbers as a table"]] : [],
      about: "Everything was computed beforehand: it works without a kernel.",
      draw,
      exports: fileExports(() => f, model, "gallery", () => picture.firstElementChild),
    },
  );
  f.root.classList.add("tl-flow", "tl-xp", "tl-ga");
  f.body.classList.add("tl-low");
  if (rest.length)
    f.body.before(
      h(
        "div",
        { class: "tl-xp-bar" },
        knobs.map((k) => k.el),
      ),
    );
  f.panel.parentElement && f.panel.parentElement.remove();
  f.stage.append(picture, table);
  f.draw();
  return f.destroy;
}

const widget = { render };
export default widget;
