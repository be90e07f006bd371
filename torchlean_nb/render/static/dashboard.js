// TrainingDashboard: loss, metrics, learning rate, gradients, updates, activations and histograms at one step, linked.

const TALL = { 1: 220, 2: 132, 3: 114 },
  HISTS = ["gradient", "weight", "update", "activation"];

function render({ model, el }) {
  const options = model.get("options") || {};
  let payload = model.get("payload"),
    runs = runsOf(payload),
    rev = payload.rev || 0,
    hover = null,
    wide = 0,
    shape = "",
    painted = "",
    frameAsked = 0;

  const f = frame({ model, el }, {
    title: options.title,
    meta: "",
    steps: 0,
    table: true,
    start: { at: null, smooth: 0.6, log: null, off: [], chosen: null, metric: null, layer: null, what: null },
    about: "One cursor for all charts. Smoothing averages over the same share of the axis for every curve; the raw curve stays visible behind it.",
    help: [
      ["\u2190 \u2192", "one recorded step back, one on; with Shift ten"],
      ["Home End", "first and last step; at the end the cursor follows a running training"],
      ["Space", "play and pause"],
      ["\u2191 \u2193", "choose a layer"],
      ["1 \u2026 8", "choose the run that the layers are of"],
      ["L", "log or linear axis"],
      ["[ ]", "less smoothing, more"],
    ],
    keys: {
      ArrowUp: () => layerBy(-1),
      ArrowDown: () => layerBy(1),
      l: () => f.set({ log: !logOf() }),
      "[": () => f.set({ smooth: Math.max(0, Math.round((amount() - 0.1) * 50) / 50) }),
      "]": () => f.set({ smooth: Math.min(0.98, Math.round((amount() + 0.1) * 50) / 50) }),
      ...Object.fromEntries(MARKS.map((_, i) => [String(i + 1), () => runs[i] && choose(runs[i].name)])),
      ...Object.fromEntries(["ArrowLeft", "ArrowRight", "PageUp", "PageDown", "Home", "End", "r", " "].map((key) => [key, (e) => moving.keys[key](e)])),
    },
    exports: fileExports(() => ({ ...f, state: { ...f.state, step: cursor() } }), model, "training", () => picture()),
    draw: () => paint(),
  });
  f.root.classList.add("tl-td");
  const has = (name) => !options.controls || options.controls.includes(name);

  // -- what the state means here; a state from elsewhere may say anything ---------------------
  const off = () => (Array.isArray(f.state.off) ? f.state.off : []);
  const shown = () => runs.map((_, i) => i).filter((i) => !off().includes(runs[i].name));
  const chosen = () => {
    const i = runs.findIndex((r) => r.name === f.state.chosen);
    return i >= 0 && !off().includes(runs[i].name) ? i : shown()[0] || 0;
  };
  const run = () => runs[chosen()];
  const amount = () => (Number.isFinite(f.state.smooth) ? Math.max(0, Math.min(0.98, f.state.smooth)) : 0.6);
  const stops = () => (run() ? stopsOf(run()) : []);
  const endOf = (r) => Math.max(stopsOf(r).at(-1) || 0, ...r.events.map((e) => e.k));
  const end = () => Math.max(0, ...runs.map(endOf));
  const cursor = () => (Number.isInteger(f.state.at) ? Math.max(0, Math.min(end(), f.state.at)) : end());
  const metrics = () => metricsOf(runs);
  const metric = () => (metrics().includes(f.state.metric) ? f.state.metric : metrics()[0]);
  const logOf = () => (typeof f.state.log === "boolean" ? f.state.log : wantsLog(shown().flatMap((i) => [runs[i].series.loss, runs[i].series.val_loss]).filter(Boolean).map((c) => c.v)));
  const layers = () => (run() ? [...run().params, ...run().units].map((r) => r.path) : []);
  const layer = () => (layers().includes(f.state.layer) ? f.state.layer : layers()[0]);
  const whats = () => (run() ? HISTS.filter((w) => (run().hist[w] || []).length) : []);
  const what = () => (whats().includes(f.state.what) ? f.state.what : whats()[0]);
  const epochs = () => (run() && run().series.epoch ? run().series.epoch.k : []);
  const live = () => runs.some((r) => r.status === "running");
  const choose = (name) => f.set({ chosen: name, off: off().filter((n) => n !== name) });
  const toggle = (name) => f.set({ off: off().includes(name) ? off().filter((n) => n !== name) : [...off(), name] });
  const pick = f.guard((path) => f.set({ layer: path }));
  const go = (k) => f.set({ at: k });
  function layerBy(d) {
    const all = layers();
    if (all.length) f.set({ layer: all[Math.max(0, Math.min(all.length - 1, all.indexOf(layer()) + d))] });
  }

  // -- the pieces -----------------------------------------------------------------------------
  const moving = runTransport(f, {
    get: () => ({ stops: stops(), k: cursor(), last: horizonOf(runs), end: end(), epochs: epochs(), epoch: run() ? epochAt(run(), cursor()) : null }),
    go,
    has,
  });
  const bar = runBar(f, { toggle, choose });
  f.body.before(moving.el, bar.el);
  const grid = h("div", { class: "tl-td-grid" }),
    empty = h("p", { class: "tl-pad tl-meta", hidden: true }, payload.rev === undefined ? "Nothing was recorded." : "Waiting for the first step."),
    tables = h("div", { class: "tl-td-tables", hidden: true });
  f.stage.append(grid, empty, tables);
  f.body.classList.add("tl-low");
  f.panel.parentElement?.remove();
  const select = (title, on) => h("select", { class: "tl-td-pick", "aria-label": title, onchange: f.guard((e) => on(e.target.value)) });
  const metricPick = select("Series of this chart", (v) => f.set({ metric: v })),
    whatPick = select("What the histogram is of", (v) => f.set({ what: v }));
  const scrub = f.guard((k) => {
    const at = stops();
    moving.stop();
    hover = null;
    if (at.length) go(k >= end() ? null : at[closest(at, k)]);
  });
  const point = f.guard((k) => {
    const at = stops();
    const event = k !== null && run() && run().events.find((e) => Math.abs(e.k - k) * 120 < horizonOf(runs));
    hover = k === null || !at.length ? null : event ? event.k : at[closest(at, Math.min(k, end()))];
    drawCursors();
    readout();
  });
  const on = { scrub, hover: point };
  const charts = { loss: lineChart("loss", on), metric: lineChart("metric", on, metricPick), flow: flowPanel(pick), ratio: lineChart("update \u00f7 weight", on), lr: lineChart("learning rate", on), units: unitsPanel(pick), hist: histPanel(whatPick) };
  const LINES = ["loss", "metric", "ratio", "lr"],
    SMALL = new Set(["lr", "units", "hist"]);

  /** Names of the panels for which there is something. */
  function panels() {
    const any = (fn) => runs.some(fn);
    return [
      any((r) => r.series.loss || r.series.val_loss) && "loss",
      metrics().length && "metric",
      any((r) => r.params.some((p) => p.grad_norm)) && "flow",
      any((r) => r.params.some((p) => p.update_ratio)) && "ratio",
      any((r) => r.series.lr) && "lr",
      any((r) => r.units.length) && "units",
      any((r) => Object.keys(r.hist).length) && "hist",
    ].filter(Boolean);
  }

  /** Puts the panels into rows, when they are other ones than before. */
  function arrange() {
    const names = panels(),
      now = names.join();
    if (now === shape) return names;
    shape = now;
    const rows = rowsOf(names.filter((n) => !SMALL.has(n)), names.filter((n) => SMALL.has(n)));
    grid.replaceChildren(...rows.flatMap((row_) => row_.map((name) => {
      charts[name].el.style.setProperty("--span", String(6 / row_.length));
      Object.assign(charts[name], { count: row_.length, mates: row_ });
      return charts[name].el;
    })));
    empty.hidden = names.length > 0;
    return names;
  }
  /** Height of a drawing: that of the longest list in its row, where a list stands there. */
  const tallOf = (name) => {
    const { count, mates } = charts[name],
      own = wide < 560 ? 128 : count === 1 && shape.includes(",") ? 110 : TALL[count],
      rows_ = wide < 560 || !run() ? 0 : Math.max(0, ...mates.map((m) => ({ flow: run().params.length, units: run().units.length })[m] || 0));
    return listHeight(rows_, own, FOOT);
  };
  const wideOf = (name) => Math.floor(charts[name].svg.clientWidth || charts[name].el.clientWidth) || 320;

  // -- curves ---------------------------------------------------------------------------------
  const common = () => ({ last: horizonOf(runs) + 1, events: run() ? run().events : [], epochs: epochs() });
  const ends = (room) => (runs.length > 1 ? Math.min(room, Math.max(...shown().map((i) => Math.min(10, runs[i].name.length) * 5.9 + 14), 14)) : 14);
  const brief = (name) => (name.length > 10 ? `${name.slice(0, 9)}\u2026` : name);

  /** Curves of one series of all shown runs: raw, smoothed, and held out. */
  function curves(name, smoothed) {
    const last = horizonOf(runs);
    return shown().sort((a, b) => (a === chosen()) - (b === chosen())).flatMap((i) => {
      const r = runs[i],
        own = r.series[name],
        held = r.series[`val_${name}`],
        hue = RUN_HUES[i % RUN_HUES.length],
        main = i === chosen(),
        style = { hue, dot: true, until: endOf(r), bold: main, width: main && runs.length > 1 ? 2.25 : 1.6, label: runs.length > 1 ? brief(r.name) : "", mark: runs.length > 1 ? i : undefined },
        amount_ = smoothed ? amount() : 0,
        eased = (c) => ({ k: (c.mean && amount_ ? c.mean : c).k, v: smooth((c.mean && amount_ ? c.mean : c).k, (c.mean && amount_ ? c.mean : c).v, amount_, last) });
      return [
        own && amount_ > 0 && { ...own, hue, width: 1, faint: main ? 0.32 : 0.18 },
        held && { ...eased(held), ...style, dash: "4 3", ...(own ? { label: "", mark: undefined, dot: false } : {}), lost: lostAt(held.k, held.v) },
        own && { ...eased(own), ...style, lost: lostAt(own.k, own.v) },
      ].filter(Boolean);
    });
  }
  const held = (name) => shown().some((i) => runs[i].series[`val_${name}`]);

  const drawing = {
    loss() {
      const log = logOf(),
        list = curves("loss", true),
        [low, high] = spanOf(list.map((c) => c.v), log);
      charts.loss.head.sub.textContent = held("loss") ? "solid train, dashed held out" : "";
      return { curves: list, low, high, log, right: ends(72), says: `Loss over the steps, ${shown().map((i) => runs[i].name).join(", ")}` };
    },
    metric() {
      const name = metric(),
        list = curves(name, true),
        vs = list.map((c) => c.v),
        log = logOf() && !isShare(name, vs) && wantsLog(vs),
        [low, high] = spanOf(vs, log);
      const all = metrics();
      if (metricPick.dataset.all !== all.join("\n")) {
        metricPick.replaceChildren(...all.map((n) => h("option", { value: n }, n)));
        metricPick.dataset.all = all.join("\n");
      }
      metricPick.value = name;
      return { curves: list, low, high, log, right: ends(72), says: `${name} over the steps` };
    },
    lr() {
      const list = curves("lr", false).map((c) => ({ ...c, label: "" })),
        vs = list.map((c) => c.v),
        tops = vs.map((v) => (extent([v], true) || [0, 0])[1]).filter((v) => v > 0),
        // Rates of several runs may lie powers of ten apart; one rate is looked at on a linear axis, where its shape is known.
        log = Math.max(...tops) > 20 * Math.min(...tops),
        [low, high] = spanOf(vs, log);
      return { curves: list, low: log ? low : Math.min(0, low), high: log || high > 0 ? high : 1, log, right: 14, says: "Learning rate over the steps" };
    },
    ratio() {
      const rows = run() ? run().params.filter((p) => p.update_ratio) : [],
        last = horizonOf(runs),
        at = run() ? run().params.map((p) => p.path) : [];
      const list = rows.map((p, i) => {
        const c = p.update_ratio,
          main = p.path === layer(),
          deep = rows.length > 1 ? i / (rows.length - 1) : 0;
        return { k: c.k, v: smooth(c.k, c.v.map((v) => Math.log(v)), amount(), last).map(Math.exp), hue: `color-mix(in srgb, var(--upd) ${Math.round(100 - 62 * deep)}%, var(--text))`, width: main ? 2.5 : rows.length > 8 ? 1 : 1.4, dash: rows.length > 8 ? "" : ["", "7 2", "4 2", "1.5 2"][i % 4], label: String(at.indexOf(p.path) + 1), bold: main, dot: main, until: endOf(run()), main };
      });
      const [low, high] = decades(list.map((c) => c.v), 1e-4, 1e-2, 6);
      charts.ratio.head.sub.textContent = `per layer${runs.length > 1 ? `, run ${brief(run().name)}` : ""}; 10\u207b\u00b3 is usual`;
      return { curves: list.sort((a, b) => a.main - b.main), low, high, log: true, guide: 1e-3, right: 24, says: `Size of the update as a share of the weights, per layer of run ${run() ? run().name : ""}` };
    },
  };

  // -- what belongs to the step ---------------------------------------------------------------
  let cached = {};
  /** Ends that hold all steps, so that bars of two steps can be compared; computed once per data. */
  const fixedEnds = (key, make) => (cached[key] = cached[key] || make());
  function drawStep() {
    const k = cursor(),
      r = run(),
      others = shown().filter((i) => i !== chosen());
    if (shape.includes("flow")) {
      const [low, high] = fixedEnds("flow", () => decades(runs.flatMap((q) => q.params.map((p) => (p.grad_norm ? p.grad_norm.v : []))), 0, 0, 6));
      const rows = r.params.map((p) => ({ path: p.path, name: p.name, v: valueAt(p.grad_norm, k), others: others.map((i) => ({ i, v: valueAt((runs[i].params.find((q) => q.path === p.path) || {}).grad_norm, k) })) }));
      charts.flow.head.sub.textContent = `norm per layer${others.length && rows.length ? `, run ${brief(r.name)}; marks: other runs` : ""}`;
      charts.flow.draw({ rows, low, high, chosen: layer() }, wideOf("flow"), tallOf("flow"));
    }
    if (shape.includes("units")) {
      const ends_ = fixedEnds(`units ${chosen()}`, () => spanOf(r.units.flatMap((u) => (u.activation_mean ? [u.activation_mean.v.map((m, i) => m - ((u.activation_std || { v: [] }).v[i] || 0)), u.activation_mean.v.map((m, i) => m + ((u.activation_std || { v: [] }).v[i] || 0))] : [])), false));
      const rows = r.units.map((u) => ({ path: u.path, name: u.name, mean: valueAt(u.activation_mean, k), std: valueAt(u.activation_std, k), dead: valueAt(u.dead, k) }));
      charts.units.head.sub.textContent = "mean \u00b1 std";
      charts.units.head.at.textContent = rows.some((u) => u.dead !== undefined) ? "dead" : "";
      charts.units.draw({ rows, low: ends_[0], high: ends_[1], chosen: (r.units.find((u) => related(u.path, layer())) || {}).path }, wideOf("units"), tallOf("units"));
    }
    if (shape.includes("hist")) {
      const now = what(),
        found = now ? histogramAt(r, now, layer(), k) || histogramAt(r, now, (r.hist[now][0] || {}).path, k) : null;
      if (whatPick.dataset.all !== whats().join()) whatPick.replaceChildren(...whats().map((w) => h("option", { value: w }, w)));
      whatPick.dataset.all = whats().join();
      whatPick.value = now || "";
      whatPick.hidden = !now;
      charts.hist.head.sub.textContent = found ? found.own.name : now ? "" : "histogram";
      charts.hist.head.at.textContent = found && found.now ? `step ${stepText(found.now.k)}` : "";
      charts.hist.draw({ found, what: now }, wideOf("hist"), tallOf("hist"));
    }
  }

  const drawCursors = () => LINES.filter((n) => shape.split(",").includes(n)).forEach((n) => charts[n].drawCursor(stops().length ? cursor() : null, hover));
  const both = (name, k) => {
    const a = run() && valueAt(run().series[name], k),
      b = run() && valueAt(run().series[`val_${name}`], k);
    return [a, b].map((v, i) => (v === undefined ? "" : `${i ? "held out " : ""}${short(v, 4)}`)).filter(Boolean).join(", ");
  };

  /** Numbers at the pointer, or at the cursor. */
  function readout() {
    const k = hover === null ? cursor() : hover;
    const near = run() && hover !== null && run().events.find((e) => e.k === k);
    charts.loss.head.at.textContent = near ? near.text || near.kind : hover === null ? both("loss", k) : `step ${k}: ${both("loss", k)}`;
    if (metric()) charts.metric.head.at.textContent = both(metric(), k);
    charts.lr.head.at.textContent = both("lr", k);
    const row = run() && run().params.find((p) => p.path === layer()),
      ratio = row && valueAt(row.update_ratio, k);
    charts.ratio.head.at.textContent = ratio === undefined || ratio === null ? "" : short(ratio, 2);
    const values = runs.map((r) => {
      const v = valueAt(r.series.loss, k);
      return v === undefined ? "" : short(v, 3);
    });
    bar.paint({ runs, off: off(), chosen: chosen(), smooth: amount(), log: logOf(), values: runs.length > 1 ? values : [""] });
    f.narr.setAttribute("aria-live", moving.playing() || live() ? "off" : "polite");
    const said = run() && stops().length ? sentence(run(), cursor(), metric(), runs.length > 1, endOf(run())) : "";
    if (f.narr.textContent !== said) f.narr.textContent = said;
  }

  function paint() {
    if (!moving) return;
    const names = arrange();
    moving.paint();
    grid.hidden = !!f.state.table;
    tables.hidden = !f.state.table;
    if (f.state.table && run()) tables.replaceChildren(...runTables({ runs, shown: shown(), run: run(), k: cursor(), metric: metric(), stops: stops(), layer: layer() }));
    if (wide && !f.state.table) {
      // Curves change with the data, the width and the switches; scrubbing moves the cursor only.
      const key = JSON.stringify([rev, wide, shape, amount(), logOf(), off(), chosen(), metric(), layer()]);
      if (key !== painted) {
        const [first, ...others] = painted ? JSON.parse(painted) : [];
        if (first !== rev || others.length === 0) cached = {};
        painted = key;
        for (const name of LINES.filter((n) => names.includes(n))) charts[name].draw({ ...common(), ...drawing[name]() }, wideOf(name), tallOf(name));
      }
      if (run()) drawStep();
      drawCursors();
    }
    readout();
    const state = live() ? ", one running" : "";
    const head = runs.length === 1 ? runs[0].meta : runs.length ? `${runs.length} runs${state}` : "",
      meta = f.root.querySelector(".tl-bar .tl-meta");
    meta.textContent = [head, payload.note].filter(Boolean).join(". ");
    meta.title = meta.textContent;
  }

  /** All panels as one drawing, for a file. */
  function picture() {
    const gap = 8,
      names = panels(),
      all = s("svg", { class: "tl-td-svg tl-td-whole" });
    let y = 8;
    const box = grid.getBoundingClientRect();
    for (const name of names) {
      const at = charts[name].el.getBoundingClientRect(),
        own = charts[name].svg.viewBox.baseVal,
        chosenName = { metric: metric(), hist: `${what() || ""} histogram` }[name] || charts[name].title,
        x0 = at.left - box.left,
        y0 = at.top - box.top;
      all.append(
        s("text", { class: "tl-b", x: x0 + 12, y: y0 + 16 }, chosenName, s("tspan", { dx: 6, class: "tl-td-subtext" }, charts[name].head.sub.textContent)),
        s("g", { transform: `translate(${x0} ${y0 + 22})` }, ...[...charts[name].svg.childNodes].map((n) => n.cloneNode(true))),
      );
      y = Math.max(y, y0 + 22 + own.height + gap);
    }
    const names_ = runs.length > 1 ? shown() : [];
    names_.forEach((i, j) => all.append(mark(i, 18 + j * 100, y + 6, 4), s("text", { x: 28 + j * 100, y: y + 10 }, brief(runs[i].name))));
    all.setAttribute("viewBox", `0 0 ${Math.ceil(box.width)} ${Math.ceil(y + (names_.length ? 20 : 0))}`);
    grid.append(all);
    setTimeout(() => all.remove());
    return all;
  }

  // -- data that comes later ------------------------------------------------------------------
  const soon = () => {
    if (!frameAsked) frameAsked = requestAnimationFrame(f.guard(() => {
      frameAsked = 0;
      f.draw();
    }));
  };
  const again = f.guard(() => {
    payload = model.get("payload");
    if ((payload.rev || 0) < rev && live()) return;
    runs = runsOf(payload);
    rev = payload.rev || 0;
    painted = "";
    soon();
  });
  const heard = f.guard((m) => {
    if (m.kind !== "more" || m.rev <= rev) return;
    // A message that was missed is in the next whole payload.
    if (m.rev !== rev + 1) return;
    m.runs.forEach((news) => runs[news.i] && grow(runs[news.i], news));
    rev = m.rev;
    soon();
  });
  model.on("change:payload", again);
  model.on("msg:custom", heard);
  if (model.send && payload.rev !== undefined) model.send({ kind: "hello", rev });
  const observer = new ResizeObserver(f.guard(() => {
    const w = Math.floor(f.stage.clientWidth);
    if (!w || w === wide) return;
    wide = w;
    f.draw();
  }));
  observer.observe(f.stage);
  wide = Math.floor(f.stage.clientWidth) || 0;
  f.draw();
  return () => {
    moving.stop();
    cancelAnimationFrame(frameAsked);
    model.off("change:payload", again);
    model.off("msg:custom", heard);
    observer.disconnect();
    f.destroy();
  };
}

const widget = { render };
export default widget;
