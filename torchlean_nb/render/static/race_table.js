// RaceArena: the contenders, one row each.

/** Checkbox, name and results of every contender. */
export function raceTable(view) {
  const body = h("tbody"),
    el = h("div", { class: "tl-ra-table" }, h("table", null, body));
  const row = (t, i) =>
    h("tr", null, h("td", null, h("input", { type: "checkbox", "aria-label": `${t.name} on`, onchange: () => view.toggle(i) })), h("td", null, h("button", { type: "button", onclick: () => view.choose(i) }, t.name)), h("td", { class: "tl-n" }, short(t.best, 3)), h("td", null, t.status));
  const draw = () => {
    body.replaceChildren(...view.race.tracks.map(row));
    body.querySelectorAll("input").forEach((box, i) => (box.checked = view.on(i)));
  };
  return { el, draw };
}
