"""A figure of panels with a title and a legend, in a style and size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

import attrs

from ..base.errors import InputError
from .legend import place_legend
from .panels import Panel, count_panels, first_panels, grid_shape, make_panels, name_panels
from .style import Style

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

CROSSED, LIMIT = "not feasible in all drops", "limit"
"""Labels of what is no curve."""

NO_VALUE = " (no value)"
"""End of the label of a curve without any point."""

_MOST_LARGE = 2
"""Number of panels up to which they are large."""

_LEAST_ROW = 1.4
"""Least height of a row in inches, if a style sets the height of the figure."""

_HIGHEST = 0.6
"""Part of the height of a figure, if it is given, that a legend below may take."""

_FEWEST = 12
"""Least number of characters in a line."""

Draw = Callable[[Panel], "str | None"]
"""A function that draws a panel, and returns a note for the title."""


@attrs.frozen(kw_only=True)
class Sheet:
    """A figure of panels.

    Parameters
    ----------
    style : Style
        Its style.
    size : tuple of float, optional
        Width and height in inches; by default those of the style, and higher for a legend below.
    dense : bool
        Whether markers are small.
    first : int
        Number of the combination of the first panel.
    """

    style: Style
    size: tuple[float, float] | None = None
    dense: bool = False
    first: int = 0

    def draw(self, dataset: xarray.Dataset, apart: Sequence[str], rows: int, about: str, draw: Draw) -> Figure:
        """Return a figure with a panel, of a number of rows of axes, for each combination along dimensions."""
        from matplotlib import rc_context

        from .plain_figure import PlainFigure

        _, drawn = count_panels(dataset, apart, self.first)
        most = self.style.side_by_side
        blocks, columns = grid_shape(drawn, most)
        small = drawn > _MOST_LARGE
        settings: Any = {"font.size": self.style.fonts[small]}
        settings["lines.markersize"] = 3 if self.dense or small else 0.5 * self.style.fonts[0]
        with rc_context(settings):
            figure = PlainFigure(figsize=self._size(small, columns, rows * blocks), layout="constrained")
            notes: dict[str, None] = {}
            for panel in make_panels(figure, dataset, apart, rows, most, self.first):
                note = draw(panel)
                notes |= {note: None} if note else {}
                _fold(panel.axes[0].set_title(panel.title, fontsize="small"), 0.85 / columns)
            width, height = place_legend(figure, _named(figure), aside=self.style.aside)
            self._make_room(figure, height)
            parts = filter(None, [about, *notes, name_panels(dataset, apart, self.first)])
            # On the left, since a legend on the right is as high as the figure.
            title = f"{dataset.attrs['title']}: {'; '.join(parts)}"
            text = figure.suptitle(title, fontsize="medium", x=0.01, horizontalalignment="left")
            _fold(text, 0.98 - width / figure.get_size_inches()[0])
            self._keep_height(figure, small, rows * blocks)
        return figure

    def draw_all(
        self, title: str, dataset: xarray.Dataset, apart: Sequence[str], rows: int, about: str, draw: Draw
    ) -> dict[str, Figure]:
        """Return figures like that of :meth:`draw` by title, as many as the combinations need, up to a limit."""
        return {
            f"{title}-{number}" if number > 1 else title: attrs.evolve(self, first=first).draw(
                dataset, apart, rows, about, draw
            )
            for number, first in enumerate(first_panels(dataset, apart), 1)
        }

    def _make_room(self, figure: Figure, legend: float) -> None:
        """Make a figure higher for a legend below, unless its height is given and sufficient."""
        width, height = figure.get_size_inches()
        sufficient = legend <= _HIGHEST * height
        if self.size is not None and not sufficient:
            problem = f"must leave room for a legend of {legend:.1f} inches, got a height of {height:g}"
            raise InputError("size", problem)
        if self.size is None and (self.style.height is None or not sufficient):
            figure.set_size_inches(width, height + legend)

    def _keep_height(self, figure: Figure, small: bool, rows: int) -> None:
        """Make a figure higher if upright names of places have taken too much of its axes."""
        upright = any(label.get_rotation() == 90 for axes in figure.axes for label in axes.get_xticklabels()[:1])
        if self.size is None and self.style.height is None and upright:
            figure.draw_without_rendering()
            missing = 0.75 * self.style.heights[small] - figure.axes[0].bbox.height / figure.dpi
            width, height = figure.get_size_inches()
            figure.set_size_inches(width, height + max(missing, 0.0) * rows)

    def _size(self, small: bool, columns: int, rows: int) -> tuple[float, float]:
        """Return the size of the figure in inches without a legend below."""
        if self.size is not None:
            return self.size
        style = self.style
        width = style.legend_widths[small] + style.widths[small] * columns if style.width is None else style.width
        height = 0.09 * style.fonts[small] + style.heights[small] * rows
        return width, height if style.height is None else max(style.height, _LEAST_ROW * rows)


def _fold(text: Any, part: float) -> None:
    """Fold a text of a figure to a part of its width."""
    words, room = text.get_text(), part * text.get_figure().bbox.width
    letters = len(words)
    while letters > _FEWEST and (width := text.get_window_extent().width) > room:
        letters = min(letters - 1, max(_FEWEST, int(letters * room / width)))
        text.set_text(fill(words, letters))


def _named(figure: Figure) -> dict[str, Any]:
    """Return what is drawn by label, curves first."""
    named: dict[str, Any] = {}
    for axes in figure.axes:
        handles, labels = axes.get_legend_handles_labels()
        named = dict(zip(labels, handles, strict=True)) | named
    named = {name: one for name, one in named.items() if name.removesuffix(NO_VALUE) not in named.keys() - {name}}
    last = {name: named.pop(name) for name in (LIMIT, CROSSED) if name in named}
    return named | last
