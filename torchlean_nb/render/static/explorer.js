// What the explorers of the lessons share: rows of choices, and plots with two axes.

/** Buttons of which one is pressed: `[[key, text]]`; `update(key)` says which. */
export function choices(label, entries, pick) {
  const buttons = entries.map(([key, text]) => h("button", { type: "button", onclick: () => pick(key) }, text));
  const el = h(
    "div",
    { class: "tl-xp-choice", role: "group", "aria-label": label },
    h("span", { class: "tl-meta", "aria-hidden": "true" }, label),
    h("span", { class: "tl-btns" }, buttons),
  );
  const update = (now) => buttons.forEach((b, i) => b.setAttribute("aria-pressed", String(entries[i][0] === now)));
  return { el, update, buttons };
}

/** Round numbers between two ends, about `count` of them. */
export function ticks(low, high, count = 5) {
  const raw = (high - low) / count,
    unit = 10 ** Math.floor(Math.log10(raw)),
    by = unit * [1, 2, 5, 10].find((m) => m * unit >= raw * 0.999);
  const first = Math.ceil(low / by - 1e-9),
    n = Math.floor(high / by + 1e-9) - first + 1;
  return Array.from({ length: n }, (_, i) => +((first + i) * by).toPrecision(10));
}

/** Powers of ten between two ends. */
export function decades(low, high) {
  const a = Math.ceil(Math.log10(low) - 1e-9),
    b = Math.floor(Math.log10(high) + 1e-9),
    by = Math.max(1, Math.ceil((b - a) / 5));
  return Array.from({ length: Math.floor((b - a) / by) + 1 }, (_, i) => 10 ** (a + i * by));
}

/** A box `{left, top, wide, tall}` with the ends of its axes; `log` is about the second one. */
export class Axes {
  constructor(box, xs, ys, log = false) {
    Object.assign(this, box, { xs, ys, log });
  }
  x(v) {
    return this.left + (this.wide * (v - this.xs[0])) / (this.xs[1] - this.xs[0]);
  }
  y(v) {
    const [low, high] = this.log ? this.ys.map(Math.log10) : this.ys,
      done = ((this.log ? Math.log10(v) : v) - low) / (high - low);
    return this.top + this.tall * (1 - Math.max(-0.02, Math.min(1.02, done)));
  }
  path(xs, ys) {
    let out = "",
      pen = "M";
    ys.forEach((v, i) => {
      if (v === null || !Number.isFinite(v) || (this.log && v <= 0)) pen = "M";
      else {
        out += `${pen}${this.x(xs[i]).toFixed(1)} ${this.y(v).toFixed(1)}`;
        pen = "L";
      }
    });
    return out;
  }
  /** Rules and numbers; the numbers of the first axis only with `feet`. */
  grid(title, feet = true) {
    const low = this.top + this.tall,
      out = [s("text", { x: this.left, y: this.top - 8, class: "tl-xp-title" }, title)];
    for (const v of this.log ? decades(...this.ys) : ticks(...this.ys, this.tall > 200 ? 6 : 4))
      out.push(
        s("path", { class: v === 0 ? "tl-xp-zero" : "tl-xp-rule", d: `M${this.left} ${this.y(v).toFixed(1)}h${this.wide}` }),
        s("text", { x: this.left - 6, y: this.y(v) + 3.5, "text-anchor": "end" }, short(v, 3)),
      );
    for (const v of ticks(...this.xs, 6)) {
      out.push(s("path", { class: v === 0 ? "tl-xp-zero" : "tl-xp-rule", d: `M${this.x(v).toFixed(1)} ${this.top}v${this.tall}` }));
      if (feet) out.push(s("text", { x: this.x(v), y: low + 14, "text-anchor": "middle" }, short(v, 3)));
    }
    return out;
  }
}
