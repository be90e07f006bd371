// RaceArena: numbers that are typed or slid, shared by the bar and the table.

const RACE_PER_DECADE = 20;

/** A number from a text box, a true minus taken as well; NaN for anything else. */
export function raceNumber(text) {
  const t = String(text)
    .trim()
    .replace(/\u2212/g, "-");
  return t === "" ? NaN : Number(t);
}

/** Two numbers typed as "x, y", null for anything else. */
export function racePoint(text) {
  const at = String(text)
    .replace(/[()[\]]/g, " ")
    .trim()
    .split(/\s*[,;]\s*|\s+/)
    .map(raceNumber);
  return at.length === 2 && at.every(Number.isFinite) ? at : null;
}

/** A value as its box shows it. */
export const raceText = (v) =>
  typeof v === "number" ? short(v, 4) : v === null || v === undefined ? "none" : String(v);

const raceRound = (low, high, v, digits) => Math.min(high, Math.max(low, Number(v.toPrecision(digits))));

/** Values that the slider of a knob passes through, ascending; none without a finite range. */
export function raceStops({ kind, low, high, log }) {
  if (
    (kind !== "float" && kind !== "int") ||
    typeof low !== "number" ||
    typeof high !== "number" ||
    !(high > low) ||
    !Number.isFinite(high - low)
  )
    return [];
  const out = [low];
  if (log && high > 0) {
    const from = low > 0 ? low : high * 1e-6,
      first = Math.ceil(RACE_PER_DECADE * Math.log10(from) - 1e-9),
      last = Math.floor(RACE_PER_DECADE * Math.log10(high) + 1e-9);
    for (let k = first; k <= last; k++) out.push(raceRound(low, high, 10 ** (k / RACE_PER_DECADE), 2));
  } else {
    const fine = (high - low) / 100,
      unit = 10 ** Math.floor(Math.log10(fine)),
      by = kind === "int" ? Math.max(1, Math.round(fine)) : unit * [1, 2, 5, 10].find((m) => m * unit >= fine * 0.999);
    for (let k = 1; low + k * by < high; k++) out.push(raceRound(low, high, low + k * by, 6));
  }
  out.push(high);
  const whole = kind === "int" ? out.map(Math.round) : out;
  return whole.filter((v, i) => i === 0 || v > whole[i - 1]);
}

/** Index of the stop nearest to a value; by ratio on a log scale. */
export function raceNearest(stops, v, log) {
  const place = (u) => (log && stops.at(-1) > 0 ? Math.log(Math.max(u, stops.at(-1) * 1e-7)) : u);
  let best = 0;
  stops.forEach((u, i) => {
    if (Math.abs(place(u) - place(v)) < Math.abs(place(stops[best]) - place(v))) best = i;
  });
  return best;
}

/** Symbol of a knob, or its name; "beta_1" with a small figure. */
export const raceSymbol = (knob) =>
  (knob.symbol || knob.name).replace(/_(\d)$/, (_, d) => String.fromCharCode(0x2080 + +d));

/**
 * Slider and box of a knob. `label` names it, `send(value, tag)` asks for another value. Both follow the hand at once,
 * and Python as soon as no edit `waits()` for it.
 */
export function raceKnob(knob, { label, live, send, say, waits }) {
  let now = knob,
    stops = raceStops(knob),
    wanted = false,
    typing = false,
    held = false,
    shown = knob;
  const show = (v) => {
    if (knob.kind === "bool") box.checked = !!v;
    else if (knob.kind === "choice") box.value = String(now.choices.indexOf(v));
    else {
      box.value = raceText(v);
      box.title = typeof v === "number" ? String(v) : "";
    }
    if (!slider) return;
    slider.value = String(raceNearest(stops, typeof v === "number" ? v : stops[0], now.log));
    slider.setAttribute("aria-valuetext", raceText(v));
  };
  const settle = () => {
    wanted = false;
    show(now.value);
  };
  const want = (v, tag) => {
    wanted = true;
    show(v);
    send(v, tag);
  };
  const typed = () => {
    typing = false;
    if (now.none && /^\s*(none)?\s*$/i.test(box.value)) return want(null);
    const v = raceNumber(box.value);
    if (Number.isFinite(v)) return want(v);
    say(`${label}: \u201c${box.value}\u201d is not a number.`);
    return settle();
  };
  const given = { disabled: !live, "aria-label": label };
  const box =
    knob.kind === "bool"
      ? h("input", { type: "checkbox", ...given, onchange: () => want(box.checked) })
      : knob.kind === "choice"
        ? h(
            "select",
            { ...given, onchange: () => want(now.choices[+box.value]) },
            knob.choices.map((c, i) => h("option", { value: String(i) }, raceText(c))),
          )
        : h("input", {
            type: "text",
            class: "tl-rc-n",
            autocomplete: "off",
            spellcheck: "false",
            inputmode: "decimal",
            ...given,
            onchange: typed,
            oninput: () => (typing = true),
            onblur: () => (typing = false),
            onfocus: () => box.select(),
          });
  const letGo = () => {
    held = false;
    update(now);
  };
  const slider =
    stops.length > 1 &&
    h("input", {
      type: "range",
      class: "tl-rc-sl",
      min: "0",
      max: String(stops.length - 1),
      disabled: !live,
      "aria-label": `${label}, slider`,
      oninput: () => want(stops[+slider.value], `slide ${label}`),
      onpointerdown: () => (held = true),
      onpointerup: letGo,
      onpointercancel: letGo,
      onchange: letGo,
    });

  /** Shows a knob of the same name with another value or range. */
  function update(next) {
    now = next;
    // A scale that changed under the hand would carry the value away.
    if (typing || held || (wanted && waits())) return;
    if (slider && (shown.low !== next.low || shown.high !== next.high || shown.log !== next.log)) {
      stops = raceStops(next);
      slider.max = String(stops.length - 1);
    }
    shown = next;
    settle();
  }
  show(knob.value);
  /** Whether it shows what is not said by Python. */
  const ahead = () => wanted || typing;
  return { slider, box, update, ahead };
}

const RACE_KEPT = ["step", "chosen", "off", "view", "table", "speed", "race"];

/** What a pasted text says of a state: its known entries, or words of refusal. */
export function raceStateOf(text) {
  let given = null;
  try {
    given = JSON.parse(text);
  } catch (e) {
    return `This is not JSON: ${e.message}.`;
  }
  if (given === null || typeof given !== "object" || Array.isArray(given)) return "A state is an object: {\u2026}.";
  const kept = Object.fromEntries(RACE_KEPT.filter((k) => k in given).map((k) => [k, given[k]]));
  return Object.keys(kept).length ? kept : `Nothing here is of a state: expected some of ${RACE_KEPT.join(", ")}.`;
}

/** Entry of the export menu that opens the whole state as JSON, to be copied, or pasted and applied. */
export function raceStateExports(view) {
  const text = h("textarea", { rows: "7", spellcheck: "false", "aria-label": "State as JSON" }),
    said = h("p", { class: "tl-num", role: "status" }),
    button = (word, title, onclick) => h("button", { type: "button", title, onclick }, word);
  const copy = () => {
    text.select();
    const done = () => (said.textContent = "Copied. Paste it here, or give it to RaceArena(state=\u2026).");
    const chosen = () =>
      document.execCommand && document.execCommand("copy")
        ? done()
        : (said.textContent = "Selected: copy it by Ctrl+C.");
    if (navigator.clipboard) navigator.clipboard.writeText(text.value).then(done, chosen);
    else chosen();
  };
  const apply = () => {
    const given = raceStateOf(text.value);
    if (typeof given === "string") {
      said.textContent = given;
      return;
    }
    const { race, ...rest } = given,
      other = race && JSON.stringify(race) !== JSON.stringify(view.f.state.race);
    view.f.set(rest);
    if (other && view.live) view.ask({ do: "race", race });
    const then = view.live ? "Python is asked for the race" : "to run the race of this state takes Python";
    said.textContent = other ? `Step, choice and view are taken over; ${then}.` : "Taken over.";
  };
  const close = () => {
    pop.hidden = true;
    view.f.root.focus();
  };
  const pop = h(
    "div",
    { class: "tl-pop tl-rc-state", role: "dialog", "aria-label": "State of the arena", hidden: true },
    h(
      "p",
      { class: "tl-about" },
      "All that is seen, as text: what runs, from where, on which surface, and what is shown of it.",
    ),
    text,
    h(
      "div",
      { class: "tl-rc-line" },
      button("Copy", "Copy the state", copy),
      button("Apply", "Take over the state that stands here", apply),
      button("Close", "Close (Escape)", close),
    ),
    said,
  );
  pop.addEventListener("keydown", (e) => {
    if (e.key !== "Escape") return;
    e.stopPropagation();
    close();
  });
  const open = () => {
    if (!pop.isConnected) view.f.root.firstElementChild.append(pop);
    text.value = JSON.stringify(view.f.state);
    said.textContent = "";
    pop.hidden = false;
    // The menu gives the focus back to the frame once it is done.
    queueMicrotask(() => text.select());
  };
  return [["State: copy or paste \u2026", open]];
}
