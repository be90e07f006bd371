"""Damage: what a valid file becomes. Of bytes, of JSON, and of text, by one random number."""

from __future__ import annotations

import contextlib
import copy
import json
import random
import re
import struct
from typing import Any

from tests._payloads import PAYLOADS

SIZES = (0, 1, -1, 2**15, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1, -(2**63))
NASTY = (
    None, True, False, 0, 1, -1, 2, 255, 2**31, 2**53 + 1, 2**63, 2**64, 10**400, 0.5, -0.0, 1e308, 5e-324,
    float("nan"), float("inf"), -float("inf"), "", "0", "NaN", "Infinity", [], {}, [[]], [None], {"": None}, "float64", 
    "x" * 3000, *PAYLOADS[:4], "\ud800", "a\0b",
)  # fmt: skip
WORDS = (
    *map(json.dumps, NASTY),
    "1e999", "-", ",", "\n", "\r", '"', "'", "\\", "{", "}", "[", "]", "(", ")", "\u0661", "\u202e",
    "\ufeff", "/*", "0x10", "1_0",
)  # fmt: skip


def of_bytes(r: random.Random, data: bytes) -> bytes:
    """A few bits, a cut, a length, a block twice: damage of no understanding."""
    raw, n = bytearray(data), len(data)
    if not n or r.random() < 0.03:
        return r.randbytes(r.choice((0, 1, 7, 64, 300)))
    for _ in range(r.choice((1, 1, 1, 2, 4))):
        n = len(raw)
        at, to = sorted((r.randrange(n + 1), r.randrange(n + 1)))
        to = min(to, at + r.choice((1, 4, 16, 10**9)))
        way = r.randrange(8)
        if way == 0 and n:
            raw[r.randrange(n)] ^= 1 << r.randrange(8)
        elif way == 1:
            del raw[r.randrange(n + 1) :]
        elif way == 2:
            del raw[at:to]
        elif way == 3:
            raw[at:at] = raw[at:to] * r.choice((1, 2, 50))
        elif way == 4:
            raw[at:at] = r.randbytes(r.choice((1, 4, 8)))
        elif way == 5:
            form = r.choice(("<i", "<q", ">i", "<h"))
            size = struct.calcsize(form)
            raw[at : at + size] = struct.pack(form.upper(), r.choice(SIZES) % 2 ** (8 * size))
        elif way == 6 and n:
            raw[r.randrange(n)] = r.choice(b"\0\xff\n\",;[]{}-0:\\")
        else:
            raw[at:to] = of_text(r, raw[at:to].decode("latin-1")).encode("latin-1", "replace")
    return bytes(raw[:200_000])


def of_text(r: random.Random, text: str) -> str:
    """A number or a word replaced by a nasty one."""
    spots = list(re.finditer(r"-?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|[A-Za-z_]+", text))
    if not spots or r.random() < 0.2:
        at = r.randrange(len(text) + 1)
        return text[:at] + r.choice(WORDS) + text[at:]
    spot = r.choice(spots)
    new = r.choice((r.choice(WORDS), str(r.choice(SIZES)), spot.group() * 2, "-" + spot.group(), ""))
    return text[: spot.start()] + new + text[spot.end() :]


def _places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in list(items)[:30]:
        found += _places(value, (*path, key))
    return found


def nested(r: random.Random) -> Any:
    """A list or an object, some levels or very many levels deep."""
    x: Any = r.choice(NASTY)
    for _ in range(r.choice((3, 50, 150, 900))):
        x = [x] if r.random() < 0.5 else {"a": x}
    return x


def of_data(r: random.Random, data: Any) -> Any:
    """A place of JSON data replaced, left out, named anew, copied elsewhere, made longer or nested deeply."""
    data = copy.deepcopy(data)
    for _ in range(r.choice((1, 1, 1, 2, 3))):
        places = _places(data)
        path = r.choice(places)
        if not path:
            if r.random() < 0.05:
                return r.choice((r.choice(NASTY), nested(r)))
            continue
        parent = data
        for key in path[:-1]:
            parent = parent[key]
        key, way = path[-1], r.randrange(8)
        if way <= 2:
            parent[key] = r.choice(NASTY)
        elif way == 3:
            del parent[key]
        elif way == 4:
            other = data
            for k in r.choice(places):
                other = other[k]
            with contextlib.suppress(RecursionError):  # nested by an earlier turn
                parent[key] = copy.deepcopy(other)
        elif way == 5 and isinstance(parent, dict):
            parent[r.choice(("", "x", *PAYLOADS[:2], "format"))] = parent.pop(key)
        elif way == 6 and isinstance(parent[key], list):
            parent[key] = (parent[key] * r.choice((2, 30)))[:3000]
        elif isinstance(parent[key], int | float) and not isinstance(parent[key], bool):
            factor = r.choice((-1, 2, 0, 0.5 if abs(parent[key]) < 1e300 else 1))
            parent[key] = parent[key] * factor + r.choice((0, 1, -1))
        elif r.random() < 0.1:
            parent[key] = nested(r)
    return data


def dumped(r: random.Random, data: Any) -> bytes:
    """As JSON, now and then with a key twice."""
    try:
        text = json.dumps(data)
    except RecursionError:  # deeper than even the one who writes it can go
        return b'{"a":' * 5000
    if r.random() < 0.1 and (keys := re.findall(r'"[^"\\]{1,20}":', text)):
        key = r.choice(keys)
        text = text.replace(key, f"{key}{r.choice(WORDS[:20])},{key}", 1)
    return text.encode("utf-8", "surrogatepass")
