"""What names brought along into a page: elements, attributes and links that are not there under harmless names."""

# Whatever runs would call one of these.
WATCH = """window.ran = [];
for (const name of ["alert", "confirm", "prompt", "open", "print"])
  window[name] = (...given) => { window.ran.push(name + " " + given.join(" ")); };
navigator.sendBeacon = (...given) => window.ran.push("beacon " + given);
addEventListener("securitypolicyviolation", (e) => window.ran.push("policy " + e.blockedURI));"""
# Inside the elements that a selector finds: every kind of element with the names of its attributes, what no name may
# bring along, and how many formulas were typeset.
SEEN = """(within) => {
  const kinds = new Set(), evil = [];
  // A formula that cannot be read is shown letter by letter: other elements, all of them harmless.
  const PARTS = "math mrow mi mo mn mtext mspace mfrac msup msub msubsup mover munder munderover mstyle msqrt".split(" ");
  const LOOKS = new Set(("xmlns display class stretchy fence form separator mathvariant lspace rspace width displaystyle " +
    "largeop linethickness").split(" "));
  const bad = new Set("iframe object embed base link meta frame portal audio video template".split(" "));
  for (const e of [...document.querySelectorAll(within)].flatMap((r) => [...r.querySelectorAll("*")])) {
    const names = e.getAttributeNames().sort();
    // A front end's own: formulas it typeset, and links it made of what looks like an address in plain text.
    const found = e.matches("pre a") && names.every((n) => ["href", "rel", "target"].includes(n));
    if (e.localName.startsWith("mjx-") || (found && !/^\\s*(javascript|vbscript):/i.test(e.getAttribute("href")))) continue;
    const math = e.namespaceURI.endsWith("MathML") && PARTS.includes(e.localName) && names.every((n) => LOOKS.has(n));
    if (!math) kinds.add(e.localName + " " + names.filter((n) => !/^(aria|disabled$|data-[a-z]+$)/.test(n)));
    if (e.id && !e.id.startsWith("tl")) kinds.add("id " + e.id.replace(/[-\\d]+/g, "0"));
    if (bad.has(e.localName) || (e.localName === "script" && e.id !== "ours")) evil.push(e.outerHTML.slice(0, 200));
    for (const n of names) {
      const v = e.getAttribute(n).replace(/[\\s\\0-\\x1f]/g, "").toLowerCase();
      const link = ["href", "src", "action", "formaction", "xlink:href", "data", "poster", "srcset"].includes(n);
      const still = e.localName === "img" && v.startsWith("data:image/svg+xml");
      if (/^on/.test(n) || /^data-command/.test(n) || (link && !still && !/^(#|data:image\\/png|blob:)/.test(v))
          || (n === "style" && /url\\((?!["']?#)|expression|@import/.test(v)))
        evil.push(`${n}=${v.slice(0, 80)} in ${e.outerHTML.slice(0, 120)}`);
    }
  }
  const formulas = [...document.querySelectorAll(within)].flatMap((r) => [...r.querySelectorAll("mjx-container")]);
  return { kinds: [...kinds], evil, formulas: formulas.length, ran: window.ran, title: document.title, address: location.href };
}"""  # noqa: E501
