// RaceArena: loss and distance against the step. The curves stand still; a window over them moves with the scrubber.

const RACE_DECADES = 8;
const RACE_PAD = { left: 36, right: 10, top: 22, foot: 18 };

/**
 * Ends of an axis for several curves: powers of ten where all that counts is above 0, round numbers otherwise. Curves
 * that ran away leave the plot, `first` is where they all began.
 */
export function raceSpan(curves, also = []) {
  let low = Infinity,
    high = -Infinity,
    least = Infinity;
  const first = Math.max(...curves.map((c) => (Number.isFinite(c[0]) ? Math.abs(c[0]) : 0)), 0);
  const most = first > 0 ? 1e4 * first : Infinity;
  for (const c of [...curves, also])
    for (const v of c) {
      if (!Number.isFinite(v) || v > most) continue;
      if (v < low) low = v;
      if (v > high) high = v;
      if (v > 0 && v < least) least = v;
    }
  if (!(low <= high)) return { log: true, low: 0.1, high: 1 };
  if (low >= 0 && high > 0) {
    const top = Math.ceil(Math.log10(high) - 1e-9),
      foot = Math.floor(Math.log10(least) + 1e-9);
    return { log: true, low: 10 ** Math.max(Math.min(foot, top - 1), top - RACE_DECADES), high: 10 ** top };
  }
  const room = (high - low || 1) * 0.06;
  return { log: false, low: low - room, high: high + room };
}

/** What the plots show of a race: `[{title, unit, curves, target}]`. */
export function racePanels(race) {
  const { lowest, goals } = race.surface,
    above = lowest !== null && Number.isFinite(lowest) && lowest !== 0,
    base = above ? lowest : 0;
  const loss = {
    title: above ? `loss above the lowest, ${short(lowest, 4)}` : "loss",
    curves: race.tracks.map((t) => (above ? t.loss.map((v) => v - base) : t.loss)),
    target: race.target === null ? null : race.target - base,
  };
  const away = (t) =>
    t.x.map((x, i) => goals.reduce((m, g) => Math.min(m, Math.hypot(x - g[0], t.y[i] - g[1])), Infinity));
  const second = goals.length
    ? {
        title: `distance to the ${goals.length > 1 ? "nearest " : ""}minimum`,
        curves: race.tracks.map(away),
        target: null,
      }
    : {
        title: "length of the gradient",
        curves: race.tracks.map((t) => t.gx.map((v, i) => Math.hypot(v, t.gy[i]))),
        target: null,
      };
  return [loss, second];
}

/** Both plots; a drag in one of them moves the scrubber. */
export function racePlots(view) {
  let wide = 0,
    tall = 151,
    data = null;
  const plots = [0, 1].map(() => racePlot(view));
  const el = h(
    "div",
    { class: "tl-ra-plots" },
    plots.map((p) => h("div", null, p.svg)),
  );
  const size = () => {
    const w = Math.round(el.firstChild.clientWidth);
    const { stage, panel } = view.f,
      beside = panel.offsetParent && panel.parentElement.offsetTop === stage.offsetTop,
      high = beside ? Math.round((stage.clientWidth * view.race.surface.aspect) / 2) : 0,
      t = Math.max(140, Math.min(240, high || 151));
    if (!w || (w === wide && t === tall)) return false;
    wide = w;
    tall = t;
    return true;
  };
  return {
    el,
    renew() {
      if (!data || data.of !== view.race) data = { of: view.race, panels: racePanels(view.race) };
      if (!wide) size();
      plots.forEach((p, i) => p.renew(data.panels[i], wide || 290, tall));
      this.wait();
    },
    draw() {
      const at = view.at();
      plots.forEach((p) => p.draw(at));
    },
    wait: () => plots.forEach((p) => p.wait()),
    take() {},
    fits: size,
  };
}

function racePlot(view) {
  const id = `tl-ra-cut-${Math.random().toString(36).slice(2)}`,
    window_ = s("rect", { x: 0, y: 0 }),
    axes = s("g", { class: "tl-ra-axes" }),
    pale = s("g", { class: "tl-ra-pale" }),
    done = s("g", { "clip-path": `url(#${id})` }),
    knife = s("path", { class: "tl-ra-now" }),
    marks = s("g"),
    title = s("text", { class: "tl-ra-title", y: 14 }),
    value = s("text", { y: 14, "text-anchor": "end" }),
    svg = s(
      "svg",
      { class: "tl-ra-plot", role: "img" },
      s("defs", null, s("clipPath", { id }, window_)),
      axes,
      pale,
      done,
      knife,
      marks,
      title,
      value,
    );
  let lines = [],
    span = null,
    wide = 0,
    panel = null,
    x = () => 0,
    last = 1;

  function renew(next, w, tall) {
    const { race } = view,
      front = view.chosen(),
      left = RACE_PAD.left,
      right = w - RACE_PAD.right,
      top = RACE_PAD.top,
      foot = tall - RACE_PAD.foot;
    panel = next;
    wide = w;
    last = race.steps.at(-1) || 1;
    const on = race.tracks.map((_, i) => i).filter(view.on);
    span = raceSpan(
      on.map((i) => next.curves[i]),
      next.target !== null && next.target > 0 ? [next.target] : [],
    );
    const of = span.log ? Math.log10 : (v) => v,
      y = (v) => {
        const share = (of(Math.max(v, span.log ? 1e-300 : v)) - of(span.low)) / (of(span.high) - of(span.low));
        return foot - (foot - top) * Math.max(0, Math.min(1, share));
      };
    x = (k) => left + ((right - left) * k) / last;
    svg.setAttribute("viewBox", `0 0 ${w} ${tall}`);
    svg.setAttribute("aria-label", `${next.title} against the step`);
    window_.setAttribute("height", tall);
    title.setAttribute("x", left);
    value.setAttribute("x", right);
    title.textContent = next.title;
    knife.setAttribute("d", `M0 ${top}V${foot}`);
    const rule = (v) => s("path", { class: "tl-ra-rule", d: `M${left} ${y(v).toFixed(1)}H${right}` });
    const rows = span.log ? decades(span.low, span.high) : ticks(span.low, span.high, 4);
    const number = (v) => {
      const t = s("text", { x: left - 5, y: (y(v) + 3.5).toFixed(1), "text-anchor": "end" });
      const e = Math.round(Math.log10(v));
      if (span.log)
        t.append("10", s("tspan", { dy: -4, class: "tl-ra-power" }, `${e < 0 ? "\u2212" : ""}${Math.abs(e)}`));
      else t.append(short(v, 3));
      return t;
    };
    axes.replaceChildren(
      ...rows.flatMap((v) => [rule(v), number(v)]),
      ...roundTicks(0, last, false).filter(Number.isInteger).map((k) =>
        s("text", { x: x(k).toFixed(1), y: foot + 13, "text-anchor": x(k) > right - 10 ? "end" : "middle" }, k),
      ),
    );
    const { target } = next;
    const inside =
      target !== null && (!span.log || target > 0) && of(target) >= of(span.low) && of(target) <= of(span.high);
    if (inside)
      axes.append(
        s("path", { class: "tl-ra-goal-line", d: `M${left} ${y(target).toFixed(1)}H${right}` }),
        targetWord(on, y, left, right, top, foot),
      );
    lines = on.map((i) => {
      const t = race.tracks[i],
        end = raceHead(race, t, race.steps.length - 1),
        u = new Float64Array(end + 1),
        v = new Float64Array(end + 1);
      let n = 0;
      for (; n <= end && Number.isFinite(next.curves[i][n]); n++) {
        u[n] = x(race.steps[n]);
        v[n] = y(next.curves[i][n]);
      }
      const d = raceLine(u, v, n),
        path = () => s("path", { d, class: i === front ? "tl-ra-front" : "", style: { stroke: raceHue(t) } });
      return { i, track: t, u, v, end: n - 1, all: path(), line: path(), mark: raceMark(t) };
    });
    lines.sort((a, b) => (a.i === front) - (b.i === front));
    pale.replaceChildren(...lines.map((l) => l.all));
    done.replaceChildren(...lines.map((l) => l.line));
    marks.replaceChildren(...lines.map((l) => l.mark));
  }

  /** The word on the target's line, at the end of it where fewer curves pass. */
  function targetWord(on, y, left, right, top, foot) {
    const { race } = view,
      level = y(panel.target);
    const crowd = (from, to, a, b) =>
      on.reduce(
        (n, i) =>
          n +
          panel.curves[i].reduce(
            (m, v, j) =>
              m + (race.steps[j] >= from * last && race.steps[j] <= to * last && y(v) > a && y(v) < b ? 1 : 0),
            0,
          ),
        0,
      );
    const spots = [
      [1, -3, right, "end"],
      [1, 11, right, "end"],
      [0, -3, left + 3, "start"],
      [0, 11, left + 3, "start"],
    ].map(([end, dy, at, anchor]) => ({
      dy,
      at,
      anchor,
      cost: level + dy < top + 8 || level + dy > foot ? 1e9 : crowd(end ? 0.84 : 0, end ? 1 : 0.16, level + dy - 10, level + dy + 2),
    }));
    const best = spots.reduce((a, b) => (b.cost < a.cost ? b : a));
    return s(
      "text",
      { class: "tl-ra-halo", x: best.at, y: (level + best.dy).toFixed(1), "text-anchor": best.anchor },
      "target",
    );
  }

  function draw(at) {
    const { race } = view,
      now = x(race.steps[at]);
    window_.setAttribute("width", now.toFixed(1));
    knife.setAttribute("transform", `translate(${now.toFixed(1)} 0)`);
    let said = "";
    for (const l of lines) {
      const j = Math.min(at, l.end);
      l.mark.style.display = j < 0 ? "none" : "";
      if (j >= 0) l.mark.setAttribute("transform", `translate(${l.u[j].toFixed(1)} ${l.v[j].toFixed(1)}) scale(.8)`);
      if (l.i === view.chosen()) said = short(panel.curves[l.i][Math.max(0, j)], 3);
    }
    value.textContent = said;
    value.style.display = wide > 220 ? "" : "none";
  }

  const scrub = (e) => {
    if (!e.buttons) return;
    const box = svg.getBoundingClientRect(),
      share = (((e.clientX - box.left) * wide) / box.width - x(0)) / (x(last) - x(0));
    view.f.go(Math.round(share * last));
  };
  svg.addEventListener("pointerdown", (e) => {
    if (e.button) return;
    svg.setPointerCapture(e.pointerId);
    view.f.guard(scrub)(e);
  });
  svg.addEventListener("pointermove", (e) => view.f.guard(scrub)(e));
  return {
    svg,
    renew,
    draw,
    wait: () => lines.forEach((l) => [l.all, l.line].forEach((p) => p.classList.toggle("tl-ra-old", view.stale(l.i)))),
  };
}
