"""Figures of a comparison."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs

from ..base.errors import InputError, nearest, short_repr
from .abscissa import Abscissa
from .means import MOST_SPACED, Row, draw_means
from .places import sweep_of
from .sheet import Sheet
from .style import STYLES, axis_label
from .summary import Columns

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure


@attrs.frozen(kw_only=True)
class FigureOptions:
    """What is drawn of a comparison, and how; see :meth:`isacfw.Comparison.plot`."""

    kind: str = "mean"
    x: str | None = None
    quantity: Any = None
    style: str = "screen"
    size: Any = None
    reference: str | None = None


def comparison_figures(dataset: xarray.Dataset, options: FigureOptions | None = None) -> dict[str, Figure]:
    """Return the figures of :meth:`isacfw.Comparison.plot`."""
    options = FigureOptions() if options is None else options
    dataset = _in_one_axis(dataset)
    sheet = Sheet(style=_style(options.style), size=_size(options.size))
    rows = _rows(dataset, options.quantity)
    abscissa = Abscissa.of(dataset, options.x)
    return {title: _mean_figure(dataset, abscissa, sheet, own) for title, own in rows.items()}


def _mean_figure(dataset: xarray.Dataset, abscissa: Abscissa | None, sheet: Sheet, rows: list[Row]) -> Figure:
    apart = [name for name in sweep_of(dataset) if abscissa is None or name != abscissa.axis]
    drops = dataset.sizes["drop"]
    about = f"mean of {drops} drops with 95 % interval" if drops > 1 else "1 drop"
    dense = abscissa is not None and len(abscissa.values) > MOST_SPACED
    draw = partial(draw_means, abscissa=abscissa, rows=rows)
    return attrs.evolve(sheet, dense=dense).draw(dataset, apart, len(rows), about, draw)


def _in_one_axis(dataset: xarray.Dataset) -> xarray.Dataset:
    """Return a data set in which precoders and beams, if there are several, share the axis of the precoders."""
    if "beam" not in dataset.dims:
        return dataset
    names = [f"{one}, {two}" for one in dataset["precoder"].to_numpy() for two in dataset["beam"].to_numpy()]
    # Neither text in a file nor an empty history can be stacked; only the status is needed.
    drawn = [name for name in dataset.data_vars if dataset[name].dtype.kind in "iufb" and dataset[name].size]
    dataset = dataset[drawn].assign(status=dataset["status"].load())
    stacked = dataset.stack(block=("precoder", "beam"), create_index=False).drop_vars(["precoder", "beam"])
    return stacked.rename({"block": "precoder"}).assign_coords(precoder=names).assign_attrs(beams="compared")


def _rows(dataset: xarray.Dataset, quantity: Any) -> dict[str, list[Row]]:
    """Return the quantities of each figure: objective, groups of requirements and metrics, or those asked for."""
    columns = Columns.of(dataset)
    groups: dict[str, list[tuple[str, str | None]]] = {columns.objective: [(columns.objective, None)]}
    for name, limit in columns.requirements.items():
        groups.setdefault(dataset[name].attrs["group"], []).append((name, limit))
    groups |= {name: [(name, None)] for name in columns.metrics}
    if quantity is not None:
        names = [quantity] if isinstance(quantity, str) else quantity
        if not isinstance(names, Iterable) or not (names := list(names)):
            raise InputError("quantity", f"must be a name or nonempty list of names, got {short_repr(quantity)}")
        known = groups | _alone(dataset, columns)
        for name in names:
            if name not in known:
                hint = nearest(name, known) if isinstance(name, str) else ""
                problem = f"must be among {', '.join(known)}, got {short_repr(name)}{hint}"
                raise InputError("quantity", problem)
        groups = {name: known[name] for name in names}
    return {
        title: [Row(name=name, label=axis_label(dataset[name]), limit=limit) for name, limit in own]
        for title, own in groups.items()
    }


def _alone(dataset: xarray.Dataset, columns: Columns) -> dict[str, list[tuple[str, str | None]]]:
    """Return all numbers of a row of results, each for a figure of its own."""
    rows = set(dataset["status"].dims)
    numbers = [
        str(name) for name, one in dataset.data_vars.items() if set(one.dims) == rows and one.dtype.kind in "iuf"
    ]
    return {name: [(name, columns.requirements.get(name))] for name in numbers}


def _style(name: str) -> Any:
    if name not in STYLES:
        hint = nearest(name, STYLES) if isinstance(name, str) else ""
        raise InputError("style", f"must be {' or '.join(STYLES)}, got {short_repr(name)}{hint}")
    return STYLES[name]


def _size(size: Any) -> tuple[float, float] | None:
    """Check a width and a height in inches."""
    if size is None:
        return None
    try:
        width, height = map(float, size)
    except (TypeError, ValueError):
        width = height = 0.0
    if not (1 <= width <= 100 and 1 <= height <= 100):
        raise InputError("size", f"must be width and height in inches, from 1 to 100, got {short_repr(size)}")
    return width, height
