// TrainingDashboard: what stands above the charts: transport over recorded steps, runs, smoothing and log.

const TICK_MS = 50,
  WHOLE_MS = 12000;

/** Transport whose steps are those that were recorded. `get()`: stops, k, last, end, live, epochs, epoch; `go(k)`. */
export function runTransport(f, { get, go, has }) {
  let timer = 0,
    carry = 0;
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    paintPlay();
  };
  const index = () => closest(get().stops, get().k);
  /** To the i-th stop; to the end, which in a running training moves on. */
  const to = (i) => {
    const { stops } = get();
    if (stops.length) go(i >= stops.length - 1 ? null : stops[Math.max(0, i)]);
  };
  const by = (d) => {
    stop();
    to(index() + d);
  };
  const tick = f.guard(() => {
    const n = get().stops.length,
      i = index();
    if (i >= n - 1) return stop();
    carry += (Math.max(n, 24) * TICK_MS * (f.state.speed || 1)) / Math.max(WHOLE_MS, 1) / (n < 48 ? 2 : 1);
    if (carry < 1) return undefined;
    const d = Math.floor(carry);
    carry -= d;
    return to(i + d);
  });
  const toggle = () => {
    if (timer) return stop();
    if (get().stops.length < 2) return undefined;
    if (index() >= get().stops.length - 1) to(0);
    timer = setInterval(tick, TICK_MS);
    return paintPlay();
  };
  const play = iconButton("play", "Play (Space)", f.guard(toggle), "tl-go");
  function paintPlay() {
    const word_ = timer ? "Pause" : "Play";
    play.setAttribute("aria-label", word_);
    play.title = `${word_} (Space)`;
    play.replaceChildren(icon(word_.toLowerCase()));
  }
  const first = () => {
    stop();
    to(0);
  };
  const last = () => {
    stop();
    go(null);
  };
  const fill = h("i", { class: "tl-td-past" }),
    todo = h("i", { class: "tl-td-todo" }),
    ticks = h("span", { class: "tl-td-epochs" }),
    name = h("b"),
    range = h("input", { type: "range", min: "0", "aria-label": "Step" }),
    number = h("b"),
    rest = h("span"),
    speed = h("select", { "aria-label": "Speed", onchange: f.guard(() => f.set({ speed: +speed.value })) }, [0.25, 0.5, 1, 2, 4].map((v) => h("option", { value: String(v) }, `${v}\u00d7`)));
  range.addEventListener("input", f.guard(() => {
    stop();
    const { stops, end } = get(),
      k = +range.value;
    if (stops.length) go(k >= end ? null : stops[closest(stops, k)]);
  }));
  const keys = { ArrowLeft: (e) => by(e.shiftKey ? -10 : -1), ArrowRight: (e) => by(e.shiftKey ? 10 : 1), PageDown: () => by(-10), PageUp: () => by(10), Home: first, End: last };
  // A slider of a million steps would creep: its keys are those of the widget.
  range.addEventListener("keydown", f.guard((e) => {
    const act = keys[{ ArrowDown: "ArrowLeft", ArrowUp: "ArrowRight" }[e.key] || e.key];
    if (!act || e.ctrlKey || e.metaKey || e.altKey) return;
    e.preventDefault();
    e.stopPropagation();
    act(e);
  }));
  const el = h("div", { class: "tl-tr" },
    has("transport") && h("div", { class: "tl-btns", role: "group", "aria-label": "Transport" }, iconButton("first", "First (Home)", f.guard(first)), iconButton("back", "Step back (Left)", f.guard(() => by(-1))), play, iconButton("next", "Step (Right)", f.guard(() => by(1))), iconButton("last", "Last (End)", f.guard(last))),
    has("scrubber") && h("div", { class: "tl-scrub" }, h("div", { class: "tl-td-track", "aria-hidden": "true" }, fill, todo, ticks, name), range),
    h("span", { class: "tl-count" }, "step ", number, rest),
    has("speed") && speed,
  );
  let ticked = "";
  function paint() {
    const { k, last: far, end, epochs, epoch, stops } = get(),
      share_ = (v) => `${((100 * v) / Math.max(1, far)).toFixed(2)}%`;
    range.max = String(far);
    range.value = String(k);
    fill.style.width = share_(k);
    todo.style.left = share_(end);
    todo.hidden = end >= far;
    const key = `${epochs.length} ${far}`;
    if (key !== ticked) ticks.replaceChildren(...(epochs.length <= 60 ? epochs : []).filter((e) => e < far).map((e) => h("i", { style: { left: share_(e + 0.5) } })));
    ticked = key;
    name.textContent = epoch === null ? "" : `epoch ${epoch}`;
    number.textContent = stops.length ? k : "\u2013";
    rest.textContent = ` of ${far}`;
    speed.value = String(f.state.speed || 1);
    range.setAttribute("aria-valuetext", `step ${k} of ${far}${epoch === null ? "" : `, epoch ${epoch}`}`);
    f.root.dataset.step = k;
  }
  return { el, paint, stop, playing: () => timer !== 0, keys: { ...keys, r: first, " ": toggle } };
}

/** Chips of the runs, with smoothing and the log switch. `on`: toggle(name), choose(name). */
export function runBar(f, on) {
  const chips = h("div", { class: "tl-td-chips", role: "group", "aria-label": "Runs" }),
    smoothing = h("input", { type: "range", min: "0", max: "0.98", step: "0.02", "aria-label": "Smoothing", oninput: f.guard(() => f.set({ smooth: +smoothing.value })) }),
    amount = h("b"),
    log = h("input", { type: "checkbox", onchange: f.guard(() => f.set({ log: log.checked })) });
  const el = h("div", { class: "tl-td-bar" }, chips, h("div", { class: "tl-td-tools" }, h("label", null, "smoothing", smoothing, amount), h("label", null, log, "log")));
  let key = "",
    made = [];
  const WORDS_ = { running: "running", interrupted: "interrupted", "stopped early": "stopped early", diverged: "diverged" };

  function chip(run, i, alone) {
    const toggle = h("input", { type: "checkbox", "aria-label": `Show ${run.name}`, onchange: f.guard(() => on.toggle(run.name)) }),
      value = h("span", { class: "tl-meta" }),
      tag = h("span", { class: "tl-tag", hidden: true }),
      line = s("svg", { viewBox: "0 0 26 10", "aria-hidden": "true" }, s("path", { class: "tl-td-line", d: "M1 5H25", style: { "--c": RUN_HUES[i % RUN_HUES.length], "stroke-width": 2.25 } }), alone ? null : mark(i, 13, 5, 3.6)),
      pick = h("button", { type: "button", title: run.meta ? `${run.name}: ${run.meta}` : run.name, onclick: f.guard(() => on.choose(run.name)) }, line, h("span", { class: "tl-td-name" }, run.name), value, tag);
    return { el: h("span", { class: "tl-td-chip" }, !alone && toggle, pick), toggle, pick, value, tag };
  }
  /** `view`: runs, off, chosen, smooth, log, values (one text per run). */
  function paint(view) {
    const now = JSON.stringify(view.runs.map((r) => r.name));
    if (now !== key) {
      made = view.runs.map((r, i) => chip(r, i, view.runs.length === 1));
      chips.replaceChildren(...made.map((c) => c.el));
      key = now;
    }
    made.forEach((c, i) => {
      const run = view.runs[i],
        said = WORDS_[run.status] || "";
      c.toggle.checked = !view.off.includes(run.name);
      c.pick.setAttribute("aria-pressed", String(i === view.chosen && view.runs.length > 1));
      c.value.textContent = view.values[i];
      c.tag.hidden = !said;
      c.tag.textContent = said;
      c.tag.classList.toggle("tl-td-warn", run.status === "diverged");
    });
    smoothing.value = String(view.smooth);
    smoothing.setAttribute("aria-valuetext", short(view.smooth, 2));
    amount.textContent = fixed(view.smooth, 2);
    log.checked = view.log;
  }
  return { el, paint };
}
