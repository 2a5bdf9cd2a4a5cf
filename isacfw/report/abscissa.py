"""The horizontal axis of the figures of a comparison."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import NDArray

from .places import labels_of, paths_along, sweep_of

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

_LABELS = {
    "snr_db": "SNR [dB]",
    "uplink.user_snr_db": "Power of a user [dB]",
    "uplink.radar_snr_db": "Power of the radar [dB]",
    "link_budget.transmit_power_dbm": "Transmit power [dBm]",
    "link_budget.bandwidth_hz": "Bandwidth [Hz]",
    "link_budget.carrier_hz": "Carrier frequency [Hz]",
    "target.distance_m": "Distance of the target [m]",
    "sensing.crlb_limit_db": "CRLB limit [dB]",
    "sensing.crlb_limit_offset_db": "Offset of the CRLB limits [dB]",
    "channel.users": "Users",
    "transmit_array.horizontal": "Horizontal transmit antennas",
    "transmit_array.vertical": "Vertical transmit antennas",
}

_WIDEST = 20
"""Number of characters in a line of a label."""

_SPREAD = 0.6
"""Part of the distance between the numbers of two points over which their curves are spread."""

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
    def of(cls, dataset: xarray.Dataset) -> Abscissa | None:
        """Return that of the first path with several distinct numeric values, or of the first several points."""
        several = [axis for axis in sweep_of(dataset) if dataset.sizes[axis] > 1]
        for axis in several:
            paths = paths_along(dataset, axis)
            for path in paths:
                values = dataset[path].to_numpy()
                if values.dtype.kind in "iuf" and len(np.unique(values)) == len(values):
                    order = np.argsort(values, kind="stable")
                    linked = ", ".join(other for other in paths if other != path)
                    label = _LABELS.get(path, path) + (f"\nmoves with {linked}" if linked else "")
                    return cls(axis=axis, label=label, values=values[order], order=order)
        return cls._of_points(dataset, several[0]) if several else None

    @classmethod
    def _of_points(cls, dataset: xarray.Dataset, axis: str) -> Abscissa:
        """Return one of the numbers of the points, with the labels of the first path that distinguishes them."""
        paths, labels, count = paths_along(dataset, axis), labels_of(dataset), dataset.sizes[axis]
        columns = {path: [labels[path][value] for value in dataset[path].to_numpy().tolist()] for path in paths}
        shown = [path for path in paths if len(set(columns[path])) == count][:1] or paths
        named = count <= _MOST_NAMED
        label = ", ".join(_LABELS.get(path, path) for path in shown)
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
        """Set limits and labels of the places, if they are numbers of points."""
        from matplotlib.ticker import MaxNLocator

        if not self.numeric:
            axes.set_xlim(self.values[0] - 0.5, self.values[-1] + 0.5)
        if self.names:
            names = [fill(name, _WIDEST) for name in self.names]
            axes.set_xticks(self.values, names, rotation=30, ha="right", fontsize="small")
        elif not self.numeric:
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
