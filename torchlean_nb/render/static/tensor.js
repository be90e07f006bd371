// TensorView: one array as a heat map with slices, statistics and a histogram.

const LOOK = 10;

/** Bars of a histogram as `{x, w, h, count, lo, hi}` in a box of the given size. */
export function bars(hist, width, height) {
  const top = Math.max(1, ...hist.counts),
    w = width / hist.counts.length;
  return hist.counts.map((count, i) => ({
    x: i * w,
    w: Math.max(1, w - 1),
    h: count ? Math.max(1, (count / top) * height) : 0,
    count,
    lo: hist.edges[i],
    hi: hist.edges[i + 1],
  }));
}

function histogram(hist) {
  const W = 240,
    H = 56,
    list = bars(hist, W, H),
    zero =
      hist.edges[0] < 0 && hist.edges.at(-1) > 0 ? (-hist.edges[0] / (hist.edges.at(-1) - hist.edges[0])) * W : null;
  const says = `Histogram of ${hist.counts.reduce((a, b) => a + b, 0)} finite entries from ${short(hist.edges[0])} to ${short(hist.edges.at(-1))}`;
  return s(
    "svg",
    { class: "tl-hist", viewBox: `0 0 ${W} ${H + 16}`, role: "img", "aria-label": says },
    list.map((b) =>
      s(
        "rect",
        { x: b.x, y: H - b.h, width: b.w, height: b.h, class: "tl-bar-v" },
        s("title", null, `${b.count} from ${short(b.lo)} to ${short(b.hi)}`),
      ),
    ),
    zero === null ? null : s("path", { d: `M${zero} 0V${H}`, class: "tl-zero" }),
    s("text", { x: 0, y: H + 12 }, short(hist.edges[0], 3)),
    s("text", { x: W, y: H + 12, "text-anchor": "end" }, short(hist.edges.at(-1), 3)),
  );
}

function render({ model, el }) {
  const payload = model.get("payload"),
    options = model.get("options") || {},
    array = decode(payload.array),
    name = payload.name;
  const map = heatMap({ hue: "value", heads: true, label: name, limit: LOOK, pick: (e) => choose(e) });
  const control = axes((e) => choose(e), LOOK);
  const line = h("p", { class: "tl-num", role: "status" });
  const f = frame(
    { model, el },
    {
      title: options.title || name,
      meta: `${shapeText(array.shape)} \u00b7 ${array.dtype}`,
      steps: 0,
      start: { entry: null },
      help: [
        ["\u2190 \u2191 \u2192 \u2193", "move the entry, with the focus on the map"],
        ["PageUp PageDown", "a window up or down"],
      ],
      about: "Strength of colour is the magnitude, hatching and a minus mean negative.",
      exports: fileExports(() => f, model, "array"),
      draw: (state) => {
        if (!array.data.length) {
          line.textContent = "The array is empty.";
          return;
        }
        const entry = fits(state.entry, array.shape) ? state.entry : loudest(array),
          v = at(array, entry);
        map.update(array, {
          entry,
          name: array.shape.length > 2 ? entryText(name, [...entry.slice(0, -2), ":", ":"]) : name,
          digits: 3,
        });
        control.update(array, entry);
        line.textContent = `${entryText(name, entry)} = ${Number.isNaN(v) && offset(array, entry) < 0 ? "not sent" : String(v).replace(/-/g, MINUS)}`;
      },
    },
  );
  const choose = f.guard((entry) => f.set({ entry }));
  f.root.classList.add("tl-flow");
  f.body.classList.add("tl-low");
  f.stage.classList.add("tl-pad");
  f.stage.append(...(array.data.length ? [map.el, control.el] : []), line);
  f.panel.append(
    h("p", { class: "tl-lab" }, "statistics of the whole array"),
    h(
      "table",
      null,
      h(
        "tbody",
        null,
        payload.stats.map(([k, text]) => h("tr", null, h("td", null, k), h("td", { class: "tl-n" }, text))),
      ),
    ),
  );
  if (payload.hist) f.panel.append(h("p", { class: "tl-lab" }, "histogram"), histogram(payload.hist));
  f.narr.textContent = payload.says;
  f.draw();
  return f.destroy;
}

const widget = { render };
export default widget;
