// RaceArena: optimizers on one surface. Python races them; everything that moves with the step is drawn here.

// Edits that leave the paths as they are.
const RACE_CALM = ["target", "rewind", "rename"];
// A page of a surface without a map of rates comes without the code of one.
const RACE_VIEWS = ["map", "space", ...(typeof raceRates === "function" ? ["rates"] : [])];

/** Record at or before a step. */
export function raceRecord(steps, k) {
  let low = 0,
    high = steps.length - 1;
  while (low < high) {
    const mid = (low + high + 1) >> 1;
    if (steps[mid] <= k) low = mid;
    else high = mid - 1;
  }
  return low;
}

/** Record at which a track stands when the race stands at `at`: where it ended it stays. */
export function raceHead(race, track, at) {
  if (track.ended < 0) return at;
  const before = raceRecord(race.steps, track.ended);
  return Math.min(at, race.steps[before] < track.ended ? Math.min(before + 1, race.steps.length - 1) : before);
}

/** Whether a track has diverged by step k: it ended where the next step would have left all bounds. */
export const raceOut = (track, k) => track.ended >= 0 && track.ended < k;

/** The sentence of a record, as pieces of which the second is the leader's name. */
export function raceSays(race, on, chosen, at) {
  const k = race.steps[at],
    running = race.tracks.filter((t, i) => on(i));
  if (!running.length) return [`At step ${k} no contender is switched on.`, "", ""];
  const loss = (t) => t.loss[raceHead(race, t, at)],
    out = (t) => raceOut(t, k),
    fit = running.filter((t) => Number.isFinite(loss(t)) && !out(t));
  const hits = running.filter((t) => t.toTarget >= 0 && t.toTarget <= k);
  let goal = "";
  if (race.target !== null)
    goal = hits.length
      ? ` (target reached by ${raceList(hits.map((t) => `${t.label} at ${t.toTarget}`))})`
      : "; nobody is at the target yet";
  const mine = race.tracks[chosen],
    h = mine ? raceHead(race, mine, at) : 0;
  let last = "";
  if (mine && on(chosen) && out(mine)) last = ` ${mine.label} diverged at step ${mine.ended + 1}.`;
  else if (mine && on(chosen) && h > 0) {
    const by = race.steps[h] - race.steps[h - 1],
      long = Math.hypot(mine.x[h] - mine.x[h - 1], mine.y[h] - mine.y[h - 1]);
    // Places travel with a finite number of digits: what they do not tell is not 0.
    if (long > 0)
      last = ` ${mine.label}\u2019s last ${by > 1 ? `${by} steps together were` : "step was"} ${short(long, 2)} long.`;
    else
      last =
        mine.converged >= 0 && mine.converged <= k ? ` ${mine.label} has converged.` : ` ${mine.label} hardly moves.`;
  }
  if (!fit.length) return [`At step ${k} every contender has diverged${goal}.${last}`, "", ""];
  const best = fit.reduce((a, t) => (loss(t) < loss(a) ? t : a));
  // Losses travel with four digits.
  const level = fit.every((t) => Math.abs(loss(t) - loss(best)) <= 1e-3 * Math.abs(loss(best)));
  if (level && fit.length > 1) return [`At step ${k} all stand at loss ${short(loss(best), 3)}${goal}.${last}`, "", ""];
  return [`At step ${k} `, best.label, ` leads with loss ${short(loss(best), 3)}${goal}.${last}`];
}
const raceList = (words) =>
  words.length > 4 ? `${words.slice(0, 3).join(", ")} and ${words.length - 3} more` : words.join(", ");

const raceMeta = (race) =>
  [race.surface.noise ? "noisy gradients" : "exact gradients", race.dtype, `seed ${race.seed}`].join(" \u00b7 ");

/** The widget for one number of steps; `again(race)` opens it anew for another one. */
function raceArena({ model, el }, race, mail, again) {
  const options = model.get("options") || {},
    live = typeof model.send === "function",
    off = () => (Array.isArray(f.state.off) ? f.state.off : []),
    look = () => (RACE_VIEWS.includes(f.state.view) ? f.state.view : "map"),
    said = h("p", { class: "tl-ra-said", role: "alert", hidden: true });
  let seen = "",
    framed = "",
    last = race.serial;

  /** What every part sees and may ask for. */
  const view = {
    race,
    live,
    look,
    at: () => raceRecord(view.race.steps, f.state.step),
    chosen: () => (view.race.tracks[f.state.chosen] ? f.state.chosen : 0),
    on: (i) => !off().includes(view.race.tracks[i].name),
    choose(i) {
      if (view.race.tracks[i]) f.set({ chosen: i });
    },
    toggle(i) {
      const { name } = view.race.tracks[i];
      f.set({ off: view.on(i) ? [...off(), name] : off().filter((n) => n !== name) });
    },
    /** Asks Python for an edit; of edits that share a `tag`, as those of one drag do, only the latest waits. */
    ask(edit) {
      if (!live)
        return view.say(
          "No Python stands behind this page: it scrubs and toggles, but another race has to be run in a notebook.",
        );
      view.say("");
      mail.ask(edit);
      return wait();
    },
    say(text) {
      said.hidden = !text;
      said.textContent = text;
    },
    /** Whether the path of a track is of before an edit that is under way. */
    stale: (i) => mail.waiting().some((e) => !RACE_CALM.includes(e.do) && (e.index === undefined || e.index === i)),
    /** Whether an edit of this kind is under way. */
    waits: (what) => mail.waiting().some((e) => e.do === what),
    redraw() {
      seen = framed = "";
      f.draw();
    },
  };

  const record = (d) => view.race.steps[Math.max(0, Math.min(view.race.steps.length - 1, view.at() + d))];
  const f = frame(
    { model, el },
    {
      title: options.title || race.title,
      meta: raceMeta(race),
      steps: race.steps.at(-1),
      phases: [{ name: "race", count: race.steps.at(-1), hue: "upd" }],
      beat: 60,
      table: true,
      start: { chosen: 0, off: [], view: "map" },
      about: live
        ? "Drag the start, or click into the map, and Python races again from there."
        : "This page steps, scrubs and toggles without Python; another start or another number needs a notebook.",
      help: [
        ["1 \u2026 9", "choose a contender"],
        ["X", "switch it off and on"],
        ["V", "map, surface, rates"],
        ["F", "fit the map to the paths"],
        ["+ \u2212 0", "nearer, farther, whole map"],
        ["arrows on the start", "move it; with Shift ten times as far"],
        ["arrows on the surface", "turn it"],
      ],
      keys: {
        ...Object.fromEntries(Array.from({ length: 9 }, (_, i) => [String(i + 1), () => view.choose(i)])),
        ArrowLeft: () => f.go(record(-1)),
        ArrowRight: () => f.go(record(1)),
        x: () => view.toggle(view.chosen()),
        v: () => f.set({ view: RACE_VIEWS[(RACE_VIEWS.indexOf(look()) + 1) % RACE_VIEWS.length] }),
        f: () => map.fit(),
        "+": () => map.zoom(1.5),
        "-": () => map.zoom(1 / 1.5),
        0: () => map.whole(),
      },
      exports: [
        ...fileExports(
          () => f,
          model,
          "race",
          () => map.svg,
        ),
        ...raceStateExports(view),
      ],
      // With an answer comes the state of when it was asked for: of that only the race is news.
      heard(state) {
        const { serial } = model.get("payload"),
          echo = Number.isInteger(serial) && serial >= 0 && serial !== last;
        last = serial;
        return echo ? { race: state.race } : state;
      },
      draw: () => paint(),
    },
  );
  view.f = f;
  f.root.classList.add("tl-ra", "tl-flow");

  // -- parts -------------------------------------------------------------------------------
  const map = raceMap(view),
    space = raceSpace(view),
    plots = racePlots(view),
    rates = RACE_VIEWS.includes("rates") && raceRates(view),
    twin = raceTwin(view),
    looks = { map, space, ...(rates && { rates }) },
    pictures = [map, space, plots],
    around = [raceBar(view), raceLock(view), raceTable(view)];
  f.body.before(around[0].el);
  f.stage.append(...Object.values(looks).map((part) => part.el), twin.el);
  f.panel.append(plots.el);
  f.below.append(around[1].el, around[2].el);
  f.narr.before(said);

  /** All of it, or what moves with the step when nothing else has changed. */
  function paint() {
    const key = JSON.stringify([f.state.chosen, f.state.off, look(), !!f.state.table]);
    if (key !== seen) {
      for (const [name, part] of Object.entries(looks)) part.el.hidden = !!f.state.table || name !== look();
      twin.el.hidden = !f.state.table;
      around.forEach((part) => part.draw());
      if (look() === "rates") rates.draw();
      seen = key;
    }
    const from = JSON.stringify([key, f.state.camera, f.state.turn]);
    if (from !== framed) {
      pictures.forEach((part) => part.renew());
      framed = from;
    }
    if (f.state.table) twin.draw();
    else if (look() !== "rates") looks[look()].draw();
    plots.draw();
    const [before, name, after] = raceSays(view.race, view.on, view.chosen(), view.at());
    f.narr.replaceChildren(before, h("b", null, name), after);
  }
  const wait = () => pictures.forEach((part) => part.wait());

  const sized = new ResizeObserver(
    f.guard(() => {
      if (pictures.map((part) => part.fits()).some(Boolean)) view.redraw();
    }),
  );
  sized.observe(f.root);
  f.draw();
  return {
    /** A race with other data; another number of steps needs another scrubber. */
    take(next) {
      const last = view.race.steps.at(-1),
        one = next.tracks.length === view.race.tracks.length + 1;
      view.race = next;
      // Who is new is looked at.
      if (one) f.state.chosen = next.tracks.length - 1;
      if (next.steps.at(-1) !== last) return again(next);
      f.root.querySelector(".tl-bar .tl-meta").textContent = raceMeta(next);
      view.say("");
      pictures.forEach((part) => part.take());
      view.redraw();
      return wait();
    },
    /** A refusal: controls go back to what is true. */
    refuse(text) {
      pictures.forEach((part) => part.take());
      view.redraw();
      view.say(text);
      around.forEach((part) => part.refuse && part.refuse(text));
      wait();
    },
    say: view.say,
    guard: f.guard,
    /** The control that has the focus, by its name, so that another arena can give it back. */
    focus: () =>
      f.root.contains(document.activeElement) && (document.activeElement.getAttribute("aria-label") || race.title),
    refocus: (name) =>
      (
        [...f.root.querySelectorAll("[aria-label]")].find((e) => e.getAttribute("aria-label") === name) || f.root
      ).focus(),
    /** `keep`: what is seen now is seen again by the next one; at the end is at its end. */
    destroy(keep = false) {
      const step = f.state.step < race.steps.at(-1) ? f.state.step : view.race.steps.at(-1);
      if (keep) model.set("state", { ...f.state, step });
      if (keep) model.set("step", step);
      sized.disconnect();
      f.destroy();
    },
  };
}

function render({ model, el }) {
  const mail = courier(
    (m) => model.send(m),
    () => arena.say("Python has not answered yet: the kernel is busy, or it is gone. Scrubbing does not need it."),
  );
  let race = raceData(model.get("payload")),
    arena = null;
  const open = (next) => {
    const focus = arena && arena.focus();
    if (arena) arena.destroy(true);
    arena = raceArena({ model, el }, next, mail, open);
    if (focus) arena.refocus(focus);
  };
  const take = (next, serial) => {
    race = next;
    mail.answered(serial);
    arena.take(race);
  };
  const heard = (m) =>
    arena.guard(() => {
      if (m.kind === "answer") take(raceChanged(race, m), m.serial);
      if (m.kind !== "say") return;
      mail.answered(m.serial);
      arena.refuse(m.text);
    })();
  /** The trait follows an answer; what it says anew comes from Python itself. */
  const changed = () =>
    arena.guard(() => {
      const payload = model.get("payload");
      if (payload.serial !== race.serial) take(raceData(payload), payload.serial);
    })();
  open(race);
  model.on("msg:custom", heard);
  model.on("change:payload", changed);
  return () => {
    model.off("msg:custom", heard);
    model.off("change:payload", changed);
    mail.stop();
    arena.destroy();
  };
}

const widget = { render };
export default widget;
