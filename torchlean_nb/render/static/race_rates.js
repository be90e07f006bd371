// RaceArena: the rate map, contraction per step over learning rate and momentum on a quadratic.

/** The map, or why there is none. */
export function raceRates(view) {
  const el = h("div", { class: "tl-ra-rates" });
  const draw = () => el.replaceChildren(h("p", { class: "tl-num" }, view.race.surface.eigen ? "" : "No rate map: the Hessian of this surface changes from place to place."));
  return { el, draw };
}
