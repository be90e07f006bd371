// DecisionBoundary: the field, the boundary, the points and the loss of one frame; the transport goes through them.

const BOUNDARY_SIDE = 372;
const BOUNDARY_PAD = { left: 40, top: 8, right: 10, bottom: 26 };

function render({ model, el }) {
  const payload = model.get("payload"),
    options = model.get("options") || {},
    codes = decode(payload.codes),
    [frames, rows, w] = codes.shape,
    points = decode(payload.points).data,
    targets = decode(payload.targets).data,
    guesses = decode(payload.guesses).data,
    count = targets.length,
    classes = payload.labels.length,
    [left, right, bottom, top] = payload.bounds,
    [low, high] = payload.scale;
  const spot = (x, y) => [((x - left) / (right - left)) * BOUNDARY_SIDE, ((top - y) / (top - bottom)) * BOUNDARY_SIDE];
  const share = (v) => (Number.isFinite(v) ? (v - low) / (high - low) : 1);
  const updates = (k) => `${payload.steps[k]} ${payload.steps[k] === 1 ? "update" : "updates"}`;

  const f = frame(
    { model, el },
    {
      title: options.title,
      meta: classes ? `${classes} classes \u00b7 ${count} points` : `regression \u00b7 ${count} points`,
      steps: frames - 1,
      phases: [{ name: "updates", count: frames - 1, hue: "upd" }],
      about: classes
        ? "Colour and shape say the class; the field is the stronger the surer the model is. Points with a strong edge are on the wrong side."
        : "The stronger the blue, the larger the number; points have the colour of their target. Lines are at equal distances of the prediction.",
      start: { speed: 4 },
      exports: fileExports(() => f, model, "boundary", () => svg),
      draw: (state) => paint(state.step),
    },
  );
  f.root.classList.add("tl-bd", "tl-flow");
  f.body.classList.add("tl-low");

  // -- the field ---------------------------------------------------------------------------------
  const canvas = h("canvas", { width: w, height: rows }),
    image = s("image", { x: 0, y: 0, width: BOUNDARY_SIDE, height: BOUNDARY_SIDE, preserveAspectRatio: "none", style: { "image-rendering": "pixelated" } }),
    line = s("path", { class: `bd-line${classes ? "" : " bd-thin"}` }),
    inside = (n) => points[2 * n] >= left && points[2 * n] <= right && points[2 * n + 1] >= bottom && points[2 * n + 1] <= top;
  const marks = Array.from({ length: count }, (_, n) => {
    if (!inside(n)) return null;
    const [x, y] = spot(points[2 * n], points[2 * n + 1]),
      look = classes ? { fill: markHue(targets[n]) } : { fill: "var(--value)", "fill-opacity": String(fieldAlpha(share(targets[n]))) };
    return s("path", { class: classes ? "bd-mark" : "bd-mark bd-value", d: markerPath(classes ? targets[n] : 0, 4), transform: `translate(${x.toFixed(2)} ${y.toFixed(2)})`, style: look }, s("title"));
  });
  const { left: pl, top: pt, right: pr, bottom: pb } = BOUNDARY_PAD;
  const text = (x, y, said, anchor = "middle") => s("text", { x, y, "text-anchor": anchor }, said);
  const svg = s(
    "svg",
    { class: "bd-field", viewBox: `${-pl} ${-pt} ${BOUNDARY_SIDE + pl + pr} ${BOUNDARY_SIDE + pt + pb}`, role: "img" },
    image,
    line,
    s("g", null, marks.filter(Boolean)),
    s("rect", { class: "bd-edge", x: 0, y: 0, width: BOUNDARY_SIDE, height: BOUNDARY_SIDE }),
    text(0, BOUNDARY_SIDE + 14, short(left, 3), "start"),
    text(BOUNDARY_SIDE, BOUNDARY_SIDE + 14, short(right, 3), "end"),
    text(BOUNDARY_SIDE / 2, BOUNDARY_SIDE + 18, payload.axes[0]),
    text(-5, BOUNDARY_SIDE, short(bottom, 3), "end"),
    text(-5, 10, short(top, 3), "end"),
    s("text", { "text-anchor": "middle", transform: `translate(-10 ${BOUNDARY_SIDE / 2}) rotate(-90)` }, payload.axes[1]),
  );
  f.stage.classList.add("tl-pad");
  f.stage.append(svg);

  // -- the panel: loss, curve, legend ---------------------------------------------------------------
  const now = h("span", { class: "tl-big" }),
    after = h("span", { class: "tl-meta" }),
    wide = 232,
    tall = 92,
    finite = payload.loss.map((v, k) => [k, v]).filter(([, v]) => v !== null),
    least = Math.min(...finite.map(([, v]) => v)),
    most = Math.max(...finite.map(([, v]) => v)),
    first = payload.steps[0],
    last = payload.steps[frames - 1],
    across = (k) => 4 + ((payload.steps[k] - first) / Math.max(1, last - first)) * (wide - 8),
    up = (v) => 6 + ((most - v) / (most - least || 1)) * (tall - 12);
  const dot = s("circle", { r: 4, class: "bd-dot" }),
    rule = s("path", { class: "bd-rule" });
  const curve = s(
    "svg",
    { class: "bd-curve", viewBox: `0 0 ${wide} ${tall + 16}`, role: "img", "aria-label": `Loss over ${frames} frames` },
    rule,
    finite.length > 1 && s("path", { class: "bd-loss", d: `M${finite.map(([k, v]) => `${across(k).toFixed(1)} ${up(v).toFixed(1)}`).join("L")}` }),
    dot,
    text(4, tall + 12, first, "start"),
    text(wide - 4, tall + 12, `update ${last}`, "end"),
  );
  curve.addEventListener(
    "pointerdown",
    f.guard((e) => {
      const box = curve.getBoundingClientRect(),
        x = ((e.clientX - box.left) / box.width) * wide;
      let best = 0;
      for (let k = 1; k < frames; k++) if (Math.abs(across(k) - x) < Math.abs(across(best) - x)) best = k;
      f.go(best);
    }),
  );
  const hits = payload.labels.map(() => h("td", { class: "tl-n" }));
  const legend = classes
    ? h(
        "table",
        { class: "bd-legend" },
        h("thead", null, h("tr", null, h("th", null, "class"), h("th", { class: "tl-n" }, "right"))),
        h(
          "tbody",
          null,
          payload.labels.map((name, i) =>
            h("tr", null, h("td", { title: name }, s("svg", { viewBox: "-6 -6 12 12", "aria-hidden": "true" }, s("path", { d: markerPath(i, 4.2), style: { fill: markHue(i) } })), h("span", null, name)), hits[i]),
          ),
        ),
      )
    : h("div", { class: "bd-scale" }, h("i"), h("span", null, short(low, 4)), h("span", null, short(high, 4)));
  f.panel.append(h("p", { class: "tl-lab" }, "loss of the points"), h("div", { class: "bd-now" }, now, after), curve, legend);

  function paint(k) {
    const part = codes.data.slice(k * rows * w, (k + 1) * rows * w);
    paintField(canvas, part, w, rows, classes, payload.levels);
    image.setAttribute("href", canvas.toDataURL());
    const cx = BOUNDARY_SIDE / w,
      cy = BOUNDARY_SIDE / rows,
      put = ([a, b, c, d]) => `M${(a * cx).toFixed(2)} ${(BOUNDARY_SIDE - b * cy).toFixed(2)}L${(c * cx).toFixed(2)} ${(BOUNDARY_SIDE - d * cy).toFixed(2)}`;
    line.setAttribute("d", outlineOf(part, w, rows, classes, payload.levels).map(put).join("") || "M0 0");
    const good = payload.labels.map(() => 0),
      all = payload.labels.map(() => 0);
    marks.forEach((mark, n) => {
      const said = guesses[k * count + n],
        fine = said === targets[n];
      if (classes) {
        all[targets[n]]++;
        if (fine) good[targets[n]]++;
      }
      if (!mark) return;
      if (classes) mark.classList.toggle("bd-wrong", !fine);
      const name = (v) => (classes ? payload.labels[v] || "nothing" : short(v, 4));
      mark.firstChild.textContent = `${name(targets[n])}; the model says ${name(said)}`;
    });
    hits.forEach((td, i) => {
      td.textContent = `${good[i]} of ${all[i]}`;
    });
    const loss = payload.loss[k];
    now.textContent = loss === null ? "not a number" : short(loss, 4);
    after.textContent = ` after ${updates(k)}`;
    dot.style.display = loss === null ? "none" : "";
    if (loss !== null) {
      dot.setAttribute("cx", across(k));
      dot.setAttribute("cy", up(loss));
    }
    rule.setAttribute("d", `M${across(k)} 0V${tall}`);
    svg.setAttribute("aria-label", payload.says[k]);
    f.narr.textContent = payload.says[k];
    const place = f.root.querySelector(".tl-count"),
      slider = f.root.querySelector(".tl-scrub input");
    if (place) place.replaceChildren("update ", h("b", null, String(payload.steps[k])), ` of ${last}`);
    if (slider) slider.setAttribute("aria-valuetext", `after ${updates(k)}`);
  }
  f.draw();
  return f.destroy;
}

const widget = { render };
export default widget;
