// The frame every widget lives in: title, transport, stage, panel, narration, keys, and its small state.

const SPEEDS = [0.25, 0.5, 1, 2, 4];
const BASE_MS = 900;
const KEYS = [["\u2190 \u2192", "one step back, one step on"], ["Space", "play and pause"], ["Home End", "start and end"], ["R", "rewind"]];

/** Step inside 0..steps. */
export const clampStep = (k, steps) => Math.max(0, Math.min(steps, Math.round(Number(k) || 0)));

/** Share of every phase that has passed at step k, in per cent. */
export function passed(phases, k) {
  let before = 0;
  return phases.map((p) => {
    const share = p.count ? Math.max(0, Math.min(1, (k - before) / p.count)) : 0;
    before += p.count;
    return Math.round(share * 1000) / 10;
  });
}

/**
 * Builds the frame into `el` and returns it. `spec`: title, meta, steps, phases [{name, count, hue}], word,
 * draw(state, frame), keys {key: fn}, help [[key, text]], exports [[label, fn]], table (has a text twin), start.
 */
export function frame({ model, el }, spec) {
  const options = model.get("options") || {}, steps = spec.steps || 0, shown = options.controls;
  const has = (name) => !shown || shown.includes(name);
  const f = { options, steps, playing: false, loop: false };
  const state = { step: steps, pin: null, entry: null, table: false, speed: 1, ...spec.start, ...(model.get("state") || {}) };
  if (Number.isInteger(model.get("step")) && model.get("step") >= 0) state.step = model.get("step");
  state.step = clampStep(state.step, steps);
  f.state = state;

  // -- elements ------------------------------------------------------------------------------
  const root = h("div", { class: `tl${options.presentation ? " tl-present" : ""}`, role: "group", "aria-label": spec.title, tabindex: "0",
    "data-lm-suppress-shortcuts": "true" });
  const error = h("p", { class: "tl-err", role: "alert", hidden: true });
  f.root = root;
  f.stage = h("div", { class: "tl-stage" });
  f.panel = h("div", { class: "tl-panel-in" });
  f.body = h("div", { class: "tl-body" }, f.stage, spec.panel === false || !has("panel") ? null : h("aside", { class: "tl-panel", "aria-label": "Details" }, f.panel));
  f.narr = h("p", { class: "tl-narr", "aria-live": "polite", hidden: !has("narration") });
  f.below = h("div", { class: "tl-below" });

  /** Runs a callback; what goes wrong in it is said in the widget. */
  f.guard = (fn) => (...args) => {
    try { return fn(...args); } catch (e) {
      stop();
      error.hidden = false;
      error.textContent = `Something went wrong here: ${e && e.message ? e.message : e}\nThe notebook is untouched; rewind or run the cell again.`;
      console.warn("widget:", e);
    }
  };

  // -- popovers ------------------------------------------------------------------------------
  const pops = [];
  f.close = () => pops.forEach(([button, pop]) => { pop.hidden = true; button.setAttribute("aria-expanded", "false"); });
  f.popover = (button, pop, focus) => {
    pops.push([button, pop]);
    button.setAttribute("aria-expanded", "false");
    button.addEventListener("click", f.guard(() => {
      const open = pop.hidden;
      f.close();
      pop.hidden = !open;
      button.setAttribute("aria-expanded", String(open));
      if (open && focus) focus();
    }));
    return pop;
  };
  const help = h("button", { type: "button", class: "tl-i", "aria-label": "Help and keys", title: "Help and keys" }, "?");
  const keyList = [...(steps ? KEYS : []), ...(spec.help || []), ["?", "this list"]];
  const helpPop = f.popover(help, h("div", { class: "tl-pop", role: "dialog", "aria-label": "Help and keys", hidden: true },
    spec.about ? h("p", { style: { margin: "0 0 8px" } }, spec.about) : null,
    h("dl", { class: "tl-keys" }, keyList.map(([k, text]) => [h("dt", null, k), h("dd", null, text)]))));
  const exports = h("button", { type: "button", "aria-haspopup": "menu" }, "Export \u25be");
  const exportPop = f.popover(exports, h("div", { class: "tl-pop tl-menu", role: "menu", "aria-label": "Export", hidden: true },
    (spec.exports || []).map(([label, fn]) => h("button", { type: "button", role: "menuitem", onclick: f.guard(() => { f.close(); fn(); root.focus(); }) }, label))));
  f.tableButton = h("button", { type: "button", "aria-pressed": "false", onclick: () => f.set({ table: !state.table }) }, "Table");

  // -- transport -----------------------------------------------------------------------------
  let timer = 0;
  const stop = () => { clearInterval(timer); timer = 0; f.playing = false; paintPlay(); };
  const tick = f.guard(() => {
    if (state.step < steps) f.set({ step: state.step + 1 });
    else if (f.loop) f.set({ step: 0 });
    else stop();
  });
  f.play = () => {
    if (timer || !steps) return;
    if (state.step >= steps) f.set({ step: 0 });
    timer = setInterval(tick, BASE_MS / state.speed);
    f.playing = true;
    paintPlay();
  };
  f.pause = stop;
  f.go = (k) => { stop(); f.set({ step: k }); };
  const next = () => { if (!spec.mayLeave || spec.mayLeave()) f.go(state.step + 1); };
  const toggle = () => (timer ? stop() : f.play());
  const playButton = iconButton("play", "Play", () => toggle(), "tl-go");
  const paintPlay = () => {
    const word = timer ? "Pause" : "Play";
    playButton.setAttribute("aria-label", word);
    playButton.title = `${word} (Space)`;
    playButton.replaceChildren(icon(word.toLowerCase()));
    f.narr.setAttribute("aria-live", timer ? "off" : "polite");
  };
  const phases = (spec.phases || []).filter((p) => p.count);
  const fills = phases.map(() => h("i"));
  const range = h("input", { type: "range", min: "0", max: String(steps), step: "1", "aria-label": "Step", oninput: f.guard(() => f.go(+range.value)) });
  const number = h("b");
  const loop = iconButton("loop", "Loop", () => { f.loop = !f.loop; loop.setAttribute("aria-pressed", String(f.loop)); });
  loop.setAttribute("aria-pressed", "false");
  const speed = h("select", { "aria-label": "Speed", onchange: f.guard(() => { f.set({ speed: +speed.value }); if (timer) { stop(); f.play(); } }) },
    SPEEDS.map((v) => h("option", { value: String(v) }, `${v}\u00d7`)));
  const transport = !steps ? null : h("div", { class: "tl-tr" },
    has("transport") && h("div", { class: "tl-btns", role: "group", "aria-label": "Transport" },
      iconButton("first", "First (Home)", () => f.go(0)), iconButton("back", "Step back (Left)", () => f.go(state.step - 1)), playButton,
      iconButton("next", "Step (Right)", f.guard(next)), iconButton("last", "Last (End)", () => f.go(steps))),
    has("scrubber") && h("div", { class: "tl-scrub" },
      h("div", { class: "tl-segs", "aria-hidden": "true" }, phases.map((p, i) => h("div", { class: "tl-seg", title: p.name, style: { flex: String(p.count), "--c": `var(--${p.hue})` } },
        fills[i], h("b", null, p.count / steps > 0.09 ? p.name : "")))), range),
    h("span", { class: "tl-count" }, `${spec.word || "step"} `, number, ` of ${steps}`), has("speed") && speed, has("loop") && loop);

  root.append(h("div", { class: "tl-in" },
    h("div", { class: "tl-bar" }, h("div", { class: "tl-h1", role: "heading", "aria-level": "3" }, spec.title), h("span", { class: "tl-meta" }, spec.meta || ""),
      spec.table && has("table") && f.tableButton, spec.exports && has("export") && exports, has("help") && help),
    transport, f.body, f.below, f.narr, spec.foot ? h("div", { class: "tl-foot" }, spec.foot) : null, error, helpPop, exportPop));

  // -- state -----------------------------------------------------------------------------------
  let saving = 0;
  const save = () => {
    clearTimeout(saving);
    saving = setTimeout(() => {
      model.set("state", { ...state });
      model.set("step", state.step);
      model.save_changes();
    }, 150);
  };
  f.draw = f.guard(() => {
    if (steps) {
      range.value = state.step;
      number.textContent = state.step;
      const share = passed(phases, state.step);
      fills.forEach((el, i) => { el.style.width = `${share[i]}%`; });
      const now = phases.findIndex((p, i) => share[i] < 100);
      range.setAttribute("aria-valuetext", `step ${state.step} of ${steps}${phases.length ? `, ${phases[now < 0 ? phases.length - 1 : now].name}` : ""}`);
      speed.value = state.speed;
      root.dataset.step = state.step;
    }
    f.tableButton.setAttribute("aria-pressed", String(!!state.table));
    spec.draw(state, f);
  });
  /** The one way to change state: clamp, draw, then tell Python when the hand rests. */
  f.set = (patch) => {
    Object.assign(state, patch);
    state.step = clampStep(state.step, steps);
    if (!SPEEDS.includes(state.speed)) state.speed = 1;
    f.draw();
    save();
  };
  const fromStep = f.guard(() => { const k = model.get("step"); if (k !== state.step) { state.step = clampStep(k, steps); f.draw(); } });
  const fromState = f.guard(() => {
    const given = model.get("state") || {};
    if (JSON.stringify({ ...state, ...given }) !== JSON.stringify(state)) { Object.assign(state, given); state.step = clampStep(state.step, steps); f.draw(); }
  });
  model.on("change:step", fromStep);
  model.on("change:state", fromState);

  // -- keys: only with the focus inside, and nothing handled here reaches the notebook ------------
  const bound = {
    ...(steps ? { ArrowLeft: () => f.go(state.step - 1), ArrowRight: next, Home: () => f.go(0), End: () => f.go(steps), r: () => f.go(0), " ": toggle } : {}),
    ...(spec.table ? { t: () => f.set({ table: !state.table }) } : {}),
    "?": () => help.click(), Escape: () => { f.close(); if (spec.escape) spec.escape(); }, ...spec.keys,
  };
  root.addEventListener("keydown", f.guard((e) => {
    const typing = e.target.matches("input:not([type=range]):not([type=checkbox]), select, textarea");
    const button = e.target.closest("button, [data-node]") && (e.key === " " || e.key === "Enter");
    const slides = e.target.matches("input[type=range]") && /^(Arrow|Home|End|Page)/.test(e.key);
    if (e.ctrlKey || e.metaKey || e.altKey || (e.shiftKey && e.key === "Enter")) return;
    if (typing || slides || button) { if (e.key !== "Escape") { e.stopPropagation(); return; } }
    const act = bound[e.key.length === 1 ? e.key.toLowerCase() : e.key];
    if (!act) return;
    e.preventDefault();
    e.stopPropagation();
    act(e);
  }));
  const outside = (e) => { if (!root.contains(e.target)) f.close(); };
  document.addEventListener("pointerdown", outside);

  el.replaceChildren(root);
  f.destroy = () => {
    stop();
    clearTimeout(saving);
    model.off("change:step", fromStep);
    model.off("change:state", fromState);
    document.removeEventListener("pointerdown", outside);
  };
  return f;
}

/** The exports that all widgets offer. */
export const fileExports = (f, model, name, svg) => [
  ...(svg ? [["SVG of this step", () => download(`${name}-${f().state.step}.svg`, "image/svg+xml", standaloneSvg(svg()))]] : []),
  ["HTML page, works offline", () => download(`${name}.html`, "text/html", standalonePage(model, f().root.getAttribute("aria-label")))],
  ["JSON", () => download(`${name}.json`, "application/json", JSON.stringify(model.get("payload").trace || model.get("payload")))],
];
