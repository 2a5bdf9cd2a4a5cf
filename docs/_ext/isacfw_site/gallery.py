"""Figures of the gallery: those that a block of a script ends with."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst

DPI = 160


def scrape(_block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """Save the figure that is the last expression of a block, and return its reStructuredText.

    Figures of the framework are made without pyplot, which is where sphinx-gallery looks.
    """
    names = block_vars["example_globals"]
    found = names.get("___")
    if not isinstance(found, Figure) or names.get("__saved") is found:
        return ""
    names["__saved"] = found
    check_legends(found)
    path = next(block_vars["image_path_iterator"])
    found.savefig(path, dpi=DPI)
    return figure_rst([path], gallery_conf["src_dir"])


def check_legends(figure: Figure) -> None:
    """Check that the legends of a figure are whole, and cover neither axes nor their labels.

    Raises
    ------
    ValueError
        With what is wrong, which ends the build.
    """
    figure.draw_without_rendering()
    for legend in figure.legends:
        box = legend.get_window_extent()
        if box.x0 < -1 or box.y0 < -1 or box.x1 > figure.bbox.x1 + 1 or box.y1 > figure.bbox.y1 + 1:
            raise ValueError("a legend is larger than its figure")
        for axes in figure.axes:
            if box.overlaps(axes.get_tightbbox().padded(-2)):
                raise ValueError("a legend covers axes")
