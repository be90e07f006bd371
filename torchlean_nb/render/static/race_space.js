// RaceArena: the surface in space. Orthographic, far cells first; the paths lie on it, pale where a hill hides them.

const RACE_TURN = [-0.45, 0.85];
const RACE_LIFT = 0.55;

/**
 * Orthographic view of the unit square with heights: `turn` about the vertical, `tilt` down from the horizon. Gives
 * `screen(x, y, h)` in a box of side 1 around 0, y down, and `depth(x, y)`, larger is nearer.
 */
export function raceCamera(turn, tilt) {
  const c = Math.cos(turn),
    n = Math.sin(turn),
    up = Math.sin(tilt),
    flat = Math.cos(tilt);
  return {
    screen(x, y, z) {
      const u = x - 0.5,
        v = y - 0.5;
      return [c * u - n * v, -(up * (n * u + c * v) + flat * (z - 0.5) * RACE_LIFT)];
    },
    depth: (x, y) => -(n * (x - 0.5) + c * (y - 0.5)),
    /** A step towards the eye: along the ground, and how much higher the ray is after it. */
    towards: [-n, -c, up / Math.max(flat, 1e-6) / RACE_LIFT],
  };
}

/** Height of the grid `{n, h}` at a point of the unit square, between the four around it. */
export function raceHeight({ n, h: heights }, x, y) {
  const u = Math.max(0, Math.min(n - 1.000001, x * (n - 1))),
    v = Math.max(0, Math.min(n - 1.000001, y * (n - 1))),
    i = Math.floor(u),
    j = Math.floor(v),
    a = u - i,
    b = v - j,
    k = j * n + i;
  return (
    (heights[k] * (1 - a) + heights[k + 1] * a) * (1 - b) + (heights[k + n] * (1 - a) + heights[k + n + 1] * a) * b
  );
}

/** Whether the surface hides one of its points from the eye. */
export function raceHidden(grid, camera, x, y) {
  const [dx, dy, dz] = camera.towards,
    by = 1 / (grid.n - 1);
  let z = raceHeight(grid, x, y) + 0.012;
  for (let u = x + dx * by, v = y + dy * by; u >= 0 && u <= 1 && v >= 0 && v <= 1; u += dx * by, v += dy * by) {
    z += dz * by;
    if (z > 1) return false;
    if (raceHeight(grid, u, v) > z) return true;
  }
  return false;
}

/** The surface as a canvas that turns, with a text that says what it shows. */
export function raceSpace(view) {
  const canvas = h("canvas", {
      class: "tl-ra-canvas",
      tabindex: 0,
      role: "img",
      onkeydown: (e) => view.f.guard(key)(e),
    }),
    note = h("p", { class: "tl-ra-hint" }, "Drag, or use the arrow keys, to turn it."),
    el = h("div", { class: "tl-ra-space" }, canvas, note),
    ground = document.createElement("canvas");
  let wide = 404,
    tall = 303,
    see = null,
    size = 1,
    ways = [],
    inks = {},
    hand = null;

  /** Pixels of a side: whatever the turn, all of it is in the picture. */
  const scale = () => {
    const [, tilt] = angles();
    return Math.min(wide / 1.5, (tall - 24) / (Math.SQRT2 * Math.sin(tilt) + RACE_LIFT * Math.cos(tilt)));
  };
  const to = (x, y, z) => {
    const [u, v] = see.screen(x, y, z);
    return [wide / 2 + u * size, tall / 2 - 4 + v * size];
  };
  const context = (of) => {
    const by = window.devicePixelRatio || 1;
    if (of.width !== Math.round(wide * by)) [of.width, of.height] = [Math.round(wide * by), Math.round(tall * by)];
    const c = of.getContext("2d");
    c.setTransform(by, 0, 0, by, 0, 0);
    c.clearRect(0, 0, wide, tall);
    return c;
  };
  /** Colours of the theme, as the canvas needs them. */
  function dyes() {
    const probe = h("i");
    el.append(probe);
    const colour = (name) => {
      probe.style.color = name;
      return getComputedStyle(probe).color;
    };
    const dye = (name) =>
      colour(name)
        .match(/[\d.]+/g)
        .slice(0, 3)
        .map(Number);
    inks = {
      bg: dye("var(--bg)"),
      ink: dye("var(--text2)"),
      text: colour("var(--text)"),
      back: colour("var(--bg)"),
      line: colour("var(--line2)"),
      hues: view.race.tracks.map((t) => colour(raceHue(t))),
    };
    probe.remove();
  }

  function surface() {
    const { grid } = view.race.surface,
      { n, h: heights } = grid,
      c = context(ground),
      last = n - 1,
      order = Array.from({ length: last }, (_, i) => i);
    // Along each axis the end that is farther from the eye comes first.
    const across = see.towards[0] < 0 ? [...order].reverse() : order,
      along = see.towards[1] < 0 ? [...order].reverse() : order;
    c.lineWidth = 0.5;
    for (const j of along)
      for (const i of across) {
        const k = j * n + i,
          corners = [
            [i, j, heights[k]],
            [i + 1, j, heights[k + 1]],
            [i + 1, j + 1, heights[k + n + 1]],
            [i, j + 1, heights[k + n]],
          ],
          mean = (corners[0][2] + corners[1][2] + corners[2][2] + corners[3][2]) / 4,
          slope = (corners[1][2] + corners[2][2] - corners[0][2] - corners[3][2]) * last * 0.012,
          share = Math.max(0.02, Math.min(0.6, 0.05 + 0.4 * mean + slope)),
          fill = `rgb(${inks.bg.map((a, m) => Math.round(a + (inks.ink[m] - a) * share)).join(" ")})`;
        c.beginPath();
        corners.forEach(([u, v, z], m) => c[m ? "lineTo" : "moveTo"](...to(u / last, v / last, z)));
        c.closePath();
        c.fillStyle = c.strokeStyle = fill;
        c.fill();
        c.stroke();
        c.strokeStyle = inks.line;
        c.globalAlpha = 0.35;
        c.beginPath();
        if (i % 4 === 0)
          [
            c.moveTo(...to(i / last, j / last, corners[0][2])),
            c.lineTo(...to(i / last, (j + 1) / last, corners[3][2])),
          ];
        if (j % 4 === 0)
          [
            c.moveTo(...to(i / last, j / last, corners[0][2])),
            c.lineTo(...to((i + 1) / last, j / last, corners[1][2])),
          ];
        c.stroke();
        c.globalAlpha = 1;
      }
    feet(c);
  }
  /** Names of the axes at the two edges in front. */
  function feet(c) {
    const [left, right, bottom, top] = view.race.surface.domain,
      front = see.towards[1] < 0 ? 0 : 1,
      side = see.towards[0] < 0 ? 0 : 1;
    c.strokeStyle = inks.line;
    c.lineWidth = 1;
    c.beginPath();
    [c.moveTo(...to(1 - side, front, 0)), c.lineTo(...to(side, front, 0)), c.lineTo(...to(side, 1 - front, 0))];
    for (const [x, y] of [
      [1 - side, front],
      [side, front],
      [side, 1 - front],
    ])
      [c.moveTo(...to(x, y, 0)), c.lineTo(...to(x, y, raceHeight(view.race.surface.grid, x, y)))];
    c.stroke();
    c.fillStyle = `rgb(${inks.ink.join(" ")})`;
    c.font = '10.5px "Segoe UI","Helvetica Neue",Helvetica,Arial,sans-serif';
    c.textAlign = "center";
    const say = (text, x, y) => {
      const [u, v] = to(x, y, 0);
      c.fillText(text, Math.max(14, Math.min(wide - 14, u)), Math.min(tall - 4, v + 12));
    };
    say(short(left, 3), 0, front);
    say("x", 0.5, front);
    say(short(right, 3), 1, front);
    say(short(front ? bottom : top, 3), side, front ? 0 : 1);
    say("y", side, 0.5);
  }

  /** Paths on the screen, and which of their points are hidden. */
  function trails() {
    const { race } = view,
      [left, right, bottom, top] = race.surface.domain,
      { grid } = race.surface;
    ways = race.tracks.map((t) => {
      const end = raceHead(race, t, t.x.length - 1),
        points = [];
      for (let j = 0; j <= end; j++) {
        const x = (t.x[j] - left) / (right - left),
          y = (t.y[j] - bottom) / (top - bottom),
          inside = x >= 0 && x <= 1 && y >= 0 && y <= 1;
        points.push(inside ? [...to(x, y, raceHeight(grid, x, y)), raceHidden(grid, see, x, y)] : null);
      }
      return points;
    });
  }

  function draw() {
    const c = context(canvas),
      { race } = view,
      at = view.at(),
      front = view.chosen();
    c.drawImage(ground, 0, 0, wide, tall);
    c.lineJoin = "round";
    const shown = race.tracks.map((_, i) => i).filter((i) => view.on(i) && i !== front);
    if (view.on(front) && race.tracks[front]) shown.push(front);
    const goals = race.surface.goals;
    goals.forEach(([x, y]) => cross(c, x, y));
    const heads = [];
    for (const i of shown) {
      const end = raceHead(race, race.tracks[i], at),
        old = view.stale(i) ? 0.4 : 1;
      for (const hidden of [true, false]) {
        trace(c, ways[i], end, hidden);
        for (const [width, colour, alpha] of [
          [i === front ? 4.5 : 3.5, inks.back, 0.6],
          [i === front ? 2.25 : 1.5, inks.hues[i], 1],
        ]) {
          c.lineWidth = width;
          c.strokeStyle = colour;
          c.globalAlpha = alpha * old * (hidden ? 0.25 : 1);
          c.stroke();
        }
      }
      c.globalAlpha = 1;
      let k = end;
      while (k > 0 && !ways[i][k]) k--;
      if (ways[i][k])
        heads.push({
          i,
          x: ways[i][k][0],
          y: ways[i][k][1],
          gone: raceOut(race.tracks[i], race.steps[at]) ? " (diverged)" : k < end ? " (outside)" : "",
          rank: i === front ? -Infinity : race.tracks[i].loss[end],
        });
    }
    words(c, heads, front);
    canvas.setAttribute(
      "aria-label",
      `${race.surface.label} as a surface, ${shown.length} paths on it; ` +
        `the sentence below and the table say what it shows`,
    );
  }
  /** The part of a path that is seen, or that is hidden. */
  function trace(c, points, end, hidden) {
    let pen = false;
    c.beginPath();
    for (let j = 1; j <= end; j++) {
      const a = points[j - 1],
        b = points[j],
        wanted = a && b && (a[2] && b[2]) === hidden;
      if (wanted && !pen) c.moveTo(a[0], a[1]);
      if (wanted) c.lineTo(b[0], b[1]);
      pen = wanted;
    }
  }
  function cross(c, x, y) {
    const [left, right, bottom, top] = view.race.surface.domain,
      a = (x - left) / (right - left),
      b = (y - bottom) / (top - bottom);
    if (!(a >= 0 && a <= 1 && b >= 0 && b <= 1)) return;
    const [u, v] = to(a, b, raceHeight(view.race.surface.grid, a, b));
    c.strokeStyle = inks.text;
    c.lineWidth = 1.5;
    c.beginPath();
    [c.moveTo(u - 5, v), c.lineTo(u + 5, v), c.moveTo(u, v - 5), c.lineTo(u, v + 5)];
    c.stroke();
  }
  function words(c, heads, front) {
    const { tracks } = view.race;
    heads.forEach(({ i, x, y }) => {
      c.save();
      c.translate(x, y);
      if (i === front) c.scale(1.25, 1.25);
      const mark = new Path2D(raceShape(tracks[i]));
      c.fillStyle = inks.hues[i];
      c.strokeStyle = inks.text;
      c.lineWidth = 0.8;
      c.fill(mark);
      c.stroke(mark);
      c.restore();
    });
    heads.sort((a, b) => (a.rank === b.rank ? 0 : a.rank < b.rank || Number.isNaN(b.rank) ? -1 : 1));
    const named = heads.slice(0, 12).map((p) => ({ ...p, text: raceShort(tracks[p.i].label) + p.gone }));
    named.forEach((p) => (p.wide = raceWide(p.text, p.i === front)));
    racePlaced(named, [], wide, tall).forEach((place, n) => {
      const p = named[n];
      c.font = `${p.i === front ? 700 : 400} 10.5px "Segoe UI","Helvetica Neue",Helvetica,Arial,sans-serif`;
      c.textAlign = place.end ? "right" : "left";
      c.lineJoin = "round";
      c.lineWidth = 0.75;
      c.strokeStyle = inks.line;
      c.beginPath();
      c.moveTo(p.x, p.y);
      c.lineTo(place.x + (place.end ? 2 : -2), place.y - 3.5);
      c.stroke();
      c.lineWidth = 3;
      c.strokeStyle = inks.back;
      c.strokeText(p.text, place.x, place.y);
      c.fillStyle = inks.text;
      c.fillText(p.text, place.x, place.y);
    });
  }

  /** The ground anew: another angle, size, surface or theme. */
  function renew() {
    if (el.hidden) return;
    fits();
    dyes();
    see = raceCamera(...angles());
    size = scale();
    surface();
    trails();
  }
  const angles = () => {
    const given = view.f.state.turn;
    return Array.isArray(given) && given.length === 2 && given.every(Number.isFinite) ? given : RACE_TURN;
  };
  const turn = (by, tip) => view.f.set({ turn: [angles()[0] + by, Math.max(0.15, Math.min(1.45, angles()[1] + tip))] });
  const KEYS = { ArrowLeft: [-0.12, 0], ArrowRight: [0.12, 0], ArrowUp: [0, 0.08], ArrowDown: [0, -0.08] };
  const key = (e) => {
    if (!KEYS[e.key]) return;
    e.preventDefault();
    e.stopPropagation();
    turn(...KEYS[e.key]);
  };
  // A canvas does not follow the theme by itself.
  canvas.addEventListener("pointerenter", () => getComputedStyle(canvas).color !== inks.text && view.redraw());
  canvas.addEventListener("pointerdown", (e) => {
    hand = [e.clientX, e.clientY];
    canvas.setPointerCapture(e.pointerId);
  });
  canvas.addEventListener("pointerup", () => (hand = null));
  canvas.addEventListener("pointermove", (e) =>
    view.f.guard(() => {
      if (!hand) return;
      turn((e.clientX - hand[0]) / 120, (e.clientY - hand[1]) / 150);
      hand = [e.clientX, e.clientY];
    })(),
  );
  const fits = () => {
    const w = Math.round(el.clientWidth);
    if (!w || w === wide) return false;
    wide = w;
    tall = Math.round(w * view.race.surface.aspect);
    canvas.style.height = `${tall}px`;
    return true;
  };
  return { el, draw, renew, fits, wait: () => !el.hidden && draw(), take() {} };
}
