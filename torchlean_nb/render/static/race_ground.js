// RaceArena: the plane on the screen, and what stands still on it: bands, contours and their numbers, minima.

/** A part of the plane in a picture, one scale for both axes. `camera` {x, y, by}: its middle and pixels per unit. */
export class RacePlane {
  constructor(wide, tall) {
    Object.assign(this, { wide, tall, camera: null, domain: [0, 1, 0, 1] });
  }
  home() {
    const [left, right, bottom, top] = this.domain,
      by = Math.min(this.wide / (right - left), this.tall / (top - bottom));
    return { x: (left + right) / 2, y: (bottom + top) / 2, by };
  }
  get seen() {
    return this.camera || this.home();
  }
  px(x) {
    return this.wide / 2 + (x - this.seen.x) * this.seen.by;
  }
  py(y) {
    return this.tall / 2 - (y - this.seen.y) * this.seen.by;
  }
  /** The point under a pixel. */
  back(u, v) {
    const { x, y, by } = this.seen;
    return [x + (u - this.wide / 2) / by, y - (v - this.tall / 2) / by];
  }
  /** What is seen after the point under a pixel has come nearer by a factor and stayed where it is. */
  nearer(factor, u = this.wide / 2, v = this.tall / 2) {
    const [x, y] = this.back(u, v),
      by = Math.max(this.home().by / 50, Math.min(this.home().by * 1e6, this.seen.by * factor));
    return { x: x - (u - this.wide / 2) / by, y: y + (v - this.tall / 2) / by, by };
  }
  /** What is seen when points fit in, those left out that ran far away; null when there are none. */
  around(points) {
    const [left, right, bottom, top] = this.domain,
      far = ([x, y]) =>
        Math.abs(x - (left + right) / 2) < 5 * (right - left) && Math.abs(y - (bottom + top) / 2) < 5 * (top - bottom),
      near = points.filter(far);
    if (!near.length) return null;
    const ends = (k) => near.reduce(([a, b], p) => [Math.min(a, p[k]), Math.max(b, p[k])], [Infinity, -Infinity]),
      [x0, x1] = ends(0),
      [y0, y1] = ends(1),
      by = Math.min((this.wide - 60) / (x1 - x0 || 1e-9), (this.tall - 50) / (y1 - y0 || 1e-9), this.home().by * 1e6);
    return { x: (x0 + x1) / 2, y: (y0 + y1) / 2, by };
  }
}

/** Whether two surfaces look the same on the map. */
const raceSame = (a, b) =>
  a === b || (!!a && String(a.domain) === String(b.domain) && String(a.contours.lines) === String(b.contours.lines));

/** Everything below the paths. */
export function raceGround() {
  const layer = (name) => s("g", { class: `tl-ra-${name}` }),
    fills = layer("fills"),
    lines = layer("lines"),
    tags = layer("tags"),
    goals = layer("goals");
  let of = null,
    spots = null,
    minima = [];

  function labels(plane, surface, busy) {
    const { contours } = surface,
      left = plane.px(surface.domain[0]),
      top = plane.py(surface.domain[3]),
      by = ((surface.domain[1] - surface.domain[0]) * plane.seen.by) / 1000;
    spots = spots || raceSpots(contours.lines, (x, y) => [left + x * by, top + y * by], plane.wide, plane.tall, busy);
    const tag = (p) =>
      s(
        "text",
        { class: "tl-ra-halo", x: p.x.toFixed(1), y: (p.y + 3.5).toFixed(1), "text-anchor": "middle" },
        contours.labels[p.level],
      );
    tags.replaceChildren(...spots.map(tag));
  }
  function crosses(plane, surface) {
    const { wide, tall } = plane,
      inside = surface.goals
        .map(([x, y]) => [plane.px(x), plane.py(y)])
        .filter(([u, v]) => u > 0 && u < wide && v > 0 && v < tall);
    const cross = ([u, v]) =>
      s("path", {
        class: "tl-ra-goal",
        d: "M-5 0h10M0-5v10",
        transform: `translate(${u.toFixed(1)} ${v.toFixed(1)})`,
      });
    goals.replaceChildren(...inside.map(cross));
    minima = inside.map(([u, v]) => [u - 5, v - 5, 10, 10]);
    if (!inside.length) return;
    const [u, v] = inside[0],
      word = inside.length > 1 ? "minima" : "minimum",
      x = u < wide - 60 ? u + 8 : u - 8 - raceWide(word),
      y = v > tall - 22 ? v - 8 : v + 16;
    goals.append(s("text", { class: "tl-ra-halo", x: x.toFixed(1), y: y.toFixed(1) }, word));
    minima.push([x, y - 10, raceWide(word), 13]);
  }
  return {
    el: [fills, lines, tags, goals],
    /** Looks for other places for the numbers of the contours. */
    forget() {
      spots = null;
    },
    /** Another race on the same ground leaves the numbers where they are. */
    take(surface) {
      if (!raceSame(of, surface)) spots = null;
    },
    /** Draws a surface; the numbers of its contours keep away from the pixels `busy`. */
    draw(plane, surface, busy) {
      const [left, right, , top] = surface.domain,
        by = ((right - left) * plane.seen.by) / 1000,
        move = `translate(${plane.px(left)} ${plane.py(top)}) scale(${by})`,
        { contours } = surface,
        last = Math.max(1, contours.fills.length);
      if (!raceSame(of, surface)) {
        const band = (d, i) => s("path", { d: raceTidy(d), "fill-opacity": (0.3 * i) / last });
        fills.replaceChildren(...contours.fills.map(band));
        const edge = s("path", { class: "tl-ra-edge", d: `M0 0H1000V${1000 * surface.aspect}H0Z` });
        lines.replaceChildren(...contours.lines.map((d) => s("path", { d: raceTidy(d) })), edge);
      }
      of = surface;
      fills.setAttribute("transform", move);
      lines.setAttribute("transform", move);
      lines.lastChild.style.visibility = plane.camera ? "" : "hidden";
      labels(plane, surface, busy);
      crosses(plane, surface);
    },
    /** Boxes that labels keep free. */
    boxes: () => [...minima, ...spots.map((p) => [p.x - 12, p.y - 7, 24, 13])],
  };
}
