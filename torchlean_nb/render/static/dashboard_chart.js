// TrainingDashboard: one chart of curves over the steps, with its head, its axes and the cursor.

const RUN_HUES = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "var(--text)", "var(--const)", "#8F6B00"];
// Outlines in a box of 2 around 0: the shape tells runs apart where colour does not.
const MARKS = [
  "M-1 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0z",
  "M-.9-.9h1.8v1.8h-1.8z",
  "M0-1.15L1.1 .8H-1.1z",
  "M0-1.25L1.1 0L0 1.25L-1.1 0z",
  "M0 1.15L1.1-.8H-1.1z",
  "M-.4-1.1h.8v.7h.7v.8h-.7v.7h-.8v-.7h-.7v-.8h.7z",
  "M0-1.2L.33-.4L1.2-.35L.53 .2L.75 1.05L0 .57L-.75 1.05L-.53 .2L-1.2-.35L-.33-.4z",
  "M-.6-1.05H.6L1.2 0L.6 1.05H-.6L-1.2 0z",
];
const LEFT = 42,
  TOP = 8,
  FOOT = 17;

export const mark = (i, x, y, r, cls = "tl-td-mark") =>
  s("path", { class: cls, d: MARKS[i % MARKS.length], transform: `translate(${x.toFixed(1)} ${y.toFixed(1)}) scale(${r})`, style: { "--c": RUN_HUES[i % RUN_HUES.length] } });

/** Steps as an axis says them: `500`, `20k`, `1.5M`. */
export function stepText(k) {
  const [by, letter] = k >= 1e9 ? [1e9, "G"] : k >= 1e6 ? [1e6, "M"] : k >= 1e4 ? [1e3, "k"] : [1, ""];
  return short(k / by, 4) + letter;
}

/** Label of a tick; powers of ten on a log axis, with a raised exponent. */
export function tickText(v, log) {
  const e = Math.log10(v);
  if (!log || Math.abs(e - Math.round(e)) > 1e-9 || (e > -2.5 && e < 2.5)) return [short(v, 3)];
  return ["10", s("tspan", { dy: -4, class: "tl-td-sup" }, String(Math.round(e)).replace("-", MINUS))];
}

/** Head of a panel: name, what is meant, a chooser where there is one, and what stands at the cursor. */
export function panelHead(title, chooser) {
  const sub = h("span", { class: "tl-td-sub" }),
    at = h("span", { class: "tl-td-at" }),
    name = chooser || h("b", null, title);
  return { el: h("div", { class: "tl-td-head" }, name, sub, at), sub, at };
}

/** Path of a curve; gaps where numbers are not finite or, on a log axis, not above 0, and while it is above `most`. */
export function pathOf(ks, vs, x, y, log, most = Infinity) {
  let out = "",
    open = false,
    lone = false,
    above = false;
  for (let i = 0; i < vs.length; i++) {
    const v = vs[i],
      away = v > most && above;
    above = v > most;
    if (!Number.isFinite(v) || (log && v <= 0) || away) {
      if (lone) out += "h0";
      open = lone = false;
      continue;
    }
    out += `${open ? "L" : "M"}${x(ks[i]).toFixed(1)} ${y(v).toFixed(1)}`;
    lone = !open;
    open = true;
  }
  return lone ? out + "h0" : out;
}

/** First steps of the stretches in which a curve is not finite. */
export function lostAt(ks, vs, most = 20) {
  const out = [];
  vs.forEach((v, i) => {
    if (!Number.isFinite(v) && (i === 0 || Number.isFinite(vs[i - 1])) && out.length < most) out.push(ks[i]);
  });
  return out;
}

/** Where a curve is drawn at step k: on the line between two points, behind the last one at that; null where there is no line. */
export function spotOn(c, k, x, y, log) {
  const drawn = (v) => Number.isFinite(v) && (!log || v > 0),
    i = before(c.k, k);
  if (i < 0 || !drawn(c.v[i])) return null;
  if (i + 1 >= c.k.length || !drawn(c.v[i + 1])) return [x(c.k[i]), y(c.v[i])];
  const share_ = (k - c.k[i]) / (c.k[i + 1] - c.k[i]);
  return [x(k), y(c.v[i]) + share_ * (y(c.v[i + 1]) - y(c.v[i]))];
}

/** A chart in a panel of its own. `on`: scrub(k), hover(k or null). */
export function lineChart(title, on, chooser = null) {
  const head = panelHead(title, chooser);
  const layers = ["axes", "lines", "cursor", "ends"].map((name) => s("g", { class: `tl-td-${name}` }));
  const [axes, lines, cursor, ends] = layers;
  const area = s("rect", { class: "tl-td-area" });
  const svg = s("svg", { class: "tl-td-svg", role: "img" }, ...layers, area);
  const el = h("section", { class: "tl-td-panel" }, head.el, svg);
  let view = null,
    x = () => 0,
    y = () => 0;

  const stepAt = (e) => {
    const r = svg.getBoundingClientRect(),
      px = ((e.clientX - r.left) / r.width) * view.wide;
    return Math.max(0, Math.min(view.last, ((px - LEFT) / view.room) * view.last));
  };
  area.addEventListener("pointermove", (e) => view && (e.buttons & 1 ? on.scrub(stepAt(e)) : on.hover(stepAt(e))));
  area.addEventListener("pointerdown", (e) => {
    if (e.button || !view) return;
    area.setPointerCapture(e.pointerId);
    on.scrub(stepAt(e));
  });
  area.addEventListener("pointerleave", () => on.hover(null));

  function drawAxes() {
    const { low, high, log, wide, tall, last, guide, room } = view,
      base = tall - FOOT;
    axes.replaceChildren();
    if (guide) {
      axes.append(s("rect", { class: "tl-td-band", x: LEFT, y: y(guide * 3), width: room, height: Math.max(0, y(guide * 0.3) - y(guide * 3)) }));
      axes.append(s("path", { class: "tl-td-guide", d: `M${LEFT} ${y(guide).toFixed(1)}h${room}` }));
    }
    const ticks = roundTicks(low, high, log, tall < 130 ? 3 : 4);
    for (const v of guide && !ticks.includes(guide) ? [...ticks, guide] : ticks) {
      if (v !== guide) axes.append(s("path", { class: "tl-td-rule", d: `M${LEFT} ${y(v).toFixed(1)}h${room}` }));
      axes.append(s("text", { class: v === guide ? "tl-b" : "", x: LEFT - 5, y: y(v) + 3.5, "text-anchor": "end" }, ...tickText(v, log)));
    }
    // The last label must not run out of the drawing or into the one before.
    for (const k of roundTicks(0, last, false, room < 170 ? 2 : 4).filter((v) => Number.isInteger(v)))
      axes.append(s("text", { x: x(k), y: tall - 4, "text-anchor": "middle" }, stepText(k)));
    axes.append(s("path", { class: "tl-td-base", d: `M${LEFT} ${base}h${room}` }));
    if (view.epochs.length && view.epochs.length < room / 6)
      axes.append(s("path", { class: "tl-td-epoch", d: view.epochs.map((k) => `M${x(k).toFixed(1)} ${base}v3`).join("") }));
    for (const e of view.events) {
      const g = s("g", { class: "tl-td-event" }, s("title", null, `step ${e.k}: ${e.text || e.kind}`), s("path", { d: `M${x(e.k).toFixed(1)} ${TOP}V${base}` }), s("path", { class: "tl-td-flag", d: `M${x(e.k).toFixed(1)} ${TOP}l7 3.5l-7 3.5z` }));
      axes.append(g);
    }
  }

  function drawLines() {
    lines.replaceChildren(
      ...view.curves.map((c) =>
        s("path", { class: "tl-td-line", d: pathOf(c.k, c.v, x, y, view.log, view.high), opacity: c.faint || null, style: { "--c": c.hue, "stroke-width": c.width, "stroke-dasharray": c.dash || "none" } }),
      ),
      ...view.curves.filter((c) => c.lost).flatMap((c) => c.lost.map((k) => s("path", { class: "tl-td-nan", d: `M${(x(k) - 3).toFixed(1)} ${TOP - 4}l6 6m0-6l-6 6`, style: { "--c": c.hue } }, s("title", null, `not finite from step ${k}`)))),
    );
    for (const c of view.curves.filter((d) => d.mark !== undefined)) {
      const n = c.k.length,
        picks = new Set([n - 1, ...[0.15, 0.4, 0.65, 0.9].map((p) => before(c.k, view.last * (p + (c.mark % 4) * 0.06)))]);
      for (const i of picks) if (i >= 0 && i < n && Number.isFinite(c.v[i]) && (!view.log || c.v[i] > 0)) lines.append(mark(c.mark, x(c.k[i]), y(c.v[i]), 3));
    }
    const labels = view.curves.filter((c) => c.label).map((c) => {
      const i = c.v.findLastIndex((v) => Number.isFinite(v) && (!view.log || v > 0));
      return i < 0 ? null : [y(c.v[i]), { ...c, x: x(c.k[i]) }];
    }).filter(Boolean);
    // Too many for their gap: those at the ends and the chosen one stay.
    const most = Math.max(2, Math.floor((view.tall - FOOT - TOP) / 11)),
      kept = labels.length > most ? labels.filter(([, c], i) => c.bold || i % Math.ceil(labels.length / most) === 0) : labels;
    ends.replaceChildren(
      ...spread(kept, 11, TOP + 2, view.tall - FOOT - 1).map(([at, c]) =>
        s("text", { class: c.bold ? "tl-b" : "", x: Math.min(c.x, LEFT + view.room) + (c.mark === undefined ? 6 : 9), y: at + 3.5 }, c.label),
      ),
    );
  }

  /** Puts the cursor at step k and, paler, at the step under the pointer. */
  function drawCursor(k, hover = null) {
    if (!view) return;
    const base = view.tall - FOOT;
    cursor.replaceChildren();
    for (const [at, cls] of [[k, "tl-td-now"], [hover, "tl-td-hover"]]) {
      if (at === null || at > view.last) continue;
      cursor.append(s("path", { class: cls, d: `M${x(at).toFixed(1)} ${TOP - 4}V${base}` }));
      for (const c of view.curves) {
        const spot = c.dot && at <= c.until ? spotOn(c, at, x, y, view.log) : null;
        if (spot) cursor.append(c.mark === undefined ? s("circle", { class: "tl-td-dot", cx: spot[0], cy: spot[1], r: 3.2, style: { "--c": c.hue } }) : mark(c.mark, ...spot, 4));
      }
    }
  }

  /**
   * Draws `next`: curves [{k, v, hue, width, dash, faint, mark, label, bold, dot, lost}], low, high, log, last,
   * guide, events, epochs, says, right.
   */
  function draw(next, wide, tall) {
    const room = Math.max(60, wide - LEFT - next.right);
    view = { ...next, wide, tall, room };
    x = (k) => LEFT + (k / next.last) * room;
    y = (v) => TOP + (tall - FOOT - TOP) * (1 - Math.max(-0.04, Math.min(1.06, placed(v, next.low, next.high, next.log))));
    svg.setAttribute("viewBox", `0 0 ${wide} ${tall}`);
    svg.setAttribute("aria-label", next.says);
    svg.style.height = `${tall}px`;
    for (const [name, v] of Object.entries({ x: LEFT - 4, y: 0, width: room + 8, height: tall - 2 })) area.setAttribute(name, v);
    drawAxes();
    drawLines();
  }
  return { el, svg, head, draw, drawCursor, title };
}
