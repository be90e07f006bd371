// Arrays of a program as lanes: what lies in them from which step to which. Time runs down, a row is a step.

const ROW_H = 20;

/** Width of one lane, so that `count` of them fit. */
export const laneWidth = (count) => Math.max(5, Math.min(12, Math.floor(176 / Math.max(1, count))));

/** State of a lane while step k runs, and the span that lies in it: written, last (read for the last time), read, held or free. */
export function laneState(lane, k, line) {
  const at = lane.spans.findLastIndex(([a, b]) => a <= k && k <= b);
  if (at < 0) return { is: "free", at: -1 };
  const [a, b] = lane.spans[at];
  if (a === k) return { is: "written", at };
  if (line && line.reads.includes(lane.id)) return { is: b === k ? "last" : "read", at };
  return { is: b === k ? "last" : "held", at };
}

/** From where to where a span reaches in a row of height 1: written and last read in the middle of their rows. */
export function reach([a, b], first, last) {
  if (b < first || a > last) return null;
  const from = a >= first && a <= last ? (first === last ? 0.5 : (a - first + 0.5) / (last - first + 1)) : 0;
  const to = b >= first && b <= last ? (first === last ? 0.5 : (b - first + 0.5) / (last - first + 1)) : 1;
  return from === to ? [Math.max(0, from - 0.15), Math.min(1, to + 0.15)] : [from, to];
}

/** The lanes of one row: steps `first` to `last`. `spans` collects the rectangles of every span. */
export function laneCell(lanes, first, last, spans) {
  const w = laneWidth(lanes.length),
    svg = s("svg", { class: "pv-lanes", viewBox: `0 0 ${w * lanes.length} 1`, preserveAspectRatio: "none", style: { width: `${w * lanes.length}px` }, "aria-hidden": "true" });
  lanes.forEach((lane, n) => {
    svg.append(s("path", { class: "pv-rail", d: `M${n * w + w / 2} 0V1` }));
    lane.spans.forEach((span, at) => {
      const y = reach(span, first, last);
      if (!y) return;
      const end = span[1] >= first && span[1] <= last ? 0.04 : 0,
        start = span[0] >= first && span[0] <= last ? 0.04 : 0,
        rect = s("rect", { x: n * w + 1, y: y[0] + start, width: w - 2, height: Math.max(0.05, y[1] - y[0] - start - end), class: lane.fresh ? "pv-fresh" : "" });
      (spans[`${n}.${at}`] ||= []).push(rect);
      svg.append(rect);
    });
  });
  return svg;
}

/** Names above the lanes. */
export function laneHead(lanes) {
  const w = laneWidth(lanes.length);
  return h("div", { class: "pv-names", style: { "--w": `${w}px` } }, lanes.map((lane) => h("span", { title: `${lane.name}: ${shapeText(lane.shape)} ${lane.dtype}, ${byteText(lane.bytes)}` }, w >= 9 ? lane.name : "")));
}

export function byteText(n) {
  if (n === 1) return "1 byte";
  return n < 1e4 ? `${n} bytes` : n < 1e6 ? `${+(n / 1e3).toPrecision(3)} kB` : `${+(n / 1e6).toPrecision(3)} MB`;
}

export const secondsText = (t) => (t < 1e-3 ? `${+(t * 1e6).toPrecision(2)} \u00b5s` : `${+(t * 1e3).toPrecision(2)} ms`);

/** Bytes that are held over the steps, as a curve with a mark; `update(k)` moves it. */
export function heldCurve(live, peak) {
  const n = Math.max(1, live.length),
    y = (v) => 30 - (28 * v) / (peak || 1);
  const d = `M0 30${live.map((v, i) => `H${i}V${y(v)}H${i + 1}`).join("")}V30z`,
    mark = s("rect", { class: "pv-here", y: 0, width: 1, height: 30 }),
    svg = s("svg", { class: "pv-curve", viewBox: `0 0 ${n} 30`, preserveAspectRatio: "none", "aria-hidden": "true" }, s("path", { d }), mark);
  return {
    el: svg,
    update(k) {
      mark.setAttribute("x", k - 1);
      mark.style.display = k ? "" : "none";
    },
  };
}
