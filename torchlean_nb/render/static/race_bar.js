// RaceArena: what the race is run on, the views, and the three resets, above the picture.

const RACE_OWN = "=";
const RACE_LOOKS = [
  ["map", "Map"],
  ["space", "3-D"],
  ["rates", "Rates"],
];

/** First record at or below a target, as its step; -1 where there is none. */
export function raceReach(steps, track, target) {
  if (target === null) return -1;
  const last = track.ended < 0 ? steps.at(-1) : track.ended,
    i = track.loss.findIndex((v, j) => v <= target && steps[j] <= last);
  return i < 0 ? -1 : steps[i];
}

const raceXY = (at) => at.map((v) => short(v, 4)).join(", ");

/** Fields of a race; without Python they show what was run. */
export function raceBar(view) {
  const { live } = view;
  let made = "",
    numbers = [],
    formulas = false,
    tried = null;
  const ask = (edit) => view.ask(edit);

  /** Text box that is left alone while it is typed in. `read(text)` gives an edit or words of refusal. */
  function typed(label, wide, shown, read, needs = true) {
    let typing = false;
    const box = h("input", {
      type: "text",
      "aria-label": label,
      autocomplete: "off",
      spellcheck: "false",
      disabled: needs && !live,
      style: { width: `${wide}px` },
      oninput: () => (typing = true),
      onblur: () => (typing = false),
      onchange: () => {
        typing = false;
        const said = read(box.value);
        if (typeof said === "string") view.say(said);
        draw();
      },
    });
    return {
      box,
      draw() {
        if (!typing && !(document.activeElement === box && view.stale(-1))) box.value = shown();
      },
    };
  }
  const field = (text, ...inside) => h("label", { class: "tl-rc-given" }, h("span", null, text), inside);
  const number =
    (word, value, edit, low = -Infinity) =>
    (text) => {
      const v = raceNumber(text);
      return Number.isFinite(v) && v >= low
        ? ask(edit(v))
        : `${word}: \u201c${text}\u201d is not ${low === 0 ? "a number from 0 on" : "a number"}.`;
    };

  const surface = h("select", { "aria-label": "Surface", disabled: !live, onchange: () => pick() });
  const start = typed(
    "Start as x, y",
    78,
    () => raceXY(view.race.start),
    (text) => {
      const at = racePoint(text);
      return at ? ask({ do: "start", at }) : `start: \u201c${text}\u201d is not two numbers, such as \u22121.5, 2.`;
    },
  );
  const steps = typed(
    "Steps",
    42,
    () => String(view.race.steps.at(-1)),
    (text) => ask({ do: "steps", text }),
  );
  const target = typed(
    "Target loss",
    50,
    () => (view.race.target === null ? "" : short(view.race.target, 4)),
    aim,
    false,
  );
  const noise = typed(
    "Noise of the gradients, standard deviation",
    42,
    () => short(view.race.surface.noise || 0, 4),
    number("noise", 0, (value) => ({ do: "noise", value }), 0),
  );
  const seed = typed(
    "Seed",
    40,
    () => String(view.race.seed),
    (text) =>
      /^\s*\d+\s*$/.test(text)
        ? ask({ do: "seed", value: Number(text) })
        : `seed: \u201c${text}\u201d is not a whole number from 0 on.`,
  );
  const fields = [start, steps, target, noise, seed];

  /** The target is looked up in the losses that are here; Python is told where there is one. */
  function aim(text) {
    const empty = /^\s*(none)?\s*$/i.test(text),
      value = empty ? null : raceNumber(text);
    if (value !== null && !Number.isFinite(value)) return `target: \u201c${text}\u201d is not a number.`;
    const { race } = view;
    race.target = value;
    for (const t of race.tracks) t.toTarget = raceReach(race.steps, t, value);
    if (live) ask({ do: "target", text: empty ? "" : String(value) });
    else view.say("");
    return view.redraw();
  }

  // -- a formula of one's own --------------------------------------------------------------
  const refusal = h("p", { class: "tl-rc-refused", role: "alert", hidden: true });
  const own = typed(
    "Formula in x and y",
    0,
    () => tried ?? view.race.surface.text ?? "",
    (text) => {
      tried = text.trim() || null;
      if (tried) ask({ do: "surface", text: tried });
      else refuse("");
    },
  );
  target.box.placeholder = "none";
  own.box.placeholder = "(1 - x)**2 + 100*(y - x**2)**2";
  const formulaRow = h("div", { class: "tl-rc-own", hidden: true }, field("f(x, y) =", own.box), refusal);
  function pick() {
    formulas = surface.value === RACE_OWN;
    tried = null;
    refuse("");
    if (!formulas) ask({ do: "surface", name: surface.value });
    formulaRow.hidden = !formulas;
    if (formulas) own.box.focus();
  }
  /** A refusal of Python; one of a formula is said beside it. */
  function refuse(text) {
    const mine = !!text && !formulaRow.hidden;
    refusal.hidden = !mine;
    refusal.textContent = mine ? text : "";
    if (mine) {
      own.box.setAttribute("aria-invalid", "true");
      view.say("");
    } else own.box.removeAttribute("aria-invalid");
  }

  // -- views and resets --------------------------------------------------------------------
  const shown = RACE_LOOKS.filter(([name]) => RACE_VIEWS.includes(name)),
    looks = shown.map(([name, word]) =>
      h("button", { type: "button", onclick: () => view.f.set({ view: name, table: false }) }, word),
    );
  const reset = (word, title, act, needs) =>
    h("button", { type: "button", title, disabled: needs && !live, onclick: act }, word);
  const resets = [
    reset(
      "Rewind",
      "Back to step 0 of the same race: same start, same seed, same numbers (R)",
      () => view.f.go(0),
      false,
    ),
    reset(
      "New seed",
      "The same race with the next seed: other noise and other random choices, same numbers",
      () => ask({ do: "seed", value: view.race.seed + 1 }),
      true,
    ),
    reset(
      "Defaults",
      "The surface, the start and every hyperparameter as they were to begin with",
      () => ask({ do: "defaults" }),
      true,
    ),
  ];
  const turns = h("div", { class: "tl-rc-turns", role: "group", "aria-label": "Numbers of the surface" });
  const still = h(
    "p",
    { class: "tl-num tl-rc-still" },
    "Grey fields need Python: run this in a notebook to change them. Target, ticks, views, steps and tables work here.",
  );
  const el = h(
    "div",
    { class: "tl-rc-bar", role: "group", "aria-label": "The race" },
    h(
      "div",
      { class: "tl-rc-line" },
      field("surface", surface),
      field("start", start.box),
      field("steps", steps.box),
      field("target", target.box),
      field("noise", noise.box),
      field("seed", seed.box),
    ),
    formulaRow,
    h(
      "div",
      { class: "tl-rc-line" },
      turns,
      h("div", { class: "tl-btns tl-rc-views", role: "group", "aria-label": "View" }, looks),
      h("div", { class: "tl-btns", role: "group", "aria-label": "Resets" }, resets),
    ),
    !live && still,
  );

  function choices() {
    const { surfaces, surface: now } = view.race,
      named = surfaces.some((e) => e.name === now.name)
        ? surfaces
        : [...surfaces, ...(now.text ? [] : [{ name: now.name, label: now.label }])];
    surface.replaceChildren(
      ...named.map((e) => h("option", { value: e.name }, e.label)),
      h("option", { value: RACE_OWN }, now.text ? "own formula" : "own formula \u2026"),
    );
  }
  function sliders() {
    const { knobs } = view.race.surface;
    numbers = knobs.map((knob) =>
      raceKnob(knob, {
        label: knob.name,
        live,
        waits: () => view.stale(-1),
        say: view.say,
        send: (value, tag) => ask({ do: "number", name: knob.name, value, tag: tag && `number ${knob.name}` }),
      }),
    );
    turns.replaceChildren(
      ...knobs.map((knob, i) =>
        h(
          "label",
          { class: "tl-rc-knob", title: knob.name },
          h("span", { class: "tl-rc-sym" }, raceSymbol(knob)),
          numbers[i].slider,
          numbers[i].box,
        ),
      ),
    );
  }

  function draw() {
    const { surface: now, surfaces } = view.race,
      key = JSON.stringify([now.name, now.label, now.text, now.knobs.map((k) => k.name), surfaces.length]);
    if (key !== made) {
      choices();
      sliders();
      formulas = !!now.text;
      tried = null;
      refuse("");
      made = key;
    }
    surface.value = formulas ? RACE_OWN : now.name;
    formulaRow.hidden = !formulas;
    own.box.disabled = !live;
    own.draw();
    fields.forEach((f) => f.draw());
    now.knobs.forEach((k, i) => numbers[i].update(k));
    looks.forEach((b, i) =>
      b.setAttribute("aria-pressed", String(!view.f.state.table && shown[i][0] === view.look())),
    );
  }
  return { el, draw, refuse };
}
