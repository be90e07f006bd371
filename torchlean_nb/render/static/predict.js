// Predict, commit, reveal: the arriving number stays hidden until the learner has said something.

/** Whether the step asks for a prediction that has not been made. */
export const isOpen = (trace, options, state) =>
  !!options.predict && trace.event(state.step).kind === "backward" && !(String(state.step) in (state.answers || {}));

/** How many of the guesses were right: `{right, made}`. */
export function score(answers) {
  const list = Object.values(answers || {});
  return { right: list.filter((a) => a.ok).length, made: list.length };
}

/** The box with question, input and verdict; `guess(step, answer)` stores what was said. */
export function prediction(host, guess) {
  let asked = "",
    truth = NaN,
    others = {},
    index = [],
    step = 0;
  const input = h("input", {
    type: "text",
    inputmode: "decimal",
    autocomplete: "off",
    "aria-label": "Your prediction",
  });
  const complaint = h("span", { class: "tl-meta", role: "status" });
  const question = h("p"),
    hint = h("p", { class: "tl-num", hidden: true }),
    facts = h("p", { class: "tl-num" });
  const form = h(
    "form",
    {
      onsubmit: (e) => {
        e.preventDefault();
        const g = parseGuess(input.value);
        if (Number.isNaN(g)) {
          complaint.textContent = "Type a number, or say that you do not know.";
          input.focus();
          return;
        }
        guess(step, { guess: g, entry: index, ok: judge(g, truth).right });
      },
    },
    input,
    h("button", { type: "submit" }, "Check"),
    h(
      "button",
      { type: "button", onclick: () => guess(step, { guess: null, entry: index, ok: false }) },
      "I don\u2019t know",
    ),
    h(
      "button",
      {
        type: "button",
        "aria-expanded": "false",
        onclick: (e) => {
          hint.hidden = !hint.hidden;
          e.target.setAttribute("aria-expanded", String(!hint.hidden));
        },
      },
      "Hint",
    ),
    complaint,
  );
  const verdict = h("p", { role: "status", style: { margin: "0" } });
  host.append(question, facts, form, hint, verdict);

  function update(trace, payload, event, entry, state, open) {
    const answer = event.kind === "backward" ? (state.answers || {})[state.step] : null;
    host.hidden = !open && !answer;
    if (host.hidden) {
      asked = "";
      return;
    }
    const node = trace.node(event.id),
      from = trace.node(event.from),
      name = entryText(node.label, open ? entry : answer.entry);
    index = open ? entry : answer.entry;
    step = state.step;
    truth = at(trace.contribution(event.i), index);
    const total = at(trace.gradAt(event.id, step), index),
      g = trace.grad(event.from) || trace.array("seed", "seed");
    others = { total, upstream: g.shape.length === index.length && fits(index, g.shape) ? at(g, index) : undefined };
    const held = form.contains(host.getRootNode().activeElement);
    [question, facts, form].forEach((el) => {
      el.hidden = !open;
    });
    // A hidden field loses the focus, and the notebook would take the next key as a command.
    if (held && !open) host.closest(".tl").focus({ preventScroll: true });
    if (open) {
      const key = `${step}|${index}`;
      if (key === asked) return;
      asked = key;
      input.value = "";
      complaint.textContent = verdict.textContent = "";
      hint.hidden = true;
      question.replaceChildren("How much does ", h("b", null, from.label), " send to ", h("b", null, name), "?");
      const known = [from.id, ...from.parents].filter(
        (id, q, all) => all.indexOf(id) === q && !trace.value(id).shape.length,
      );
      facts.textContent = [
        ...(g.shape.length ? [] : [`gradient of ${from.label} = ${short(g.data[0])}`]),
        ...known.map((id) => `${trace.node(id).label} = ${short(trace.value(id).data[0])}`),
      ].join(", ");
      const sum = products(trace, event.i, index);
      hint.replaceChildren(
        ...[
          formula(payload.formulas.edges[event.i].f),
          sum &&
            h(
              "div",
              null,
              sum.terms.map(([a, b]) => `${factor(a, 4)}\u00b7${factor(b, 4)}`).join(" + "),
              sum.count > sum.terms.length ? " + \u22ef" : "",
              " = ?",
            ),
        ].filter(Boolean),
      );
      return;
    }
    asked = "";
    hint.hidden = true;
    const { right, made } = score(state.answers),
      j = answer.guess === null ? null : judge(answer.guess, truth, others);
    verdict.replaceChildren(
      j ? h("span", { class: j.right ? "tl-ok" : "tl-bad" }, j.right ? "\u2713 right: " : "\u2717 not quite: ") : "",
      j ? `you said ${short(answer.guess, 6)}, ` : "You left it open: ",
      h("b", { class: "tl-gi" }, short(truth, 5)),
      ` arrives at ${name}. `,
      j && j.hint ? `${j.hint} ` : "",
      h("span", { class: "tl-meta" }, `${right} of ${made} right so far`),
    );
  }
  return {
    update,
    focus: () => {
      input.focus();
      complaint.textContent = "Say a number first, or that you do not know.";
    },
  };
}
