"""Checks of figures.

A figure is tried on the scenario of its name, from a built-in or installed plugin or from its own file, with one
drop, two values of everything that is swept, and two trials. Its comparisons are those of
:func:`isacfw.compare`. Without such a scenario, which another plugin or a file may bring, all is skipped.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from ..base.errors import short_repr
from ..base.files import open_for_hdf5, write_netcdf
from ..base.numbers import read_only
from ..base.progress import Progress
from ..base.services import service
from ..config.load import load_scenario
from ..host.host import PluginHost, default_host
from ..report.comparison import Comparison
from ..scenario.figure import Figure
from ..scenario.scenario import Scenario
from ..scenario.sweep import shorten
from .checks import CheckFailed, CheckSkipped, check, known_of, require
from .runs import Numbers, SampleRun, sample_run

if TYPE_CHECKING:
    import matplotlib.figure
    import xarray

TRIALS = 2
POINTS = 2
DPI = 50
_NUMBERS = "biufc"


@attrs.frozen(kw_only=True, eq=False)
class _Collected:
    """Data of a figure, the comparisons that it asked for, and the calls of progress."""

    data: xarray.Dataset
    compared: list[xarray.Dataset]
    steps: list[tuple[int, int]]

    def excused(self) -> set[str]:
        """Return the names of variables that need not be finite everywhere.

        They are those of a comparison, and all where a comparison has rows without an answer.
        """
        gaps = any(bool(np.isnan(one["sum_rate"]).any()) for one in self.compared)
        return {str(name) for one in (*self.compared, *([self.data] if gaps else [])) for name in one.data_vars}


def _scenario(part: Figure, seed: int = 0) -> Scenario:
    """Return the small scenario that a figure is tried on."""
    source, host = part.source(), default_host()
    if part.name not in host.scenarios and source is not None:
        host = PluginHost([source])
    if part.name not in host.scenarios:
        raise CheckSkipped(f"no scenario is named {part.name}")
    plugins = [] if source is None else [source]
    whole = load_scenario(host.scenarios[part.name], plugins=plugins).scenario
    return attrs.evolve(whole, drops=1, seed=whole.seed + seed, sweep=shorten(whole.sweep, POINTS))


def compare_without_times(scenario: Scenario, progress: Progress | None = None) -> Comparison:
    """Return a comparison whose times are zero, since nothing else may differ between two runs."""
    require(isinstance(scenario, Scenario), f"compare must be given a Scenario, got {short_repr(scenario)}")
    dataset = service("compare")(scenario).dataset
    if progress is not None:
        progress(dataset["status"].size, dataset["status"].size)
    return Comparison(dataset=dataset.assign(seconds=dataset["seconds"] * 0))


def _known(part: Figure, seed: int = 0) -> _Collected:
    """Return what :func:`_collect` does, for several checks: collected once, with a copy of the data for each."""
    known, key = known_of(part), ("collected", seed)
    if key not in known:
        known[key] = _with_own_data(_collect(part, seed))
    return _with_own_data(known[key])


def _with_own_data(collected: _Collected) -> _Collected:
    return attrs.evolve(collected, data=collected.data.copy(deep=True))


def _collect(part: Figure, seed: int = 0) -> _Collected:
    import xarray

    compared: list[xarray.Dataset] = []
    steps: list[tuple[int, int]] = []

    def compare(scenario: Scenario, progress: Progress | None = None) -> Comparison:
        found = compare_without_times(scenario, progress)
        compared.append(found.dataset.copy(deep=True))
        return found

    short = attrs.evolve(part, trials=TRIALS)
    data = short.collect(_scenario(part, seed), compare, lambda done, total: steps.append((done, total)))
    require(isinstance(data, xarray.Dataset), f"collect must return an xarray.Dataset, got {type(data).__name__}")
    return _Collected(data=data, compared=compared, steps=steps)


def _draw(part: Figure, data: xarray.Dataset) -> matplotlib.figure.Figure:
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    settings: Any = dict(part.style)
    with rc_context(settings):
        figure = part.draw(data)
    require(isinstance(figure, Figure), f"draw must return a Figure of Matplotlib, got {type(figure).__name__}")
    return figure


def _numbers(data: xarray.Dataset) -> dict[str, xarray.DataArray]:
    return {str(name): one for name, one in data.data_vars.items() if one.dtype.kind in _NUMBERS}


@check("figure")
def data_are_numbers(part: Figure) -> None:
    """The data are an xarray.Dataset with at least one variable that holds numbers."""
    require(_numbers(_known(part).data), "collect returns no numbers")


@check("figure")
def progress_ends_at_its_total(part: Figure) -> None:
    """Progress is called with the number of steps done and the number of all, the last time when all are done."""
    steps = _known(part).steps
    require(steps, "progress is never called")
    for step in steps:
        whole = all(isinstance(count, (int, np.integer)) for count in step)
        require(whole and 0 <= step[0] <= step[1], f"progress is called with {short_repr(step)}")
    require(steps[-1][0] == steps[-1][1], f"progress ends at {steps[-1][0]} of {steps[-1][1]}")


@check("figure")
def numbers_have_units(part: Figure) -> None:
    """Numbers of a comparison keep their units; without a comparison, all floating-point numbers have units."""
    collected = _known(part)
    for name, variable in _numbers(collected.data).items():
        units = variable.attrs.get("units")
        for one in collected.compared:
            given = one[name].attrs.get("units") if name in one else None
            require(given in (None, units), f"{name} has units {units!r}, but {given!r} in the comparison")
        needed = not collected.compared and variable.dtype.kind in "fc"
        require(isinstance(units, str) or not needed, f"{name} has no attribute units")


@check("figure")
def data_can_be_saved(part: Figure) -> None:
    """The data can be written to a NetCDF file."""
    data = _known(part).data
    try:
        with tempfile.TemporaryDirectory() as folder, open_for_hdf5(Path(folder) / "data.nc") as file:
            write_netcdf(data, file)
    except (TypeError, ValueError) as error:
        raise CheckFailed(f"the data cannot be saved: {type(error).__name__}: {error}") from None


@check("figure")
def something_is_drawn(part: Figure) -> None:
    """The figure is one of Matplotlib, with axes that are not empty."""
    figure = _draw(part, _known(part).data)
    require(figure.axes, "the figure has no axes")
    require(any(axes.has_data() for axes in figure.axes), "all axes of the figure are empty")


@check("figure")
def drawing_changes_no_data(part: Figure) -> None:
    """Drawing adds nothing to the data, and changes and removes nothing."""
    data = _known(part).data
    before = data.copy(deep=True)
    _draw(part, data)
    require(data.identical(before), "draw changes the data")


@check("figure")
def same_data_same_picture(part: Figure) -> None:
    """The same data give the same picture, to the bit."""
    data = _known(part).data
    require(_picture(_draw(part, data)) == _picture(_draw(part, data)), "repeated draws differ")


def _picture(figure: matplotlib.figure.Figure) -> bytes:
    pixels = io.BytesIO()
    figure.savefig(pixels, format="rgba", dpi=DPI)
    return pixels.getvalue()


@sample_run("figure")
def _of_figure(part: Figure, seed: int) -> SampleRun:
    """Return a run that collects the data, and draws the numbers that it is given in their place."""
    template = _known(part, seed).data

    def run(data: Numbers) -> Numbers:
        collected = _collect(part, seed)
        _draw(part, template.assign({name: template[name].copy(data=value) for name, value in data.items()}))
        excused = collected.excused()
        return {
            name: _finite(variable.values) if name in excused else variable.values
            for name, variable in _numbers(collected.data).items()
        }

    given = {name: read_only(variable.values) for name, variable in _numbers(template).items()}
    return SampleRun(inputs={"data": given}, direct=run)


def _finite(values: Any) -> Any:
    return values if np.isfinite(values).all() else np.nan_to_num(values)
