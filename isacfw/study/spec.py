"""Specification of a study, with checks that its parts are available and quantities have unique names."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from ..allocation.metric import Metric
from ..base.errors import InputError, IsacError, IsacWarning, PluginError, attribute_errors_to, one_line
from ..base.file_names import is_variable_name
from ..base.part import LabelledPart, display_name
from ..host.host import PluginHost
from ..results.schema import OBJECTIVE_VALUE, limits_of, margin_variable, units_of, variables_of
from ..scenario.labels import by_label
from ..scenario.scenario import Scenario
from ..scenario.sweep import sweep_axes
from ..signal.statistics import ChannelStatistics
from .study_spec import StudySpec, fading_key, view_key

STANDARD_METRICS = ("sum_rate", "user_rates", "crlb", "powers")


_AXES = ("precoder", "beam", "allocator", "drop", "user", "stream", "iteration", "users")


def specify(scenario: Scenario, host: PluginHost) -> StudySpec:
    """Return the specification of a study, after checking that it can be run."""
    for _, point in scenario.points():
        for part in (point.station_array, point.receive_array, point.channel):
            if (reason := part.why_unavailable()) is not None:
                raise PluginError(f"{display_name(part)} is not available: {reason}")
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
    largest_array, streams = measure_sizes(scenario)
    metrics = _metrics(scenario, host, streams)
    return StudySpec(
        scenario=scenario, metrics=metrics, unavailable=unavailable, largest_array=largest_array, streams=streams
    )


def _metrics(scenario: Scenario, host: PluginHost, streams: int) -> tuple[Metric, ...]:
    metrics = [cast(Metric, host.find("metric", f"isacfw:{name}").cls()) for name in STANDARD_METRICS]
    metrics = [metric for metric in metrics if scenario.link in metric.links]
    metrics += [metric for metric in scenario.metrics if metric not in metrics]
    targets = len(scenario.sensed)
    names = [one.name for metric in metrics for one in metric.quantities_of(targets, streams)]
    fixed = (*variables_of(()), *limits_of(targets), *units_of(targets))
    reserved = [OBJECTIVE_VALUE, *(one.name for one in fixed)]
    reserved += [margin_variable(name).name for name in scenario.requirements]
    swept = [path for axis in sweep_axes(scenario.sweep) for path in axis]
    taken = [*names, *reserved, *_AXES, *swept]
    for name in names:
        if not is_variable_name(name):
            problem = (
                f"must report quantities whose names have no slash and no control character, got {name!r:.60}"
            )
            raise InputError("metrics", problem)
        if taken.count(name) > 1:
            raise InputError("metrics", f"must report quantities of different names, got {name!r} twice")
    for metric in metrics:
        if (reason := metric.why_unavailable()) is not None:
            warn(f"metric {display_name(metric)} is unavailable: {reason}")
    return tuple(metric for metric in metrics if metric.why_unavailable() is None)


def input_files(point: Scenario) -> tuple[Path, ...]:
    """Return the files that the channel declares as inputs, and that of the sensing noise."""
    with attribute_errors_to(f"channel {display_name(point.channel)}"):
        return (*map(Path, point.channel.inputs()), *point.sensing_noise.inputs())


def warn(sentence: str) -> None:
    """Warn about a metric or an observer that failed."""
    warnings.warn(one_line(sentence), IsacWarning, stacklevel=3)


def measure_sizes(scenario: Scenario) -> tuple[int, int]:
    """Return `largest_array` and `streams` of :class:`StudySpec`: from a drop of each channel, and all beams.

    A faulty beam counts as one stream; its rows report the failure later.
    """
    largest_array, streams = 1, 1
    channels: dict[Any, ChannelStatistics] = {}
    counted: set[Any] = set()
    for _, point in scenario.points():
        fading = fading_key(point)
        if fading not in channels:
            # The last drop, since a channel may have fewer than the scenario.
            one = channels[fading] = point.statistics([point.drops - 1])
            own = one.users if one.collinear is None and one.isotropic else one.users**2
            extra = [value for value in (one.covariances, *one.extra.values()) if value is not None]
            largest_array = max(largest_array, own, *(value[0].size for value in extra))
        with suppress(PluginError):  # A faulty array, objective or requirement fails its rows later.
            point.constraints(channels[fading].users)  # Refuses, for example, a wrong number of weights.
        for beam in scenario.compared_beams:
            key = beam, fading, view_key(point, beam, channels[fading])
            if key not in counted:
                counted.add(key)
                with suppress(IsacError):
                    streams = max(streams, point.streams_of(beam, channels[fading]))
    return largest_array, streams
