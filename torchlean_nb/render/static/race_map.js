// RaceArena: the contenders' marks, for every picture and table of the race.

const RACE_HUES = ["var(--text)", "#E69F00", "#56B4E9", "#CC79A7", "#0072B2", "#009E73"];
// Within a circle of radius 5 around 0.
const RACE_MARKS = [
  "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
  "M-3.6-3.6h7.2v7.2h-7.2z",
  "M0-5l4.7 8.2h-9.4z",
  "M0-5.2L5.2 0 0 5.2-5.2 0z",
  "M0 5l4.7-8.2h-9.4z",
  "M-1.7-5h3.4v3.3H5v3.4H1.7V5h-3.4V1.7H-5v-3.4h3.3z",
  "M-4.7-2.3l2.4-2.4L0-2.3l2.3-2.4 2.4 2.4L2.3 0l2.4 2.3-2.4 2.4L0 2.3l-2.3 2.4-2.4-2.4L-2.3 0z",
  "M0-5.4l1.5 3.5 3.8.3-2.9 2.4.9 3.7L0 2.4l-3.3 2.1.9-3.7-2.9-2.4 3.8-.3z",
];

/** Colour of a track `{colour, marker}`. */
export const raceHue = (track) => RACE_HUES[track.colour % RACE_HUES.length];

/** Outline of a track's mark. */
export const raceShape = (track) => RACE_MARKS[track.marker % RACE_MARKS.length];

/** Mark of a track as a path of an SVG, around 0. */
export const raceMark = (track) => s("path", { class: "tl-ra-mark", d: raceShape(track), style: { fill: raceHue(track) } });

/** The same as a small picture of its own, for tables. */
export const raceChip = (track) =>
  s("svg", { class: "tl-ra-chip", viewBox: "-7 -6 14 12", width: 14, height: 12, "aria-hidden": "true" }, raceMark(track));

/** Contours and paths. */
export function raceMap(view) {
  const svg = s("svg", { role: "img", "aria-label": "Map" }),
    el = h("div", { class: "tl-ra-map" }, svg);
  const nothing = () => {};
  return { el, svg, draw: nothing, renew: nothing, take: nothing, wait: nothing, fits: () => true, fit: nothing, zoom: nothing, whole: nothing };
}
