"""The horizontal axis of the figures of a comparison."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import NDArray

from ..base.errors import InputError, nearest
from .path_labels import label_path, short_values
from .places import paths_along, sweep_of, swept_paths

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

_WIDEST = 20
"""Number of characters in a line of a label."""

_SPREAD = 0.6
"""Part of the distance between the numbers of two points over which their curves are spread."""

_MOST_TICKS = 6
"""Number of values up to which each may have its tick."""

_MOST_NAMED = 12
"""Number of points up to which each has its label."""


@attrs.frozen(kw_only=True, eq=False)
class Abscissa:
    """The horizontal axis: the points along an axis of the sweep, in ascending order.

    Parameters
    ----------
    axis : str
        Axis of the sweep.
    label : str
        Label of the horizontal axis.
    values : ndarray, shape (n,)
        Places on the horizontal axis, in ascending order.
    order : ndarray of int, shape (n,)
        Positions along the axis of the sweep in this order.
    numeric : bool
        Whether the places are values of a path, which lines may connect, and not the numbers of the points.
    names : tuple of str
        Labels of the places instead of numbers, if there are few.
    """

    axis: str
    label: str
    values: NDArray[Any]
    order: NDArray[np.intp]
    numeric: bool = True
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, dataset: xarray.Dataset, path: str | None = None) -> Abscissa | None:
        """Return that of a path, or of the first one with several distinct numeric values; None for allocators.

        Without numeric values, it is that of the numbers of the points.
        """
        if path is not None:
            return cls._of_path(dataset, path)
        several = [axis for axis in sweep_of(dataset) if dataset.sizes[axis] > 1]
        for axis in several:
            for one in paths_along(dataset, axis):
                if _tells_apart(dataset, one):
                    return cls._of_numbers(dataset, axis, one)
        return cls._of_points(dataset, several[0], paths_along(dataset, several[0])) if several else None

    @classmethod
    def _of_path(cls, dataset: xarray.Dataset, path: str) -> Abscissa | None:
        """Return that of a path that a user names."""
        if path == "allocator":
            return None
        known = swept_paths(dataset)
        if path not in known:
            listed = " or ".join(("allocator", *known))
            hint = nearest(path, known) if isinstance(path, str) else ""
            raise InputError("x", f"must be {listed}, got {path!r}{hint}")
        axis = next(one for one in sweep_of(dataset) if path in paths_along(dataset, one))
        if _tells_apart(dataset, path):
            return cls._of_numbers(dataset, axis, path)
        return cls._of_points(dataset, axis, [path])

    @classmethod
    def _of_numbers(cls, dataset: xarray.Dataset, axis: str, path: str) -> Abscissa:
        """Return one of the distinct numeric values of a path."""
        values = dataset[path].to_numpy()
        order = np.argsort(values, kind="stable")
        linked = ", ".join(map(_lower, filter(lambda one: one != path, paths_along(dataset, axis))))
        label = label_path(path) + (f"\nmoves with {linked}" if linked else "")
        return cls(axis=axis, label=label, values=values[order], order=order)

    @classmethod
    def _of_points(cls, dataset: xarray.Dataset, axis: str, paths: list[str]) -> Abscissa:
        """Return one of the numbers of the points, with the labels of the first path that distinguishes them."""
        count = dataset.sizes[axis]
        columns = {}
        for path in paths:
            values = dataset[path].to_numpy().tolist()
            labels = short_values(values)
            columns[path] = [labels[value] for value in values]
        shown = [path for path in paths if len(set(columns[path])) == count][:1] or paths
        named = count <= _MOST_NAMED
        label = ", ".join(map(label_path, shown))
        order = np.arange(count)
        return cls(
            axis=axis,
            label=label if named else f"{label}: number of the point",
            values=order + 1,
            order=order,
            numeric=False,
            names=tuple(", ".join(row) for row in zip(*(columns[path] for path in shown), strict=True)) * named,
        )

    def along(self, values: xarray.DataArray) -> NDArray[Any]:
        """Return values over this axis, and the drops if they depend on them, in the order of the places."""
        dims = (self.axis, *(name for name in ("drop",) if name in values.dims))
        return np.asarray(values.transpose(*dims).to_numpy()[self.order])

    def places(self, curve: int, curves: int) -> NDArray[Any]:
        """Return the places for one of several curves: next to each other, unless they are numbers of a path."""
        if self.numeric:
            return self.values
        return self.values + _SPREAD * ((curve + 0.5) / curves - 0.5)

    def set_ticks(self, axes: Axes) -> None:
        """Set the ticks, and limits and labels if the places are numbers of points."""
        from matplotlib.ticker import MaxNLocator

        if self.numeric:
            # Where values are far enough apart, they are the ticks.
            if 1 < len(self.values) <= _MOST_TICKS and np.diff(self.values).min() > np.ptp(self.values) / 10:
                axes.set_xticks(self.values)
            elif (self.values == np.round(self.values)).all():
                axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            return
        axes.set_xlim(self.values[0] - 0.5, self.values[-1] + 0.5)
        if self.names:
            names = [fill(name, _WIDEST) for name in self.names]
            axes.set_xticks(self.values, names, rotation=30, ha="right", fontsize="small")
        else:
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _tells_apart(dataset: xarray.Dataset, path: str) -> bool:
    """Return whether the values of a path are numbers, all different."""
    values = dataset[path].to_numpy()
    return values.dtype.kind in "iuf" and len(np.unique(values)) == len(values)


def _lower(path: str) -> str:
    """Return the label of a path as part of a sentence, without its unit."""
    label = label_path(path).partition(" [")[0]
    return label if label[1:2].isupper() else label[:1].lower() + label[1:]
