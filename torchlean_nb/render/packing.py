"""A page made small: style rules that nothing uses are left out, and the rest is compressed into plain letters."""

from __future__ import annotations

import re
import zlib

import numpy as np

# 91 printable characters: all but the quote, the backslash and the bracket that could end a script.
LETTERS = "".join(chr(c) for c in range(33, 127) if chr(c) not in '"\\<')
_CLASS, _BEGUN = re.compile(r"tl-[\w-]+"), re.compile(r"(tl-[\w-]*)\$\{")
_IN_RULE = re.compile(r"\.(tl-[\w-]+)")


def packed(text: str) -> tuple[str, int]:
    """Text compressed and written in `LETTERS`, thirteen bits to every two, and the number of its bytes.

    Examples
    --------
    >>> unpacked(*packed("to be or not to be"))
    'to be or not to be'
    """
    data = np.frombuffer(zlib.compress(text.encode("utf-8"), 9), np.uint8)
    bits = np.unpackbits(data, bitorder="little")
    words = np.pad(bits, (0, -len(bits) % 13)).reshape(-1, 13) @ (1 << np.arange(13))
    pairs = np.stack([words % 91, words // 91], axis=1).ravel()
    return "".join(LETTERS[i] for i in pairs.tolist()), len(data)


def unpacked(letters: str, size: int) -> str:
    """The text again, as the page itself reads it."""
    codes = np.array([LETTERS.index(c) for c in letters]).reshape(-1, 2)
    words = codes[:, 0] + 91 * codes[:, 1]
    bits = (words[:, None] >> np.arange(13)) & 1
    whole = np.packbits(bits.ravel().astype(np.uint8), bitorder="little").tobytes()
    return zlib.decompress(whole[:size]).decode("utf-8")


def needed(css: str, code: str) -> str:
    """Style rules without those of classes that the code never names.

    Examples
    --------
    >>> needed(".tl-a{x:1}.tl-b .tl-a{x:2}@media(x){.tl-c{x:3}}p,.tl-b{x:4}", 'class: "tl-a", `tl-c${1}`')
    '.tl-a{x:1}@media(x){.tl-c{x:3}}p{x:4}'
    """
    used, begun = set(_CLASS.findall(code)), tuple(_BEGUN.findall(code))

    def kept(selector: str) -> bool:
        return all(name in used or name.startswith(begun) for name in _IN_RULE.findall(selector))

    out = []
    for rule in _blocks(css):
        head, _, body = rule.partition("{")
        if head.lstrip().startswith("@"):
            nested = head.lstrip().startswith(("@media", "@container", "@supports"))
            inside = needed(body[:-1], code) if nested else body[:-1]
            out += [f"{head}{{{inside}}}"] if inside.strip() else []
        else:
            # A comma inside of brackets divides no selectors: such rules stay or go as a whole.
            parts = [head] if "(" in head else head.split(",")
            found = [part for part in parts if kept(part)]
            out += [f"{','.join(found)}{{{body}"] if found else []
    return "".join(out)


def _blocks(css: str) -> list[str]:
    """Rules one by one, the nested ones inside of theirs."""
    out, depth, start = [], 0, 0
    for m in re.finditer(r"[{}]", css):
        depth += 1 if m[0] == "{" else -1
        if depth == 0:
            out.append(css[start : m.end()])
            start = m.end()
    return out
