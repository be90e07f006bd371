// The drawing on the stage. It is put in once; a step only switches classes and visibility.

/** State of a node's box at an event: not computed yet, done, current, or the sender. */
export function nodeState(event, id, t, k) {
  if (event.id === id) return "now";
  if (event.from === id) return "sender";
  return t <= k ? "done" : "todo";
}

/** Keys of the nodes and edges on a path of the gradient, output first. */
export function pathKeys(path) {
  const keys = new Set(path.map((n) => `n${n}`));
  for (let i = 1; i < path.length; i++) keys.add(`e${path[i - 1]}.${path[i]}`);
  return keys;
}

const MARGIN = 8;
const STATES = ["todo", "done", "now", "sender"];

const BOX = "M1 1H17V11H1Z";
// Roles, then what is inside of every box: outline, and word.
const SIGNS = {
  input: ["M6 1H12A5 5 0 0 1 12 11H6A5 5 0 0 1 6 1Z", "input"],
  param: ["M4 1H14L17 4V8L14 11H4L1 8V4Z", "parameter"],
  const: [BOX, "constant"],
  op: [BOX, "operation"],
  value: [BOX, "value"],
  grad: [BOX, "\u2207 gradient"],
  neg: [`${BOX}M1 7L7 1M3 11L13 1M9 11L17 3`, "negative"],
};

/** What the shapes, the hues and the hatching of a drawing mean; of the roles those that are in it. */
export function legend(trace) {
  const seen = new Set([...trace.nodes.map((n) => n.role), "value", "grad", "neg"]);
  const entry = ([key, [d, word]]) =>
    h("span", null, s("svg", { class: `tl-key tl-key-${key}`, viewBox: "0 0 18 12" }, s("path", { d })), word);
  const entries = Object.entries(SIGNS).filter(([key]) => seen.has(key));
  return h("div", { class: "tl-legend", "aria-hidden": "true" }, entries.map(entry));
}

/** Takes the empty margins of a narrow drawing away, so that it need not shrink where room is scarce; its width. */
function trim(svg) {
  const box = svg.viewBox.baseVal;
  if (!svg.getClientRects().length) return box.width; // hidden: Firefox throws when asked for a box that is nowhere
  const { x, width } = svg.getBBox();
  if (width > 0 && width + 2 * MARGIN < box.width) {
    box.x = x - MARGIN;
    box.width = width + 2 * MARGIN;
  }
  return box.width;
}

/** Puts the scene into `host`; `pick(id)` is told which node is clicked or entered, `open(id)` gives true if it opens. */
export function stage(host, trace, markup, { pick, open = () => false }) {
  const svg = safeMarkup(markup);
  host.replaceChildren(svg);
  const natural = trim(svg);
  const nodes = [...svg.querySelectorAll("[data-node]")].map((el) => ({
    el,
    id: +el.dataset.node,
    t: +el.dataset.t || 0,
    is: "",
    says: el.getAttribute("aria-label"),
  }));
  const timed = [...svg.querySelectorAll("[data-from]")].map((el) => {
    const box = el.closest("[data-node]"),
      edge = el.closest("[data-child]");
    const of = box
      ? `n${box.dataset.node}`
      : edge
        ? `e${edge.dataset.child}.${edge.dataset.parent}.${edge.dataset.arg}`
        : el.classList.contains("chip")
          ? "chip"
          : "";
    return { el, of, from: +el.dataset.from, to: el.dataset.to === undefined ? Infinity : +el.dataset.to, on: null };
  });
  const edges = [...svg.querySelectorAll("[data-child]")].map((el) => ({
    el,
    child: +el.dataset.child,
    parent: +el.dataset.parent,
  }));
  let fitted = false,
    focusable = null;

  const owner = (e) => {
    const g = e.target.closest("[data-node]");
    return g ? +g.dataset.node : null;
  };
  svg.addEventListener("click", (e) => {
    const id = owner(e);
    if (id !== null) pick(id);
  });
  svg.addEventListener("dblclick", (e) => {
    const id = owner(e);
    if (id !== null) open(id);
  });
  svg.addEventListener("keydown", (e) => {
    const id = owner(e),
      by = { ArrowUp: -1, ArrowDown: 1 }[e.key];
    if (id === null || (!by && e.key !== "Enter" && e.key !== " ")) return;
    // Elsewhere this key belongs to the notebook: it runs the cell.
    if (e.key === "Enter" && e.shiftKey && !open(id)) return;
    e.preventDefault();
    e.stopPropagation();
    if (!by) {
      if (!e.shiftKey) pick(id);
      return;
    }
    const i = nodes.findIndex((n) => n.id === id),
      to = nodes[Math.max(0, Math.min(nodes.length - 1, i + by))];
    rove(to);
    to.el.focus();
  });
  const light = (id, path = null) => {
    const keys = id === null ? null : pathKeys(path || trace.path(id));
    svg.classList.toggle("lights", keys !== null);
    nodes.forEach((n) => n.el.classList.toggle("lit", !!keys && (keys.has(`n${n.id}`) || n.id === id)));
    edges.forEach((e) => e.el.classList.toggle("lit", !!keys && keys.has(`e${e.child}.${e.parent}`)));
  };
  svg.addEventListener("pointerover", (e) => {
    const id = owner(e);
    light(id);
  });
  svg.addEventListener("pointerleave", () => light(null));

  function rove(n) {
    if (focusable === n) return;
    if (focusable) focusable.el.setAttribute("tabindex", "-1");
    n.el.setAttribute("tabindex", "0");
    focusable = n;
  }
  nodes.forEach((n) => n.el.setAttribute("tabindex", "-1"));
  if (nodes.length) rove(nodes[0]);

  /** What a node shows at a step, in words. */
  function heard({ id }, k) {
    const node = trace.node(id),
      [value, gradient] = ["value", "gradient"].map((c) => cellText(c, node, trace, k));
    return [value ? `value ${value}` : "not computed yet", gradient && `gradient ${gradient}`].filter(Boolean).join(", ");
  }

  /** Draws step k; while a prediction is open, the edge and the box it is about stay as they were before. */
  function step(k, open = false) {
    const event = trace.event(k),
      hidden = open ? new Set(["chip", `n${event.id}`, `e${event.from}.${event.id}.${event.edge.arg}`]) : null;
    for (const n of nodes) {
      const is = nodeState(event, n.id, n.t, k);
      if (is !== n.is) {
        n.el.classList.remove(...STATES);
        n.el.classList.add(is);
        n.is = is;
        if (is === "now") rove(n);
      }
      n.el.setAttribute("aria-label", `${n.says}, ${heard(n, open && is === "now" ? k - 1 : k)}`);
    }
    for (const t of timed) {
      const seen = hidden && hidden.has(t.of) ? k - 1 : k,
        on = t.from <= seen && seen < t.to && !(hidden && t.of === "chip");
      if (on !== t.on) {
        t.el.style.display = on ? "" : "none";
        t.on = on;
      }
    }
    svg.dataset.step = k;
  }

  /** Scrolls the stage, and nothing else, so that a node is seen, and where there is room its sender too. */
  function reveal(id, from = null) {
    if (fitted || (host.scrollHeight <= host.clientHeight && host.scrollWidth <= host.clientWidth)) return;
    const view = host.getBoundingClientRect(),
      pad = 14;
    const boxes = [from, id]
      .map((i) => nodes.find((n) => n.id === i))
      .filter(Boolean)
      .map((n) => n.el.getBoundingClientRect());
    const move = (lo, hi, start, end) =>
      lo < start + pad ? lo - start - pad : hi > end - pad ? Math.min(hi - end + pad, lo - start - pad) : 0;
    let top = 0,
      left = 0;
    for (const r of boxes) {
      top += move(r.top - top, r.bottom - top, view.top, view.bottom);
      left += move(r.left - left, r.right - left, view.left, view.right);
    }
    host.scrollBy({ top, left, behavior: "instant" });
  }

  /** Whole drawing in view, or near its natural size with scrolling: text is never shrunk much unasked. */
  function fit(on = !fitted) {
    fitted = on;
    const below = svg.nextElementSibling ? svg.nextElementSibling.offsetHeight : 0;
    svg.style.width = "100%";
    svg.style.maxHeight = on ? `${(host.clientHeight || 460) - below}px` : "";
    svg.style.minWidth = on ? "0" : `${natural * 0.85}px`;
    svg.style.maxWidth = on ? "" : `${natural * 1.15}px`;
  }
  fit(false);

  const mark = (ids) => nodes.forEach((n) => n.el.classList.toggle("found", !!ids && ids.has(n.id)));
  return { svg, step, reveal, fit, light, mark };
}
