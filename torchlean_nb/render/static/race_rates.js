// RaceArena: the rate map, what a step leaves of the distance over learning rate and momentum on a quadratic.

const RACE_RATE_KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const RACE_HEAVY = "the map of gradient descent with momentum";

/** Why a surface has no rate map. */
function raceNoRates(eigen) {
  if (!eigen)
    return (
      "There is no rate map here: the Hessian of this surface changes from place to place, so no one number says " +
      "what a step leaves of the distance. On a quadratic (sphere, quadratic, booth, matyas) there is one."
    );
  const low = short(Math.min(...eigen), 4);
  return (
    `There is no rate map here: along a direction of curvature ${low} this surface does not go up, ` +
    "so no rate leads to a minimum."
  );
}

/** Why a contender has no place on the map; nothing where it has one. */
function raceNoPlace(track, mine) {
  if (mine) return "";
  if (!track) return `No contender is left: this is ${RACE_HEAVY}.`;
  if (track.rule === "nesterov_agd")
    return `${track.name} raises its momentum step by step: a constant one has a place here. This is ${RACE_HEAVY}.`;
  const why = "has no constant rate and momentum, so no one number says what its steps leave";
  return `${track.name} ${why}: this is ${RACE_HEAVY}.`;
}

/** The map of the chosen contender's rule, or why there is none. */
export function raceRates(view) {
  const picture = h("div"),
    reading = h("p", { class: "tl-num tl-rc-reading", "aria-live": "polite" }),
    take = h("button", { type: "button", onclick: () => takeBest() }, "Take the best"),
    note = h("p", { class: "tl-num" }),
    el = h("div", { class: "tl-rc-rates" }, picture, h("div", { class: "tl-rc-under" }, reading, take), note);
  take.title = "Give the contender the rate and momentum that leave least";
  let plan = null,
    map = null,
    cursor = null,
    drawn = "",
    banded = "",
    bands = [];

  const settable = () => view.live && plan.mine && plan.mine.both;
  /** Asks for other numbers of the chosen contender; of those that share a tag the latest counts. */
  const ask = (numbers, tag) =>
    Object.entries(numbers).forEach(([name, value]) => {
      const now = plan.track.knobs.find((k) => k.name === name).value;
      if (tag || value !== now)
        view.ask({ do: "hyper", index: view.chosen(), name, value, tag: tag && `${tag} ${name}` });
    });
  const takeBest = () => ask({ lr: plan.best.lr, momentum: plan.best.beta });

  /** The sentence under the map: of the cursor, or else of the contender, or of the best. */
  function read() {
    const { track, mine, kind, eigen, best } = plan,
      of = (at, k) => `${raceOf(at.lr, at.beta)}: ${raceReads(raceFactor(k, eigen, at.lr, at.beta))}.`;
    const own = mine ? `${track.name} at ${of(mine, mine.kind)}` : `Best at ${of(best, kind)}`;
    reading.textContent = cursor ? of(cursor, kind) : own;
  }
  function hover(at) {
    cursor = at;
    map.point(at);
    read();
  }

  function draw() {
    const { race } = view,
      track = race.tracks[view.chosen()],
      eigen = race.surface.eigen && [...race.surface.eigen.values],
      mine = track ? raceDescent(track) : null,
      kind = mine ? mine.kind : { nesterov: false },
      best = eigen && raceOptimum(kind, eigen, mine && !mine.both);
    plan = { track, mine, kind, eigen, best };
    take.hidden = !best || !settable();
    note.textContent = best ? raceNoPlace(track, mine) : raceNoRates(eigen);
    if (!best) {
      drawn = "";
      reading.textContent = "";
      picture.replaceChildren();
      return;
    }
    const wide = Math.max(280, Math.floor(el.clientWidth) || 404),
      all = race.tracks.map((t, i) => ({ t, i, d: raceDescent(t) })).filter((e) => e.d && view.on(e.i)),
      key = JSON.stringify([wide, kind, eigen, view.chosen(), mine, all.map(({ t, i, d }) => [t.name, i, d])]);
    if (key !== drawn) {
      drawn = key;
      // Of keys that run ahead of Python the last one counts.
      if (!view.stale(view.chosen())) cursor = null;
      paint(wide, all);
    }
    read();
  }

  function paint(wide, all) {
    const { kind, eigen, mine } = plan,
      axis = raceRateAxis(kind, eigen, all.map((e) => e.d.lr)), // prettier-ignore
      key = JSON.stringify([kind, eigen, axis]);
    if (key !== banded) bands = raceBands(kind, eigen, axis);
    banded = key;
    const heavy = mine && !mine.both ? "gradient descent, with momentum above" : "gradient descent with momentum",
      title = kind.nesterov ? "Nesterov momentum" : heavy,
      keys = settable() ? "Arrow keys change rate and momentum." : "Arrow keys read it.";
    map = raceRateMap(
      { ...plan, title, label: `Rate map of ${title}. ${keys}` },
      { bands, axis, all, wide, chosen: view.chosen() },
    );
    map.svg.addEventListener("pointermove", (e) => hover(map.place(e)));
    map.svg.addEventListener("pointerleave", () => hover(null));
    map.svg.addEventListener("click", (e) => click(map.place(e)));
    map.svg.addEventListener("keydown", press);
    // The keys keep their place when the map is drawn anew under them.
    const held = picture.contains(document.activeElement);
    picture.replaceChildren(map.svg);
    if (held) map.svg.focus();
    map.point(cursor);
  }

  function click(at) {
    if (!at || !plan.mine) return;
    if (settable()) ask({ lr: at.lr, momentum: at.beta });
    else if (plan.mine.both) view.say("Choosing a rate needs Python: run this in a notebook.");
    else view.say(`${plan.track.name} has no momentum to set here.`);
  }
  function press(e) {
    const move = RACE_RATE_KEYS[e.key];
    if (!move || e.ctrlKey || e.metaKey || e.altKey) return;
    e.preventDefault();
    e.stopPropagation();
    const { lr, beta } = cursor || plan.mine || plan.best,
      far = e.shiftKey ? 5 : 1,
      at = {
        lr: move[0] ? raceNext(lr, move[0] * far) : lr,
        beta: Math.max(0, Math.min(RACE_MOST, Number((beta + 0.01 * far * move[1]).toFixed(3)))),
      };
    if (settable()) ask(move[0] ? { lr: at.lr } : { momentum: at.beta }, "rates");
    hover(at);
  }
  return { el, draw };
}
