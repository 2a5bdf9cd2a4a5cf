"""Estimates of the memory that a study takes, before it is taken."""

from __future__ import annotations

import math
from contextlib import suppress

import numpy as np

from ..base.errors import IncompatibleError, PluginError
from ..base.guard import guard
from ..base.limits import check_memory
from ..base.part import display_name
from ..scenario.scenario import Scenario
from ..scenario.sweep import sweep_shape

_PER_ELEMENT = 40
"""Numbers of an array for each antenna: positions, steering vectors and their derivatives."""

_PER_ROW, _PER_USER = 30, 3
"""Numbers of a row of results: by itself, and for each user."""


def check_scenario_size(scenario: Scenario) -> None:
    """Check that arrays and channel statistics at each point of a scenario fit into memory.

    Raises
    ------
    InputError
        If they do not; the limit can be set.
    """
    for point in scenario.sweep_points:
        check_memory("scenario", memory_of(point))


def check_study_size(scenario: Scenario, most_points: int, *, in_memory: bool) -> None:
    """Check that the problems of a chunk fit into memory, and all results unless they go to a file.

    No part is called.

    Raises
    ------
    InputError
        If it does not; the limit can be set.
    """
    points = math.prod(sweep_shape(scenario.sweep))
    users = max((_users_of(point) for point in scenario.sweep_points), default=1)
    rows = len(scenario.precoders) * len(scenario.compared_beams) * len(scenario.allocators)
    together = min(points, most_points)
    parts = {"the problems of a chunk": 8 * (_PER_ROW + _PER_USER * users) * (rows + 4) * together}
    if in_memory and not scenario.summary_only:
        size = np.dtype(scenario.precision).itemsize
        per_user = _PER_USER if scenario.keep is None else min(_PER_USER, len(scenario.keep))
        drops = size * (_PER_ROW + per_user * users) * rows * points * scenario.drops
        parts["results, which an output folder (--out) would take"] = drops
    check_memory("scenario", parts)


def check_draws_size(scenario: Scenario, draws: int) -> None:
    """Check that drawn channels of a scenario, and their estimates, fit into memory.

    Raises
    ------
    InputError
        If they do not; the limit can be set.
    """
    parts = memory_of(scenario)
    entries = _users_of(scenario) * scenario.station_array.n_elements * draws * scenario.drops
    check_memory("scenario", parts | {"the drawn channels": 64 * entries})


def memory_of(point: Scenario) -> dict[str, int]:
    """Return the bytes that a drop at a point of a sweep takes, by purpose."""
    parts = {}
    arrays = {"transmit array": point.transmit_array, "receive array": point.receive_array}
    for name, array in arrays.items():
        if array is not None:
            with suppress(IncompatibleError, PluginError), guard(f"{name} {display_name(array)}", array):
                parts[f"the {name}"] = 8 * _PER_ELEMENT * int(array.n_elements)
    channel = point.channel
    with suppress(IncompatibleError, PluginError), guard(f"channel {display_name(channel)}", channel):
        parts["the channel"] = int(channel.memory(point.station_array))
    return parts


def _users_of(point: Scenario) -> int:
    """Return the number of users of a point, 1 if its channel does not state it."""
    users = getattr(point.channel, "users", None)
    if isinstance(users, int):
        return users
    fading = getattr(point.channel, "large_scale_fading", None)
    return len(fading) if isinstance(fading, tuple) else 1
