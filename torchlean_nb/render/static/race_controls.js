// RaceArena: what its controls share.

/** A number from a text box: a true minus is taken as well, NaN for anything else. */
export function raceNumber(text) {
  const t = String(text).trim().replace(/\u2212/g, "-");
  return t === "" ? NaN : Number(t);
}
