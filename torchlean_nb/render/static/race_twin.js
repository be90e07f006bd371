// RaceArena: the race as a table of numbers.

/** The twin of the pictures. */
export function raceTwin(view) {
  const el = h("div", { class: "tl-ra-twin", hidden: true });
  return { el, draw() {} };
}
