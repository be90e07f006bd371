// The frame every widget lives in: title, transport, stage, panel, narration, keys, and its small state.

/**
 * Builds the frame into `el` and returns it. `spec`: title, meta, steps, phases [{name, count, hue}],
 * draw(state, frame), keys {key: fn}, help [[key, text]], about, exports [[label, fn]], table (has a text twin),
 * start (state to begin with), beat (ms for a step when it plays), foot, mayLeave(), escape(), heard(state): the part of
 * a state from Python that counts.
 */
export function frame({ model, el }, spec) {
  const options = model.get("options") || {},
    steps = spec.steps || 0;
  const has = (name) => !options.controls || options.controls.includes(name);
  const state = {
    step: steps,
    pin: null,
    entry: null,
    table: false,
    speed: 1,
    ...spec.start,
    ...(model.get("state") || {}),
  };
  if (Number.isInteger(model.get("step")) && model.get("step") >= 0) state.step = model.get("step");
  state.step = clampStep(state.step, steps);

  // -- elements ------------------------------------------------------------------------------
  const root = h("div", {
    class: options.presentation ? "tl tl-present" : "tl",
    role: "group",
    "aria-label": spec.title,
    tabindex: "0",
    "data-lm-suppress-shortcuts": "true",
  });
  const error = h("p", { class: "tl-err", role: "alert", hidden: true });
  const f = {
    root,
    steps,
    state,
    stage: h("div", { class: "tl-stage" }),
    panel: h("div", { class: "tl-panel-in" }),
    below: h("div", { class: "tl-below" }),
    narr: h("p", { class: "tl-narr", "aria-live": "polite", hidden: !has("narration") }),
  };
  f.body = h(
    "div",
    { class: "tl-body" },
    f.stage,
    has("panel") && h("aside", { class: "tl-panel", "aria-label": "Details" }, f.panel),
  );

  /** Runs a callback; what goes wrong in it is said in the widget. */
  f.guard =
    (fn) =>
    (...args) => {
      try {
        return fn(...args);
      } catch (e) {
        moving.stop();
        error.hidden = false;
        const what = e && e.message ? e.message : e;
        error.textContent = `Something went wrong here: ${what}\nThe notebook is untouched; rewind or run the cell again.`;
        console.warn("widget:", e);
        return undefined;
      }
    };

  const moving = transport(f, spec, { has, move: (patch) => f.set(patch), mayLeave: spec.mayLeave || (() => true) });
  const pops = popovers(f.guard),
    help = helpMenu(f, spec, pops),
    exports = exportMenu(f, spec, pops);
  const table = h(
    "button",
    { type: "button", "aria-pressed": "false", onclick: () => f.set({ table: !state.table }) },
    "Table",
  );
  Object.assign(f, { go: moving.go, pause: moving.stop, playing: moving.playing, close: pops.close });

  const bar = h(
    "div",
    { class: "tl-bar" },
    h("div", { class: "tl-h1", role: "heading", "aria-level": "3" }, spec.title),
    h("span", { class: "tl-meta" }, spec.meta || ""),
    spec.table && has("table") && table,
    spec.exports && has("export") && exports.button,
    has("help") && help.button,
  );
  root.append(
    h(
      "div",
      { class: "tl-in" },
      bar,
      moving.el,
      f.body,
      f.below,
      f.narr,
      spec.foot && h("div", { class: "tl-foot" }, spec.foot),
      error,
      help.pop,
      exports.pop,
    ),
  );

  // -- state: drawn at once, told to Python when the hand rests ------------------------------------
  let saving = 0,
    known = model.get("state") || {};
  const save = () => {
    clearTimeout(saving);
    saving = setTimeout(() => {
      known = { ...state };
      model.set("state", known);
      model.set("step", state.step);
      model.save_changes();
    }, 150);
  };
  const take = (patch) => {
    Object.assign(state, patch);
    state.step = clampStep(state.step, steps);
    f.draw();
  };
  f.draw = f.guard(() => {
    moving.paint();
    table.setAttribute("aria-pressed", String(!!state.table));
    spec.draw(state, f);
  });
  f.set = (patch) => {
    take(patch);
    save();
  };
  const fromStep = f.guard(() => {
    if (model.get("step") !== state.step) take({ step: model.get("step") });
  });
  // Only what is new there: the rest may be of before a move that has not been told yet.
  const fromState = f.guard(() => {
    const all = model.get("state") || {},
      given = spec.heard ? spec.heard(all) : all,
      fresh = Object.entries(given).filter(([k, v]) => JSON.stringify(v) !== JSON.stringify(known[k]));
    known = all;
    if (fresh.some(([k, v]) => JSON.stringify(v) !== JSON.stringify(state[k]))) take(Object.fromEntries(fresh));
  });
  model.on("change:step", fromStep);
  model.on("change:state", fromState);

  // -- keys: only with the focus inside, and nothing handled here reaches the notebook ----------
  const escape = () => {
    pops.close();
    if (spec.escape) spec.escape();
  };
  const tableKey = spec.table ? { t: () => f.set({ table: !state.table }) } : {};
  const bound = { ...moving.keys, ...tableKey, "?": () => help.button.click(), Escape: escape, ...spec.keys };
  const onkey = (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || (e.shiftKey && e.key === "Enter")) return;
    const typing = e.target.matches("input:not([type=range]):not([type=checkbox]), select, textarea");
    const presses = e.target.closest("button, input[type=checkbox]") && (e.key === " " || e.key === "Enter");
    const slides = e.target.matches("input[type=range]") && /^(Arrow|Home|End|Page)/.test(e.key);
    const act = bound[e.key.length === 1 ? e.key.toLowerCase() : e.key];
    if ((typing || presses || slides) && e.key !== "Escape") {
      e.stopPropagation();
      return;
    }
    // A number typed while a question is open belongs into its field, which takes the focus and then the key.
    if (!act && spec.typed && /^[-\d.,]$/.test(e.key) && spec.typed()) e.stopPropagation();
    if (!act) return;
    e.preventDefault();
    e.stopPropagation();
    act(e);
  };
  root.addEventListener("keydown", f.guard(onkey));
  const outside = (e) => {
    if (!root.contains(e.target)) pops.close();
  };
  document.addEventListener("pointerdown", outside);

  el.replaceChildren(root);
  f.destroy = () => {
    moving.stop();
    clearTimeout(saving);
    model.off("change:step", fromStep);
    model.off("change:state", fromState);
    document.removeEventListener("pointerdown", outside);
  };
  return f;
}
