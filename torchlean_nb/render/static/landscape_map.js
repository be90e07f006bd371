// LandscapeExplorer: the plane as a map, and in space: as a surface with the path over it, or flat with the path beside it.

const LAND_SIDE = 372;
const LAND_HIGH = 400;
const LAND_PAD = { left: 46, top: 8, right: 10, bottom: 34 };
const LAND_SPACE = { wide: 428, tall: 352, x: 222, size: 300 };
const LAND_RINGS = 24;
const LAND_DROPS = 80;
let landCount = 0;

const landText = (x, y, said, anchor = "middle", cls = null) =>
  s("text", { x: x.toFixed(1), y: y.toFixed(1), "text-anchor": anchor, class: cls }, said);
const landSpread = (count, most) => landPick(count, most - 1);

/** Puts a mark somewhere, or hides it where there is no place for it. */
function landPut(el, [x, y]) {
  const there = Number.isFinite(x + y);
  el.style.display = there ? "" : "none";
  if (!there) return;
  el.setAttribute("cx", x.toFixed(1));
  el.setAttribute("cy", y.toFixed(1));
}

/** Contours of a plane in its box. */
function landGround(land, hatch) {
  const bands = land.fills.map((d, i) =>
    s("path", {
      class: "ls-band",
      d: d || null,
      "fill-rule": "evenodd",
      style: { "fill-opacity": (0.03 + (0.19 * (i + 1)) / land.fills.length).toFixed(3) },
    }),
  );
  const lines = land.lines.map((d) =>
    s("path", { class: "ls-line", d: d || null, "vector-effect": "non-scaling-stroke" }),
  );
  return s(
    "g",
    null,
    bands,
    lines,
    land.holes && s("path", { class: "ls-hole", d: land.holes, fill: `url(#${hatch})` }),
  );
}

function landHatch(id) {
  return s(
    "pattern",
    { id, width: 14, height: 14, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
    s("rect", { class: "ls-hole-back", width: 14, height: 14 }),
    s("path", { class: "ls-hole-line", d: "M0 0V14" }),
  );
}

/** The map of one plane; `draw(k, cursor)` puts the point of the path and the cursor on it. */
export function landMap(data, land) {
  const by = Math.min(LAND_SIDE, (1000 * LAND_HIGH) / land.tall) / 1000,
    wide = 1000 * by,
    tall = land.tall * by,
    id = `ls${++landCount}`,
    { left, top, right, bottom } = LAND_PAD,
    xs = land.x.map((v) => v * by),
    ys = land.y.map((v) => v * by),
    reach = landReach(land),
    way = landWay(xs, ys),
    end = xs.length - 1,
    radius = (i) => (land.off[i] * reach.by * by).toFixed(1);
  const past = s("path", { class: "ls-way" }),
    start = s("circle", { class: "ls-start", r: 4.5 }),
    ring = s("circle", { class: `ls-ring${reach.fits ? "" : " ls-unscaled"}` }),
    now = s("circle", { class: "ls-now", r: 5 }),
    cross = s("path", { class: "ls-cursor" });
  const tick = (axis, across) =>
    ticks(axis[0], axis.at(-1), across ? 6 : 5).map((v) => {
      const [x, y] = landSpot(land, across ? v : land.a[0], across ? land.b[0] : v);
      return across ? landText(x * by, tall + 14, short(v, 3)) : landText(-6, y * by + 3.5, short(v, 3), "end");
    });
  const rings = s(
    "g",
    { class: "ls-halo" },
    landSpread(xs.length, LAND_RINGS).map(
      (i) => Number.isFinite(xs[i] + land.off[i]) && s("circle", { cx: xs[i], cy: ys[i], r: radius(i) }),
    ),
  );
  const zero = landSpot(land, 0, 0).map((v) => v * by);
  const svg = s(
    "svg",
    {
      class: "ls-plot",
      viewBox: `${(-left - (LAND_SIDE - wide) / 2).toFixed(1)} ${-top} ${LAND_SIDE + left + right} ${(tall + top + bottom).toFixed(1)}`,
      role: "img",
    },
    s(
      "defs",
      null,
      landHatch(`${id}h`),
      s("clipPath", { id: `${id}c` }, s("rect", { width: wide.toFixed(1), height: tall.toFixed(1) })),
    ),
    s("g", { transform: `scale(${by})` }, landGround(land, `${id}h`)),
    land.marks.map(([x, y, said]) => landText(x * by, y * by + 3.5, said, "middle", "ls-level")),
    s(
      "g",
      { "clip-path": `url(#${id}c)` },
      rings,
      xs.length && s("path", { class: "ls-way ls-ahead", d: way.whole }),
      past,
      ring,
      s("path", { class: "ls-end", d: `M${(zero[0] - 8).toFixed(1)} ${zero[1].toFixed(1)}h16m-8 -8v16` }),
      start,
      now,
      cross,
    ),
    s("rect", { class: "ls-edge", width: wide.toFixed(1), height: tall.toFixed(1) }),
    tick(land.a, true),
    tick(land.b, false),
    landText(wide / 2, tall + 29, land.axes[0], "middle", "ls-axis"),
    s(
      "text",
      {
        class: "ls-axis",
        "text-anchor": "middle",
        transform: `translate(${-left + 11} ${(tall / 2).toFixed(1)}) rotate(-90)`,
      },
      tall > 190 ? land.axes[1] : land.axes[1].split(",")[0],
    ),
  );

  landPut(start, xs.length ? [xs[0], ys[0]] : [NaN, NaN]);
  function draw(k, cursor) {
    const there = k <= end && Number.isFinite(xs[k] + ys[k]);
    past.setAttribute("d", there ? way.upTo(k) : "M0 0");
    for (const el of [ring, now]) landPut(el, there ? [xs[k], ys[k]] : [NaN, NaN]);
    if (there) ring.setAttribute("r", Number.isFinite(land.off[k]) ? radius(k) : "0");
    const [x, y] = cursor ? landSpot(land, ...cursor).map((v) => v * by) : [0, 0];
    cross.setAttribute(
      "d",
      cursor ? `M${(x - 9).toFixed(1)} ${y.toFixed(1)}h18M${x.toFixed(1)} ${(y - 9).toFixed(1)}v18` : "M0 0",
    );
  }
  /** Coordinates under the pointer, null outside. */
  function pick(e) {
    const m = svg.getScreenCTM().inverse(),
      p = new DOMPoint(e.clientX, e.clientY).matrixTransform(m);
    return p.x >= 0 && p.x <= wide && p.y >= 0 && p.y <= tall ? landAt(land, p.x / by, p.y / by) : null;
  }
  const outside = (k) => k <= end && !(xs[k] >= 0 && xs[k] <= wide && ys[k] >= 0 && ys[k] <= tall);
  return { svg, draw, pick, outside, scaled: reach.fits };
}

/** Quads of the surface, from the back to the front: `[d, shade]`. */
export function landMesh(land, put, back, tallest) {
  const rows = landPick(land.b.length),
    columns = landPick(land.a.length),
    n = land.a.length;
  const spot = (i, j) => {
    const v = landHeight(land, land.z[rows[i] * n + columns[j]]),
      [x, y] = landSpot(land, land.a[columns[j]], land.b[rows[i]]);
    return [(x - 500) / 1000, (land.tall / 2 - y) / 1000, v * tallest];
  };
  const spots = rows.map((_, i) => columns.map((_, j) => spot(i, j))),
    flat = spots.map((row) =>
      row.map((p) =>
        put(...p)
          .map((v) => v.toFixed(1))
          .join(" "),
      ),
    );
  const order = (count, far) => Array.from({ length: Math.max(0, count - 1) }, (_, i) => (far ? count - 2 - i : i)),
    out = [];
  for (const i of order(rows.length, back[0]))
    for (const j of order(columns.length, back[1])) {
      const [p, q, r, o] = [spots[i][j], spots[i][j + 1], spots[i + 1][j + 1], spots[i + 1][j]],
        high = (p[2] + q[2] + r[2] + o[2]) / 4 / tallest;
      if (!Number.isFinite(high)) continue;
      // Light from the left and behind: what falls to the right is darker.
      const slope = (q[2] + r[2] - p[2] - o[2]) / Math.max(1e-6, 2 * (q[0] - p[0]));
      const shade = Math.round(Math.max(0, Math.min(15, 2 + 8 * high + 5 * Math.tanh(-slope * 0.6))));
      out.push([`M${flat[i][j]}L${flat[i][j + 1]}L${flat[i + 1][j + 1]}L${flat[i + 1][j]}z`, shade]);
    }
  return out;
}

/** The plane in space. `kind` "surface": height is loss, the path at its true loss; "off": height is distance from the plane. */
export function landSpace(data, land, kind) {
  const surface = kind === "surface",
    { wide, tall, x: cx } = LAND_SPACE,
    half = land.tall / 2000,
    // However it is turned, it stays as large and inside.
    size = Math.min(LAND_SPACE.size, (wide - 84) / (2 * Math.hypot(0.5, half))),
    fits = surface || land.far * land.unit <= 620,
    lift = surface ? 0 : (fits ? land.unit : 620 / land.far) / 1000,
    tallest = surface ? 0.55 : land.far * lift,
    id = `ls${++landCount}`;
  const flat = (x, y) => [(x - 500) / 1000, (land.tall / 2 - y) / 1000];
  const high = land.x.map((_, i) => (surface ? landHeight(land, data.losses[i]) * tallest : land.off[i] * lift)),
    low = land.x.map((_, i) => (surface ? landHeight(land, land.under[i]) * tallest : 0)),
    drops = landSpread(land.x.length, LAND_DROPS);
  const ground = !surface && landGround(land, `${id}h`),
    holder = s("g", null, ground),
    mesh = s("g", { class: "ls-mesh" }),
    frame_ = s("path", { class: "ls-edge" }),
    words = s("g"),
    stems = s("path", { class: "ls-drops" }),
    ahead = s("path", { class: "ls-way ls-ahead" }),
    past = s("path", { class: "ls-way" }),
    drop = s("path", { class: "ls-drop" }),
    foot = s("circle", { class: "ls-foot", r: 3 }),
    start = s("circle", { class: "ls-start", r: 4.5 }),
    now = s("circle", { class: "ls-now", r: 5 });
  const svg = s(
    "svg",
    { class: "ls-plot ls-space", viewBox: `0 0 ${wide} ${tall}`, role: "img" },
    s("defs", null, landHatch(`${id}h`)),
    holder,
    frame_,
    mesh,
    words,
    stems,
    ahead,
    past,
    drop,
    foot,
    start,
    now,
  );
  let way = landWay([], []),
    tops = [],
    feet = [],
    quads = [];

  function turn([az, el]) {
    const seen = landTurn(az, el),
      cy = tall / 2 - (size * seen.put(0, 0, tallest)[1]) / 2 - 6,
      put = (x, y, z) => {
        const [u, v] = seen.put(x, y, z);
        return [cx + size * u, cy + size * v];
      };
    const corners = [
        [-0.5, -half],
        [0.5, -half],
        [0.5, half],
        [-0.5, half],
      ],
      text = (p) => p.map((v) => v.toFixed(1)).join(" ");
    frame_.setAttribute("d", `M${corners.map((c) => text(put(...c, 0))).join("L")}z`);
    if (ground)
      holder.setAttribute(
        "transform",
        `translate(${cx} ${cy}) matrix(${seen.ground.map((v) => ((v * size) / 1000).toFixed(5)).join(" ")} 0 0) translate(-500 ${-land.tall / 2})`,
      );
    else {
      const found = landMesh(land, put, seen.back, tallest);
      while (quads.length < found.length) quads.push(mesh.appendChild(s("path")));
      quads.forEach((quad, i) => {
        quad.setAttribute("d", found[i] ? found[i][0] : "M0 0");
        if (found[i]) quad.setAttribute("class", `ls-q${found[i][1]}`);
      });
    }
    tops = land.x.map((x, i) => put(...flat(x, land.y[i]), high[i]));
    feet = land.x.map((x, i) => put(...flat(x, land.y[i]), Number.isFinite(low[i]) ? low[i] : 0));
    way = landWay(
      tops.map((p) => p[0]),
      tops.map((p) => p[1]),
    );
    ahead.setAttribute("d", way.whole);
    stems.setAttribute(
      "d",
      drops
        .filter((i) => tops[i].every(Number.isFinite))
        .map((i) => `M${text(tops[i])}L${text(feet[i])}`)
        .join("") || "M0 0",
    );
    landPut(start, tops[0] || [NaN, NaN]);
    words.replaceChildren(...labels(put, corners));
  }

  /** Names of the directions along the near edges, and a scale where the box is farthest to the left. */
  function labels(put, corners) {
    const mids = [
      [
        [0, -half],
        [0, half],
      ],
      [
        [-0.5, 0],
        [0.5, 0],
      ],
    ];
    const out = mids.map((pair, i) => {
      const [x, y] = pair.map((m) => put(...m.map((v) => v * 1.16), 0)).sort((p, q) => q[1] - p[1])[0];
      return landText(
        Math.max(50, Math.min(wide - 50, x)),
        Math.min(tall - 6, y + 8),
        land.axes[i].split(",")[0],
        "middle",
        "ls-axis",
      );
    });
    const corner = corners.map((c) => [c, put(...c, 0)]).sort((p, q) => p[1][0] - q[1][0])[0][0],
      marks = surface
        ? [
            [0, land.low],
            [tallest, land.high],
          ]
        : [[tallest, land.far]];
    if (!(tallest > 0)) return out;
    const foot_ = put(...corner, 0),
      head = put(...corner, tallest);
    out.push(
      s("path", { class: "ls-rule", d: `M${foot_[0].toFixed(1)} ${foot_[1].toFixed(1)}V${head[1].toFixed(1)}` }),
    );
    for (const [z, v] of marks) {
      const [x, y] = put(...corner, z);
      out.push(landText(x - 4, y + (z ? -3 : 3), short(v, 3), "end"));
    }
    out.push(
      landText(
        Math.max(6, head[0] - 30),
        head[1] - 17,
        surface ? `loss${land.log ? ", log scale" : ""}` : "away from the plane",
        "start",
        "ls-axis",
      ),
    );
    return out;
  }

  function draw(k) {
    const there = tops[k] && tops[k].every(Number.isFinite);
    past.setAttribute("d", there ? way.upTo(k) : "M0 0");
    landPut(now, there ? tops[k] : [NaN, NaN]);
    landPut(foot, there ? feet[k] : [NaN, NaN]);
    drop.setAttribute(
      "d",
      there ? `M${tops[k].map((v) => v.toFixed(1)).join(" ")}L${feet[k].map((v) => v.toFixed(1)).join(" ")}` : "M0 0",
    );
  }
  return { svg, turn, draw, scaled: fits };
}
