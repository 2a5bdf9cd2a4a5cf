"""Figures in which all text is text, whatever the settings of Matplotlib, and which notebooks show."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import LogFormatterMathtext, LogFormatterSciNotation, ScalarFormatter

from ..base.text import escape_controls
from .style import plain_text

_DPI = 144
"""Dots per inch in a notebook, where a figure has 96 per inch: sharp on screens with small pixels."""

_LARGEST = 1e150
"""Largest magnitude that is shown: products and differences of larger ones overflow within Matplotlib."""

_MATH = re.compile(r"\$\\mathdefault\{(.*)\}\$")
_POWER = re.compile(r"\^\{([^}]*)\}")
_SUPERSCRIPTS = str.maketrans("0123456789-.", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻·")


class PlainFigure(Figure):
    """A figure without formulas: dollars, backslashes and control characters in its texts are text."""

    def draw(self, renderer: Any) -> None:
        """Draw the figure."""
        with plain_text():
            for axis in _axes_of(self.axes):
                _use_plain_numbers(axis)
                _keep_within_range(axis)
            for text in self.findobj(Text):
                assert isinstance(text, Text)
                text.set_usetex(False)
                text.set_parse_math(False)
                if not text.get_text().isprintable():
                    text.set_text(escape_controls(text.get_text(), keep="\n"))
            super().draw(renderer)

    def _repr_mimebundle_(self, **_options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the figure as an image, which notebooks show once, with or without pyplot."""
        width, height = (round(96 * length) for length in self.get_size_inches())
        size = {"width": width, "height": height}
        return {"image/png": self.png(), "text/plain": repr(self)}, {"image/png": size}

    def png(self) -> bytes:
        """Return the figure as an image."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=_DPI)
        return buffer.getvalue()


class _PlainLogFormatter(LogFormatterSciNotation):
    """Labels of logarithmic axes in superscripts, such as 10⁻³, instead of formulas."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        text = _MATH.sub(r"\1", super().__call__(x, pos)).replace(r"\times", "×")
        return _POWER.sub(lambda power: power[1].translate(_SUPERSCRIPTS), text)


def _axes_of(axes: list[Axes]) -> Iterator[Axis]:
    for one in axes:
        yield from (one.xaxis, one.yaxis)
        yield from _axes_of([child for child in one.child_axes if isinstance(child, Axes)])


def _keep_within_range(axis: Axis) -> None:
    """Keep the ends of an axis where their distance, and the positions of ticks, are finite numbers."""
    ends = [float(end) for end in axis.get_view_interval()]
    kept = [min(max(end, -_LARGEST), _LARGEST) for end in ends]
    if kept[0] == kept[1] != ends[0]:
        kept = sorted([0.0, kept[0]])
    if kept != ends:
        (axis.axes.set_xlim if isinstance(axis, XAxis) else axis.axes.set_ylim)(*kept)


def _use_plain_numbers(axis: Axis) -> None:
    """Let the ticks of an axis have labels without formulas."""
    for major in (True, False):
        old = axis.get_major_formatter() if major else axis.get_minor_formatter()
        if isinstance(old, ScalarFormatter):
            old.set_useMathText(False)
        if isinstance(old, LogFormatterMathtext) and not isinstance(old, _PlainLogFormatter):
            new = _PlainLogFormatter()
            new.__dict__.update(old.__dict__)
            (axis.set_major_formatter if major else axis.set_minor_formatter)(new)
