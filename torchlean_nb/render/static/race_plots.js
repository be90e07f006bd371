// RaceArena: plots.

/** Part of the picture. */
export function racePlots(view) {
  const el = h("div", { class: "tl-ra-plots" });
  const nothing = () => {};
  return { el, draw: nothing, renew: nothing, take: nothing, wait: nothing, fits: () => true };
}
