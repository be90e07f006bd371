"""A race as an animated GIF: the map is drawn once, and of each frame only what has moved."""

from __future__ import annotations

import struct
from collections.abc import Collection
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from PIL.GifImagePlugin import getdata

from torchlean_nb.errors import HyperparameterError
from torchlean_nb.render.files import target as checked
from torchlean_nb.render.files import write
from torchlean_nb.render.numbers import MINUS
from torchlean_nb.render.race_figure import colour
from torchlean_nb.render.race_map import ASPECT, BOX
from torchlean_nb.render.race_scene import Scene, scene
from torchlean_nb.render.race_standing import head
from torchlean_nb.trace.race import RaceTrace

WIDE, BAR = 480, 22
TALL = round(WIDE * ASPECT)
_OVER, _INK, _LINE, _SAME = 2, "#1b1f24", "#858e98", 255  # the last code: as in the frame before


def race_gif(
    trace: RaceTrace, path: str | Path, frames: int = 60, ms: int = 60, hold: int = 1500,
    target: float | None = None, on: Collection[str] | None = None,
) -> None:  # fmt: skip
    """Write the animation.

    Parameters
    ----------
    trace : RaceTrace
    path : str or Path
    frames : int
        At most so many, evenly over the steps, both ends among them.
    ms, hold : int
        Milliseconds per frame, and for the last one.
    target : float, optional
    on : collection of str, optional
        Names of the contenders that are shown.

    Raises
    ------
    HyperparameterError
        For times or numbers of frames that are none, or a path that does not end in ``.gif``.
    """
    if not 10 <= ms <= 10_000 or not 10 <= hold <= 60_000:
        raise HyperparameterError(f"to_gif: ms={ms} and hold={hold} are not times of a frame")
    if isinstance(frames, bool) or not isinstance(frames, int) or not 2 <= frames <= 1000:
        raise HyperparameterError(f"to_gif: frames={frames!r}", "an int from 2 to 1000")
    where = checked(path, ("gif",))
    last = scene(trace, None, target, on)
    records = np.unique(np.linspace(0, len(trace.steps) - 1, min(frames, len(trace.steps))).round().astype(int))
    film = _Film(last)
    head = b"GIF89a" + struct.pack("<HHBBB", WIDE, TALL + BAR, 0xF7, 0, 0) + film.palette.tobytes()
    parts = [head, b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0"]
    for k in records.tolist():
        image, place = film.frame(k)
        parts += getdata(image, place, duration=hold if k == records[-1] else ms, disposal=1, transparency=_SAME)
    write(where, b"".join([*parts, b";"]))


class _Film:
    """Ways grow on one large picture; of each frame the places where something moved are made small and coloured."""

    def __init__(self, seen: Scene):
        self.seen, by = seen, WIDE * _OVER / BOX
        first = seen.stands[0]
        self.start = tuple(float(a[0]) * by for a in seen.map.place(first.x[:1], first.y[:1]))
        self.ways = {i: np.stack(seen.way(i, until=len(seen.trace.steps) - 1), axis=1) * by for i in seen.on}
        self.large = _ground(seen)
        self.pen = ImageDraw.Draw(self.large)
        self.palette = _palette([colour(i) for i in seen.on])
        self.table = np.full(1 << 15, _SAME, np.uint8)
        self.bar = _names(seen)
        self.codes = np.zeros((TALL + BAR, WIDE), np.uint8)
        self.shown = np.full_like(self.codes, _SAME)
        self.heads: dict[int, tuple[float, float]] = {}
        self.done = 0
        self._refresh((0, 0, WIDE, TALL))

    def frame(self, k: int) -> tuple[Image.Image, tuple[int, int]]:
        """What is new at a record, which is not before that of the last frame, and where its corner is."""
        moved = []
        for i, way in self.ways.items():
            head = self._record(i, k, len(way) - 1)
            part = way[min(self.done, head) : head + 1]
            if len(part) > 1:
                self.pen.line(part.ravel().tolist(), fill="white", width=7, joint="curve")
                self.pen.line(part.ravel().tolist(), fill=colour(i), width=4, joint="curve")
            old = self.heads.get(i)
            self.heads[i] = tuple(way[head].tolist())
            if old != self.heads[i]:
                moved.append(np.array([*part.tolist(), self.heads[i], old or self.heads[i]]))
        self.done = k
        for points in moved:
            low, high = points.min(axis=0) / _OVER - 9, points.max(axis=0) / _OVER + 9
            left, top = np.clip(low, 0, (WIDE, TALL)).astype(int).tolist()
            right, foot = np.clip(np.ceil(high), 0, (WIDE, TALL)).astype(int).tolist()
            if right > left and foot > top:
                self._refresh((left, top, right, foot))
        self._say(int(self.seen.trace.steps[k]))
        return self._changed()

    def _changed(self) -> tuple[Image.Image, tuple[int, int]]:
        """The smallest box that holds all that differs from the last frame; what does not is left as it is."""
        other = self.codes != self.shown
        rows, columns = np.flatnonzero(other.any(axis=1)), np.flatnonzero(other.any(axis=0))
        top, foot = (rows[0], rows[-1] + 1) if rows.size else (0, 1)
        left, right = (columns[0], columns[-1] + 1) if rows.size else (0, 1)
        cut = np.s_[top:foot, left:right]
        image = Image.fromarray(np.where(other[cut], self.codes[cut], _SAME).astype(np.uint8), "P")
        image.putpalette(self.palette.ravel().tolist())
        self.shown = self.codes.copy()
        return image, (int(left), int(top))

    def _record(self, i: int, k: int, end: int) -> int:
        return min(head(self.seen.trace, self.seen.stands[i].ended, k), end)

    def _refresh(self, box: tuple[int, int, int, int]) -> None:
        """Part of the picture anew, the heads that lie in it on top."""
        left, top, right, foot = box
        part = self.large.crop((left * _OVER, top * _OVER, right * _OVER, foot * _OVER))
        pen = ImageDraw.Draw(part)
        _ring(pen, self.start[0] - left * _OVER, self.start[1] - top * _OVER)
        for i, (x, y) in self.heads.items():
            if left - 9 < x / _OVER < right + 9 and top - 9 < y / _OVER < foot + 9:
                _head(pen, i, x - left * _OVER, y - top * _OVER)
        self.codes[top:foot, left:right] = self._coded(part.reduce(_OVER))

    def _coded(self, image: Image.Image) -> np.ndarray:
        """Codes of the nearest colours of the palette, five bits a channel; each is looked for once."""
        rgb = np.asarray(image, np.uint8) >> 3
        whole = (rgb[..., 0].astype(np.intp) << 10) | (rgb[..., 1].astype(np.intp) << 5) | rgb[..., 2]
        found = self.table[whole]
        if (found == _SAME).any():
            new = np.unique(whole[found == _SAME])
            colours = np.stack([new >> 10, (new >> 5) & 31, new & 31], axis=1).astype(np.float32) * 8 + 4
            p = self.palette[:_SAME].astype(np.float32)
            self.table[new] = ((p * p).sum(axis=1) - 2 * colours @ p.T).argmin(axis=1)
            found = self.table[whole]
        return found

    def _say(self, step: int) -> None:
        bar = self.bar.copy()
        ImageDraw.Draw(bar).text((34, 5), str(step), fill=_INK)
        self.codes[TALL:] = self._coded(bar)


def _names(seen: Scene) -> Image.Image:
    """The line below: every colour with its name."""
    bar = Image.new("RGB", (WIDE, BAR), "white")
    pen, of = ImageDraw.Draw(bar), f"of {seen.last}"
    after = 38 + pen.textlength(str(seen.last))
    pen.text((8, 5), "step", fill=_INK)
    pen.text((after, 5), of, fill=_INK)
    x = round(after + pen.textlength(of)) + 14
    for i in seen.on:
        name = seen.stands[i].label.replace(MINUS, "-").encode("latin-1", "replace").decode("latin-1")[:14]
        wide = round(pen.textlength(name))
        if x + 16 + wide > WIDE:
            break
        pen.rectangle((x, 7, x + 8, 15), fill=colour(i))
        pen.text((x + 12, 5), name, fill=_INK)
        x += 24 + wide
    return bar


def _ground(seen: Scene) -> Image.Image:
    """Bands, contour lines and minima, twice as large as it will be."""
    size = (WIDE * _OVER, TALL * _OVER)
    page = Image.new("RGB", size, "white")
    heights, bands = seen.map.heights, max(1, len(seen.map.levels))
    if len(heights) > 2:
        shade = Image.fromarray((heights[::-1] * 255).astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
        steps = np.round(255 * (1 - 0.2 * (np.arange(256) * bands // 255 / bands) ** 0.8)).astype(np.uint8)
        page = Image.fromarray(steps[np.asarray(shade)]).convert("RGB")
    pen, by = ImageDraw.Draw(page), size[0] / BOX
    for d in seen.map.lines:
        for part in filter(None, d.split("M")):
            points = _corners(part) * by
            if len(points) > 1:
                pen.line(points.ravel().tolist(), fill=_LINE, width=1)
    goals = np.array(seen.trace.surface.get("goals", ()), float).reshape(-1, 2)
    for x, y in zip(*(a * by for a in seen.map.place(goals[:, 0], goals[:, 1])), strict=True):
        pen.line((x - 10, y, x + 10, y), fill=_INK, width=3)
        pen.line((x, y - 10, x, y + 10), fill=_INK, width=3)
    return page


def _ring(pen: ImageDraw.ImageDraw, x: float, y: float) -> None:
    pen.ellipse((x - 10, y - 10, x + 10, y + 10), fill="white", outline=_INK, width=4)


def _corners(part: str) -> np.ndarray:
    """Corners of one line of a map: its first point, then differences."""
    first, _, rest = part.partition("l")
    text = f"{first} {rest}".replace("-", " -")
    return np.cumsum(np.array(text.split(), float).reshape(-1, 2), axis=0)


def _head(pen: ImageDraw.ImageDraw, i: int, x: float, y: float) -> None:
    """Mark of a contender: circle, square, triangle, diamond, triangle on its tip, plus."""
    r, look = 9.0, {"fill": colour(i), "outline": "white", "width": 2}
    shapes = {
        1: [(-1, -1), (1, -1), (1, 1), (-1, 1)], 2: [(0, -1.3), (1.2, 0.9), (-1.2, 0.9)],
        3: [(0, -1.4), (1.4, 0), (0, 1.4), (-1.4, 0)], 4: [(0, 1.3), (1.2, -0.9), (-1.2, -0.9)],
        5: [(-.45, -1.3), (.45, -1.3), (.45, -.45), (1.3, -.45), (1.3, .45), (.45, .45), (.45, 1.3), (-.45, 1.3),
            (-.45, .45), (-1.3, .45), (-1.3, -.45), (-.45, -.45)],
    }  # fmt: skip
    if i % 6 == 0:
        pen.ellipse((x - r, y - r, x + r, y + r), **look)
    else:
        pen.polygon([(x + r * a, y + r * b) for a, b in shapes[i % 6]], **look)


def _palette(inks: list[str]) -> np.ndarray:
    """One palette for all frames: greys, and every ink in steps from white and from grey."""
    whole = [np.array([int(ink[j : j + 2], 16) for j in (1, 3, 5)]) for ink in dict.fromkeys(inks)]
    each = max(2, 200 // (2 * len(whole)))
    share = np.linspace(1.0, 0.1, each)[:, None]
    tints = [ground * (1 - share) + ink * share for ink in whole for ground in (255.0, 205.0)]
    greys = np.linspace(0, 255, 256 - sum(map(len, tints)))[:, None].repeat(3, axis=1)
    return np.round(np.concatenate([*tints, greys])).astype(np.uint8)
