// RaceArena: what is equal across the contenders, and what is not.

/** The padlock row. */
export function raceLock(view) {
  const equal = h("span", { class: "tl-ra-chips" }),
    badge = h("span", { class: "tl-ra-warn" }),
    el = h("div", { class: "tl-ra-lock", role: "group", "aria-label": "Fairness" }, h("span", { class: "tl-meta" }, "equal"), equal, badge);
  const draw = () => {
    const { equal: same, unequal } = view.race;
    equal.replaceChildren(...same.map((t) => h("span", { class: "tl-ra-tag" }, t)));
    badge.hidden = !unequal.length;
    badge.textContent = `not equal: ${unequal.join("; ")}`;
  };
  return { el, draw };
}
