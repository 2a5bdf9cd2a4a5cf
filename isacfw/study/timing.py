"""Times of allocators, each measured alone: warmed up, several runs, median and spread."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..allocation.allocator import Allocator
from ..allocation.any_problem import AnyProblem
from ..allocation.status import Status
from ..base.errors import InputError, IsacError
from ..config.load import ScenarioLike, to_loaded
from ..scenario.labels import by_label
from ..scenario.scenario import Scenario
from ..sensing.beam import Beam
from ..signal.precoder import Precoder
from .selection import with_parts

if TYPE_CHECKING:
    import pandas

RUNS = 7
MOST_ALONE = 5
"""Number of drops whose problems are solved alone."""

_BROKEN = [Status.SKIPPED.value, Status.FAILED.value, Status.TIMED_OUT.value]

MOST_TOGETHER = 1000
"""Number of drops in a batch of an allocator that takes batches."""


def measure_times(scenario: ScenarioLike, *, runs: int = RUNS, **parts: Any) -> pandas.DataFrame:
    """Return the time per problem of every allocator, measured alone at the first point of the sweep.

    Each allocator is warmed up by one run that does not count. Problems of single drops are solved one at a time,
    and a batch of all drops too by allocators that take batches. Verification does not count.

    Parameters
    ----------
    scenario : Scenario, LoadedScenario, str, path or mapping
        A scenario, or an argument for :func:`~isacfw.load_scenario`.
    runs : int
        Number of runs over the same problems.
    **parts
        `precoders`, `beams`, `allocators` and `drops` instead of the scenario's own, see :func:`~isacfw.compare`.

    Returns
    -------
    pandas.DataFrame
        Rows by precoder, beam, allocator and number of problems in a batch; columns with the median, the least
        and the largest time of a run per problem in seconds, and the number of runs. NaN for an allocator that
        does not solve the problems.
    """
    import pandas

    if isinstance(runs, bool) or not isinstance(runs, int) or runs < 1:
        raise InputError("runs", f"must be an integer of at least 1, got {runs!r}")
    loaded = to_loaded(scenario)
    point = with_parts(loaded.scenario, loaded.host, **parts).sweep_points.point(0)
    rows = []
    named = [by_label(each).items() for each in (point.precoders, point.compared_beams, point.allocators)]
    for (precoder, first), (beam, second), (title, allocator) in itertools.product(*named):
        for batch, seconds in _times(point, cast(Precoder, first), cast(Beam, second), allocator, runs).items():
            spread = [np.median(seconds), min(seconds), max(seconds)] if seconds else [np.nan] * 3
            place = {"precoder": precoder, "beam": beam, "allocator": title, "batch": batch}
            rows.append(place | dict(zip(("median_s", "least_s", "largest_s"), map(float, spread), strict=True)))
            rows[-1]["runs"] = len(seconds)
    return pandas.DataFrame(rows).set_index(["precoder", "beam", "allocator", "batch"])


def _times(point: Scenario, precoder: Precoder, beam: Beam, allocator: Any, runs: int) -> dict[int, list[float]]:
    """Return the times per problem of all runs by the number of problems in a batch."""
    assert isinstance(allocator, Allocator)
    sizes = [1, min(point.drops, MOST_TOGETHER)] if allocator.vectorized and point.drops > 1 else [1]
    found: dict[int, list[float]] = {size: [] for size in sizes}
    if allocator.why_unavailable() is not None:
        return found
    statistics = point.statistics(range(max(sizes[-1], min(point.drops, MOST_ALONE))))
    try:
        if point.link == "uplink":
            problem: AnyProblem = point.uplink_problem(precoder, statistics)
        else:
            problem = point.problem(precoder, statistics, beam=beam)
    except IsacError:
        return found
    single = [problem[number] for number in range(min(problem.batch_shape[0], MOST_ALONE))]
    batches = {1: single} | ({size: [problem[:size]] for size in sizes[1:]})
    for size, each in batches.items():
        if _run(allocator, each, point.time_limit_s) is None:  # Warms up, too.
            continue
        times = [_run(allocator, each, point.time_limit_s) for _ in range(runs)]
        found[size] = [seconds for seconds in times if seconds is not None]
    return found


def _run(allocator: Allocator, problems: list[Any], limit: float | None) -> float | None:
    """Return the time of a run per problem; None if a problem is not solved."""
    each = [allocator.allocate(problem, None, limit) for problem in problems]
    if any(np.isin(one.status, _BROKEN).any() for one in each):
        return None
    return float(np.mean([one.seconds.mean() for one in each]))


def render_times(frame: pandas.DataFrame) -> str:
    """Return the times as text."""
    from ..report.table import duration

    rows = frame.reset_index()
    several = rows["beam"].nunique() > 1
    lines = []
    for row in rows.to_dict("records"):
        where = f"{row['precoder']}, {row['beam']}" if several else row["precoder"]
        how = "alone" if row["batch"] == 1 else f"per problem in a batch of {row['batch']}"
        spread = "not measured: it does not solve these problems"
        if row["runs"]:
            low, high = duration(row["least_s"]), duration(row["largest_s"])
            spread = f"{duration(row['median_s'])} {how}, median of {row['runs']} runs from {low} to {high}"
        lines.append(f"  {row['allocator']} on {where}: {spread}")
    return "\n".join(["times, each allocator warmed up and measured alone", *lines])
