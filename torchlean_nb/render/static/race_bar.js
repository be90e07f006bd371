// RaceArena: what the race is run on, above the picture.

/** Surface, start, steps, target and the three resets. */
export function raceBar(view) {
  const el = h("div", { class: "tl-ra-bar", role: "group", "aria-label": "Race" });
  const draw = () => el.replaceChildren(h("span", { class: "tl-meta" }, `surface ${view.race.surface.label}`));
  return { el, draw };
}
