// TrainingDashboard: what belongs to one step: gradients per layer, activations, one histogram.

const ROW_TOP = 6,
  ROLES = { gradient: "grad", update: "upd", weight: "value", activation: "value" };

/** Text cut to a width, with all of it in a title. */
function label(text, x, y, wide, attrs = {}) {
  const most = Math.max(2, Math.floor(wide / 5.6)),
    cut = text.length > most ? `${text.slice(0, most - 1)}\u2026` : text;
  return s("text", { x, y, ...attrs }, cut, cut === text ? null : s("title", null, text));
}

const listHeight = (n, tall, foot) => Math.max(tall, ROW_TOP + foot + n * 6);
const rowHeight = (tall, n, foot) => Math.min(26, (tall - ROW_TOP - foot) / Math.max(1, n));
/** Says in the drawing why there is nothing. */
const nothing = (p, wide, tall, said) => {
  sized(p, wide, tall, said);
  p.svg.replaceChildren(s("text", { x: wide / 2, y: tall / 2, "text-anchor": "middle" }, said));
};

/** Panel with a drawing and a head; `choose(path)` is called for a row that is clicked. */
function panel(title, chooser = null) {
  const head = panelHead(title, chooser),
    svg = s("svg", { class: "tl-td-svg", role: "img" });
  return { el: h("section", { class: "tl-td-panel" }, head.el, svg), head, svg, title };
}

function sized(p, wide, tall, says) {
  p.svg.setAttribute("viewBox", `0 0 ${wide} ${tall}`);
  p.svg.style.height = `${tall}px`;
  p.svg.setAttribute("aria-label", says);
}

/** Rows of a drawing that can be chosen. */
function row(y, wide, tall, path, chosen, choose, ...inside) {
  return s("g", { class: chosen ? "tl-td-row tl-td-chosen" : "tl-td-row", "data-path": path, onclick: () => choose(path) }, s("rect", { class: "tl-td-hit", x: 4, y, width: wide - 8, height: tall, rx: 2 }), ...inside);
}

/** Gradient norms per layer as bars, other runs as marks on them. */
export function flowPanel(choose) {
  const p = panel("gradient flow"),
    FOOT_ = 17;
  p.draw = (view, wide, room) => {
    const { rows, low, high } = view,
      tall = listHeight(rows.length, room, FOOT_),
      each = rowHeight(tall, rows.length, FOOT_),
      every = Math.ceil(12 / each),
      left = wide < 300 ? 74 : 104,
      right = 50,
      x = (v) => left + (wide - left - right) * Math.max(0, Math.min(1, placed(v, low, high, true))),
      thick = Math.min(11, Math.max(3, each - 3));
    if (!rows.length) return nothing(p, wide, tall, "not recorded for this run");
    sized(p, wide, tall, `Gradient norm per layer: ${rows.map((r) => `${r.name} ${r.v === undefined ? "none" : short(r.v, 3)}`).join(", ")}`);
    const ticks = roundTicks(low, high, true, wide < 300 ? 3 : 5).map((v) => [
      s("path", { class: "tl-td-rule", d: `M${x(v).toFixed(1)} ${ROW_TOP - 2}V${tall - FOOT_ + 2}` }),
      s("text", { x: x(v), y: tall - 4, "text-anchor": "middle" }, ...tickText(v, true)),
    ]);
    const drawn = rows.map((r, i) => {
      const y = ROW_TOP + i * each,
        mid = y + each / 2,
        said = i % every === 0 || r.path === view.chosen;
      return row(y, wide, each, r.path, r.path === view.chosen, choose,
        s("title", null, `${r.name}: ${r.v === undefined ? "nothing yet" : short(r.v, 4)}`),
        said && s("text", { class: "tl-b", x: 12, y: mid + 3.5 }, i + 1),
        said && label(r.name, rows.length > 9 ? 28 : 22, mid + 3.5, left - 30, { class: "tl-td-name" }),
        Number.isFinite(r.v) && r.v > 0 ? s("rect", { class: "tl-td-grad", x: left, y: mid - thick / 2, width: Math.max(1, x(r.v) - left), height: thick, rx: 1 }) : null,
        r.others.filter((o) => Number.isFinite(o.v) && o.v > 0).map((o) => mark(o.i, x(o.v), mid, Math.min(3.4, thick / 2.4))),
        said && s("text", { class: "tl-td-gi", x: wide - 10, y: mid + 3.5, "text-anchor": "end" }, r.v === undefined ? "\u2013" : short(r.v, 2)));
    });
    return p.svg.replaceChildren(...ticks.flat(), ...drawn);
  };
  return p;
}

/** Activations per layer: mean with its spread, and the share of dead units as a crossed part of a bar. */
export function unitsPanel(choose) {
  const p = panel("activations"),
    FOOT_ = 17;
  p.draw = (view, wide, room) => {
    const { rows, low, high } = view,
      tall = listHeight(rows.length, room, FOOT_),
      each = rowHeight(tall, rows.length, FOOT_),
      every = Math.ceil(12 / each),
      left = wide < 300 ? 62 : 104,
      right = rows.some((r) => r.dead !== undefined) ? (wide < 300 ? 64 : 150) : 14,
      x = (v) => left + (wide - left - right) * Math.max(0, Math.min(1, placed(v, low, high, false))),
      box = Math.min(10, Math.max(4, each - 4)),
      from = wide - right + 12,
      long = right - 12 - 38 > 40 ? right - 50 : box;
    if (!rows.length) return nothing(p, wide, tall, "not recorded for this run");
    const says = rows.map((r) => `${r.name} mean ${r.mean === undefined ? "none" : short(r.mean, 3)}${r.dead === undefined ? "" : `, ${short(100 * r.dead, 3)} % dead`}`);
    sized(p, wide, tall, `Activations per layer: ${says.join("; ")}`);
    const ticks = roundTicks(low, high, false, wide < 300 ? 3 : 4).map((v) => [
      s("path", { class: "tl-td-rule", d: `M${x(v).toFixed(1)} ${ROW_TOP - 2}V${tall - FOOT_ + 2}` }),
      s("text", { x: x(v), y: tall - 4, "text-anchor": "middle" }, short(v, 3)),
    ]);
    const drawn = rows.map((r, i) => {
      const y = ROW_TOP + i * each,
        mid = y + each / 2,
        said = i % every === 0 || r.path === view.chosen,
        span = Number.isFinite(r.mean) && Number.isFinite(r.std);
      // Where there is room the crosses are a tenth each; else one cross says that there are some.
      const cut = r.dead > 0 ? (long > box ? Math.max(1, Math.round(10 * Math.min(1, r.dead))) : 1) : 0,
        one = long > box ? long / 10 : box,
        cross = Math.min(one, box) - 3;
      let hatch = box < 8 && cut ? `M${from} ${(mid - box / 2).toFixed(1)}h${(long * r.dead).toFixed(1)}v${box}h${(-long * r.dead).toFixed(1)}z` : "";
      for (let j = 0; j < cut && box >= 8; j++) hatch += `M${(from + j * one + (one - cross) / 2).toFixed(1)} ${(mid - cross / 2).toFixed(1)}l${cross} ${cross}m0 ${-cross}l${-cross} ${cross}`;
      return row(y, wide, each, r.path, r.path === view.chosen, choose,
        s("title", null, says[i]),
        said && label(r.name, 12, mid + 3.5, left - 18, { class: "tl-td-name" }),
        span && s("path", { class: "tl-td-spread", d: `M${x(r.mean - r.std).toFixed(1)} ${mid.toFixed(1)}H${x(r.mean + r.std).toFixed(1)}`, "stroke-width": Math.max(3, box - 3) }),
        Number.isFinite(r.mean) && s("circle", { class: "tl-td-mean", cx: x(r.mean), cy: mid, r: Math.min(3.2, box / 2) }),
        r.dead !== undefined && [
          s("rect", { class: "tl-td-alive", x: from, y: mid - box / 2, width: long, height: box, rx: 1.5 }),
          cut > 0 && s("path", { class: box < 8 ? "tl-td-dead tl-td-full" : "tl-td-dead", d: hatch }),
          said && s("text", { class: r.dead > 0 ? "tl-b" : "", x: wide - 10, y: mid + 3.5, "text-anchor": "end" }, `${short(100 * r.dead, 2)}\u00a0%`),
        ]);
    });
    return p.svg.replaceChildren(...ticks.flat(), ...drawn);
  };
  return p;
}

/** One histogram: how the entries are spread at the step, with an outline of how they were at first. */
export function histPanel(chooser) {
  const p = panel("histogram", chooser);
  p.draw = (view, wide, tall) => {
    const { found, what } = view,
      base = tall - FOOT,
      left = 12,
      room = wide - left - 12;
    if (!found || !found.now) return nothing(p, wide, tall, found ? "none until this step" : "not recorded for this run");
    const { low, high, now, first } = found,
      x = (v) => left + room * Math.max(0, Math.min(1, placed(v, low, high, false))),
      // Areas, not heights, are the counts: bins of two steps may differ in width.
      bars = (one) => {
        const e = edgesOf(one),
          all = one.counts.reduce((a, c) => a + c, 0) || 1;
        return one.counts.map((c, i) => ({ a: x(e[i]), b: x(e[i + 1]), d: c / all / Math.max(1e-300, (e[i + 1] - e[i]) / (high - low)) }));
      },
      own = bars(now),
      old = first ? bars(first) : [],
      // A spike at the start must not flatten what is looked at.
      top = Math.max(...own.map((b) => b.d)) * 1.04,
      y = (d) => base - (base - TOP) * Math.min(1.05, d / top);
    const outline = old.map((b, i) => `${i ? "L" : `M${b.a.toFixed(1)} ${base}L`}${b.a.toFixed(1)} ${y(b.d).toFixed(1)}H${b.b.toFixed(1)}`).join("") + (old.length ? `V${base}` : "");
    sized(p, wide, tall, `Histogram of the ${what} of ${found.own.name} at step ${now.k}, from ${short(now.edges[0], 3)} to ${short(now.edges.at(-1), 3)}`);
    const zero = low < 0 && high > 0;
    return p.svg.replaceChildren(
      ...roundTicks(low, high, false, wide < 260 ? 2 : 4).map((v) => s("text", { x: x(v), y: tall - 4, "text-anchor": x(v) < 24 ? "start" : x(v) > wide - 24 ? "end" : "middle" }, short(v, 3))),
      ...own.filter((b) => b.d > 0 && b.b > b.a).map((b) => s("rect", { class: `tl-td-bin tl-td-${ROLES[what]}`, x: b.a.toFixed(2), y: y(b.d).toFixed(2), width: Math.max(0.8, b.b - b.a - 0.6).toFixed(2), height: Math.max(1, base - y(b.d)).toFixed(2) })),
      s("path", { class: "tl-td-base", d: `M${left} ${base}h${room}` }),
      ...(zero ? [s("path", { class: "tl-td-zero", d: `M${x(0).toFixed(1)} ${TOP}V${base + 3}` })] : []),
      ...(outline ? [s("path", { class: "tl-td-first", d: outline }), s("text", { x: left, y: TOP + 8 }, `outline: step ${first.k}`)] : []),
    );
  };
  return p;
}
