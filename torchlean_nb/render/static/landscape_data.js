// LandscapeExplorer: the numbers. Nothing here touches the page, so node can test it.

const LAND_REACH = 700;

/** Payload with its arrays decoded, and what is derived from them. */
export function landData(payload) {
  const list = (a) => decode(a).data;
  const planes = payload.planes.map((p) => {
    const at = list(p.at),
      a = list(p.a),
      b = list(p.b),
      k = at.length / 2;
    const land = { ...p, a, b, z: list(p.z), off: list(p.off), under: list(p.under) };
    land.ca = Array.from({ length: k }, (_, i) => at[2 * i]);
    land.cb = Array.from({ length: k }, (_, i) => at[2 * i + 1]);
    land.x = land.ca.map((v) => landSpot(land, v, b[0])[0]);
    land.y = land.cb.map((v) => landSpot(land, a[0], v)[1]);
    land.far = Math.max(0, ...land.off.filter(Number.isFinite));
    return land;
  });
  const line = (l, keys) => ({ ...l, ...Object.fromEntries(keys.map((key) => [key, list(l[key])])) });
  return {
    ...payload,
    losses: list(payload.losses),
    planes,
    rescalings: payload.rescalings.map((r) => ({ ...line(r, ["at", "raw", "normalised"]), loss: list(r.loss)[0] })),
    lines: payload.lines.map((l) => line(l, ["at", "losses", "accuracy"])),
  };
}

/** Where coordinates of a plane lie in its box, 1000 wide, y down. */
export function landSpot(land, a, b) {
  const share = (axis, v) => (v - axis[0]) / (axis.at(-1) - axis[0] || 1);
  return [1000 * share(land.a, a), land.tall * (1 - share(land.b, b))];
}

/** Coordinates of a spot of the box. */
export function landAt(land, x, y) {
  const on = (axis, share) => axis[0] + share * (axis.at(-1) - axis[0]);
  return [on(land.a, x / 1000), on(land.b, 1 - y / land.tall)];
}

/** Cell of an axis and the share of the way through it; -1 outside. */
function landCell(axis, v) {
  if (!(v >= axis[0] && v <= axis.at(-1))) return [-1, 0];
  let low = 0,
    high = axis.length - 1;
  if (!high) return [0, 0];
  while (high - low > 1) {
    const mid = (low + high) >> 1;
    if (axis[mid] <= v) low = mid;
    else high = mid;
  }
  return [low, (v - axis[low]) / (axis[low + 1] - axis[low])];
}

/** Loss between the points of the grid; NaN outside, and where a corner of the cell is no number. */
export function landValue(land, a, b) {
  const [i, t] = landCell(land.b, b),
    [j, u] = landCell(land.a, a),
    n = land.a.length;
  if (i < 0 || j < 0) return NaN;
  const down = Math.min(i + 1, land.b.length - 1),
    right = Math.min(j + 1, n - 1);
  const [p, q, r, o] = [land.z[i * n + j], land.z[i * n + right], land.z[down * n + j], land.z[down * n + right]];
  const value = (1 - t) * ((1 - u) * p + u * q) + t * ((1 - u) * r + u * o);
  return [p, q, r, o].every(Number.isFinite) ? value : NaN;
}

/** Height of a loss on the scale of the contours, from 0 to 1. */
export function landHeight(land, v) {
  if (!(land.high > land.low)) return Number.isFinite(v) ? 0 : NaN;
  const share = land.log
    ? Math.log(Math.max(v, land.low) / land.low) / Math.log(land.high / land.low)
    : (v - land.low) / (land.high - land.low);
  return Number.isFinite(v) ? Math.max(0, Math.min(1.12, share)) : NaN;
}

/** Rings are drawn to scale unless the largest would leave the map: units of the box per unit of the weights. */
export function landReach(land) {
  const fits = land.far * land.unit <= LAND_REACH;
  return { fits, by: fits ? land.unit : (0.6 * LAND_REACH) / land.far };
}

/** A view from `az` around and `el` above, in degrees: `[x, y, z]` of a box around 0 to `[right, down]`. */
export function landTurn(az, el) {
  const t = (az * Math.PI) / 180,
    e = (el * Math.PI) / 180,
    [c, d, up, flat] = [Math.cos(t), Math.sin(t), Math.cos(e), Math.sin(e)];
  return {
    put: (x, y, z) => [x * c - y * d, -(x * d + y * c) * flat - z * up],
    // Of a drawing of the ground, y down: seen through a matrix it need not be drawn anew.
    ground: [c, -d * flat, d, c * flat],
    back: [c > 0, d > 0],
  };
}

/** A path whose beginning, up to any of its points, is had by cutting a text. */
export function landWay(xs, ys) {
  let text = "",
    pen = "M";
  const ends = xs.map((x, i) => {
    if (!Number.isFinite(x) || !Number.isFinite(ys[i])) pen = "M";
    else {
      text += `${pen}${x.toFixed(1)} ${ys[i].toFixed(1)}`;
      pen = "L";
    }
    return text.length;
  });
  return { whole: text || "M0 0", upTo: (k) => text.slice(0, ends[k]) || "M0 0" };
}

/** Which rows or columns make a mesh of at most `most` cells, the ends among them. */
export function landPick(count, most = 30) {
  const n = Math.min(count, most + 1);
  return Array.from({ length: n }, (_, i) => (n > 1 ? Math.round((i * (count - 1)) / (n - 1)) : 0));
}

/** Ends of an axis for these lists: with room, and whether it is logarithmic. */
export function landEnds(lists, share = false) {
  const known = lists.flat().filter(Number.isFinite);
  if (!known.length) return { ends: [0, 1], log: false };
  const low = Math.min(...known),
    high = Math.max(...known);
  if (share && low >= 0 && high <= 1) return { ends: [0, 1], log: false };
  if (low > 0 && high > 20 * low) return { ends: [Math.max(low, high * 1e-8) / 1.25, high * 1.25], log: true };
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  return { ends: [low >= 0 && low < 0.3 * high ? 0 : low - room, high + room], log: false };
}

/** How much a loss has risen at the two ends of a line, on average. */
export const landRise = (values, start) => (values[0] + values.at(-1)) / 2 - start;

/** Index of the number nearest to `v` in an increasing list. */
export function landNearest(list, v) {
  let best = 0;
  list.forEach((w, i) => {
    if (Math.abs(w - v) < Math.abs(list[best] - v)) best = i;
  });
  return best;
}

/** What one plane shows of one point of the path, in one sentence. */
export function landSays(data, land, k) {
  if (!data.steps.length) {
    const good = land.z.filter(Number.isFinite);
    const span = good.length
      ? `from ${short(Math.min(...good), 4)} to ${short(Math.max(...good), 4)}`
      : "nowhere a number";
    return `The ${land.label} plane: the loss is ${span}.`;
  }
  const n = data.steps[k],
    off = land.off[k],
    when = n === 0 ? "Before the first update" : `After ${n} update${n === 1 ? "" : "s"}`;
  const says = Number.isFinite(land.under[k]) ? `says ${short(land.under[k], 4)} there` : "has no number there";
  const where = off ? `and the path is ${short(off, 3)} away from it` : "and the path is in it",
    away = Number.isFinite(off) ? where : "and the path has left all numbers";
  return `${when} the loss is ${short(data.losses[k], 4)}; the plane ${says}, ${away}.`;
}

/** What the cursor says: the loss between the points of the grid, and where. */
export function landProbe(land, a, b) {
  const v = landValue(land, a, b),
    where = `(${short(+a.toPrecision(3), 3)}, ${short(+b.toPrecision(3), 3)})`;
  return Number.isFinite(v) ? `loss ${short(v, 4)} at ${where}` : `no number at ${where}`;
}
