// Elements and the little that must be said about them. User text enters through textContent only.

const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
  first: "M1 1h2v10H1zM11 1v10L4 6z",
  back: "M9 1v10L2 6z",
  play: "M2 .5v11L11 6z",
  pause: "M2 1h3v10H2zM7 1h3v10H7z",
  next: "M3 1v10l7-5z",
  last: "M9 1h2v10H9zM1 1v10l7-5z",
  loop: "M2 5a4 4 0 0 1 7-2l1.6-1.4V6H6.3l1.6-1.6A2.4 2.4 0 0 0 3.6 5zm8 2a4 4 0 0 1-7 2l-1.6 1.4V6h4.3L4.1 7.6A2.4 2.4 0 0 0 8.4 7z",
};

function build(node, attrs, children) {
  for (const [k, v] of Object.entries(attrs || {})) {
    if (v === null || v === undefined || v === false) continue;
    if (k.startsWith("on")) node.addEventListener(k.slice(2), v);
    else if (k === "style") for (const [p, q] of Object.entries(v)) node.style.setProperty(p, q);
    else if (k === "value") node.value = v;
    else node.setAttribute(k, v === true ? "" : v);
  }
  node.append(...children.flat(3).filter((c) => c !== null && c !== undefined && c !== false));
  return node;
}

export const h = (tag, attrs, ...children) => build(document.createElement(tag), attrs, children);
export const s = (tag, attrs, ...children) => build(document.createElementNS(SVG, tag), attrs, children);

export const icon = (name) => s("svg", { viewBox: "0 0 12 12", "aria-hidden": "true" }, s("path", { d: ICONS[name] }));
export const iconButton = (name, label, onclick, cls = "") =>
  h("button", { type: "button", class: `tl-i ${cls}`, "aria-label": label, title: label, onclick }, icon(name));

const TAGS = new Set(
  (
    "svg g path rect circle ellipse line polyline polygon text tspan title desc defs pattern marker clippath use symbol lineargradient stop " +
    "math semantics annotation mrow mi mo mn ms mtext mspace mfrac msqrt mroot msub msup msubsup munder mover munderover mtable mtr mtd " +
    "mstyle mpadded mphantom menclose mmultiscripts mprescripts none merror mfenced span b i em strong"
  ).split(" "),
);

/**
 * Markup of ours as a node. It was escaped where it was written; this second look drops every
 * element, event attribute and reference that drawing does not need.
 */
export function safeMarkup(text) {
  const body = new DOMParser().parseFromString(text, "text/html").body;
  for (const el of [...body.querySelectorAll("*")]) {
    if (!TAGS.has(el.localName.toLowerCase())) {
      el.remove();
      continue;
    }
    for (const { name, value } of [...el.attributes]) {
      const link = /href$/i.test(name) && !value.trim().startsWith("#");
      const url = /url\(\s*['"]?(?!#)/i.test(value) && /url\(/i.test(value) && !/^[^(]*url\(\s*['"]?#/i.test(value);
      if (/^(on|data-command)/i.test(name) || link || url || name === "src") el.removeAttribute(name);
    }
  }
  return document.importNode(body.firstElementChild || document.createElement("span"), true);
}

const formulas = new Map();
/** Inside of a MathML formula as an element, parsed once and copied afterwards; `block` gives it room. */
export function formula(markup, block = false) {
  if (!markup) return null;
  if (!formulas.has(markup)) formulas.set(markup, safeMarkup(`<math>${markup}</math>`));
  const copy = formulas.get(markup).cloneNode(true);
  const length = copy.textContent.length;
  if (block) copy.setAttribute("display", "block");
  if (length > 26) copy.classList.add(length > 40 ? "tl-longer" : "tl-long");
  return copy;
}

export function download(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

const LOOKS = [
  "fill",
  "fill-opacity",
  "stroke",
  "stroke-width",
  "stroke-dasharray",
  "stroke-linejoin",
  "opacity",
  "font-family",
  "font-size",
  "font-weight",
  "text-anchor",
  "paint-order",
];
const PLAIN = {
  "fill-opacity": "1",
  "stroke-dasharray": "none",
  "stroke-linejoin": "miter",
  opacity: "1",
  "font-weight": "400",
  "text-anchor": "start",
  "paint-order": "normal",
};

/** A drawing as a file of its own: what is hidden left out, every colour resolved. */
export function standaloneSvg(svg) {
  const copy = svg.cloneNode(true),
    from = [svg, ...svg.querySelectorAll("*")],
    to = [copy, ...copy.querySelectorAll("*")];
  const gone = [];
  from.forEach((el, i) => {
    const look = getComputedStyle(el),
      out = to[i];
    if (look.display === "none" && !el.closest("defs")) {
      gone.push(out);
      return;
    }
    out.removeAttribute("class");
    out.removeAttribute("tabindex");
    if (i) out.removeAttribute("role");
    out.removeAttribute("style");
    for (const p of LOOKS) {
      const v = look.getPropertyValue(p);
      if (v && v !== PLAIN[p]) out.setAttribute(p, v);
    }
  });
  gone.forEach((el) => el.remove());
  const box = svg.viewBox.baseVal;
  copy.setAttribute("xmlns", SVG);
  copy.setAttribute("width", box.width);
  copy.setAttribute("height", box.height);
  const ground = getComputedStyle(svg.closest(".tl")).backgroundColor;
  copy.insertBefore(
    s("rect", { x: box.x, y: box.y, width: box.width, height: box.height, fill: ground }),
    copy.firstChild,
  );
  return '<?xml version="1.0" encoding="UTF-8"?>\n' + new XMLSerializer().serializeToString(copy);
}

const forScript = (value) =>
  JSON.stringify(value)
    .replace(/</g, "\\u003c")
    .replace(/\u2028/g, "\\u2028")
    .replace(/\u2029/g, "\\u2029");
// Saved notebooks keep this code in a script element: a tag of it in the text, after "<!--" in a name, would not let
// that element end.
const SCRIPT = "script";
const escapeText = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;");

/** The page that `render.html.page` writes, made in the browser from the live widget. */
export function standalonePage(model, title, state = model.get("state")) {
  const kept = Object.fromEntries(["kind", "payload", "options", "step"].map((k) => [k, model.get(k)])),
    data = { ...kept, state, ...(Number.isInteger(state.step) && { step: state.step }) };
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeText(title)}</title>
<style>body{margin:0;padding:12px;color-scheme:light dark;background:light-dark(#fff,#14171b)}
${model.get("_css")}</style></head><body><div id="widget"></div>
<${SCRIPT} type="application/json" id="data">${forScript(data)}</${SCRIPT}>
<${SCRIPT} type="module" id="code">${model.get("_esm")}
standalone(document);
</${SCRIPT}></body></html>
`;
}

/** Runs a widget on its own page: the model is a dictionary, and nothing is sent anywhere. */
export function standalone(doc) {
  const data = JSON.parse(doc.getElementById("data").textContent);
  data._esm = doc.getElementById("code").textContent.replace(/\nstandalone\(document\);\s*$/, "");
  data._css = doc.querySelector("style").textContent.replace(/^.*\n/, "");
  const model = {
    get: (k) => data[k],
    set: (k, v) => {
      data[k] = v;
    },
    on() {},
    off() {},
    save_changes() {},
  };
  widget.render({ model, el: doc.getElementById("widget") });
}
