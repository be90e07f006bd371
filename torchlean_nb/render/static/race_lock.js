// RaceArena: what is equal across the contenders, and what is not.

const raceLockIcon = () =>
  s(
    "svg",
    { class: "tl-rc-padlock", viewBox: "0 0 13 14", "aria-hidden": "true" },
    s("path", { d: "M3.5 6V4a3 3 0 0 1 6 0v2" }),
    s("rect", { x: 1.5, y: 6, width: 10, height: 7.5, rx: 1.5 }),
  );
const raceWarnIcon = () =>
  s(
    "svg",
    { class: "tl-rc-alert", viewBox: "0 0 13 13", "aria-hidden": "true" },
    s("path", { d: "M6.5 1L12.5 12H.5z" }),
    s("path", { d: "M6.5 5v3.4M6.5 9.6v1.2" }),
  );

const RACE_UNEQUAL = 3;

/** The padlock row: equal things as chips, the rest in one badge. */
export function raceLock(view) {
  const equal = h("ul", { class: "tl-rc-chips", "aria-label": "Equal for all contenders" }),
    text = h("span"),
    more = h("button", { type: "button", onclick: () => show(true) }),
    badge = h("div", { class: "tl-rc-warn" }, raceWarnIcon(), text, more),
    word = h("span", { class: "tl-meta" }),
    el = h("div", { class: "tl-rc-lock", role: "group", "aria-label": "Fairness" }, raceLockIcon(), word, equal, badge);
  const show = (all) => {
    const { unequal } = view.race,
      few = all || unequal.length <= RACE_UNEQUAL + 1 ? unequal : unequal.slice(0, RACE_UNEQUAL);
    text.textContent = `not equal: ${few.join("; ")}`;
    more.hidden = few.length === unequal.length;
    more.textContent = more.hidden ? "" : `and ${unequal.length - few.length} more`;
  };
  let drawn = "";
  const draw = () => {
    const { equal: same, unequal } = view.race,
      key = JSON.stringify([same, unequal]);
    if (key === drawn) return;
    drawn = key;
    word.textContent = same.length ? "equal" : "nothing is equal";
    equal.replaceChildren(...same.map((t) => h("li", { class: "tl-rc-tag" }, t)));
    badge.hidden = !unequal.length;
    show(false);
  };
  return { el, draw };
}
