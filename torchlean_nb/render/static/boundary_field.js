// Frames of a decision boundary: colours of the cells, the lines between areas, markers. Pure but for `paintField`.

const FIELD_HUES = ["value", "grad", "upd", "par", "inp", "pur", "const"];
const FIELD_INKS = [[0, 114, 178], [213, 94, 0], [0, 158, 115], [230, 159, 0], [86, 180, 233], [204, 121, 167], [125, 134, 143]];
const FIELD_NAN = 255;
const FIELD_TOP = 254;
const FIELD_BANDS = 6;

export const classHue = (i) => `var(--${FIELD_HUES[i % FIELD_HUES.length]})`;
/** Colour of a point: on a dark page lighter than the field it lies on. */
export const markHue = (i) => `light-dark(${classHue(i)}, color-mix(in srgb, ${classHue(i)} 65%, #fff))`;

/** Area of a cell (class, or band of values), and how far it is from the next. */
export function areaOf(code, classes, levels) {
  if (classes) return [Math.floor(code / levels), code % levels];
  return [Math.max(0, Math.min(FIELD_BANDS - 1, Math.floor((code / FIELD_TOP) * FIELD_BANDS))), code];
}

/** Segments between areas by marching squares, `[x, y, x, y]` in cells from the lower left corner. */
export function outlineOf(codes, w, rows, classes, levels) {
  const area = new Array(codes.length),
    size = new Array(codes.length),
    out = [];
  for (let q = 0; q < codes.length; q++) [area[q], size[q]] = areaOf(codes[q], classes, levels);
  const crossing = (a, b) => {
    if (classes) return (size[a] + 0.5) / (size[a] + size[b] + 1);
    const cut = (Math.max(area[a], area[b]) * FIELD_TOP) / FIELD_BANDS;
    return Math.min(1, Math.max(0, (cut - size[a]) / (size[b] - size[a])));
  };
  const corners = [[0, 0], [0, 1], [1, 1], [1, 0]];
  for (let r = 0; r + 1 < rows; r++) {
    for (let c = 0; c + 1 < w; c++) {
      const at = corners.map(([i, j]) => (r + i) * w + c + j);
      if (area[at[0]] === area[at[1]] && area[at[1]] === area[at[2]] && area[at[2]] === area[at[3]]) continue;
      const found = [];
      for (let e = 0; e < 4; e++) {
        const n = (e + 1) % 4;
        if (area[at[e]] === area[at[n]]) continue;
        const [i, j] = corners[e],
          [p, q] = corners[n],
          t = crossing(at[e], at[n]);
        found.push([c + 0.5 + j + t * (q - j), r + 0.5 + i + t * (p - i)]);
      }
      if (found.length === 2) out.push([...found[0], ...found[1]]);
      else {
        const middle = [0, 1].map((k) => found.reduce((sum, f) => sum + f[k], 0) / found.length);
        found.forEach((f) => out.push([...f, ...middle]));
      }
    }
  }
  return out;
}

/** Opacity of a share from 0 to 1. */
export const fieldAlpha = (share) => 0.05 + 0.5 * Math.max(0, Math.min(1, share));

/** Path of the marker of class `i` around the origin: circle, triangle, square, diamond, plus, cross. */
export function markerPath(i, r) {
  const k = r * 1.15,
    a = r * 1.15,
    b = r * 0.38,
    plus = [[b, a], [b, b], [a, b], [a, -b], [b, -b], [b, -a], [-b, -a], [-b, -b], [-a, -b], [-a, b], [-b, b], [-b, a]],
    h2 = Math.SQRT1_2;
  const way = (list) => `M${list.map(([x, y]) => `${x.toFixed(2)} ${y.toFixed(2)}`).join("L")}z`;
  return [
    `M${-r} 0a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`,
    way([[0, -k], [k, r * 0.8], [-k, r * 0.8]]),
    way([[-0.9 * r, -0.9 * r], [0.9 * r, -0.9 * r], [0.9 * r, 0.9 * r], [-0.9 * r, 0.9 * r]]),
    way([[0, -k], [k, 0], [0, k], [-k, 0]]),
    way(plus),
    way(plus.map(([x, y]) => [(x - y) * h2, (x + y) * h2])),
  ][i % 6];
}

/** Paints one frame into a canvas of w by h cells, row 0 at the bottom. */
export function paintField(canvas, codes, w, rows, classes, levels) {
  const pen = canvas.getContext("2d"),
    image = pen.createImageData(w, rows);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < w; c++) {
      const code = codes[r * w + c],
        to = 4 * ((rows - 1 - r) * w + c);
      if (code === FIELD_NAN) {
        image.data.set([0, 0, 0, 255], to);
        continue;
      }
      const [area, size] = areaOf(code, classes, levels),
        ink = FIELD_INKS[classes ? area % FIELD_INKS.length : 0],
        share = classes ? size / Math.max(1, levels - 1) : code / FIELD_TOP;
      image.data.set([...ink, Math.round(255 * fieldAlpha(share))], to);
    }
  }
  pen.putImageData(image, 0, 0);
}
