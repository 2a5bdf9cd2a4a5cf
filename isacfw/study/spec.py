"""Specification of a study, with checks that its parts are available and quantities have unique names."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from ..allocation.metric import Metric
from ..allocation.quantity import Quantity
from ..base.errors import (
    IncompatibleError,
    InputError,
    IsacError,
    IsacWarning,
    PluginError,
    nearest,
    one_line,
    short_repr,
)
from ..base.file_names import is_variable_name
from ..base.guard import guard, part_time_limit
from ..base.part import LabelledPart, display_name, key_of
from ..host.host import PluginHost
from ..results.schema import ANGLES_GROUP, OBJECTIVE_VALUE, limits_of, margin_variable, units_of, variables_of
from ..scenario.goals import SHORT_FORM
from ..scenario.labels import by_label
from ..scenario.scenario import Scenario
from ..scenario.sweep import sweep_axes
from ..signal.statistics import ChannelStatistics
from .size import check_scenario_size
from .study_spec import StudySpec, fading_key, view_key

STANDARD_METRICS = ("sum_rate", "user_rates", "crlb", "powers")


Measure = Callable[[Callable[[Scenario], Any], Scenario], Any]


_AXES = ("precoder", "beam", "allocator", "drop", "user", "stream", "iteration", "users")


def specify(scenario: Scenario, host: PluginHost, measure: Measure | None = None) -> StudySpec:
    """Return the specification of a study, after checking that it can be run.

    Parameters
    ----------
    scenario : Scenario
        The study.
    host : PluginHost
        Its plugins.
    measure : callable, optional
        Calls a function with a scenario, perhaps in another process; by default in this one.
    """
    with part_time_limit(scenario.time_limit_s):
        return _specify(scenario, host, measure or (lambda function, one: function(one)))


def _specify(scenario: Scenario, host: PluginHost, measure: Measure) -> StudySpec:
    for point in scenario.sweep_points.distinct("transmit_array", "receive_array", "channel"):
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
    (largest_array, streams, users), assumptions = measure(_measure, scenario)
    metrics = _metrics(scenario, host, streams)
    spec = StudySpec(
        scenario=scenario,
        metrics=metrics,
        unavailable=unavailable,
        largest_array=largest_array,
        streams=streams,
        users=users,
        assumptions=assumptions,
        requirements=_requirements(scenario),
    )
    _check_kept(spec)
    return spec


def _check_kept(spec: StudySpec) -> None:
    """Check that the variables that a scenario keeps exist, and have statistics if it keeps nothing else."""
    variables = spec.variables
    for position, name in enumerate(spec.scenario.keep or ()):
        if name not in variables:
            problem = f"must be a variable of the results ({', '.join(variables)})"
            hint = nearest(name, variables)
            raise InputError(f"keep[{position}]", f"{problem}, got {short_repr(name)}{hint}")
        if spec.scenario.summary_only and variables[name].axes:
            problem = "must have one number in each row of a study with summary_only"
            raise InputError(f"keep[{position}]", f"{problem}, got {short_repr(name)}")


def _measure(scenario: Scenario) -> tuple[tuple[int, int, int], tuple[str, ...]]:
    """Return sizes and assumptions of a study, for which parts are called."""
    found: dict[str, None] = {}
    with part_time_limit(scenario.time_limit_s):
        check_scenario_size(scenario)
        sizes = measure_sizes(scenario)
        for point in scenario.sweep_points:
            with suppress(IsacError):  # A faulty array fails its rows.
                found |= dict.fromkeys(point.assumptions())
    return sizes, tuple(found)


def _requirements(scenario: Scenario) -> dict[str, str]:
    """Return :attr:`StudySpec.requirements`."""
    found: dict[str, str] = {}
    for point in scenario.sweep_points.distinct("target", "sensing", "requirements", "objective"):
        for name in point.goals.names:
            limits_angles = name == SHORT_FORM or point.requirements[name].limits_angles
            found.setdefault(name, ANGLES_GROUP if limits_angles else "")
    return found


def _metrics(scenario: Scenario, host: PluginHost, streams: int) -> tuple[Metric, ...]:
    metrics = [cast(Metric, host.find("metric", f"isacfw:{name}").cls()) for name in STANDARD_METRICS]
    metrics = [metric for metric in metrics if scenario.link in metric.links]
    metrics += [metric for metric in scenario.metrics if metric not in metrics]
    targets = len(scenario.sensed)
    metrics = [metric for metric in metrics if _has_quantities(metric, targets, streams)]
    names = [one.name for metric in metrics for one in metric.quantities_of(targets, streams)]
    fixed = (*variables_of(()), *limits_of(targets), *units_of(targets))
    reserved = [OBJECTIVE_VALUE, *(one.name for one in fixed)]
    reserved += [margin_variable(name).name for name in scenario.requirements]
    swept = [path for axis in sweep_axes(scenario.sweep) for path in axis]
    taken = [*names, *reserved, *_AXES, *swept]
    for name in names:
        if taken.count(name) > 1:
            raise InputError("metrics", f"must report quantities of different names, got {name!r} twice")
    for metric in metrics:
        if (reason := metric.why_unavailable()) is not None:
            warn(f"metric {display_name(metric)} is unavailable: {reason}")
    return tuple(metric for metric in metrics if metric.why_unavailable() is None)


def _has_quantities(metric: Metric, targets: int, streams: int) -> bool:
    """Return whether a metric says what it reports; warn if not."""
    who = f"metric {display_name(metric)}"
    try:
        with guard(who, metric):
            found = metric.quantities_of(targets, streams)
            if not isinstance(found, tuple) or not all(map(_is_quantity, found)):
                problem = f"it must report quantities whose names are identifiers, got {short_repr(found)}"
                raise TypeError(problem)
    except IsacError as error:
        warn(f"{error}" if str(error).startswith(who) else f"{who} {error}")
        return False
    return True


def _is_quantity(value: object) -> bool:
    texts = ("name", "unit", "description", "limit", "heading")
    return (
        isinstance(value, Quantity)
        and all(isinstance(getattr(value, text), str) for text in texts)
        and value.name.isidentifier()
        and is_variable_name(value.name)
        and all(
            getattr(value, text) == getattr(value, text).encode("utf-8", "replace").decode() for text in texts
        )
    )


def input_files(point: Scenario) -> tuple[Path, ...]:
    """Return the files that the channel declares as inputs, and that of the sensing noise."""
    with guard(f"channel {display_name(point.channel)}", point.channel):
        return (*map(Path, point.channel.inputs()), *point.sensing_noise.inputs())


def warn(sentence: str) -> None:
    """Warn about a metric or an observer that failed."""
    warnings.warn(one_line(sentence), IsacWarning, stacklevel=3)


def measure_sizes(scenario: Scenario) -> tuple[int, int, int]:
    """Return `largest_array`, `streams` and `users` of :class:`StudySpec`.

    They are those of a drop of each channel, and of all beams. A faulty beam counts as one stream; its rows
    report the failure later.
    """
    largest_array, streams = 1, 1
    channels: dict[Any, ChannelStatistics] = {}
    counted: set[Any] = set()
    failures: dict[Any, PluginError | IncompatibleError] = {}
    for point in scenario.sweep_points:
        try:
            fading = fading_key(point)
        except (PluginError, IncompatibleError) as error:
            failures[None] = error
            continue
        if fading in failures:
            continue
        if fading not in channels:
            try:
                one = channels[fading] = _one_drop(point)
            except (PluginError, IncompatibleError) as error:  # Fails its rows later, unless there are no others.
                failures[fading] = error
                continue
            own = one.users if one.collinear is None and one.isotropic else one.users**2
            extra = [value for value in (one.covariances, *one.extra.values()) if value is not None]
            largest_array = max(largest_array, own, *(value[0].size for value in extra))
        with suppress(
            PluginError, IncompatibleError
        ):  # A faulty array, objective or requirement fails its rows later.
            point.constraints(channels[fading].users)  # Refuses, for example, a wrong number of weights.
        for beam in scenario.compared_beams:
            with suppress(IsacError):
                key = key_of(beam), fading, view_key(point, beam, channels[fading])
                if key not in counted:
                    counted.add(key)
                    streams = max(streams, point.streams_of(beam, channels[fading]))
    if failures and not channels:
        raise next(iter(failures.values()))
    users = max((one.users for one in channels.values()), default=1)
    return largest_array, streams, users


def _one_drop(point: Scenario) -> ChannelStatistics:
    """Return the statistics of the last drop, since a channel may have fewer than the scenario."""
    try:
        return point.statistics([point.drops - 1])
    except (PluginError, IncompatibleError):
        if point.drops == 1:
            raise
        return point.statistics([0])
