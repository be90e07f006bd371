// RaceArena: space.

/** Part of the picture. */
export function raceSpace(view) {
  const el = h("div", { class: "tl-ra-space" });
  const nothing = () => {};
  return { el, draw: nothing, renew: nothing, take: nothing, wait: nothing, fits: () => true };
}
