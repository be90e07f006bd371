// RaceArena: the menu that adds a contender; a page without Python has none.

/** Rules that have all words of a search in their name, label or group; names that begin with it come first. */
export function raceSearch(rules, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean),
    hay = (r) => `${r.name} ${r.label} ${r.group || ""}`.toLowerCase(),
    found = rules.filter((r) => words.every((w) => hay(r).includes(w))),
    begins = (r) =>
      words.length > 0 && (r.name.toLowerCase().startsWith(words[0]) || r.label.toLowerCase().startsWith(words[0]));
  return [...found.filter(begins), ...found.filter((r) => !begins(r))];
}

/** "+ Add": a box to search in and the list of rules, moved through by the arrow keys. */
function raceAddMenu(view) {
  const id = `tl-rc-${Math.random().toString(36).slice(2)}`,
    search = h("input", {
      type: "search",
      placeholder: "search",
      role: "combobox",
      "aria-label": "Search the rules",
      "aria-controls": id,
      "aria-expanded": "true",
      "aria-autocomplete": "list",
      autocomplete: "off",
      spellcheck: "false",
    }),
    list = h("div", { id, role: "listbox", "aria-label": "Rules", class: "tl-rc-rules" }),
    none = h("p", { class: "tl-num", hidden: true }, "No rule of this name can race here."),
    pop = h(
      "div",
      { class: "tl-pop tl-rc-add", role: "dialog", "aria-label": "Add a contender", hidden: true },
      search,
      list,
      none,
    ),
    button = h(
      "button",
      {
        type: "button",
        "aria-haspopup": "dialog",
        "aria-expanded": "false",
        title: "Add a contender",
        onclick: () => toggle(pop.hidden),
      },
      "+ Add",
    );
  let shown = [],
    at = 0;
  const light = (k) => {
    at = Math.max(0, Math.min(shown.length - 1, k));
    [...list.querySelectorAll("[role=option]")].forEach((o, i) => {
      o.setAttribute("aria-selected", String(i === at));
      if (i === at) o.scrollIntoView({ block: "nearest" });
    });
    if (shown.length) search.setAttribute("aria-activedescendant", `${id}-${at}`);
    else search.removeAttribute("aria-activedescendant");
  };
  const take = (rule) => {
    toggle(false);
    button.focus();
    if (rule) view.ask({ do: "add", rule: rule.name });
  };
  function fill() {
    shown = raceSearch(view.race.rules, search.value);
    let group = null;
    const items = shown.flatMap((r, i) => {
      const option = h(
          "div",
          {
            id: `${id}-${i}`,
            role: "option",
            class: "tl-rc-rule",
            onclick: () => take(r),
            onpointermove: () => at !== i && light(i),
          },
          h("span", null, r.label),
          h("span", { class: "tl-meta" }, r.name === r.label ? "" : r.name),
        ),
        heading =
          !search.value.trim() &&
          r.group &&
          r.group !== group &&
          h("div", { class: "tl-lab", role: "presentation" }, r.group);
      group = r.group;
      return [heading, option].filter(Boolean);
    });
    list.replaceChildren(...items);
    none.hidden = shown.length > 0;
    light(0);
  }
  function toggle(open) {
    if (open) view.f.close();
    pop.hidden = !open;
    button.setAttribute("aria-expanded", String(open));
    if (!open) return;
    search.value = "";
    fill();
    search.focus();
  }
  search.addEventListener("input", fill);
  pop.addEventListener("keydown", (e) => {
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[e.key];
    if (by) light(at + by);
    else if (e.key === "Enter") shown.length && take(shown[at]);
    else if (e.key === "Escape") {
      toggle(false);
      button.focus();
    } else return;
    e.preventDefault();
    e.stopPropagation();
  });
  pop.addEventListener("focusout", (e) => {
    if (!pop.contains(e.relatedTarget) && e.relatedTarget !== button) toggle(false);
  });
  // A press on the list would take the focus from the box, and close it.
  list.addEventListener("pointerdown", (e) => e.preventDefault());
  return { button, pop };
}
