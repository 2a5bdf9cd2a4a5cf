"""Panels of a figure: one for each combination of values that are not on its axes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs

from .path_labels import short_values, title_place
from .places import paths_along, sweep_of

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_PANELS = 12
"""Number of combinations in a figure: more would not be readable."""

MOST_FIGURES = 4
"""Number of figures that show further combinations."""

SIDE_BY_SIDE = 3
"""Number of panels in a row of the figure."""


@attrs.frozen(kw_only=True, eq=False)
class Panel:
    """A panel, of one or several axes below each other.

    Parameters
    ----------
    data : xarray.Dataset
        Data of the combination.
    title : str
        Its swept values.
    axes : tuple of matplotlib.axes.Axes
        Axes from top to bottom.
    left, low : bool
        Whether no panel is on its left, and none below it.
    """

    data: xarray.Dataset
    title: str
    axes: tuple[Axes, ...]
    left: bool
    low: bool


def count_panels(dataset: xarray.Dataset, apart: Sequence[str], first: int = 0) -> tuple[int, int]:
    """Return the numbers of combinations along some dimensions, and of those in a figure that begins with one."""
    total = math.prod(dataset.sizes[name] for name in apart)
    return total, min(total - first, MOST_PANELS)


def first_panels(dataset: xarray.Dataset, apart: Sequence[str]) -> list[int]:
    """Return the numbers of the combinations with which figures of panels begin."""
    total, _ = count_panels(dataset, apart)
    return list(range(0, total, MOST_PANELS))[:MOST_FIGURES]


def name_panels(dataset: xarray.Dataset, apart: Sequence[str], first: int = 0) -> str:
    """Return which of all combinations a figure shows; empty for all of them."""
    total, drawn = count_panels(dataset, apart, first)
    if drawn == total:
        return ""
    return (
        f"combinations {first + 1} to {first + drawn} of {total}"
        if first
        else f"the first {drawn} of {total} combinations"
    )


def grid_shape(panels: int, most: int = SIDE_BY_SIDE) -> tuple[int, int]:
    """Return the numbers of panels below each other, and side by side: as few rows as possible, evenly filled."""
    rows = math.ceil(panels / most)
    return rows, math.ceil(panels / rows)


def make_panels(
    figure: Figure,
    dataset: xarray.Dataset,
    apart: Sequence[str],
    rows: int = 1,
    most: int = SIDE_BY_SIDE,
    first: int = 0,
) -> list[Panel]:
    """Add panels with a number of rows of axes to a figure, for combinations along some dimensions from one on.

    At most a given number of panels are side by side. All have the same horizontal axis, and those of a row in
    its panel the same vertical one.
    """
    _, count = count_panels(dataset, apart, first)
    _, columns = grid_shape(count, most)
    grid = _subplots(figure, count, rows, columns)
    paths = [path for axis in apart if axis in sweep_of(dataset) for path in paths_along(dataset, axis)]
    labels = {path: short_values(dataset[path].to_numpy().tolist()) for path in paths}
    every = itertools.product(*(range(dataset.sizes[name]) for name in apart))
    places = itertools.islice(every, first, None)
    found = []
    for number, (axes, place) in enumerate(zip(grid, places, strict=False)):
        own = dataset.isel(dict(zip(apart, place, strict=True)))
        title = title_place({path: own[path].item() for path in paths}, labels)
        left, low = number % columns == 0, number + columns >= count
        for row, one in enumerate(axes):
            one.tick_params(labelleft=left, labelbottom=low and row == rows - 1)
        found.append(Panel(data=own, title=title, axes=axes, left=left, low=low))
    return found


def _subplots(figure: Figure, panels: int, rows: int, columns: int) -> list[tuple[Axes, ...]]:
    blocks = math.ceil(panels / columns)
    grid: Any = figure.subplots(blocks * rows, columns, squeeze=False)
    found: list[tuple[Axes, ...]] = []
    for number in range(blocks * columns):
        block, column = divmod(number, columns)
        own = tuple(grid[block * rows : (block + 1) * rows, column])
        for row, axes in enumerate(own):
            if number >= panels:
                axes.remove()
                continue
            if number:
                axes.sharey(found[0][row])
            if number or row:
                axes.sharex(found[0][0] if found else own[0])
        if number < panels:
            found.append(own)
    return found
