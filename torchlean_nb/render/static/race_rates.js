// RaceArena: the rate map. On a quadratic a rule with a constant rate and momentum is one linear map per direction,
// and the larger eigenvalue of it is what every step leaves of the distance.

const RACE_DESCENTS = new Set(["sgd", "heavy_ball", "momentum", "nesterov", "nesterov_agd", "table_momentum"]);
const RACE_DIGIT_STEPS = [3, ...[0, 1, 2, 3, 4, 5].flatMap((e) => [1, 2, 5].map((m) => m * 10 ** e))].sort((a, b) => a - b);
const RACE_LEVELS = 8;

/** Larger magnitude of the roots of z^2 - trace z + det. */
export function raceRadius(trace, det) {
  const d = trace * trace - 4 * det;
  return d < 0 ? Math.sqrt(det) : (Math.abs(trace) + Math.sqrt(d)) / 2;
}

/** What one step leaves of the distance at worst. `kind`: nesterov, damp (share of the gradient that enters), decay. */
export function raceFactor(kind, eigen, lr, beta) {
  let worst = 0;
  for (const value of eigen) {
    const a = lr * (kind.damp ?? 1) * (value + (kind.decay || 0));
    const r = kind.nesterov ? raceRadius((1 + beta) * (1 - a), beta * (1 - a)) : raceRadius(1 + beta - a, beta);
    if (!(r <= worst)) worst = r;
  }
  return worst;
}

/** Rate and momentum that leave least; `plain` without momentum. Null where a direction does not go up. */
export function raceOptimum(kind, eigen, plain = false) {
  const [l, L] = [Math.min(...eigen), Math.max(...eigen)].map((v) => v + (kind.decay || 0)),
    damp = kind.damp ?? 1;
  if (!(l > 0) || !(damp > 0)) return null;
  let lr = 2 / (l + L),
    beta = 0;
  if (!plain && kind.nesterov) {
    // Lessard, Recht and Packard 2016, table 1.
    const root = Math.sqrt((3 * L) / l + 1);
    [lr, beta] = [4 / (3 * L + l), (root - 2) / (root + 2)];
  } else if (!plain) {
    const [a, b] = [Math.sqrt(l), Math.sqrt(L)];
    [lr, beta] = [4 / (a + b) ** 2, ((b - a) / (b + a)) ** 2];
  }
  lr /= damp;
  const factor = raceFactor(kind, eigen, lr, beta);
  // On a round bowl one step arrives, but for the rounding.
  return { lr, beta, factor: factor < 1e-12 ? 0 : factor };
}

/** Steps that divide the distance by ten; infinite where it does not shrink. */
export const raceDigit = (factor) => (factor < 1 ? Math.LN10 / -Math.log(factor) : Infinity);

/** How a track steps, where that is one linear map: its kind, rate, momentum, and whether both can be set; else null. */
export function raceDescent(track) {
  if (!RACE_DESCENTS.has(track.rule)) return null;
  const of = (name) => (track.knobs.find((k) => k.name === name) || {}).value,
    beta = of("momentum"),
    nesterov = track.rule.startsWith("nesterov") || !!of("nesterov");
  if (typeof of("lr") !== "number" || beta === null) return null;
  // The first buffer of an undamped start does not change the rate; without momentum there is no buffer to damp.
  const damp = beta || track.rule === "table_momentum" ? 1 - (of("dampening") || 0) : 1;
  return { kind: { nesterov, damp, decay: of("weight_decay") || 0 }, lr: of("lr"), beta: beta || 0, both: beta !== undefined };
}

/** Logarithm of the rate, between two, that leaves least for one momentum: a factor falls and then rises. */
export function raceLowest(factor, low, high) {
  let [a, b] = [Math.log(low), Math.log(high)];
  for (let i = 0; i < 32; i++) {
    const [p, q] = [a + (b - a) / 3, b - (b - a) / 3];
    if (factor(Math.exp(p)) <= factor(Math.exp(q))) b = q;
    else a = p;
  }
  return (a + b) / 2;
}

/** Rates between which a factor is at most `level`, around that of `best`; null where it is nowhere. */
export function raceBetween(factor, low, high, level, best = raceLowest(factor, low, high)) {
  const at = (u) => factor(Math.exp(u));
  if (!(at(best) <= level)) return null;
  const edge = (outside) => {
    if (at(outside) <= level) return Math.exp(outside);
    let [inside, out] = [best, outside];
    for (let i = 0; i < 24; i++) {
      const mid = (inside + out) / 2;
      if (at(mid) <= level) inside = mid;
      else out = mid;
    }
    return Math.exp(inside);
  };
  return [edge(Math.log(low)), edge(Math.log(high))];
}

/** Outline of where a factor is at most `level`, as points (rate, momentum), rows of momentum from low to high. */
export function raceRegion(factor, low, high, betas, level, lowest = new Map()) {
  const row = (beta) => {
    const of = (lr) => factor(lr, beta);
    if (!lowest.has(beta)) lowest.set(beta, raceLowest(of, low, high));
    return raceBetween(of, low, high, level, lowest.get(beta));
  };
  const rows = betas.map((beta) => [beta, row(beta)]),
    inside = rows.map(([, r]) => r !== null),
    first = inside.indexOf(true),
    last = inside.lastIndexOf(true);
  if (first < 0) return [];
  /** The row at which the region ends, between one inside and one outside. */
  const end = (at, outside) => {
    let [a, b] = [betas[at], betas[outside]];
    for (let i = 0; i < 12; i++) {
      const mid = (a + b) / 2;
      if (row(mid)) a = mid;
      else b = mid;
    }
    return [a, row(a)];
  };
  const used = rows.slice(first, last + 1).filter(([, r]) => r);
  if (first > 0) used.unshift(end(first, first - 1));
  if (last < betas.length - 1) used.push(end(last, last + 1));
  return [...used.map(([beta, r]) => [r[0], beta]), ...used.reverse().map(([beta, r]) => [r[1], beta])];
}

/** Ends of the axis of rates: around the best one and the end of what is stable, and the contenders near by. */
export function raceRateAxis(kind, eigen, rates) {
  const best = raceOptimum(kind, eigen).lr,
    steep = Math.max(...eigen) * (kind.damp ?? 1),
    near = rates.filter((v) => v > best / 3e3 && v < 300 * best);
  return [Math.min(best / 30, ...near.map((v) => v / 1.5)), Math.max(6 / steep, ...near.map((v) => v * 1.5))];
}

const raceOf = (lr, beta) => `\u03b1 = ${short(lr, 3)}, \u03b2 = ${short(beta, 3)}`;
const raceReads = (factor) => (factor < 1e-12 ? "one step arrives" : factor < 1 ? `a step leaves ${short(factor, 3)} of the distance, ${short(raceDigit(factor), 3)} steps gain a digit` : factor > 1 ? `diverges, a step makes the distance ${short(factor, 3)} times as large` : "gains nothing");
const RACE_MOST = 0.99;

/** The map of the chosen contender's rule, or why there is none. */
export function raceRates(view) {
  const picture = h("div"),
    reading = h("p", { class: "tl-num tl-rc-reading", "aria-live": "polite" }),
    take = h("button", { type: "button", title: "Give the contender the rate and momentum that leave least", onclick: () => choose({ lr: plan.best.lr, momentum: plan.best.beta }) }, "Take the best"),
    note = h("p", { class: "tl-num" }),
    el = h("div", { class: "tl-rc-rates" }, picture, h("div", { class: "tl-rc-under" }, reading, take), note);
  let plan = null,
    cursor = null,
    drawn = "",
    regions = ["", []];

  /** Sets numbers of the chosen contender in Python, where it has both. */
  function choose(numbers, tag) {
    const { track, mine } = plan;
    if (!view.live || !mine || !mine.both) return false;
    for (const [name, value] of Object.entries(numbers))
      if (tag || value !== track.knobs.find((k) => k.name === name).value) view.ask({ do: "hyper", index: view.chosen(), name, value, tag: tag && `${tag} ${name}` });
    return true;
  }
  /** The sentence under the map: of the cursor, or else of the contender. */
  function read() {
    const { track, mine, kind, eigen, best } = plan,
      of = (lr, beta, k = kind) => `${raceOf(lr, beta)}: ${raceReads(raceFactor(k, eigen, lr, beta))}.`;
    const words = cursor ? of(cursor.lr, cursor.beta) : mine ? `${track.name} at ${of(mine.lr, mine.beta, mine.kind)}` : `Best at ${of(best.lr, best.beta)}`;
    reading.textContent = words;
  }

  function draw() {
    const { race } = view,
      track = race.tracks[view.chosen()],
      eigen = race.surface.eigen && [...race.surface.eigen.values],
      mine = track ? raceDescent(track) : null,
      kind = mine ? mine.kind : { nesterov: false },
      best = eigen && raceOptimum(kind, eigen, mine && !mine.both);
    take.hidden = !view.live || !mine || !mine.both || !best;
    plan = best && { track, mine, kind, eigen, best };
    if (!best) {
      drawn = "";
      reading.textContent = "";
      note.textContent = eigen
        ? `There is no rate map here: along a direction of curvature ${short(Math.min(...eigen), 4)} this surface does not go up, so no rate leads to a minimum.`
        : "There is no rate map here: the Hessian of this surface changes from place to place, so no one number says what a step leaves of the distance. On a quadratic (sphere, quadratic, booth, matyas) there is one.";
      picture.replaceChildren();
      return;
    }
    note.textContent = mine ? "" : `${track ? track.name : "No contender"} has no constant rate and momentum, so its steps shrink nothing by one number: this is the map of gradient descent with momentum.`;
    if (!mine && track && track.rule === "nesterov_agd") note.textContent = `${track.name} raises its momentum from step to step: give it a constant one to find it here. This is the map of gradient descent with momentum.`;
    const wide = Math.max(280, Math.floor(el.clientWidth) || 404),
      all = race.tracks.map((t, i) => ({ t, i, d: raceDescent(t) })).filter((e) => e.d && view.on(e.i)),
      key = JSON.stringify([wide, kind, eigen, view.chosen(), view.live, mine, all.map(({ t, i, d }) => [t.name, i, d])]);
    if (key !== drawn) {
      drawn = key;
      // Of keys that run ahead of Python the last one counts.
      if (!view.stale(view.chosen())) cursor = null;
      paint(wide, all);
    }
    read();
  }

  function paint(wide, all) {
    const { kind, eigen, best, mine } = plan,
      tall = Math.round(Math.min(340, Math.max(240, wide * 0.68))),
      axis = raceRateAxis(kind, eigen, all.map((e) => e.d.lr)),
      box = { left: 38, top: 26, wide: wide - 50, tall: tall - 62 },
      factor = (lr, beta) => raceFactor(kind, eigen, lr, beta),
      [low, high] = axis.map(Math.log10),
      X = (lr) => box.left + box.wide * Math.max(0, Math.min(1, (Math.log10(lr) - low) / (high - low))),
      Y = (beta) => box.top + box.tall * (1 - Math.min(1, beta / RACE_MOST)),
      place = (e) => {
        const b = svg.getBoundingClientRect(),
          u = (((e.clientX - b.left) * wide) / b.width - box.left) / box.wide,
          v = 1 - (((e.clientY - b.top) * tall) / b.height - box.top) / box.tall;
        if (u < 0 || u > 1 || v < 0 || v > 1) return null;
        return { lr: Number((10 ** (low + u * (high - low))).toPrecision(3)), beta: Number((v * RACE_MOST).toFixed(3)) };
      };
    const cacheKey = JSON.stringify([kind, eigen, axis]);
    if (regions[0] !== cacheKey) {
      const betas = Array.from({ length: 56 }, (_, i) => (RACE_MOST * i) / 55),
        steps = RACE_DIGIT_STEPS.filter((n) => 10 ** (-1 / n) > best.factor).slice(0, RACE_LEVELS).reverse(),
        lowest = new Map();
      const found = [Infinity, ...steps].map((n) => ({ n, points: raceRegion(factor, ...axis, betas, n === Infinity ? 1 : 10 ** (-1 / n), lowest) }));
      regions = [cacheKey, found.filter((r) => r.points.length)];
    }
    const bands = regions[1].map(({ n, points }, i, list) =>
      s("path", { class: n === Infinity ? "tl-rc-shrinks tl-rc-one" : "tl-rc-shrinks", style: { "--p": `${Math.round(8 + (50 * (i + 1)) / list.length)}%` }, d: `M${points.map(([lr, b]) => `${X(lr).toFixed(1)} ${Y(b).toFixed(1)}`).join("L")}Z` }),
    );
    const [bx, by] = [X(best.lr), Y(best.beta)],
      side = bx < wide * 0.55 ? 1 : -1,
      taken = all.map(({ d }) => [X(d.lr), Y(d.beta)]),
      free = (x, y, reach) => taken.every(([u, v]) => Math.abs(u - x) > reach || Math.abs(v - y) > 18),
      shift = [-22, 20, -50, 48, -78, 76].filter((d) => by + d > box.top + 12 && by + d < box.top + box.tall - 22),
      said = by + (shift.find((d) => free(bx + 66 * side, by + d, 74)) ?? shift[0]);
    taken.push(...[0, 1, 2, 3, 4].flatMap((k) => [[bx + 30 * k * side, said], [bx + 30 * k * side, said + 13]]));
    /** Steps a digit, printed on the slow side of a region about a third of the way up. */
    const labels = regions[1].slice(1).map(({ n, points }) => {
      const [lr, b] = points[Math.floor(points.length / 2 / 3)],
        [x, y] = [X(lr), Y(b)];
      if (x < box.left + 14 || !free(x, y, 20)) return null;
      taken.push([x, y]);
      return s("text", { class: "tl-xp-halo", x, y: y + 3.5, "text-anchor": "middle" }, String(n));
    });
    const marks = raceRateTicks(...axis).map((v) => [s("path", { class: "tl-rc-tick", d: `M${X(v).toFixed(1)} ${box.top + box.tall}v4` }), s("text", { x: X(v), y: box.top + box.tall + 15, "text-anchor": "middle" }, short(v, 1))]);
    const feet = [0, 0.2, 0.4, 0.6, 0.8, RACE_MOST].map((v) => [s("path", { class: "tl-rc-tick", d: `M${box.left} ${Y(v).toFixed(1)}h-4` }), s("text", { x: box.left - 7, y: Y(v) + 3.5, "text-anchor": "end" }, String(v))]);
    const anchor = { x: bx + 9 * side, "text-anchor": side > 0 ? "start" : "end" };
    const optimum = s(
      "g",
      { class: "tl-rc-best" },
      s("path", { d: `M${bx - 6} ${by}h12M${bx} ${by - 6}v12` }),
      s("text", { class: "tl-xp-halo tl-xp-said", ...anchor, y: said }, raceOf(best.lr, best.beta)),
      s("text", { class: "tl-xp-halo", ...anchor, y: said + 13 }, best.factor ? `best: ${short(best.factor, 3)} a step` : "best: one step"),
    );
    const places = all.map(({ t, i, d }) =>
      s(
        "g",
        { transform: `translate(${X(d.lr).toFixed(1)} ${Y(d.beta).toFixed(1)}) scale(${i === view.chosen() ? 1.35 : 1})` },
        s("title", null, `${t.name}, ${raceOf(d.lr, d.beta)}: ${raceReads(raceFactor(d.kind, eigen, d.lr, d.beta))}`),
        raceMark(t),
      ),
    );
    const cross = s("path", { class: "tl-rc-cross" });
    const point = () => cross.setAttribute("d", cursor ? `M${X(cursor.lr)} ${box.top}v${box.tall}M${box.left} ${Y(cursor.beta)}h${box.wide}` : "");
    const words = kind.nesterov ? "Nesterov momentum" : mine && !mine.both ? "gradient descent, with momentum above" : "gradient descent with momentum";
    const svg = s(
      "svg",
      { class: "tl-xp-plot tl-rc-ratemap", viewBox: `0 0 ${wide} ${tall}`, tabindex: "0", role: "application", "aria-roledescription": "rate map", "aria-label": `Rate map of ${words}. ${mine && mine.both && view.live ? "Arrow keys change rate and momentum." : "Arrow keys read it."}` },
      s("text", { class: "tl-xp-title", x: box.left, y: 15 }, `${words}: steps to gain a digit`),
      s("rect", { class: "tl-rc-grows", x: box.left, y: box.top, width: box.wide, height: box.tall }),
      bands,
      labels,
      s("text", { class: "tl-rc-out", x: box.left + box.wide - 6, y: box.top + box.tall - 8, "text-anchor": "end" }, "diverges"),
      s("rect", { class: "tl-rc-frame", x: box.left, y: box.top, width: box.wide, height: box.tall }),
      marks,
      feet,
      s("text", { x: box.left + box.wide / 2, y: tall - 6, "text-anchor": "middle" }, "learning rate \u03b1"),
      s("text", { x: 2, y: 15 }, "\u03b2"),
      cross,
      optimum,
      places,
    );
    const hover = (at) => {
      cursor = at;
      point();
      read();
    };
    svg.addEventListener("pointermove", (e) => hover(place(e)));
    svg.addEventListener("pointerleave", () => hover(null));
    svg.addEventListener("click", (e) => {
      const at = place(e);
      if (at && !choose({ lr: at.lr, momentum: at.beta }) && mine) view.say(mine.both ? "Choosing a rate needs Python: run this in a notebook." : `${plan.track.name} has no momentum to set here.`);
    });
    const by_ = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    svg.addEventListener("keydown", (e) => {
      const move = by_[e.key];
      if (!move || e.ctrlKey || e.metaKey || e.altKey) return;
      e.preventDefault();
      e.stopPropagation();
      const from = cursor || (mine ? { lr: mine.lr, beta: mine.beta } : best),
        far = e.shiftKey ? 5 : 1,
        lr = move[0] ? raceNext(from.lr, move[0] * far) : from.lr,
        beta = Math.max(0, Math.min(RACE_MOST, Number((from.beta + 0.01 * far * move[1]).toFixed(3))));
      choose(move[0] ? { lr } : { momentum: beta }, "rates");
      hover({ lr, beta });
    });
    // The keys keep their place when the map is drawn anew under them.
    const held = picture.contains(document.activeElement);
    picture.replaceChildren(svg);
    if (held) svg.focus();
    point();
  }
  return { el, draw };
}

/** The rate `d` twentieths of a decade on, with two digits. */
export const raceNext = (lr, d) => Number((10 ** ((Math.round(RACE_PER_DECADE * Math.log10(lr)) + d) / RACE_PER_DECADE)).toPrecision(2));

/** 1, 2 and 5 times powers of ten between two ends; only the powers when those are many. */
export function raceRateTicks(low, high) {
  const out = [];
  for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e++)
    for (const m of high / low > 200 ? [1] : [1, 2, 5]) out.push(Number(`${m}e${e}`));
  return out.filter((v) => v >= low && v <= high);
}
