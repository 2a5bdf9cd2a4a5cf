"""Figures as inline SVG, in the colours of the page that shows them."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

import attrs

from ..base.text import escape_controls

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LARGEST = 120_000
"""Number of characters of a figure above which its curves become an image within it."""

_INK = re.compile(r"#(?:000000|262626|333333|4d4d4d)\b")
"""Black and the greys of figures that stand for it: limits, crosses, edges."""

_DPI, _COARSE_DPI = 110, 55
"""Dots per inch of curves that become images, and of those that would be too large."""

_LEAST_SCALE = 0.75
"""Scale below which the text of a figure would be too small: it scrolls instead."""


@attrs.frozen(kw_only=True)
class Drawing:
    """A figure of a report.

    Parameters
    ----------
    title : str
        What it shows, in a few words.
    caption : str
        A sentence with what is needed to read it.
    svg : str
        The figure itself.
    """

    title: str
    caption: str
    svg: str


def inline_svg(figure: Figure, label: str, prefix: str, largest: int = LARGEST) -> str:
    """Return a figure as an ``svg`` element.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure. Its suptitle is removed, since the page has headings.
    label : str
        What it shows, for readers of the screen.
    prefix : str
        Beginning of all ids in it, unique in a page.
    largest : int
        Number of characters above which the curves become an image within the figure.
    """
    text = _saved(figure, _DPI)
    if len(text) > largest:
        for axes in figure.axes:
            for artist in (*axes.lines, *axes.collections, *axes.patches):
                artist.set_rasterized(True)
        text = _saved(figure, _DPI)
    if len(text) > largest:
        text = _saved(figure, _COARSE_DPI)
    return _embedded(text, label, prefix)


def _saved(figure: Figure, dpi: int) -> str:
    from matplotlib import rc_context

    buffer = io.StringIO()
    # Text stays text: it is short, can be selected, and has the colour of the page.
    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": "isacfw"}
    nothing: Any = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with rc_context(settings):
        figure.savefig(buffer, format="svg", transparent=True, metadata=nothing, dpi=dpi)
    return buffer.getvalue()


def _embedded(text: str, label: str, prefix: str) -> str:
    from html import escape

    start, end = text.index("<svg"), text.rindex("</svg>")
    opening, body = text[start:end].split(">", 1)
    (box,) = re.findall(r'viewBox="([^"]*)"', opening)
    width = float(box.split()[2]) * 4 / 3
    body = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", body, count=1, flags=re.DOTALL)
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'(\bid="|(?:xlink:)?href="#|url\(#)', rf"\g<1>{prefix}-", body)
    body = body.replace("xlink:href=", "href=")
    # Markup alone: text between tags is that of the scenario.
    body = re.sub(r"<[^>]*>", lambda tag: _themed(tag[0]), body)
    body = re.sub(r"\s*\n\s*", "\n", body)
    return (
        f'<svg viewBox="{box}" style="max-width: {width:.0f}px; min-width: {_LEAST_SCALE * width:.0f}px"'
        f' role="img" aria-label="{escape(escape_controls(label))}">{body}</svg>'
    )


def _themed(tag: str) -> str:
    """Return a tag with the colours of the page instead of black and white."""
    return _INK.sub("currentColor", tag).replace("#ffffff", "var(--paper)")
