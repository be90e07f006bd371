// What stands below the lines: the value of the current one, and the arrays as they are now. And the passes.

const SIDE = 6;

/** Panel: `update(k, entry)` shows step k. */
export function programSide(payload, pick) {
  const { lines, lanes } = payload,
    arrays = lines.map((line) => decode(line.value)),
    map = heatMap({ hue: "value", pick, label: "value", limit: SIDE }),
    control = axes(pick, SIDE),
    curve = heldCurve(payload.live, payload.peak);
  const title = h("span", { class: "tl-h2 pv-title" }),
    tag = h("span", { class: "tl-tag" }),
    code = h("code", { class: "pv-code" }),
    whole = h("p", { class: "tl-num pv-whole" }),
    rule = h("p", { class: "tl-num" }),
    none = h("p", { class: "tl-num" }),
    held = h("span"),
    meter = h("i"),
    chips = h("div", { class: "pv-chips" });
  const chip = lanes.map((lane) => {
    const holds = h("b");
    return { el: h("span", { class: "pv-chip", title: `${shapeText(lane.shape)} ${lane.dtype}, ${byteText(lane.bytes)}${lane.fresh ? ", made anew in each run" : ""}` }, h("span", null, lane.name), holds), holds };
  });
  chips.append(...chip.map((c) => c.el));
  const memory = h("div", { class: "pv-memory", hidden: !lanes.length }, h("p", { class: "tl-lab pv-sum" }, held), h("div", { class: "pv-meter" }, meter), curve.el, h("p", { class: "tl-lab" }, "Arrays and what lies in them"), chips);
  const el = h("div", { class: "pv-side" }, h("div", { class: "pv-value" }, h("div", { class: "tl-head" }, title, tag), code, whole, rule, map.el, control.el, none), memory);

  function update(k, entry) {
    const line = lines[k - 1],
      a = line && arrays[k - 1];
    title.textContent = line ? `${line.name} = ${line.expr}` : "Before the first line";
    title.title = title.textContent;
    tag.textContent = line ? `${line.shape.length ? shapeText(line.shape) : "scalar"} \u00b7 ${line.dtype}` : "";
    tag.hidden = !line;
    code.textContent = line ? line.code : "";
    code.hidden = !code.textContent;
    const part = line && payload.groups[line.group];
    whole.textContent = part ? [part.name, partAbout(part)].filter(Boolean).join(", ") : "";
    whole.hidden = !part;
    rule.textContent = line && line.rule ? `Shape: ${line.rule}.` : "";
    rule.hidden = !rule.textContent;
    map.el.hidden = control.el.hidden = !a || !size(a.shape);
    none.textContent = !line || (a && size(a.shape)) ? "" : a ? "It has no entries." : "Its value did not travel.";
    if (!map.el.hidden) {
      const at = fits(entry, a.shape) ? entry : loudest(a);
      map.update(a, { entry: at, name: "value" });
      control.update(a, at);
    }
    const now = k ? payload.live[k - 1] : 0;
    held.textContent = `${byteText(now)} held, ${byteText(payload.peak)} at most; ${byteText(payload.kept)} made once`;
    meter.style.width = `${(100 * now) / (payload.peak || 1)}%`;
    curve.update(k);
    lanes.forEach((lane, n) => {
      const { is, at } = laneState(lane, k, line),
        first = at < 0 ? 0 : lane.spans[at][0];
      chip[n].el.className = `pv-chip pv-${is}`;
      chip[n].el.hidden = is === "free" && (lane.fresh || lanes.length > 24);
      chip[n].holds.textContent = at < 0 ? "free" : lines[first - 1].name;
    });
  }
  return { el, update };
}

/** A line of a diff; its remark stands apart. */
function diffText(text) {
  const [line, ...remark] = text.split("  # ");
  return h("code", null, line, remark.length ? h("span", { class: "pv-aside" }, `  ${remark.join("  # ")}`) : "");
}

const MARK = { "-": "gone", "+": "new", " ": "same", ".": "left" };

/** One pass after the other as a diff; `turn(by)` pages. */
export function passesView(passes, turn) {
  const back = h("button", { type: "button", class: "tl-i", "aria-label": "Pass before", onclick: () => turn(-1) }, "\u2039"),
    on = h("button", { type: "button", class: "tl-i", "aria-label": "Next pass", onclick: () => turn(1) }, "\u203a"),
    word = h("span"),
    title = h("b"),
    about = h("p", { class: "tl-num" }),
    list = h("ol", { class: "pv-diff", tabindex: "0", "aria-label": "Lines before and after the pass" });
  const el = h("div", { class: "pv-passes" }, h("div", { class: "pv-pager" }, back, on, title, h("span", { class: "tl-sp" }), word), about, list);
  const still = (p) => (p.diff.every(([m]) => m === " " || m === ".") ? " Nothing changed here." : "");
  let shown = -1;
  return {
    el,
    says: (k) => (passes[k] ? `Pass ${k + 1} of ${passes.length}, ${passes[k].name}: ${passes[k].about.replace(/\.?$/, ".")}${still(passes[k])}` : "There are no passes to show."),
    update(k) {
      if (k === shown || !passes[k]) return;
      shown = k;
      const p = passes[k];
      title.textContent = p.name;
      word.textContent = `pass ${k + 1} of ${passes.length} \u00b7 ${p.before} \u2192 ${p.after}`;
      about.textContent = p.about;
      back.disabled = k === 0;
      on.disabled = k === passes.length - 1;
      const rows = p.diff.map(([mark, text]) => h("li", { class: `pv-${MARK[mark]}` }, h("i", { "aria-label": MARK[mark] }, mark === "-" ? "\u2212" : mark === "." ? "\u22ee" : mark), diffText(text)));
      list.replaceChildren(...rows, p.more ? h("li", { class: "pv-left" }, h("i", null, "\u22ee"), h("code", null, `${p.more} more`)) : "");
      list.scrollTop = 0;
    },
  };
}
