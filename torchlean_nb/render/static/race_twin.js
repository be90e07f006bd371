// RaceArena: the race as tables of numbers, for readers of text and of screens.

/** Distance to the nearest of the places with the lowest value; NaN where none is known. */
export function raceFar(goals, x, y) {
  return goals.length ? Math.min(...goals.map(([u, v]) => Math.hypot(x - u, y - v))) : NaN;
}

/** About a dozen records worth reading: both ends, where something happened, and some in log steps between. */
export function raceTelling(steps, tracks) {
  const last = steps.length - 1,
    happened = tracks.flatMap((t) => [t.ended, t.converged, t.toTarget]).filter((k) => k >= 0);
  const events = [...new Set(happened.map((k) => raceRecord(steps, k)))].sort((a, b) => a - b).slice(0, 4),
    even = Array.from({ length: 9 }, (_, i) => Math.round(last ** ((i + 1) / 10)));
  return [...new Set([0, ...events, ...even, last])].filter((r) => r <= last).sort((a, b) => a - b);
}

/** Of many contenders `[track, index]` the chosen one and those that came lowest, in their order. */
export function raceTold(shown, chosen, most = 12) {
  const low = ([t]) => (Number.isFinite(t.best) ? t.best : Infinity),
    first = (e) => (e[1] === chosen ? 0 : 1),
    sooner = (a, b) => first(a) - first(b) || (low(a) < low(b) ? -1 : low(a) > low(b) ? 1 : 0);
  const kept = new Set([...shown].sort(sooner).slice(0, most));
  return shown.filter((e) => kept.has(e));
}

/** The twin of the pictures: positions, losses and distances. */
export function raceTwin(view) {
  const el = h("div", { class: "tl-rc-twin", tabindex: "0", role: "region", "aria-label": "The race as tables" });
  // What was sent has no more digits than these.
  const cell = (text) => h("td", { class: "tl-n" }, text === "NaN" ? "\u2013" : text),
    number = (v) => cell(short(v, 3));
  const head = (names) =>
    h(
      "thead",
      null,
      h(
        "tr",
        null,
        names.map((n, i) =>
          h("th", { scope: "col", class: i && n !== "status" && n !== "contender" ? "tl-n" : "" }, n),
        ),
      ),
    );
  /** Cells of a track at a record; places with as many decimals as the map is wide. */
  const values = (t, at) => {
    const { steps, surface } = view.race,
      i = raceHead({ steps }, t, at),
      [left, right] = surface.domain,
      place = (v) =>
        cell(Math.abs(v) < 1e5 ? fixed(v, Math.max(0, 3 - Math.floor(Math.log10(right - left)))) : short(v, 4));
    return [place(t.x[i]), place(t.y[i]), number(t.loss[i]), number(raceFar(surface.goals, t.x[i], t.y[i]))];
  };
  const COLUMNS = ["x", "y", "loss", "distance to the minimum"];

  const name = ([t, i]) =>
    h("th", { scope: "row" }, raceChip(t), " ", i === view.chosen() ? h("b", null, t.name) : t.name);

  /** Everyone at one record. */
  function now(shown, at) {
    const { race } = view;
    const line = (e) => {
      const [t, i] = e,
        r = raceHead(race, t, at),
        slope = number(Math.hypot(t.gx[r], t.gy[r]));
      const look = i === view.chosen() ? "tl-sel" : "";
      return h("tr", { class: look }, name(e), values(t, at), slope, h("td", null, t.status));
    };
    return [
      h("caption", null, `At step ${race.steps[at]} on ${race.surface.label}`),
      head(["contender", ...COLUMNS, "gradient", "status"]),
      h("tbody", null, shown.map(line)),
    ];
  }
  /** The telling records, a group of rows each. */
  function tale(shown) {
    const { race } = view,
      told = raceTold(shown, view.chosen()),
      tracks = told.map(([t]) => t),
      few = told.length < shown.length ? `, ${told.length} of ${shown.length} contenders` : "";
    records = raceTelling(race.steps, tracks);
    const line = (r) => (e, j) => {
      const step = h("th", { scope: "rowgroup", rowspan: String(told.length), class: "tl-n" }, race.steps[r]);
      return h("tr", null, j === 0 && step, name(e), values(e[0], r));
    };
    groups = records.map((r) => h("tbody", null, told.map(line(r))));
    return [
      h("caption", null, `At ${records.length} telling steps${few}`),
      head(["step", "contender", ...COLUMNS]),
      ...groups,
    ];
  }

  const first = h("table"),
    second = h("table");
  let told = [],
    records = [],
    groups = [];
  function draw() {
    const { race } = view,
      at = view.at(),
      shown = race.tracks.map((t, i) => [t, i]).filter(([, i]) => view.on(i)),
      of = [race.surface, view.chosen(), ...shown.map(([t]) => t)];
    if (!shown.length) {
      told = [];
      return el.replaceChildren(h("p", { class: "tl-num" }, "No contender is switched on."));
    }
    first.replaceChildren(...now(shown, at));
    // The second one moves with the race, not with the step.
    if (of.length !== told.length || of.some((v, i) => v !== told[i])) {
      second.replaceChildren(...tale(shown));
      el.replaceChildren(first, second);
    }
    told = of;
    groups.forEach((g, i) => {
      g.classList.toggle("tl-rc-here", records[i] === at);
      if (records[i] === at) g.setAttribute("aria-current", "step");
      else g.removeAttribute("aria-current");
    });
    return undefined;
  }
  return { el, draw };
}
