// The panel of the designer: parts of the schedule, its kind, formula, fields with sliders, and the code.

const TICKS = 1000;

/** Place of a value on a slider, 0..1000, and back. */
export function toSlider({ low, high, log, zero }, v) {
  if (zero && v <= 0) return 0;
  const share = log ? Math.log(v / low) / Math.log(high / low) : (v - low) / (high - low);
  return Math.round(Math.max(zero ? 1 : 0, Math.min(TICKS, share * TICKS)));
}
export function fromSlider({ low, high, log, zero, whole }, t) {
  if (zero && t <= 0) return 0;
  const v = log ? low * (high / low) ** (t / TICKS) : low + (t / TICKS) * (high - low);
  return whole ? Math.round(v) : Number(v.toPrecision(log ? 2 : 3));
}

/** Sets a formula smaller until it fits its panel, down to 10 px; what is still wider then scrolls. */
function fit(el) {
  const math = el.querySelector("math"),
    wide = String(el.clientWidth);
  if (!math || math.dataset.wide === wide) return;
  math.dataset.wide = wide;
  math.style.fontSize = "";
  let size = parseFloat(getComputedStyle(math).fontSize);
  while (el.scrollWidth > el.clientWidth && (size -= 0.25) >= 10) math.style.fontSize = `${size}px`;
}

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
/** How a part is listed: indented, with the steps it covers. */
export function partLabel(node, whole) {
  const steps = node.path.length && whole > 1 ? `${node.from}\u2013${node.to === null ? "" : node.to - 1}` : "";
  return { depth: node.path.filter((k) => typeof k === "string").length, name: node.label, steps };
}

/** Panel in `host`; `ask(edit)` changes the schedule in Python, `set(patch)` the state here. */
export function scheduleEditor(host, { rows, live, ask, set }) {
  let made = null,
    shown = null,
    inputs = [],
    formulas = {};
  const error = h("p", { class: "tl-sd-refused", role: "alert", hidden: true });

  /** Field of one hyperparameter: symbol and name, slider where it has a range, and the number. */
  function field(f, node) {
    const id = `tl-sd-${Math.random().toString(36).slice(2)}`,
      send = (text, tag) => ask({ do: "set", path: node.path, hyper: f.hyper, text, tag });
    const choices = f.choices && f.choices.map((c) => h("option", { value: c }, c));
    const box = f.choices
      ? h("select", { id, disabled: !live, onchange: () => send(box.value) }, choices)
      : h("input", { id, type: "text", disabled: !live, autocomplete: "off", spellcheck: "false", title: f.allowed, onchange: () => send(box.value) });
    const slider =
      f.slider &&
      h("input", {
        type: "range",
        min: "0",
        max: String(TICKS),
        disabled: !live,
        "aria-label": `${f.name}, slider`,
        oninput: () => {
          box.value = String(fromSlider(now.slider, +slider.value));
          send(box.value, `slider ${node.path} ${f.hyper}`);
        },
      });
    let now = f;
    const update = (next) => {
      now = next;
      if (document.activeElement !== box || !box.getAttribute("aria-invalid")) box.value = next.text;
      if (slider && next.slider) {
        if (document.activeElement !== slider) slider.value = toSlider(next.slider, next.slider.at);
        slider.setAttribute("aria-valuetext", next.text);
      }
    };
    const label = h("label", { for: id }, f.name, f.symbol && formula(f.symbol));
    inputs.push({ hyper: f.hyper, box, update });
    return h("div", { class: slider ? "tl-sd-field" : "tl-sd-field tl-sd-plain" }, label, slider, box);
  }

  function build(entry, node) {
    inputs = [];
    formulas = { f: h("div", { class: "tl-f" }), n: h("div", { class: "tl-f tl-sd-numbers" }) };
    const act = (label, title, edit, off = false) =>
      h("button", { type: "button", title, disabled: off, onclick: () => ask({ path: node.path, ...edit }) }, label);
    const kind = h(
      "select",
      { "aria-label": "Kind of schedule", disabled: !live, onchange: () => ask({ do: "row", path: node.path, row: kind.value }) },
      (rows.some((r) => r.row === node.row) ? rows : [{ row: node.row, name: node.label, summary: "" }, ...rows]).map((r) =>
        h("option", { value: r.row, title: r.summary }, r.name),
      ),
    );
    kind.value = node.row;
    const name = h("input", { type: "text", class: "tl-sd-name", disabled: !live, "aria-label": "Name of the curve", value: entry.name, onchange: () => ask({ do: "name", text: name.value }) });
    const list = entry.nodes.map((n) => {
      const { depth, name: label, steps } = partLabel(n, entry.nodes.length);
      return h(
        "button",
        { type: "button", "aria-pressed": String(n === node), style: { "--depth": depth }, onclick: () => set({ path: n.path }) },
        label,
        steps && h("span", { class: "tl-meta" }, ` ${steps}`),
      );
    });
    host.replaceChildren(
      ...[
        h("div", { class: "tl-sd-kind" }, name, kind),
        list.length > 1 && h("div", { class: "tl-sd-parts", role: "group", "aria-label": "Parts" }, list),
        h("p", { class: "tl-num" }, node.summary),
        formulas.f,
        formulas.n,
        h("div", { class: "tl-sd-fields" }, node.fields.map((f) => field(f, node))),
        error,
        !live && h("p", { class: "tl-num tl-sd-still" }, "Knobs and fields need Python: run this in a notebook to change them."),
        live &&
          h(
            "div",
            { class: "tl-sd-acts", role: "group", "aria-label": "Compose" },
            act("Then \u2026", "Another part after this one (join)", { do: "then" }),
            act("\u00d7 c", "A multiple of it (scale)", { do: "scale" }),
            act("+ \u2026", "The sum with another one (add)", { do: "plus" }),
            act("Remove", node.path.length || node.drops ? "Without this part" : "This is the whole schedule", { do: "drop" }, !node.drops),
          ),
      ].filter(Boolean),
    );
  }

  /** Shows the part at `path` of an entry; what has the focus keeps it. */
  function draw(entry, path) {
    const node = entry.nodes.find((n) => same(n.path, path)) || entry.nodes[0];
    const key = [entry.name, entry.nodes.map((n) => [n.path, n.row]), node.path, node.fields.map((f) => [f.hyper, !!f.slider]), rows.length];
    if (!same(key, made)) build(entry, node);
    made = key;
    shown = node;
    for (const [el, markup] of [
      [formulas.f, node.formula],
      [formulas.n, node.numbers === node.formula ? "" : node.numbers],
    ]) {
      if (el.dataset.of !== markup) {
        el.dataset.of = markup;
        el.replaceChildren(...[formula(markup, true)].filter(Boolean));
        el.hidden = !markup;
      }
      fit(el);
    }
    node.fields.forEach((f, i) => inputs[i].update(f));
    const parts = [...host.querySelectorAll(".tl-sd-parts button .tl-meta")];
    const spans = entry.nodes.map((n) => partLabel(n, entry.nodes.length).steps).filter(Boolean);
    parts.forEach((el, i) => (el.textContent = ` ${spans[i]}`));
  }

  /** Words of a refusal, at the field it is about; none clears them. */
  function refuse(text) {
    error.textContent = text || "";
    error.hidden = !text;
    for (const { hyper, box } of inputs) {
      if (text && text.includes(`: ${hyper}=`)) box.setAttribute("aria-invalid", "true");
      else box.removeAttribute("aria-invalid");
    }
  }
  const focus = (hyper) => {
    const found = inputs.find((i) => i.hyper === hyper);
    if (found) {
      found.box.focus();
      if (found.box.select) found.box.select();
    }
  };
  return { draw, refuse, focus, path: () => (shown ? shown.path : []) };
}

/** Code with its two tabs and the copy button; `set(patch)` chooses the tab. */
export function codeBox(host, set) {
  const pre = h("pre", { class: "tl-sd-code", tabindex: "0", "aria-label": "Code" }),
    note = h("span", { class: "tl-meta" });
  const tab = (id, label) => h("button", { type: "button", "aria-pressed": "false", onclick: () => set({ tab: id }) }, label);
  const tabs = { python: tab("python", "Python"), torch: tab("torch", "PyTorch") };
  const copy = h("button", { type: "button" }, "Copy");
  const copied = (word) => {
    copy.textContent = word;
    setTimeout(() => (copy.textContent = "Copy"), 1500);
  };
  /** Without the clipboard (an insecure page) the text is selected, ready for the keys. */
  const choose = () => {
    getSelection().selectAllChildren(pre);
    copied(document.execCommand && document.execCommand("copy") ? "Copied" : "Selected");
  };
  copy.addEventListener("click", () => {
    if (navigator.clipboard) navigator.clipboard.writeText(pre.textContent).then(() => copied("Copied"), choose);
    else choose();
  });
  host.append(h("div", { class: "tl-sd-tabs", role: "group", "aria-label": "Code" }, tabs.python, tabs.torch, note, copy), pre);
  return (entry, which) => {
    const torch = which === "torch";
    for (const [id, b] of Object.entries(tabs)) b.setAttribute("aria-pressed", String((id === "torch") === torch));
    pre.textContent = torch ? entry.torch || `# ${entry.note}` : entry.code;
    note.textContent = torch ? entry.note : "makes exactly this schedule";
  };
}
