"""From a scenario to allocators side by side: the run behind :func:`isacfw.compare`."""

from __future__ import annotations

import json
import math
import platform
import warnings
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from os import PathLike
from typing import TYPE_CHECKING, Any, cast

import attrs
import numpy as np
from numpy.typing import NDArray

from .allocator import Allocation, Allocator, Shares, Status, verified
from .channel import ChannelStatistics
from .comparison import Comparison
from .config import LoadedScenario, load_scenario, to_toml
from .errors import IncompatibleError, InputError, IsacError, PluginError, log_traceback, one_line, shown
from .metric import Metric, Quantity
from .part import LabelledPart, described
from .plugins import PluginHost, default_host
from .precoder import LinkStatistics, Precoder
from .problem import PowerAllocationProblem
from .recipe import Progress
from .scenario import Scenario, labelled

if TYPE_CHECKING:
    import xarray

STANDARD_METRICS = ("sum_rate", "user_rates", "crlb", "powers")

_RESERVED = (
    "precoder",
    "allocator",
    "drop",
    "user",
    "iteration",
    "users",
    "status",
    "message",
    "feasible",
    "iterations",
    "seconds",
    "max_violation",
    "objective_history",
    "crlb_azimuth_limit_db",
    "crlb_elevation_limit_db",
)


def compare(
    scenario: Scenario | LoadedScenario | str | PathLike[str] | Mapping[str, Any],
    *,
    precoders: Sequence[str | Precoder] | None = None,
    allocators: Sequence[str | Allocator] | None = None,
    drops: int | None = None,
    seed: int | None = None,
    time_limit_s: float | None = None,
    plugins: Iterable[str | PathLike[str]] = (),
    host: PluginHost | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Run every allocator on every precoder, sweep point and drop of a scenario.

    Parameters
    ----------
    scenario : Scenario, str, path or mapping
        A scenario, or what :func:`~isacfw.load_scenario` loads one from.
    precoders, allocators : sequence of str or part, optional
        In place of the scenario's own: parts, labels of the scenario's parts, or names.
    drops, seed : int, optional
        In place of the scenario's own.
    time_limit_s : float, optional
        In place of the scenario's own: longest time of an allocation in seconds.
    plugins : iterable of str or path
        Further plugins, when the scenario is loaded here.
    host : PluginHost, optional
        Where names are looked up; by default built-in and installed plugins.
    progress : callable, optional
        Called with the number of allocations done and of all.

    Returns
    -------
    Comparison
        With a row for every combination. A solver's failure, a missing dependency or parts that do not fit
        are rows with a status and a message.

    Raises
    ------
    InputError
        If the scenario or an argument is not valid.
    """
    if not isinstance(scenario, (Scenario, LoadedScenario)):
        scenario = load_scenario(scenario, plugins=plugins)
    if isinstance(scenario, LoadedScenario):
        host, scenario = host or scenario.host, scenario.scenario
    host = host or default_host()
    changes: dict[str, Any] = {
        key: value
        for key, value in (("drops", drops), ("seed", seed), ("time_limit_s", time_limit_s))
        if value is not None
    }
    if precoders is not None:
        changes["precoders"] = _selected("precoder", precoders, scenario.precoders, host)
    if allocators is not None:
        changes["allocators"] = _selected("allocator", allocators, scenario.allocators, host)
    return _Study(attrs.evolve(scenario, **changes), host, progress).run()


def _selected(
    kind: str, wanted: Sequence[Any], own: Sequence[LabelledPart], host: PluginHost
) -> tuple[LabelledPart, ...]:
    """Return the parts that are meant by parts, by labels of the scenario's own parts, or by names."""
    if isinstance(wanted, str):
        raise InputError(f"{kind}s", f"must be a list, got the string {wanted!r}")
    if not isinstance(wanted, Iterable):
        raise InputError(f"{kind}s", f"must be a list, got {shown(wanted)}")
    by_title = {part.name: part for part in reversed(own)} | labelled(own)
    parts: list[LabelledPart] = []
    for item in wanted:
        if not isinstance(item, str):
            parts.append(item)
        elif item in by_title:
            parts.append(by_title[item])
        else:
            try:
                parts.append(cast(LabelledPart, host.find(kind, item).cls()))
            except InputError as error:
                raise error.within(f"{kind}s") from None
            except TypeError as error:
                raise InputError(f"{kind}s", f"must give the options of {item!r} too: {error}") from None
    return tuple(parts)


class _Study:
    """One run of a scenario: it solves point by point and fills the arrays of the data set."""

    def __init__(self, scenario: Scenario, host: PluginHost, progress: Progress | None) -> None:
        self.scenario, self.host = scenario, host
        self.points = [point for _, point in scenario.points()]
        self.statistics = self._statistics()
        self.users = np.array([statistics.users for statistics in self.statistics])
        self.precoders = labelled(scenario.precoders)
        self.allocators = labelled(scenario.allocators)
        self.metrics = self._metrics()
        self.quantities = {quantity.name: quantity for metric in self.metrics for quantity in metric.quantities}
        self.shape = (len(self.precoders), len(self.allocators), len(self.points), scenario.drops)
        self.values = self._empty()
        self.histories: dict[tuple[int, int, int], NDArray[np.float64]] = {}
        self.links: dict[Any, LinkStatistics] = {}
        self.done, self.progress = 0, progress

    def _statistics(self) -> list[ChannelStatistics]:
        """Return the channel statistics of each point, drawn once where the channel is the same."""
        known: dict[Any, ChannelStatistics] = {}
        for point in self.points:
            for part in (point.transmit_array, point.receive_array, point.channel):
                if (reason := part.why_unavailable()) is not None:
                    raise PluginError(f"{described(part)} cannot work here: {reason}")
            if _fading(point) not in known:
                known[_fading(point)] = point.statistics()
        return [known[_fading(point)] for point in self.points]

    def _metrics(self) -> list[Metric]:
        standard = [self.host.find("metric", f"isacfw:{name}").cls() for name in STANDARD_METRICS]
        metrics = [cast(Metric, metric) for metric in standard]
        metrics += [metric for metric in self.scenario.metrics if metric not in metrics]
        names = [quantity.name for metric in metrics for quantity in metric.quantities]
        taken = [*names, *_RESERVED, *self.scenario.sweep]
        for name in names:
            if taken.count(name) > 1:
                raise InputError("metrics", f"must report quantities of different names, got {name!r} twice")
        for metric in metrics:
            if (reason := metric.why_unavailable()) is not None:
                _warn(f"metric {described(metric)} is left out: {reason}")
        return [metric for metric in metrics if metric.why_unavailable() is None]

    def _empty(self) -> dict[str, NDArray[Any]]:
        most = int(self.users.max())
        values: dict[str, NDArray[Any]] = {
            name: np.full((*self.shape, most) if quantity.per_user else self.shape, np.nan)
            for name, quantity in self.quantities.items()
        }
        values["max_violation"] = np.full(self.shape, np.nan)
        values["seconds"] = np.zeros(self.shape)
        values["iterations"] = np.zeros(self.shape, dtype=np.int64)
        values["feasible"] = np.zeros(self.shape, dtype=np.bool_)
        values["status"] = np.full(self.shape, "", dtype=object)
        values["message"] = np.full(self.shape, "", dtype=object)
        return values

    def run(self) -> Comparison:
        """Solve everything."""
        reasons = [allocator.why_unavailable() for allocator in self.allocators.values()]
        for row, precoder in enumerate(self.precoders.values()):
            for group, problem in self._problems(row, cast(Precoder, precoder)):
                for column, allocator in enumerate(self.allocators.values()):
                    self._allocate(row, column, group, problem, cast(Allocator, allocator), reasons[column])
        return Comparison(dataset=self._dataset())

    def _problems(self, row: int, precoder: Precoder) -> list[tuple[list[int], PowerAllocationProblem]]:
        """Return the problems of a precoder, points with the same number of users as one batch."""
        groups: dict[int, list[tuple[int, PowerAllocationProblem]]] = {}
        reason = precoder.why_unavailable()
        for number, (point, statistics) in enumerate(zip(self.points, self.statistics, strict=True)):
            try:
                if reason is not None:
                    raise IncompatibleError(reason)
                problem = point.problem(precoder, statistics, self._link(point, precoder, statistics))
                groups.setdefault(statistics.users, []).append((number, problem))
            except IncompatibleError as error:
                self._mark(row, number, Status.SKIPPED, str(error))
            except IsacError as error:  # A part's breakdown must cost its own rows only.
                self._mark(row, number, Status.FAILED, str(error))
        batches = []
        for group in groups.values():
            stacked = PowerAllocationProblem.stack([problem for _, problem in group])
            batches.append(([number for number, _ in group], stacked.over(self.scenario.drops)))
        return batches

    def _link(self, point: Scenario, precoder: Precoder, statistics: ChannelStatistics) -> LinkStatistics:
        """Return a precoder's moments, which do not depend on powers, targets and limits: taken once for all."""
        key = (precoder, point.transmit_array, _fading(point))
        if key not in self.links:
            self.links[key] = point.link_statistics(precoder, statistics)
        return self.links[key]

    def _mark(self, row: int, number: int, status: Status, sentence: str) -> None:
        self.values["status"][row, :, number] = status.value
        self.values["message"][row, :, number] = sentence
        self._advance(self.shape[1] * self.shape[3])

    def _advance(self, count: int) -> None:
        self.done += count
        if self.progress is not None:
            self.progress(self.done, math.prod(self.shape))

    def _allocate(
        self,
        row: int,
        column: int,
        group: list[int],
        problem: PowerAllocationProblem,
        allocator: Allocator,
        reason: str | None,
    ) -> None:
        if reason is not None:
            allocation = verified(problem, Shares.none(problem, Status.SKIPPED, reason))
            self._advance(math.prod(problem.batch_shape))
        else:
            self.host.observe("allocation_started", allocator=allocator, problem=problem)
            allocation = allocator.allocate(problem, self._advance, self.scenario.time_limit_s)
            self.host.observe("allocation_finished", allocator=allocator, problem=problem, allocation=allocation)
        self._fill(row, column, group, problem, allocation)

    def _fill(
        self,
        row: int,
        column: int,
        group: list[int],
        problem: PowerAllocationProblem,
        allocation: Allocation,
    ) -> None:
        place = (row, column, group)
        for name in ("status", "message", "feasible", "iterations", "seconds"):
            self.values[name][place] = getattr(allocation, name)
        self.values["max_violation"][place] = allocation.violation
        for number, history in zip(group, allocation.history, strict=True):
            self.histories[row, column, number] = history
        for metric in self.metrics:
            try:
                values = metric.evaluate(problem, allocation)
                for quantity in metric.quantities:
                    users = (slice(None), slice(problem.users)) if quantity.per_user else ()
                    self.values[quantity.name][(*place, *users)] = quantity.checked(values, problem)
            except Exception as error:  # A metric's breakdown must not cost the allocation.
                sentence = f"metric {described(metric)} raised {type(error).__name__}: {error}"
                log_traceback(sentence)
                _warn(sentence)

    def _dataset(self) -> xarray.Dataset:
        import xarray

        sweep = self.scenario.sweep
        lengths = [len(values) for values in sweep.values()]
        dimensions = ["precoder", "allocator", *sweep, "drop"]
        variables: dict[str, Any] = {}
        for name, value in self.values.items():
            shaped = value.reshape(*self.shape[:2], *lengths, self.shape[3], *value.shape[4:])
            quantity = self.quantities.get(name)
            variables[name] = (
                dimensions + ["user"] * (shaped.ndim - len(dimensions)),
                shaped,
                {} if quantity is None else _attributes(quantity),
            )
        variables["objective_history"] = self._history(dimensions, lengths)
        limits = 10 * np.log10([point.sensing.crlb_limit for point in self.points])
        for position, angle in enumerate(("azimuth", "elevation")):
            variables[f"crlb_{angle}_limit_db"] = (
                list(sweep),
                limits[:, position].reshape(lengths),
                {"units": "dB rad^2", "long_name": f"CRLB limit of the {angle}; infinite for none"},
            )
        variables["users"] = (list(sweep), self.users.reshape(lengths))
        coordinates: dict[str, Any] = {
            "precoder": list(self.precoders),
            "allocator": list(self.allocators),
            **{path: _coordinate(values) for path, values in sweep.items()},
            "drop": np.arange(self.scenario.drops),
            "user": np.arange(int(self.users.max())),
        }
        return xarray.Dataset(variables, coordinates, self._provenance())

    def _history(self, dimensions: list[str], lengths: list[int]) -> tuple[list[str], Any, dict[str, str]]:
        longest = max((history.shape[-1] for history in self.histories.values()), default=0)
        padded = np.full((*self.shape, longest), np.nan)
        for place, history in self.histories.items():
            padded[place][:, : history.shape[-1]] = history
        shaped = padded.reshape(*self.shape[:2], *lengths, self.shape[3], longest)
        attributes = {"units": "bit/s/Hz", "long_name": "Sum rate at the start and after each iteration"}
        return [*dimensions, "iteration"], shaped, attributes

    def _asked_for(self) -> list[str]:
        """Return the quantities, one number per allocation each, of the metrics that the scenario adds."""
        asked = [metric for metric in self.metrics[len(STANDARD_METRICS) :] if metric in self.scenario.metrics]
        return [quantity.name for metric in asked for quantity in metric.quantities if not quantity.per_user]

    def _provenance(self) -> dict[str, Any]:
        return {
            "title": self.scenario.name,
            "scenario": to_toml(self.scenario, self.host),
            "seed": self.scenario.seed,
            "versions": _versions(),
            "quantities": json.dumps(self._asked_for()),
        }


@cache
def _versions() -> str:
    packages = ("isacfw", "numpy", "scipy", "cvxpy", "clarabel", "pyomo", "xarray")
    return json.dumps({"python": platform.python_version(), **{name: version(name) for name in packages}})


def _fading(point: Scenario) -> tuple[Any, ...]:
    """Return all that the fading at a point of the sweep depends on, and how well its moments are to be known."""
    return point.channel, point.seed, point.sampling_accuracy


def _warn(sentence: str) -> None:
    warnings.warn(one_line(sentence), RuntimeWarning, stacklevel=3)


def _attributes(quantity: Quantity) -> dict[str, str]:
    return {"units": quantity.unit, "long_name": quantity.description, "better": quantity.better}


def _coordinate(values: tuple[Any, ...]) -> list[Any]:
    plain = all(isinstance(value, (int, float)) for value in values)
    return list(values) if plain else [str(value) for value in values]
