// GradientCloud: gradients of many batches as points, what clipping makes of them, and by how much it turns one.

const BOX = { left: 46, top: 30, wide: 378, tall: 378, width: 436, height: 442 };
const CLIPS = [["none", "none"], ["norm", "by norm"], ["value", "by value"]];

/** A gradient cut to size. */
export function clipped([x, y], how, limit) {
  if (how === "value") return [Math.max(-limit, Math.min(limit, x)), Math.max(-limit, Math.min(limit, y))];
  const long = Math.hypot(x, y),
    by = how === "norm" && long > limit ? limit / long : 1;
  return [x * by, y * by];
}

/** Degrees between two arrows; 0 when one of them has no direction. */
export function angle(a, b) {
  const turn = (Math.abs(Math.atan2(a[0] * b[1] - a[1] * b[0], a[0] * b[0] + a[1] * b[1])) * 180) / Math.PI;
  return turn < 1e-9 ? 0 : turn; // rounding alone turns nothing
}

/** Root of the mean squared distance from a point. */
export function spread(points, [x, y]) {
  return Math.sqrt(points.reduce((sum, p) => sum + (p[0] - x) ** 2 + (p[1] - y) ** 2, 0) / points.length);
}

/** Everything the panel says about one cloud under one clipping. */
export function account(points, mean, how, limit) {
  const after = points.map((p) => clipped(p, how, limit)),
    turns = points.map((p, i) => angle(p, after[i])),
    cut = points.filter((p, i) => p[0] !== after[i][0] || p[1] !== after[i][1]).length;
  const middle = [0, 1].map((k) => after.reduce((sum, p) => sum + p[k], 0) / after.length);
  return { after, turns, cut, middle, rms: mean ? spread(after, mean) : 0, most: Math.max(...turns) };
}

function arrow(ax, [x, y], line, tip) {
  const x0 = ax.x(0),
    y0 = ax.y(0),
    x1 = ax.x(x),
    y1 = ax.y(y),
    long = Math.hypot(x1 - x0, y1 - y0);
  if (long < 2) return [];
  const ux = (x1 - x0) / long,
    uy = (y1 - y0) / long;
  return [
    s("path", { class: line, d: `M${x0} ${y0}L${x1 - ux * 6} ${y1 - uy * 6}` }),
    s("path", { class: tip, d: `M${x1} ${y1}l${-ux * 9 + uy * 4} ${-uy * 9 - ux * 4}l${-uy * 8} ${ux * 8}z` }),
  ];
}

function render({ model, el }) {
  const payload = model.get("payload"),
    options = model.get("options") || {},
    last = payload.clouds.length - 1,
    reach = payload.reach;
  const clip = choices("clip", CLIPS, (clip) => f.set({ clip }));
  const range = h("input", { type: "range", min: "1", max: "100", "aria-label": "limit of the clipping", oninput: () => f.set({ limit: +((+range.value / 100) * reach).toPrecision(3) }) });
  const limitText = h("b");
  const svg = s("svg", { class: "tl-xp-plot", viewBox: `0 0 ${BOX.width} ${BOX.height}`, role: "img" });
  const cloudTable = h("tbody"),
    oneTable = h("tbody"),
    which = h("p", { class: "tl-lab" });

  function read(state) {
    const k = Math.min(state.step, last),
      points = payload.clouds[k].points;
    const how = CLIPS.some(([key]) => key === state.clip) ? state.clip : "none",
      limit = state.limit > 0 && Number.isFinite(state.limit) ? state.limit : payload.limit;
    return { k, points, how, limit, at: Number.isInteger(state.at) && points[state.at] ? state.at : 0 };
  }

  const seen = (p) => Math.max(Math.abs(p[0]), Math.abs(p[1])) <= reach * 1.08;
  function plot(now, sums) {
    const ends = [-reach * 1.08, reach * 1.08],
      ax = new Axes({ left: BOX.left, top: BOX.top, wide: BOX.wide, tall: BOX.tall }, ends, ends);
    const cut = now.how !== "none",
      size = Math.abs(ax.x(now.limit) - ax.x(0));
    const dot = (p, i, cls) => s("circle", { class: cls, cx: ax.x(p[0]).toFixed(1), cy: ax.y(p[1]).toFixed(1), r: now.points.length > 60 ? 2.4 : 4, "data-i": String(i) });
    const few = now.points.length <= payload.few,
      [m0, m1] = payload.mean ? [ax.x(payload.mean[0]), ax.y(payload.mean[1])] : [0, 0];
    svg.replaceChildren(
      ...ax.grid(payload.axes[1]),
      ...(cut ? now.points.map((p, i) => seen(p) && dot(p, i, "tl-xp-raw")) : []).filter(Boolean),
      ...sums.after.map((p, i) => seen(p) && dot(p, i, "tl-xp-point")).filter(Boolean),
      ...(now.how === "norm" ? [s("circle", { class: "tl-xp-fence", cx: ax.x(0), cy: ax.y(0), r: size })] : []),
      ...(now.how === "value" ? [s("rect", { class: "tl-xp-fence", x: ax.x(0) - size, y: ax.y(0) - size, width: 2 * size, height: 2 * size })] : []),
      ...now.points.flatMap((p, i) => (cut && (few || i === now.at) ? arrow(ax, p, "tl-xp-was", "tl-xp-was-tip") : [])),
      ...sums.after.flatMap((p, i) => (few && i !== now.at ? arrow(ax, p, "tl-xp-arrow tl-xp-thin", "tl-xp-tip") : [])),
      ...arrow(ax, sums.after[now.at], "tl-xp-arrow", "tl-xp-tip"),
      ...(payload.mean
        ? [
            s("path", { class: "tl-xp-mean", d: `M${m0 - 7} ${m1}h14M${m0} ${m1 - 7}v14` }),
            s("text", { x: m0 + 9, y: m1 - 6, class: "tl-xp-said tl-xp-halo" }, payload.word),
          ]
        : []),
      s("text", { x: BOX.width - 12, y: BOX.height - 4, "text-anchor": "end", class: "tl-xp-title" }, payload.axes[0]),
    );
  }

  const row = (word, number, cls = "") => h("tr", null, h("td", null, word), h("td", { class: `tl-n ${cls}` }, number));
  const pair = ([x, y]) => `${short(x, 4)}, ${short(y, 4)}`;

  function draw(state) {
    const now = read(state),
      sums = account(now.points, payload.mean, now.how, now.limit),
      name = payload.clouds[now.k].name,
      n = now.points.length,
      far = payload.mean ? spread(now.points, payload.mean) : 0,
      out = sums.after.filter((p) => !seen(p)).length;
    clip.update(now.how);
    range.value = String(Math.round((now.limit / reach) * 100));
    range.disabled = now.how === "none";
    limitText.textContent = now.how === "none" ? "" : short(now.limit, 3);
    plot(now, sums);
    cloudTable.replaceChildren(
      row("gradients", String(n)),
      ...(out ? [row("outside the picture", String(out))] : []),
      ...(payload.mean ? [row(`rms distance from ${payload.word}`, short(far, 4))] : []),
      ...(now.how === "none"
        ? []
        : [
            ...(payload.mean ? [row("the same, clipped", short(sums.rms, 4), "tl-gi"), row("mean, clipped", pair(sums.middle), "tl-gi")] : []),
            row("cut short", `${sums.cut} of ${n}`), row("largest turn", `${short(sums.most, 4)}\u00b0`),
          ]),
    );
    const before = now.points[now.at],
      after = sums.after[now.at];
    which.textContent = `the arrow: gradient ${now.at + 1} of ${n}`;
    oneTable.replaceChildren(
      row("before", pair(before)),
      ...(now.how === "none" ? [] : [row("after", pair(after), "tl-gi"), row("length", `${short(Math.hypot(...before), 4)} \u2192 ${short(Math.hypot(...after), 4)}`), row("turned by", `${short(sums.turns[now.at], 4)}\u00b0`, "tl-gi")]),
    );
    const turn = now.how === "none" ? "" : ` Clipping ${now.how === "norm" ? "by norm" : "by value"} at ${short(now.limit, 3)} cuts ${sums.cut} of ${n}; the arrow turns by ${short(sums.turns[now.at], 4)}\u00b0.`;
    f.narr.textContent = `${name}: ${n} gradients${payload.mean ? `, rms distance from ${payload.word} ${short(far, 4)}` : ""}.${turn}`;
    svg.setAttribute("aria-label", `${name}: ${n} gradients${payload.mean ? ` around ${pair(payload.mean)}` : ""}`);
    const count = f.root.querySelector(".tl-count");
    if (count) count.replaceChildren(h("b", null, name));
    const slider = f.root.querySelector(".tl-scrub input");
    if (slider) slider.setAttribute("aria-valuetext", name);
  }

  const choose = (by) => () => {
    const now = read(f.state),
      n = now.points.length;
    f.set({ at: (now.at + by + n) % n });
  };
  const nudge = (by) => () => f.set({ limit: +Math.max(reach / 100, Math.min(reach, read(f.state).limit + (by * reach) / 100)).toPrecision(3) });
  const f = frame(
    { model, el },
    {
      title: options.title,
      meta: payload.note || (payload.mean ? "one point per gradient" : "one arrow per gradient"),
      steps: last,
      phases: [{ name: payload.steps, count: last, hue: "grad" }],
      start: { clip: "none", limit: payload.limit, at: 0 },
      draw,
      keys: {
        "[": choose(-1),
        "]": choose(1),
        c: () => f.set({ clip: { none: "norm", norm: "value", value: "none" }[read(f.state).how] }),
        ArrowUp: nudge(1),
        ArrowDown: nudge(-1),
      },
      help: [["[ ]", "another arrow"], ["C", "clip by norm, by value, not at all"], ["\u2191 \u2193", "a higher limit, a lower one"]],
      about: "Each point is the gradient of one batch. The cross is the gradient they are all estimates of.",
      exports: fileExports(() => f, model, "cloud", () => svg),
    },
  );
  f.root.classList.add("tl-flow", "tl-xp");
  f.body.classList.add("tl-low");
  f.body.before(h("div", { class: "tl-xp-bar" }, clip.el, h("label", { class: "tl-xp-choice" }, h("span", { class: "tl-meta" }, "limit"), range, limitText)));
  f.stage.append(svg);
  svg.addEventListener("click", f.guard((e) => {
    const i = e.target.closest && e.target.closest("[data-i]");
    if (i) f.set({ at: +i.dataset.i });
  }));
  f.panel.append(h("table", null, cloudTable), which, h("table", null, oneTable));
  f.draw();
  return f.destroy;
}

const widget = { render };
export default widget;
