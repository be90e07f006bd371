// Curves over steps: axes, lines with their names at the ends, the cursor, and knobs that can be moved.

const HUES = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "var(--const)"];
const DASHES = ["", "7 3", "2 3", "9 3 2 3", "13 4", "4 2"];
const LOW = 24,
  GAP = 13;

/** Ends of the axis: 0 is on a linear one of rates, six decades at most on a log one. */
export function span(curves, log, zero = true) {
  const known = curves.flat().filter((v) => v !== null && (v > 0 || !log));
  if (!known.length) return log ? [1e-3, 1] : [0, 1];
  let low = Infinity,
    high = -Infinity;
  for (const v of known) {
    low = Math.min(low, v);
    high = Math.max(high, v);
  }
  if (log) {
    low = Math.max(low, high * 1e-6);
    return [low / 1.3, (high > low ? high : high * 2) * 1.3];
  }
  if (!zero) {
    const margin = (high - low || 0.1) * 0.15;
    return [low - margin, high + margin];
  }
  low = Math.min(low, 0);
  high = Math.max(high, 0);
  const room = (high - low || 1) * 0.08;
  return [low - (low < 0 ? room : 0), high + (high > 0 || low === 0 ? room : 0)];
}

/** Labels pushed apart, in order, inside the plot where there is room: `[[y, i]]`. */
export function apart(ends, gap, top, bottom) {
  const out = [...ends].sort((a, b) => a[0] - b[0]).map(([y, i]) => [Math.max(y, top), i]);
  for (let j = 1; j < out.length; j++) out[j][0] = Math.max(out[j][0], out[j - 1][0] + gap);
  for (let j = out.length - 1; j >= 0; j--)
    out[j][0] = Math.min(out[j][0], j === out.length - 1 ? bottom : out[j + 1][0] - gap);
  return out;
}

/** A value as a hand means it: no finer than the pixels. */
export function snapped(v, low, high, tall, log) {
  if (log) return Number(v.toPrecision(2));
  const unit = 10 ** Math.floor(Math.log10(((high - low) / tall) * 2));
  return Number((Math.round(v / unit) * unit).toPrecision(12)) || 0;
}

/** Index of the sampled step nearest to `k`. */
export function nearest(ks, k) {
  if (!ks) return Math.round(k);
  let a = 0,
    b = ks.length - 1;
  while (b - a > 1) {
    const m = (a + b) >> 1;
    if (ks[m] <= k) a = m;
    else b = m;
  }
  return k - ks[a] <= ks[b] - k ? a : b;
}

const TEN = /^(-?[\d.]+)?e?(-?\d+)?$/;
/** Label of a tick; on a log axis as a power of ten. */
function tickText(v, log) {
  if (!log || !TEN.test(String(v))) return [short(v, 4)];
  const e = Math.round(Math.log10(v));
  return e >= -2 && e <= 2 ? [short(v)] : ["10", s("tspan", { dy: -4, class: "tl-sd-sup" }, String(e).replace("-", MINUS))];
}

/** One axis with its curves: position and size inside the drawing. */
class Plot {
  constructor(box, last, log, [low, high]) {
    Object.assign(this, box, { last, log, low, high });
  }
  x(k) {
    return this.left + (k / this.last) * this.wide;
  }
  y(v) {
    const { low, high } = this,
      done = this.log ? Math.log(v / low) / Math.log(high / low) : (v - low) / (high - low);
    return this.top + this.tall * (1 - Math.max(-0.02, Math.min(1.02, Number.isFinite(done) ? done : 0)));
  }
  k(px) {
    return Math.max(0, Math.min(this.last, ((px - this.left) / this.wide) * this.last));
  }
  v(py) {
    const { low, high, log, tall } = this,
      done = Math.max(0, Math.min(1, 1 - (py - this.top) / tall)),
      v = log ? low * (high / low) ** done : low + done * (high - low);
    return snapped(v, low, high, tall, log);
  }
  path(ks, values) {
    let out = "",
      pen = "M";
    values.forEach((v, i) => {
      if (v === null || (this.log && v <= 0)) pen = "M";
      else {
        out += `${pen}${this.x(ks ? ks[i] : i).toFixed(1)} ${this.y(v).toFixed(1)}`;
        pen = "L";
      }
    });
    return out;
  }
}

/** The chart in `host`. `on`: scrub(k), hover(k or null), move(knob, k, y, tag), drop(). */
export function scheduleChart(host, on) {
  const layers = ["axes", "lines", "ends", "cursor", "knobs"].map((name) => s("g", { class: `tl-sd-${name}` }));
  const [axes, lines, ends, cursor, knobs] = layers;
  const area = s("rect", { class: "tl-sd-area", tabindex: "0", role: "slider", "aria-label": "Step" });
  const svg = s("svg", { class: "tl-sd-chart", role: "group", "aria-label": "Schedules over the steps" }, area, ...layers);
  let plots = [],
    view = null,
    drag = null,
    frozen = null;
  const dots = new Map();
  host.append(svg);

  const local = (e) => {
    const r = svg.getBoundingClientRect(),
      by = svg.viewBox.baseVal.width / r.width;
    return [(e.clientX - r.left) * by, (e.clientY - r.top) * by];
  };
  const stepAt = (e) => (plots.length ? view.at(nearest(view.ks, plots[0].k(local(e)[0]))) : 0);

  area.addEventListener("pointermove", (e) => (e.buttons & 1 ? on.scrub(stepAt(e)) : on.hover(stepAt(e))));
  area.addEventListener("pointerdown", (e) => {
    if (e.button) return;
    area.setPointerCapture(e.pointerId);
    on.scrub(stepAt(e));
  });
  area.addEventListener("pointerleave", () => on.hover(null));

  // -- knobs ---------------------------------------------------------------------------------
  const idOf = (p) => JSON.stringify([view.chosen, p.path, p.name]);
  function dot(id) {
    const g = s("g", { class: "tl-sd-knob", role: "slider" }, s("line", { class: "tl-sd-drop" }), s("circle", { class: "tl-sd-hit", r: 15 }), s("path"), s("text", { "aria-hidden": "true" }));
    const move = (e) => {
      if (!drag || drag.id !== id) return;
      const [px, py] = local(e),
        p = drag.knob;
      drag.k = p.x ? Math.round(drag.plot.k(px + drag.dx)) : p.k;
      drag.y = p.up ? drag.plot.v(py + drag.dy) : p.y;
      place(g, { ...p, k: drag.k, y: drag.y }, drag.plot);
      on.move(p, p.x ? drag.k : null, p.up ? drag.y : null, drag.tag);
    };
    const end = () => {
      if (!drag || drag.id !== id) return;
      drag = frozen = null;
      g.classList.remove("tl-sd-held");
      on.drop();
    };
    g.addEventListener("pointerdown", (e) => {
      const p = view.knobs.find((q) => idOf(q) === id);
      if (e.button || !view.live || !p) return;
      e.preventDefault();
      e.stopPropagation();
      g.focus({ preventScroll: true });
      g.setPointerCapture(e.pointerId);
      const [px, py] = local(e),
        plot = plotOf();
      drag = { id, knob: p, plot, dx: plot.x(p.k) - px, dy: (p.y === null ? plot.top : plot.y(p.y)) - py };
      drag.tag = `${id} ${e.timeStamp}`;
      frozen = { chosen: view.chosen, ends: [plot.low, plot.high] };
      g.classList.add("tl-sd-held");
    });
    g.addEventListener("pointermove", move);
    g.addEventListener("pointerup", end);
    g.addEventListener("pointercancel", end);
    g.addEventListener("keydown", (e) => {
      const p = view.knobs.find((q) => idOf(q) === id),
        way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[e.key];
      if (e.key === "Enter" && p) on.field(p);
      if ((!way && e.key !== "Enter") || !p || e.ctrlKey || e.metaKey || e.altKey) return;
      e.preventDefault();
      e.stopPropagation();
      if (!way || !view.live || (way[0] && !p.x) || (way[1] && !p.up)) return;
      const plot = plotOf(),
        by = e.shiftKey ? 10 : 1,
        grain = (plot.high - plot.low) / 100,
        to = plot.log ? p.y * 1.05 ** (way[1] * by) : p.y + way[1] * by * 10 ** Math.floor(Math.log10(grain));
      on.move(p, way[0] ? Math.max(0, p.k + way[0] * by) : null, way[1] ? Number(to.toPrecision(3)) : null, `keys ${id}`);
    });
    return g;
  }

  const plotOf = () => plots.find((p) => p.unit === view.entries[view.chosen].unit) || plots[0];

  function place(g, p, plot) {
    const axis = p.y === null,
      x = plot.x(p.k),
      y = axis ? plot.top : plot.y(p.y); // a boundary hangs from above, where no curve is
    g.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
    g.querySelector("path").setAttribute("d", p.x && p.up ? "M-6 0a6 6 0 1 0 12 0a6 6 0 1 0-12 0z" : p.x ? "M-7 0L0-7L7 0L0 7z" : "M-5-6H5V6H-5z");
    const value = axis ? "" : `, ${plot.unit} ${short(p.y, 4)}`;
    g.querySelector("line").setAttribute("y2", axis ? plot.tall : 0);
    g.setAttribute("aria-valuetext", `step ${p.k}${value}`);
    g.setAttribute("aria-valuenow", p.x || axis ? p.k : p.y);
    // Where it is stands beside it, on the side where there is room.
    const text = g.querySelector("text"),
      left = x > plot.left + plot.wide - 100;
    text.textContent = [p.x && `step ${p.k}`, !axis && short(p.y, 4)].filter(Boolean).join(", ");
    text.setAttribute("text-anchor", left ? "end" : "start");
    text.setAttribute("x", left ? -11 : 11);
    text.setAttribute("y", y - plot.top < 26 ? 20 : -11);
  }

  function drawKnobs() {
    const plot = plotOf(),
      seen = new Set();
    for (const p of plot ? view.knobs : []) {
      const id = idOf(p);
      seen.add(id);
      if (!dots.has(id)) {
        dots.set(id, dot(id));
        knobs.append(dots.get(id));
      }
      const g = dots.get(id);
      g.style.setProperty("--c", HUES[view.chosen % HUES.length]);
      g.setAttribute("class", `tl-sd-knob tl-sd-${p.x ? (p.up ? "both" : "ew") : "ns"}${drag && drag.id === id ? " tl-sd-held" : ""}`);
      g.setAttribute("aria-label", p.path.length ? `${p.name}, part ${p.path.join(" ")}` : p.name);
      if (view.live) g.setAttribute("tabindex", "0");
      else g.removeAttribute("tabindex");
      g.setAttribute("aria-disabled", String(!view.live));
      if (!drag || drag.id !== id) place(g, p, plot);
    }
    for (const [id, g] of dots)
      if (!seen.has(id)) {
        if (drag && drag.id === id) drag = frozen = null;
        g.remove();
        dots.delete(id);
      }
  }

  // -- everything ----------------------------------------------------------------------------
  function drawAxes(wide) {
    axes.replaceChildren();
    for (const p of plots) {
      const low = p.top + p.tall;
      for (const t of roundTicks(p.low, p.high, p.log, (p.tall > 120 ? 5 : 3) + p.log)) {
        axes.append(s("path", { class: "tl-sd-rule", d: `M${p.left} ${p.y(t).toFixed(1)}h${p.wide}` }));
        axes.append(s("text", { x: p.left - 6, y: p.y(t) + 3.5, "text-anchor": "end" }, tickText(t, p.log)));
      }
      axes.append(s("text", { x: 8, y: p.top - 9, class: "tl-sd-unit" }, p.log ? `${p.unit}, log` : p.unit));
      axes.append(s("path", { class: "tl-sd-base", d: `M${p.left} ${low}h${p.wide}` }));
      if (p !== plots.at(-1)) continue;
      for (const t of roundTicks(0, p.last, false, wide > 420 ? 5 : 3).filter(Number.isInteger))
        axes.append(s("text", { x: p.x(t), y: low + 16, "text-anchor": "middle" }, t.toLocaleString("en")));
    }
  }

  function drawLines(right) {
    lines.replaceChildren();
    ends.replaceChildren();
    for (const p of plots) {
      const own = view.shown.filter((i) => view.entries[i].unit === p.unit),
        few = p.wide / view.last > 7;
      for (const i of [...own.filter((j) => j !== view.chosen), ...own.filter((j) => j === view.chosen)]) {
        const d = p.path(view.ks, view.entries[i].values),
          style = { "--c": HUES[i % HUES.length], "stroke-dasharray": DASHES[i % DASHES.length] || "none" };
        lines.append(s("path", { class: i === view.chosen ? "tl-sd-line tl-sd-main" : "tl-sd-line", d, style, "data-i": i }));
        if (few) lines.append(s("path", { class: "tl-sd-points", d: d.replace(/[ML]([\d.-]+ [\d.-]+)/g, "M$1h0"), style }));
      }
      const last = (i) => view.entries[i].values.findLast((v) => v !== null && (v > 0 || !p.log));
      const at = own.map((i) => [last(i) === undefined ? p.top + p.tall : p.y(last(i)), i]);
      for (const [y, i] of apart(at, GAP, p.top, p.top + p.tall)) {
        const text = s("text", { x: p.left + p.wide + 13, y: y + 3.5, class: i === view.chosen ? "tl-b" : "" }, view.entries[i].name);
        ends.append(text);
        cut(text, right - 14);
      }
    }
  }
  const cut = (text, room) => {
    const name = text.textContent;
    for (let n = name.length - 1; n > 0 && text.getComputedTextLength() > room; n--) text.textContent = `${name.slice(0, n)}\u2026`;
  };

  /** Cursor at a step: the line, a dot on every curve, the step and the chosen value above. */
  function drawCursor(k) {
    cursor.replaceChildren();
    if (k === null || !plots.length) return;
    const i = nearest(view.ks, k);
    for (const p of plots) {
      const x = p.x(view.at(i)),
        own = view.shown.filter((j) => view.entries[j].unit === p.unit);
      cursor.append(s("path", { class: "tl-sd-now", d: `M${x.toFixed(1)} ${p.top}v${p.tall}` }));
      for (const j of own) {
        const v = view.entries[j].values[i];
        if (v === null || (p.log && v <= 0)) continue;
        cursor.append(s("circle", { class: "tl-sd-dot", cx: x, cy: p.y(v), r: 3.5, style: { "--c": HUES[j % HUES.length] } }));
      }
      const main = own.includes(view.chosen) ? view.chosen : own[0],
        said = main === undefined ? "" : `: ${view.entries[main].values[i] === null ? "none" : short(view.entries[main].values[i], 4)}`,
        end = x > p.left + p.wide / 2;
      cursor.append(s("text", { x: x + (end ? -5 : 5), y: p.top - 9, "text-anchor": end ? "end" : "start" }, `step ${view.at(i)}${said}`));
    }
  }

  /** Draws `next`: entries, shown, chosen, knobs, ks, at(i), last, log, live, cursor. */
  function draw(next, wide, tallAll) {
    view = next;
    const units = [...new Set(next.shown.map((i) => next.entries[i].unit))].sort(),
      names = next.shown.map((i) => next.entries[i].name.length * 6.6 + 16),
      right = Math.min(wide < 400 ? 74 : 120, Math.max(24, ...names)),
      share = units.length > 1 ? [0.6, 0.4] : [1];
    svg.setAttribute("viewBox", `0 0 ${wide} ${tallAll}`);
    svg.style.height = `${tallAll}px`;
    let top = 26;
    plots = units.map((unit, i) => {
      const tall = (tallAll - LOW - 26 * units.length) * share[i],
        box = { unit, left: 52, top, wide: Math.max(60, wide - 52 - right), tall };
      top += tall + 26;
      const ofUnit = next.shown.filter((j) => next.entries[j].unit === unit),
        ends = frozen && frozen.chosen === next.chosen && next.entries[next.chosen].unit === unit;
      return new Plot(box, next.last, next.log, ends ? frozen.ends : span(ofUnit.map((j) => next.entries[j].values), next.log, unit === "lr"));
    });
    if (drag && plots.length) drag.plot = plotOf();
    const p = plots[0] || { left: 52, top: 26, wide: 60 };
    for (const [k, v] of Object.entries({ x: p.left, y: p.top, width: p.wide, height: tallAll - LOW - p.top })) area.setAttribute(k, v);
    drawAxes(wide);
    drawLines(right);
    drawKnobs();
    drawCursor(next.cursor);
    const i = nearest(next.ks, next.cursor || 0);
    area.setAttribute("aria-valuemin", "0");
    area.setAttribute("aria-valuemax", next.last);
    area.setAttribute("aria-valuenow", next.at(i));
    area.setAttribute("aria-valuetext", next.says(i));
  }
  return { el: svg, draw, drawCursor };
}
