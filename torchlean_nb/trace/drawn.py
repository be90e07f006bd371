"""What traces share that are looked at: a picture, a text, a page, a view, each by its renderer."""

from __future__ import annotations

from os import PathLike
from typing import Any, ClassVar

from torchlean_nb.trace.formats import renderer


class Drawn:
    """A trace with renderers; their names in `formats.RENDERERS` begin with `_kind`."""

    _kind: ClassVar[str] = ""

    def render(self, fmt: str, **options: Any) -> Any:
        """This in any registered format (`RENDERERS`): ``"text"``, ``"svg"``, ``"widget"`` and others.

        Raises
        ------
        UnknownNameError, HyperparameterTypeError
            For a format, or an option of it, that there is not.
        """
        return renderer(self._kind + fmt)(self, **options)

    def to_text(self, **options: Any) -> str:
        """The same in words and tables."""
        return self.render("text", **options)

    def to_svg(self, **options: Any) -> str:
        """Self-contained picture."""
        return self.render("svg", **options)

    def to_html(self, path: str | PathLike[str] | None = None, **options: Any) -> str:
        """The view as a self-contained page, without a kernel or a network; also written to `path`."""
        return self.show(**options).to_html(path)

    def show(self, **options: Any) -> Any:
        """The view, for the last line of a cell."""
        return self.render("widget", **options)
