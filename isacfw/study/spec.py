"""What a study needs: its parts are available, and its quantities have names of their own."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from ..allocation.metric import Metric
from ..base.errors import InputError, PluginError, blamed, one_line
from ..base.part import LabelledPart, described
from ..host.host import PluginHost
from ..results.chunk import Work
from ..results.schema import limits_of, variables_of
from ..scenario.labels import by_label
from ..scenario.scenario import Scenario
from ..signal.channel import Channel
from .plan import sizes_of

STANDARD_METRICS = ("sum_rate", "user_rates", "crlb", "powers")


_AXES = ("precoder", "beam", "allocator", "drop", "user", "stream", "iteration", "users")


def _work(scenario: Scenario, host: PluginHost) -> Work:
    """Return a scenario with all that its chunks need, once it is clear that it can be run."""
    for _, point in scenario.points():
        for part in (point.transmit_array, point.receive_array, point.channel):
            if (reason := part.why_unavailable()) is not None:
                raise PluginError(f"{described(part)} is not available: {reason}")
    unavailable = {}
    kinds: tuple[tuple[str, Sequence[LabelledPart]], ...] = (
        ("precoder", scenario.precoders),
        ("beam", scenario.compared_beams),
        ("allocator", scenario.allocators),
    )
    for kind, parts in kinds:
        for title, labelled_part in by_label(parts).items():
            if (reason := labelled_part.why_unavailable()) is not None:
                unavailable[kind, title] = reason
    numbers, streams = sizes_of(scenario)
    metrics = _metrics(scenario, host, streams)
    return Work(scenario=scenario, metrics=metrics, unavailable=unavailable, numbers=numbers, streams=streams)


def _metrics(scenario: Scenario, host: PluginHost, streams: int) -> tuple[Metric, ...]:
    metrics = [cast(Metric, host.find("metric", f"isacfw:{name}").cls()) for name in STANDARD_METRICS]
    metrics += [metric for metric in scenario.metrics if metric not in metrics]
    targets = len(scenario.sensed)
    names = [one.name for metric in metrics for one in metric.quantities_of(targets, streams)]
    reserved = [one.name for one in (*variables_of(()), *limits_of(targets))]
    taken = [*names, *reserved, *_AXES, *scenario.sweep]
    for name in names:
        if taken.count(name) > 1:
            raise InputError("metrics", f"must report quantities of different names, got {name!r} twice")
    for metric in metrics:
        if (reason := metric.why_unavailable()) is not None:
            _warn(f"metric {described(metric)} is unavailable: {reason}")
    return tuple(metric for metric in metrics if metric.why_unavailable() is None)


def _inputs_of(channel: Channel) -> tuple[Path, ...]:
    """Return the files that a channel says it reads."""
    who = f"channel {described(channel)}"
    with blamed(who):
        return tuple(map(Path, channel.inputs()))


def _warn(sentence: str) -> None:
    warnings.warn(one_line(sentence), RuntimeWarning, stacklevel=3)
