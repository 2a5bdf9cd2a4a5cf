"""Plan of a study: which drops and sweep points are solved together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, cast

from ..base.errors import IsacError
from ..base.part import LabelledPart
from ..results.chunk import Chunk
from ..scenario.moments import count_streams
from ..scenario.scenario import Scenario
from ..sensing.beam import Beam
from ..signal.precoder import Precoder
from ..signal.statistics import ChannelStatistics

POINTS_TOGETHER = 64


PROBLEMS_TOGETHER = 16384


NUMBERS_TOGETHER = 2**18


PROBLEMS_IN_A_LOOP = 128


NUMBERS_IN_A_LOOP = 2**24


CHUNKS_PER_WORKER = 16
"""At least so many, as far as there are drops, so that none waits long for the last chunk of another."""


def sizes_of(scenario: Scenario) -> tuple[int, int]:
    """Return `numbers` and `streams` of :class:`Work`, from one drop of each channel, and every point's beams.

    A beam that breaks down counts as one stream; its rows say so later.
    """
    numbers, streams = 1, 1
    channels: dict[Any, ChannelStatistics] = {}
    counted: set[Any] = set()
    for _, point in scenario.points():
        fading = _fading(point)
        if fading not in channels:
            one = channels[fading] = point.statistics(range(1))
            own = one.users if one.collinear is None and one.isotropic else one.users**2
            extra = [value for value in (one.covariances, *one.extra.values()) if value is not None]
            numbers = max(numbers, own, *(value[0].size for value in extra))
        for beam in scenario.compared_beams:
            key = beam, fading, _seen(point, beam, channels[fading])
            if key not in counted:
                counted.add(key)
                with suppress(IsacError):
                    streams = max(streams, count_streams(beam, point.scene(channels[fading]), point.time_limit_s))
    return numbers, streams


def planned(scenario: Scenario, done: Iterable[Chunk] = (), *, workers: int = 1, numbers: int = 1) -> list[Chunk]:
    """Return the chunks into which a study is cut, without what is done already.

    Parameters
    ----------
    scenario : Scenario
        The study. Its results do not depend on how it is cut.
    done : iterable of Chunk
        What need not be done again.
    workers : int
        How many are to share the work.
    numbers : int
        As in :class:`Work`.
    """
    points = math.prod(len(values) for values in scenario.sweep.values())
    fast = (
        all(allocator.vectorized for allocator in scenario.allocators)
        and all(type(one).link_statistics is not Precoder.link_statistics for one in scenario.precoders)
        and all(type(one).beam_statistics is not Beam.beam_statistics for one in scenario.compared_beams)
    )
    finished: dict[range, list[range]] = {}
    for chunk in done:
        finished.setdefault(chunk.points, []).append(chunk.drops)
    chunks = []
    for first in range(0, points, POINTS_TOGETHER):
        group = range(first, min(first + POINTS_TOGETHER, points))
        most = PROBLEMS_TOGETHER if fast else PROBLEMS_IN_A_LOOP
        together = min(most, (NUMBERS_TOGETHER if fast else NUMBERS_IN_A_LOOP) // numbers)
        size = max(1, together // len(group))
        if workers > 1:
            size = min(size, math.ceil(scenario.drops / (CHUNKS_PER_WORKER * workers)))
        for gap in _gaps(scenario.drops, finished.get(group, [])):
            starts = range(gap.start, gap.stop, size)
            chunks += [Chunk(drops=range(start, min(start + size, gap.stop)), points=group) for start in starts]
    return chunks


def _gaps(drops: int, done: Sequence[range]) -> Iterator[range]:
    """Yield the runs of drops that no range covers."""
    start = 0
    for one in sorted(done, key=lambda each: each.start):
        if one.start > start:
            yield range(start, one.start)
        start = max(start, one.stop)
    if start < drops:
        yield range(start, drops)


def _fading(point: Scenario) -> tuple[Any, ...]:
    """Return all that the fading at a point of the sweep depends on, and how well its moments are to be known."""
    return point.channel, point.transmit_array, point.seed, point.sampling_accuracy


def _seen(point: Scenario, part: LabelledPart, statistics: ChannelStatistics) -> tuple[Any, ...]:
    """Return what else the moments of a precoder or beam depend on: directions, and the power if it is used."""
    if isinstance(part, Precoder) and statistics.isotropic and part.turns_with_channel and not part.uses_scene():
        return ()  # Its signals are the same in all directions.
    directions = tuple((target.direction, point.sensing.beam(target)) for target in point.sensed)
    uses_power = part.uses_scene() if isinstance(part, Precoder) else cast(Beam, part).depends_on_power()
    return directions, point.snr_db if uses_power else None
