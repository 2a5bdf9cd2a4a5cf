"""What a scenario looks like: elements of its arrays, users and targets of a drop in its cell."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from ..base.guard import guard
from ..base.numbers import FloatArray
from ..base.part import display_name
from ..signal.statistics import ChannelStatistics
from ..signal.user_region import UserRegion
from .scenario import Scenario

_FLAT = 1e-9
_MOST_DROPS = 50
_MOST_NUMBERS = 2e7
"""Largest size of the covariances of the other drops, which are computed along with the positions."""

_AXES = ("horizontal", "vertical", "normal")


@attrs.frozen(kw_only=True, eq=False)
class ArrayView:
    """The elements of an array in the projection on a plane.

    Parameters
    ----------
    title : str
        Which array, its kind and number of elements.
    across, up : {"horizontal", "vertical", "normal"}
        Axes of the plane.
    unit : {"half wavelengths", "m"}
        Unit of the positions.
    points : ndarray, shape (N, 2)
        Positions about the centroid.
    """

    title: str
    across: str
    up: str
    unit: str
    points: FloatArray


def array_views(scenario: Scenario) -> list[ArrayView]:
    """Return views of the transmit and the receive array, in metres if the scenario has a link budget.

    From the front, or from above or the side for an array in one of these planes; from the front and from above
    for an array in three dimensions.

    Raises
    ------
    PluginError
        If an array breaks its contract.
    """
    budget, found = scenario.link_budget, []
    unit, scale = ("half wavelengths", 1.0) if budget is None else ("m", budget.wavelength_m / 2)
    arrays = [("transmit", scenario.transmit_array), ("receive", scenario.receive_array)]
    for role, array in arrays[scenario.link == "uplink" :]:
        with guard(f"{role} array {display_name(array)}", array):
            positions = scale * array.centred_positions()
        count = len(positions)
        title = f"{role} array: {array.name}, {count} element{'s' * (count > 1)}"
        for first, second in _planes(positions):
            found.append(
                ArrayView(
                    title=title,
                    across=_AXES[first],
                    up=_AXES[second],
                    unit=unit,
                    points=positions[:, [first, second]],
                )
            )
    return found


def _planes(positions: FloatArray) -> list[tuple[int, int]]:
    """Return pairs of axes on which positions (N, 2) or (N, 3) are projected."""
    if positions.shape[1] == 2:
        return [(0, 1)]
    spans = np.ptp(positions, axis=0)
    flat = spans <= _FLAT * spans.max()
    if flat[1]:
        return [(0, 2)]
    return [(2, 1)] if flat[0] else [(0, 1), (0, 2)]


@attrs.frozen(kw_only=True, eq=False)
class TargetPlace:
    """A target seen from above.

    Parameters
    ----------
    label : str
        Its name, direction and distance.
    direction : ndarray, shape (2,), or None
        Unit vector along the horizontal and the normal axis; None for a vertical direction.
    distance_m : float or None
        Horizontal distance in metres; None if it is unknown.
    """

    label: str
    direction: FloatArray | None
    distance_m: float | None


@attrs.frozen(kw_only=True, eq=False)
class CellMap:
    """The cell from above: horizontal and normal axis of the base station, in metres.

    Parameters
    ----------
    users : ndarray, shape (K, 2), or None
        Positions of the users of the drop; None if the channel does not know them.
    others : ndarray, shape (d, K, 2)
        Positions of the users of other drops.
    region : UserRegion or None
        Where users are placed at random.
    targets : tuple of TargetPlace
        The targets.
    missing : str
        Why users have no positions; empty if they have.
    """

    users: FloatArray | None
    others: FloatArray
    region: UserRegion | None
    targets: tuple[TargetPlace, ...]
    missing: str


def cell_map(scenario: Scenario, statistics: ChannelStatistics, drop: int) -> CellMap:
    """Return the cell at a drop, with the users of the first of the other drops.

    Parameters
    ----------
    scenario : Scenario
        Without a sweep, or at one of its points.
    statistics : ChannelStatistics
        Statistics of the drop, (1, K).
    drop : int
        Its number.
    """
    users = None if statistics.positions is None else statistics.positions[0][:, [0, 2]]
    others = np.zeros((0, statistics.users, 2))
    if users is not None:
        numbers = [one for one in range(scenario.drops) if one != drop][: _count_others(statistics)]
        others = _positions(scenario, numbers, others)
    missing = ""
    if users is None:
        reason = "has only large-scale fading" if statistics.isotropic else "gives none here"
        missing = f"users have no positions, since channel {scenario.channel.name} {reason}"
    with guard(f"channel {display_name(scenario.channel)}", scenario.channel):
        region = scenario.budgeted_channel.user_region()
    return CellMap(users=users, others=others, region=region, targets=target_places(scenario), missing=missing)


def _count_others(statistics: ChannelStatistics) -> int:
    if statistics.covariances is None:
        return _MOST_DROPS
    return int(min(_MOST_DROPS, _MOST_NUMBERS / statistics.covariances.size))


def _positions(scenario: Scenario, numbers: Sequence[int], others: FloatArray) -> FloatArray:
    each = [scenario.statistics([number]).positions for number in numbers]
    found = [one[0][:, [0, 2]] for one in each if one is not None]
    return np.stack(found) if found else others


def target_places(scenario: Scenario) -> tuple[TargetPlace, ...]:
    """Return the targets of a scenario as seen from above."""
    found = []
    for number, target in enumerate(scenario.sensed, 1):
        name = "target" if len(scenario.sensed) == 1 else f"target {number}"
        label = f"{name}: azimuth {target.azimuth_deg:g}°, elevation {target.elevation_deg:g}°"
        vector = target.direction.vector[[0, 2]]
        length = float(np.hypot(*vector))
        label += ", distance unknown" if target.distance_m is None else f", {target.distance_m:g} m"
        found.append(
            TargetPlace(
                label=label.replace("-", "−"),
                direction=vector / length if length > _FLAT else None,
                distance_m=None if target.distance_m is None else target.distance_m * length,
            )
        )
    return tuple(found)
