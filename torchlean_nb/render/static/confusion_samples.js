// Samples of a cell of the confusion matrix: thumbnails, or rows of numbers.

/** One thumbnail as a canvas, grey level by grey level; the page scales it without smoothing. */
function thumbnail(bytes, at, width, height) {
  const canvas = h("canvas", { width, height, class: "cf-thumb", "aria-hidden": "true" }),
    pen = canvas.getContext("2d"),
    image = pen.createImageData(width, height);
  for (let q = 0; q < width * height; q++) {
    const v = bytes[at * width * height + q];
    image.data.set([v, v, v, 255], 4 * q);
  }
  pen.putImageData(image, 0, 0);
  return canvas;
}

/** Gives `draw(i, j, count)`: the samples of a cell as elements, with what is left out. */
export function sampleShelf(samples) {
  const cells = samples.cells || {},
    bytes = samples.kind === "images" ? Uint8Array.from(atob(samples.pixels), (c) => c.charCodeAt(0)) : null,
    values = samples.kind === "rows" ? decode(samples.values) : null;
  const rest = (shown, count) => (shown < count ? h("p", { class: "tl-num" }, `${shown} of ${count} are shown.`) : null);

  const pictures = (ids) =>
    h(
      "div",
      { class: "cf-shelf", role: "list" },
      ids.map((id) =>
        h("figure", { role: "listitem", "aria-label": `sample ${id}` }, thumbnail(bytes, samples.place[id], samples.width, samples.height), h("figcaption", null, `#${id}`)),
      ),
    );
  const rows = (ids) => {
    const n = samples.columns.length,
      more = samples.of > n ? ` (${n} of ${samples.of} numbers)` : "",
      number = (id, c) => short(values.data[samples.place[id] * n + c], 4);
    const head = h("tr", null, h("th", { class: "tl-n" }, "sample"), samples.columns.map((c) => h("th", { class: "tl-n" }, c)));
    const line = (id) => h("tr", null, h("td", { class: "tl-n" }, `#${id}`), samples.columns.map((_, c) => h("td", { class: "tl-n" }, number(id, c))));
    return h("div", { class: "cf-rows", tabindex: "0", role: "region", "aria-label": `Samples of this cell${more}` }, h("table", null, h("thead", null, head), h("tbody", null, ids.map(line))), more && h("p", { class: "tl-num" }, more.trim()));
  };

  return (i, j, count) => {
    const ids = cells[`${i},${j}`] || [];
    if (!samples.kind || !count) return [];
    if (!ids.length) return [h("p", { class: "tl-num" }, "None of them travelled: other cells filled the space.")];
    return [bytes ? pictures(ids) : rows(ids), rest(ids.length, count)];
  };
}
