// RaceArena: the race as tables of numbers, for readers of text and of screens.

/** Distance to the nearest of the places with the lowest value; NaN where none is known. */
export function raceFar(goals, x, y) {
  return goals.length ? Math.min(...goals.map(([u, v]) => Math.hypot(x - u, y - v))) : NaN;
}

/** About a dozen records worth reading: both ends, this one, where something happened, some in log steps between. */
export function raceTelling(steps, tracks, now) {
  const last = steps.length - 1,
    happened = tracks.flatMap((t) => [t.ended, t.converged, t.toTarget]).filter((k) => k >= 0);
  const events = [...new Set(happened.map((k) => raceRecord(steps, k)))].sort((a, b) => a - b).slice(0, 4),
    even = Array.from({ length: 7 }, (_, i) => Math.round(last ** ((i + 1) / 8)));
  return [...new Set([0, ...events, ...even, now, last])].filter((r) => r <= last).sort((a, b) => a - b);
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

  function draw() {
    const { race } = view,
      at = view.at(),
      k = race.steps[at],
      shown = race.tracks.map((t, i) => [t, i]).filter(([, i]) => view.on(i)),
      name = ([t, i]) =>
        h("th", { scope: "row" }, raceChip(t), " ", i === view.chosen() ? h("b", null, t.name) : t.name);
    if (!shown.length) return el.replaceChildren(h("p", { class: "tl-num" }, "No contender is switched on."));
    const now = h(
      "table",
      null,
      h("caption", null, `At step ${k} on ${race.surface.label}`),
      head(["contender", ...COLUMNS, "gradient", "status"]),
      h(
        "tbody",
        null,
        shown.map((e) => {
          const i = raceHead(race, e[0], at);
          return h(
            "tr",
            { class: e[1] === view.chosen() ? "tl-sel" : "" },
            name(e),
            values(e[0], at),
            number(Math.hypot(e[0].gx[i], e[0].gy[i])),
            h("td", null, e[0].status),
          );
        }),
      ),
    );
    const group = (r) =>
      h(
        "tbody",
        { class: r === at ? "tl-rc-here" : "", "aria-current": r === at ? "step" : null },
        shown.map((e, j) =>
          h(
            "tr",
            null,
            j === 0 && h("th", { scope: "rowgroup", rowspan: String(shown.length), class: "tl-n" }, race.steps[r]),
            name(e),
            values(e[0], r),
          ),
        ),
      );
    const telling = raceTelling(
      race.steps,
      shown.map(([t]) => t),
      at,
    ).map(group);
    const tale = h(
      "table",
      null,
      h("caption", null, `At ${telling.length} telling steps`),
      head(["step", "contender", ...COLUMNS]),
      telling,
    );
    return el.replaceChildren(now, tale);
  }
  return { el, draw };
}
