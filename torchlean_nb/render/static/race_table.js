// RaceArena: the contenders, one row each, and the menu that adds one.

const RACE_LONG = 12;
const raceSlides = (knob) => raceStops(knob).length > 1;

/** The two knobs that a row shows, the learning rate first, and the rest. */
export function raceTelltale(knobs) {
  const slides = knobs.filter(raceSlides),
    first = slides.find((k) => k.name === "lr"),
    second = slides.find((k) => k !== first);
  return { first, second, rest: knobs.filter((k) => k !== first && k !== second) };
}

const raceCell = (cls, label, ...inside) => h("td", { role: "cell", class: cls, "data-label": label }, inside);
const raceSmall = (text, label, onclick, more) =>
  h("button", { type: "button", class: "tl-i tl-rc-small", "aria-label": label, title: label, onclick, ...more }, text);

/** One contender: its row, the row of its other numbers, and what brings them up to date. */
function raceRow(view, i, track, opened) {
  const { live } = view,
    { first, second, rest } = raceTelltale(track.knobs),
    knobs = new Map(),
    name = () => view.race.tracks[i].name;
  const made = (knob) => {
    const control = raceKnob(knob, {
      label: `${track.name}: ${knob.name}`,
      live,
      waits: () => view.stale(i),
      say: view.say,
      send: (value, tag) =>
        view.ask({ do: "hyper", index: i, name: knob.name, value, tag: tag && `hyper ${i} ${knob.name}` }),
    });
    knobs.set(knob.name, control);
    return control;
  };
  const slot = (knob, cls, label, plain) => {
    if (!knob) return raceCell(`${cls} tl-rc-none`, label, h("span", { class: "tl-meta" }, "none"));
    const { slider, box } = made(knob);
    return raceCell(
      cls,
      label,
      h(
        "span",
        { class: "tl-rc-knob" },
        slider,
        box,
        !plain && h("span", { class: "tl-rc-sym", title: knob.name }, raceSymbol(knob)),
      ),
    );
  };
  const on = h("input", { type: "checkbox", onchange: () => view.toggle(i) }),
    title = h("span", { class: "tl-rc-name" }),
    mark = h("span"),
    pick = h(
      "button",
      {
        type: "button",
        class: "tl-rc-pick",
        onclick: () => view.choose(i),
        ondblclick: () => rename(),
        onkeydown: (e) => {
          if (e.key !== "F2" && !(e.key === "Enter" && view.chosen() === i)) return;
          e.preventDefault();
          e.stopPropagation();
          rename();
        },
      },
      mark,
      title,
    ),
    best = raceCell("tl-n tl-rc-best-loss", "best loss"),
    reach = raceCell("tl-n tl-rc-reach", "to target"),
    count = raceCell("tl-n tl-rc-count", "evaluations"),
    status = raceCell("tl-rc-status", "status"),
    other = h("div", { class: "tl-rc-fields" }),
    under = h("tr", { role: "row", class: "tl-rc-more", hidden: true }, h("td", { role: "cell", colspan: "9" }, other)),
    more = raceSmall("\u22ef", "", () => unfold(!opened.has(name())), { "aria-expanded": "false" }),
    gone = live && raceSmall("\u00d7", "", () => view.ask({ do: "remove", index: i }));
  const row = h(
    "tr",
    { role: "row" },
    raceCell("tl-rc-on", "on", h("label", null, on)),
    h("th", { role: "rowheader", scope: "row", class: "tl-rc-who" }, pick),
    slot(first, "tl-rc-first", first ? "learning rate" : "", true),
    slot(second, "tl-rc-second", second ? second.name : ""),
    best,
    reach,
    count,
    status,
    raceCell("tl-rc-acts", "", h("span", null, rest.length > 0 && more, gone)),
  );
  const field = (knob) => {
    const { slider, box } = made(knob);
    return h(
      "label",
      { class: "tl-rc-field", title: knob.name },
      h(
        "span",
        null,
        knob.name,
        knob.symbol && raceSymbol(knob) !== knob.name ? [" ", h("i", null, raceSymbol(knob))] : null,
      ),
      slider,
      box,
    );
  };
  function unfold(now) {
    opened[now ? "add" : "delete"](name());
    if (now && !other.firstChild) {
      other.append(...rest.map(field));
      if (view.race.tracks[i].note) other.append(h("p", { class: "tl-num" }, view.race.tracks[i].note));
    }
    under.hidden = !now;
    more.setAttribute("aria-expanded", String(now));
  }
  /** A text box in place of the name; Enter and leaving it rename, Escape does not. */
  function rename() {
    if (!live || pick.hidden) return;
    const old = name(),
      box = h("input", {
        type: "text",
        class: "tl-rc-rename",
        maxlength: "60",
        value: old,
        "aria-label": `New name of ${old}`,
      });
    const end = (take) => {
      if (pick.hidden === false) return;
      pick.hidden = false;
      const text = box.value.trim();
      box.remove();
      pick.focus();
      if (take && text && text !== old) view.ask({ do: "rename", index: i, name: text });
    };
    box.addEventListener("keydown", (e) => {
      if (e.key !== "Enter" && e.key !== "Escape") return;
      e.preventDefault();
      e.stopPropagation();
      end(e.key === "Enter");
    });
    box.addEventListener("blur", () => end(true));
    pick.hidden = true;
    pick.after(box);
    box.select();
  }

  let marked = "",
    drawn = [];
  function update(t) {
    const chosen = view.chosen() === i,
      last = view.race.steps.at(-1),
      out = t.ended >= 0,
      now = [t, t.toTarget, view.race.target, last, chosen, view.on(i)];
    if (now.every((v, j) => v === drawn[j]) && ![...knobs.values()].some((k) => k.ahead())) return;
    drawn = now;
    row.classList.toggle("tl-sel", chosen);
    row.classList.toggle("tl-rc-off", !view.on(i));
    row.setAttribute("aria-current", String(chosen));
    pick.setAttribute("aria-pressed", String(chosen));
    pick.title = live
      ? `${t.label || t.name}: choose; double click, F2, or Enter once it is chosen, to rename`
      : t.label || t.name;
    on.checked = view.on(i);
    on.setAttribute("aria-label", `${t.name} on`);
    title.textContent = t.name;
    const look = `${t.colour} ${t.marker}`;
    if (look !== marked) mark.replaceChildren(raceChip(t));
    marked = look;
    more.setAttribute("aria-label", `More of ${t.name}`);
    more.title = `Other hyperparameters of ${t.name}`;
    if (gone) for (const a of ["aria-label", "title"]) gone.setAttribute(a, `Remove ${t.name}`);
    best.textContent = Number.isFinite(t.best) ? short(t.best, 3) : "none";
    reach.textContent = view.race.target === null ? "no target" : t.toTarget >= 0 ? t.toTarget : `not in ${last}`;
    reach.classList.toggle("tl-meta", !(t.toTarget >= 0));
    count.textContent = t.evaluations;
    status.textContent = t.status;
    status.classList.toggle("tl-bad", out);
    for (const k of t.knobs) if (knobs.has(k.name)) knobs.get(k.name).update(k);
    unfold(opened.has(t.name));
  }
  return { els: [row, under], update, pick };
}

/** The contenders; `part.add` is the button that adds one, in the bar of the frame. */
export function raceTable(view) {
  const heads = ["", "contender", "learning rate", "second", "best loss", "to target", "evaluations", "status", ""],
    number = (n) => ["best loss", "to target", "evaluations"].includes(n),
    head = h(
      "thead",
      { role: "rowgroup" },
      h(
        "tr",
        { role: "row" },
        heads.map((n) =>
          n
            ? h("th", { role: "columnheader", scope: "col", class: number(n) ? "tl-n" : "" }, n)
            : h("td", { role: "cell" }),
        ),
      ),
    ),
    body = h("tbody", { role: "rowgroup" }),
    empty = h("p", { class: "tl-num" }, "No contender is left."),
    table = h("table", { role: "table", "aria-label": "Contenders" }, head, body),
    el = h("div", { class: "tl-rc-table" }, table, empty),
    opened = new Set();
  let rows = [],
    made = "",
    mounted = false;
  const kinds = new WeakMap();
  /** What a row is made for; another one needs another row. */
  const kind = (t) => {
    if (!kinds.has(t))
      kinds.set(t, JSON.stringify([t.rule, t.name, t.knobs.map((k) => [k.name, k.kind, k.choices, raceSlides(k)])]));
    return kinds.get(t);
  };

  function draw() {
    const { tracks } = view.race,
      key = tracks.map(kind).join();
    if (!mounted) mount();
    if (key !== made) {
      const more = rows.length > 0 && tracks.length > rows.length,
        held = [...body.children].findIndex((r) => r.contains(document.activeElement));
      rows = tracks.map((t, i) => raceRow(view, i, t, opened));
      body.replaceChildren(...rows.flatMap((r) => r.els));
      if (more) queueMicrotask(() => (el.scrollTop = el.scrollHeight));
      if (held >= 0 && rows.length) rows[Math.min(held >> 1, rows.length - 1)].pick.focus();
      made = key;
    }
    rows.forEach((r, i) => r.update(tracks[i]));
    el.classList.toggle("tl-rc-long", tracks.length > RACE_LONG);
    table.hidden = !tracks.length;
    empty.hidden = !!tracks.length;
  }
  /** The button stands beside those of the frame, which exists once something is drawn. */
  function mount() {
    mounted = true;
    const bar = view.f && view.f.root.querySelector(".tl-bar");
    if (!view.live || !view.race.rules.length || !bar) return;
    const menu = raceAddMenu(view);
    bar.insertBefore(menu.button, bar.querySelector("button"));
    view.f.root.firstElementChild.append(menu.pop);
  }
  return { el, draw };
}
