// Moving through the steps: buttons, scrubber coloured by phase, count, speed, loop.

const SPEEDS = [0.25, 0.5, 1, 2, 4];
const BASE_MS = 900;

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

/** Segments of the scrubber, and what paints them. */
function segments(phases, steps) {
  const fills = phases.map(() => h("i"));
  const segment = (p, i) => {
    const style = { flex: String(p.count), "--c": `var(--${p.hue})` };
    return h(
      "div",
      { class: "tl-seg", title: p.name, style },
      fills[i],
      h("b", null, p.count / steps > 0.09 ? p.name : ""),
    );
  };
  const el = h("div", { class: "tl-segs", "aria-hidden": "true" }, phases.map(segment));
  /** Colours what has passed and gives the name of the phase. */
  const paint = (k) => {
    const share = passed(phases, k);
    fills.forEach((fill, i) => {
      fill.style.width = `${share[i]}%`;
    });
    const now = phases.find((p, i) => share[i] < 100) || phases.at(-1);
    return now ? now.name : "";
  };
  return { el, paint };
}

/** The transport of a frame; `move(patch)` changes its state, `mayLeave()` may hold it at a step. */
export function transport(f, spec, { has, move, mayLeave }) {
  const { state, steps } = f,
    phases = (spec.phases || []).filter((p) => p.count),
    bar = segments(phases, steps);
  let timer = 0,
    looping = false;

  const stop = () => {
    clearInterval(timer);
    timer = 0;
    paintPlay();
  };
  const go = (k) => {
    stop();
    move({ step: k });
  };
  const next = () => {
    if (mayLeave()) go(state.step + 1);
  };
  const tick = f.guard(() => {
    if (state.step < steps) move({ step: state.step + 1 });
    else if (looping) move({ step: 0 });
    else stop();
  });
  const play = () => {
    if (timer || !steps) return;
    if (state.step >= steps) move({ step: 0 });
    timer = setInterval(tick, (spec.beat || BASE_MS) / state.speed);
    paintPlay();
  };
  const toggle = () => (timer ? stop() : play());

  const playButton = iconButton("play", "Play", f.guard(toggle), "tl-go");
  function paintPlay() {
    const word = timer ? "Pause" : "Play";
    playButton.setAttribute("aria-label", word);
    playButton.title = `${word} (Space)`;
    playButton.replaceChildren(icon(word.toLowerCase()));
    f.narr.setAttribute("aria-live", timer ? "off" : "polite");
  }
  const loop = iconButton("loop", "Loop", () => {
    looping = !looping;
    loop.setAttribute("aria-pressed", String(looping));
  });
  loop.setAttribute("aria-pressed", "false");
  const setSpeed = () => {
    const running = timer;
    stop();
    move({ speed: +speed.value });
    if (running) play();
  };
  const speed = h(
    "select",
    { "aria-label": "Speed", onchange: f.guard(setSpeed) },
    SPEEDS.map((v) => h("option", { value: String(v) }, `${v}\u00d7`)),
  );
  const range = h("input", {
    type: "range",
    min: "0",
    max: String(steps),
    "aria-label": "Step",
    oninput: f.guard(() => go(+range.value)),
  });
  const number = h("b");
  const buttons = h(
    "div",
    { class: "tl-btns", role: "group", "aria-label": "Transport" },
    iconButton(
      "first",
      "First (Home)",
      f.guard(() => go(0)),
    ),
    iconButton(
      "back",
      "Step back (Left)",
      f.guard(() => go(state.step - 1)),
    ),
    playButton,
    iconButton("next", "Step (Right)", f.guard(next)),
    iconButton(
      "last",
      "Last (End)",
      f.guard(() => go(steps)),
    ),
  );
  const el = !steps
    ? null
    : h(
        "div",
        { class: "tl-tr" },
        has("transport") && buttons,
        has("scrubber") && h("div", { class: "tl-scrub" }, bar.el, range),
        h("span", { class: "tl-count" }, "step ", number, ` of ${steps}`),
        has("speed") && speed,
        has("loop") && loop,
      );

  /** Shows the current step. */
  function paint() {
    if (!SPEEDS.includes(state.speed)) state.speed = 1;
    if (!steps) return;
    const phase = bar.paint(state.step);
    range.value = state.step;
    number.textContent = state.step;
    speed.value = state.speed;
    range.setAttribute("aria-valuetext", `step ${state.step} of ${steps}${phase ? `, ${phase}` : ""}`);
    f.root.dataset.step = state.step;
  }

  const keys = !steps
    ? {}
    : {
        ArrowLeft: () => go(state.step - 1),
        ArrowRight: next,
        Home: () => go(0),
        End: () => go(steps),
        r: () => go(0),
        " ": toggle,
      };
  return { el, paint, keys, go, stop, playing: () => timer !== 0 };
}
