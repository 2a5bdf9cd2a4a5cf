"""Figures of a comparison."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from ..base.errors import InputError, nearest, short_repr
from ..base.text import escape_controls
from ..results.schema import HISTORY, has_drops
from .abscissa import Abscissa
from .distributions import draw_boxes, draw_cdf
from .effort import draw_convergence, draw_time, has_bounds
from .kept import check_drops, count_drops, drawable
from .means import MOST_SPACED, Row, draw_means
from .paired import differences, find_reference
from .places import sweep_of
from .sheet import Sheet
from .style import STYLES, Style, axis_label, plain_labels
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
    """Return the figures of :meth:`isacfw.Comparison.plot`.

    Raises
    ------
    InputError
        If an option is not valid, or numbers are too large to be drawn.
    """
    options = FigureOptions() if options is None else options
    _check_kind(options)
    try:
        return _draw(dataset, options)
    except InputError:
        raise
    except (ValueError, OverflowError):
        # Ticks of axes overflow for numbers that no study gives, but that a file may hold.
        if not _has_huge_numbers(dataset):
            raise
        raise InputError("results", f"must have numbers below {_HUGE:g} to be drawn, got larger ones") from None


_HUGE = 1e100


def _has_huge_numbers(dataset: xarray.Dataset) -> bool:
    numbers = [one for one in dataset.data_vars.values() if one.dtype.kind == "f"]
    return any(bool((np.abs(one) > _HUGE).any()) for one in numbers)


def _draw(dataset: xarray.Dataset, options: FigureOptions) -> dict[str, Figure]:
    if options.kind != "mean":
        check_drops(dataset, "kind", f"must be 'mean', got {options.kind!r}")
    dataset = _in_one_axis(plain_labels(drawable(dataset)))
    sheet = Sheet(style=find_style(options.style), size=check_size(options.size))
    if options.kind == "convergence":
        return _convergence_figures(dataset, sheet)
    if options.kind == "time":
        bounded = has_bounds(dataset)
        about = f"median times and mean gaps of {_drops(dataset)}"
        return sheet.draw_all("time", dataset, sweep_of(dataset), 1, about, partial(draw_time, bounded=bounded))
    rows = _rows(dataset, options.quantity, pooled=options.kind in _DISTRIBUTIONS)
    if options.kind in _DISTRIBUTIONS:
        what, draw = _DISTRIBUTIONS[options.kind]
        about, apart = f"{what} of {_drops(dataset)}", sweep_of(dataset)
        return _merge(
            sheet.draw_all(title, dataset, apart, len(own), about, partial(draw, rows=own))
            for title, own in rows.items()
        )
    abscissa = Abscissa.of(dataset, options.x)
    about = f"mean of {_drops(dataset)} with 95 % interval" if count_drops(dataset) > 1 else "1 drop"
    if options.kind == "difference":
        reference = find_reference(dataset, options.reference and escape_controls(options.reference))
        about = f"difference from {reference} on the same drops, {about}"
        changed = {title: differences(dataset, own, reference) for title, own in rows.items()}
    else:
        changed = {title: (dataset, own) for title, own in rows.items()}
    return _merge(
        _mean_figures(title, data, abscissa, sheet, own, about) for title, (data, own) in changed.items()
    )


def _merge(figures: Iterable[dict[str, Figure]]) -> dict[str, Figure]:
    return {title: figure for each in figures for title, figure in each.items()}


_DISTRIBUTIONS: dict[str, tuple[str, Any]] = {
    "cdf": ("distribution", draw_cdf),
    "box": ("medians, quartiles and whiskers", draw_boxes),
}

KINDS = ("mean", "difference", *_DISTRIBUTIONS, "convergence", "time")

_ALLOWED = {
    "x": ("mean", "difference"),
    "reference": ("difference",),
    "quantity": ("mean", "difference", *_DISTRIBUTIONS),
}
"""Kinds that an option can be combined with."""


def _check_kind(options: FigureOptions) -> None:
    if options.kind not in KINDS:
        hint = nearest(options.kind, KINDS) if isinstance(options.kind, str) else ""
        raise InputError("kind", f"must be {' or '.join(KINDS)}, got {short_repr(options.kind)}{hint}")
    for name, kinds in _ALLOWED.items():
        if getattr(options, name) is not None and options.kind not in kinds:
            raise InputError(name, f"requires the kind {' or '.join(kinds)}, got {options.kind}")


def _drops(dataset: xarray.Dataset) -> str:
    drops = count_drops(dataset)
    return f"{drops} drops" if drops > 1 else "1 drop"


def _convergence_figures(dataset: xarray.Dataset, sheet: Sheet) -> dict[str, Figure]:
    if HISTORY not in dataset:
        raise InputError("kind", f"must be another than 'convergence', as the study did not keep {HISTORY}")
    if not dataset[HISTORY].notnull().any():
        raise InputError("kind", "must be another than 'convergence', as no allocator reported its iterations")
    about = f"mean objective of {_drops(dataset)} over the iterations"
    return sheet.draw_all("convergence", dataset, sweep_of(dataset), 1, about, draw_convergence)


def _mean_figures(
    title: str, dataset: xarray.Dataset, abscissa: Abscissa | None, sheet: Sheet, rows: list[Row], about: str
) -> dict[str, Figure]:
    apart = [name for name in sweep_of(dataset) if abscissa is None or name != abscissa.axis]
    dense = abscissa is not None and len(abscissa.values) > MOST_SPACED
    draw = partial(draw_means, abscissa=abscissa, rows=rows)
    return attrs.evolve(sheet, dense=dense).draw_all(title, dataset, apart, len(rows), about, draw)


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


def _rows(dataset: xarray.Dataset, quantity: Any, *, pooled: bool) -> dict[str, list[Row]]:
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
        known = groups | _alone(dataset, columns, pooled)
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


def _alone(dataset: xarray.Dataset, columns: Columns, pooled: bool) -> dict[str, list[tuple[str, str | None]]]:
    """Return all numbers of a row of results, and pooled those of its users, each for a figure of its own."""
    rows = set(dataset["status"].dims) | (set() if has_drops(dataset) else {"statistic"})
    shapes = [rows, rows | {"user"}] if pooled else [rows]
    numbers = [
        str(name)
        for name, one in dataset.data_vars.items()
        if set(one.dims) in shapes and one.dtype.kind in "iuf"
    ]
    return {name: [(name, columns.requirements.get(name))] for name in numbers}


def find_style(name: str) -> Style:
    """Return a style by its name.

    Raises
    ------
    InputError
        If there is none of this name.
    """
    if name not in STYLES:
        hint = nearest(name, STYLES) if isinstance(name, str) else ""
        raise InputError("style", f"must be {' or '.join(STYLES)}, got {short_repr(name)}{hint}")
    return STYLES[name]


def check_size(size: Any) -> tuple[float, float] | None:
    """Check a width and a height in inches.

    Raises
    ------
    InputError
        If they are no such numbers.
    """
    if size is None:
        return None
    try:
        width, height = map(float, size)
    except (TypeError, ValueError):
        width = height = 0.0
    if not (1 <= width <= 100 and 1 <= height <= 100):
        raise InputError("size", f"must be width and height in inches, from 1 to 100, got {short_repr(size)}")
    return width, height
