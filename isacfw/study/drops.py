"""Channel statistics of the drops of a chunk, of which a faulty channel may lack some."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import attrs

from ..allocation.status import Status
from ..base.errors import IncompatibleError, IsacError, PartTimedOutError, PluginError
from ..base.guard import part_seconds, part_time_limit
from ..scenario.scenario import Scenario
from ..signal.statistics import ChannelStatistics


@attrs.frozen(kw_only=True, eq=False)
class PointDrops:
    """The drops of a sweep point.

    Parameters
    ----------
    statistics : ChannelStatistics or None
        Statistics; another drop stands in for one that has none. None if all drops fail.
    failures : dict of int to PluginError or IncompatibleError
        What the channel raised, by the positions of drops.
    """

    statistics: ChannelStatistics | None
    failures: dict[int, PluginError | IncompatibleError]


def draw_drops(
    points: Sequence[Scenario], drops: Sequence[int], key_of: Callable[[Scenario], Hashable]
) -> list[PointDrops]:
    """Return the drops of each point, drawn once for points with the same key."""
    known: dict[Any, PointDrops] = {}
    found = []
    for point in points:
        try:
            key = key_of(point)
        except (PluginError, IncompatibleError) as error:
            found.append(PointDrops(statistics=None, failures=dict.fromkeys(range(len(drops)), error)))
            continue
        if key not in known:
            known[key] = _draw(point, drops)
        found.append(known[key])
    return found


def _draw(point: Scenario, drops: Sequence[int]) -> PointDrops:
    try:
        return PointDrops(statistics=point.statistics(drops), failures={})
    except (PluginError, IncompatibleError) as error:
        failures = dict.fromkeys(range(len(drops)), error)
    if len(drops) > 1:
        failures = {}  # Drop by drop: the others keep their rows.
        for position, drop in enumerate(drops):
            try:
                point.statistics([drop])
            except (PluginError, IncompatibleError) as error:
                failures[position] = error
    good = [drop for position, drop in enumerate(drops) if position not in failures]
    if not good:
        return PointDrops(statistics=None, failures=failures)
    stand_ins = [good[0] if position in failures else drop for position, drop in enumerate(drops)]
    limit = part_seconds()
    try:
        # Together they may take as long as one after the other.
        with part_time_limit(None if limit is None else limit * len(drops)):
            return PointDrops(statistics=point.statistics(stand_ins), failures=failures)
    except (PluginError, IncompatibleError) as error:
        return PointDrops(statistics=None, failures=dict.fromkeys(range(len(drops)), error))


def status_of(error: IsacError) -> Status:
    """Return the status of rows that lack the part which raised an error."""
    if isinstance(error, IncompatibleError):
        return Status.SKIPPED
    return Status.TIMED_OUT if isinstance(error, PartTimedOutError) else Status.FAILED
