// LossExplorer: losses above, their gradients below, over one score; a cursor at the score of this step.

const HUES = ["#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"];
const DASHES = ["", "7 3", "2 3", "9 3 2 3", "13 4", "4 2"];
const SIZE = { wide: 436, tall: 372, left: 52, right: 12, top: 26, plot: 138, gap: 32 };

/** Ends of an axis with a little room; on a log axis at most eight decades. */
export function ends(lists, log) {
  const known = lists.flat().filter((v) => v !== null && Number.isFinite(v) && (!log || v > 0)),
    high = Math.max(...known),
    low = Math.min(...known);
  if (!known.length) return log ? [0.1, 1] : [0, 1];
  if (log) return [Math.max(low, high * 1e-8) / 1.5, high * 1.5];
  const room = (high - low || 1) * 0.06;
  return [low - room, high + room];
}

/** How many times as large, in words that fit a cell. */
export const times = (a, b) => (b === 0 || !Number.isFinite(a / b) ? "" : `${short(Math.abs(a / b), 4)}\u00d7`);

const sample = (i) => s("svg", { class: "tl-xp-key", viewBox: "0 0 24 8", "aria-hidden": "true", style: { "--c": HUES[i % 6] } }, s("path", { d: "M0 4H24", "stroke-dasharray": DASHES[i % 6] || null }));

function render({ model, el }) {
  const payload = model.get("payload"),
    options = model.get("options") || {},
    last = payload.z.length - 1;
  const target = payload.targets.length > 1 && choices("the truth is", payload.targets.map((t, i) => [i, t]), (target) => f.set({ target }));
  const logs = h("button", { type: "button", onclick: () => f.set({ log: !f.state.log }) }, "sizes on a log axis");
  const svg = s("svg", { class: "tl-xp-plot", viewBox: `0 0 ${SIZE.wide} ${SIZE.tall}`, role: "img" });
  const body = h("tbody"),
    head = h("p", { class: "tl-lab" });
  const read = (state) => ({ i: state.step, t: payload.targets[state.target] === undefined ? 0 : state.target, log: Boolean(state.log) });

  function plots(now) {
    const box = (k) => ({ left: SIZE.left, top: SIZE.top + k * (SIZE.plot + SIZE.gap), wide: SIZE.wide - SIZE.left - SIZE.right, tall: SIZE.plot });
    const size = (list) => (now.log ? list.map((v) => (v === null ? null : Math.abs(v))) : list);
    const xs = [payload.z[0], payload.z[last]],
      kinds = [["loss", "loss"], ["grad", now.log ? "size of the gradient" : "gradient"]];
    svg.replaceChildren();
    kinds.forEach(([key, title], k) => {
      const lists = payload.curves.map((c) => size(c[key][now.t])),
        ax = new Axes(box(k), xs, ends(lists, now.log), now.log);
      svg.append(...ax.grid(title, k === 1));
      lists.forEach((list, i) => svg.append(s("path", { class: "tl-xp-line", d: ax.path(payload.z, list), style: { "--c": HUES[i % 6] }, "stroke-dasharray": DASHES[i % 6] || null })));
      const x = ax.x(payload.z[now.i]);
      svg.append(s("path", { class: "tl-xp-now", d: `M${x.toFixed(1)} ${ax.top}v${ax.tall}` }));
      lists.forEach((list, i) => {
        const v = list[now.i];
        if (v !== null && !(now.log && v <= 0)) svg.append(s("circle", { class: "tl-xp-dot", cx: x, cy: ax.y(v), r: 4, style: { "--c": HUES[i % 6] } }));
      });
    });
    svg.append(s("text", { x: SIZE.wide - SIZE.right, y: SIZE.tall - 6, "text-anchor": "end" }, payload.axis));
    const area = s("rect", { class: "tl-xp-area", x: SIZE.left, y: SIZE.top, width: SIZE.wide - SIZE.left - SIZE.right, height: SIZE.tall - SIZE.top - 30 });
    svg.append(area);
  }
  const scrub = (e) => {
    if (e.type === "pointermove" && !(e.buttons & 1)) return;
    const r = svg.getBoundingClientRect(),
      px = ((e.clientX - r.left) * SIZE.wide) / r.width,
      share = (px - SIZE.left) / (SIZE.wide - SIZE.left - SIZE.right);
    f.go(Math.round(Math.max(0, Math.min(1, share)) * last));
  };

  function draw(state) {
    const now = read(state),
      z = payload.z[now.i];
    if (target) target.update(now.t);
    logs.setAttribute("aria-pressed", String(now.log));
    plots(now);
    const value = (c, key) => {
      const v = c[key][now.t][now.i];
      return v === null ? NaN : v;
    };
    head.textContent = `at ${payload.axis} ${short(z, 4)}, truth ${payload.targets[now.t]}`;
    const least = Math.min(...payload.curves.map((c) => Math.abs(value(c, "grad"))).filter((v) => v > 0));
    body.replaceChildren(
      ...payload.curves.flatMap((c, i) => [
        h("tr", { class: "tl-xp-of" }, h("td", { colspan: "3" }, sample(i), c.name)),
        h("tr", null, h("td", { class: "tl-n tl-vi" }, short(value(c, "loss"), 5)), h("td", { class: "tl-n tl-gi" }, short(value(c, "grad"), 5)), h("td", { class: "tl-n" }, times(value(c, "grad"), least))),
      ]),
    );
    svg.setAttribute("aria-label", `Losses and gradients over ${payload.axis}, cursor at ${short(z, 4)}`);
    f.narr.textContent = `At ${payload.axis} ${short(z, 4)} with truth ${payload.targets[now.t]}: ` + payload.curves.map((c) => `${c.name} ${short(value(c, "loss"), 4)} with gradient ${short(value(c, "grad"), 4)}`).join("; ") + ".";
    const count = f.root.querySelector(".tl-count");
    if (count) count.replaceChildren(`${payload.axis} `, h("b", null, short(z, 4)));
    const slider = f.root.querySelector(".tl-scrub input");
    if (slider) slider.setAttribute("aria-valuetext", `${payload.axis} ${short(z, 4)}`);
  }

  const f = frame(
    { model, el },
    {
      title: options.title,
      meta: `${payload.curves.length} ${payload.curves.length === 1 ? "loss" : "losses"} \u00b7 ${payload.z.length} points`,
      steps: last,
      phases: [{ name: payload.axis, count: last, hue: "value" }],
      start: { target: 0, log: false, speed: 4 },
      draw,
      keys: { l: () => f.set({ log: !f.state.log }), "[": () => f.go(f.state.step - 10), "]": () => f.go(f.state.step + 10) },
      help: [["[ ]", "ten scores down, ten up"], ["L", "log axis on and off"]],
      about: "The same score, judged by several losses. Training only ever sees the gradients below.",
      exports: fileExports(() => f, model, "losses", () => svg),
    },
  );
  f.root.classList.add("tl-flow", "tl-xp");
  f.body.classList.add("tl-low");
  f.body.before(h("div", { class: "tl-xp-bar" }, target && target.el, logs));
  f.stage.append(svg);
  svg.addEventListener("pointerdown", f.guard(scrub));
  svg.addEventListener("pointermove", f.guard(scrub));
  f.panel.append(head, h("table", null, h("thead", null, h("tr", null, ["loss", "gradient", "times"].map((t) => h("th", { class: "tl-n" }, t)))), body));
  f.draw();
  return f.destroy;
}

const widget = { render };
export default widget;
