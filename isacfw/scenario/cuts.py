"""Cuts through all directions, along which radiation patterns are drawn."""

from __future__ import annotations

import math
from typing import Literal

import attrs
import numpy as np

from ..base.numbers import FloatArray
from ..signal.array import Array, Direction
from ..signal.statistics import ChannelStatistics
from .scenario import Scenario

MOST_TARGETS = 4
"""Number of targets whose directions have cuts."""

_SAME_DEG = 1.0
"""Difference from the elevation of a target below which users have no cut of their own."""

_POINTS = 361, 2001
_MOST_NUMBERS = 2**24


@attrs.frozen(kw_only=True, eq=False)
class Cut:
    """Directions of equal elevation, or of equal azimuth.

    Parameters
    ----------
    varied : {"azimuth", "elevation"}
        The angle that varies.
    fixed_deg : float
        The other angle in degrees.
    angles_deg : ndarray, shape (D,)
        Values of the varied angle in degrees; the targets of the cut are among them.
    targets : tuple of (str, float)
        Names of the targets in the cut, and their varied angles.
    users_deg : ndarray, shape (K,)
        The varied angles of the users, whatever the other one; empty if they are unknown.
    """

    varied: Literal["azimuth", "elevation"]
    fixed_deg: float
    angles_deg: FloatArray
    targets: tuple[tuple[str, float], ...]
    users_deg: FloatArray

    @property
    def directions(self) -> tuple[Direction, ...]:
        """The D directions."""
        if self.varied == "azimuth":
            return tuple(
                Direction(azimuth_deg=angle, elevation_deg=self.fixed_deg) for angle in self.angles_deg.tolist()
            )
        return tuple(
            Direction(azimuth_deg=self.fixed_deg, elevation_deg=angle) for angle in self.angles_deg.tolist()
        )


def cuts_of(scenario: Scenario, statistics: ChannelStatistics) -> list[Cut]:
    """Return a cut over azimuth for each elevation of a target, and one over elevation for each azimuth.

    If positions of the users matter for their channels, also one over azimuth at their median elevation.

    Parameters
    ----------
    scenario : Scenario
        Without a sweep, or at one of its points.
    statistics : ChannelStatistics
        Statistics of one drop, (1, K), whose users are marked.

    Notes
    -----
    Over half a turn in front of a planar array, which cannot tell front from back, else over a whole turn. The
    angles are close enough for eight points per side lobe of most arrays; those of very large ones are fewer.
    """
    targets = [(target.azimuth_deg, target.elevation_deg) for target in scenario.sensed][:MOST_TARGETS]
    several = len(scenario.sensed) > 1
    several = len(scenario.sensed) > 1
    names = [f"target {number}" if several else "the target" for number in range(1, 1 + len(targets))]
    azimuths, elevations = _user_angles(statistics)
    array = scenario.station_array
    whole = not array.planar or any(abs(azimuth) > 90 for azimuth, _ in targets)
    ranges = (
        (-180.0, 180.0) if whole else (-90.0, 90.0),
        (
            -180.0 if any(elevation < 0 for _, elevation in targets) else 0.0,
            180.0,
        ),
    )
    fixed_angles = [list(dict.fromkeys(target[1 - own] for target in targets)) for own in (0, 1)]
    if len(elevations) and not statistics.isotropic:
        seen = round(float(np.median(elevations)), 1)
        fixed_angles[0] += [] if min(abs(seen - own) for own in fixed_angles[0]) < _SAME_DEG else [seen]
    count = sum(map(len, fixed_angles))
    found = []
    for own, varied in ((0, "azimuth"), (1, "elevation")):
        for fixed in fixed_angles[own]:
            marks = [
                (name, target[own])
                for name, target in zip(names, targets, strict=True)
                if target[1 - own] == fixed
            ]
            found.append(
                Cut(
                    varied="azimuth" if varied == "azimuth" else "elevation",
                    fixed_deg=fixed,
                    angles_deg=_grid(array, ranges[own], [angle for _, angle in marks], count),
                    targets=tuple(marks),
                    users_deg=(azimuths, elevations)[own],
                )
            )
    return found


def _grid(array: Array, span: tuple[float, float], included: list[float], cuts: int) -> FloatArray:
    positions = array.centred_positions()
    aperture = math.hypot(*np.ptp(positions, axis=0))
    turns = (span[1] - span[0]) / 180
    points = turns * min(max(12 * aperture, _POINTS[0]), _POINTS[1])
    points = max(91, min(points, _MOST_NUMBERS / (cuts * len(positions))))
    return np.union1d(np.linspace(*span, round(points)), included)


def _user_angles(statistics: ChannelStatistics) -> tuple[FloatArray, FloatArray]:
    """Return azimuths and elevations of the users in degrees; empty if their positions are unknown."""
    if statistics.positions is None:
        return np.zeros(0), np.zeros(0)
    across, up, ahead = statistics.positions[0].T
    return np.degrees(np.arctan2(across, ahead)), np.degrees(np.arctan2(np.hypot(across, ahead), up))
