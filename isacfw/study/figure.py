"""Figures of scenarios, from a part of the same name or from a comparison."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import short_repr
from ..base.file_names import file_name
from ..base.files import atomic_write, open_for_hdf5, write_netcdf
from ..base.guard import guard
from ..base.progress import Progress
from ..config.load import LoadedScenario
from ..report.files import save_figures
from ..scenario.figure import Figure
from ..scenario.precision import need_drops
from ..scenario.scenario import Scenario
from .execution import Execution

if TYPE_CHECKING:
    import matplotlib.figure
    import xarray


def make_figure(
    loaded: LoadedScenario,
    compare: Callable[..., Any],
    trials: int | None,
    progress: Progress,
    workers: int = 1,
    looks: Mapping[str, Any] | None = None,
) -> tuple[xarray.Dataset, dict[str, matplotlib.figure.Figure]]:
    """Return the data and the figures of a scenario, from its figure part or from its comparison.

    Parameters
    ----------
    loaded : LoadedScenario
        The scenario and its host.
    compare : callable
        :func:`isacfw.compare`.
    trials : int, optional
        Number of simulated channels or echoes per point, for a figure part.
    progress : callable
        Called with the number of completed steps and the total number of steps.
    workers : int
        Number of processes that share the work of a comparison.
    looks : mapping, optional
        Options of :meth:`isacfw.Comparison.plot`, for a scenario without its own figure.
    """

    def run(scenario: Scenario, progress: Progress | None = None) -> Any:
        return compare(scenario, execution=Execution(host=loaded.host, workers=workers, progress=progress))

    name = loaded.scenario.name
    figures = [part for part in loaded.host.parts("figure") if part.name == name]
    if not figures:
        comparison = run(loaded.scenario, progress)
        return comparison.dataset, comparison.plot(**(looks or {}))
    need_drops(loaded.scenario.summary_only, f"the figure {name}")
    figure = figures[0].cls(**({} if trials is None else {"trials": trials}))
    assert isinstance(figure, Figure)
    with guard(f"figure {name}", figure):
        data = figure.collect(loaded.scenario, run, progress)
        check_type(data, "Dataset", "xarray", "collect")
        drawn = figure.draw_styled(data)
        check_type(drawn, "Figure", "matplotlib", "draw")
    return data, {"": drawn}


def check_type(value: object, name: str, package: str, method: str) -> None:
    """Refuse what a method of a figure part returns, if it is not of a class of a package.

    Raises
    ------
    TypeError
        With the name of the method.
    """
    if not any(c.__name__ == name and c.__module__.partition(".")[0] == package for c in type(value).__mro__):
        raise TypeError(f"{method} must return a {package} {name}, got {short_repr(value)}")


def save_figure(
    name: str, data: xarray.Dataset, figures: dict[str, matplotlib.figure.Figure], folder: Path
) -> list[Path]:
    """Write data and figures; return the files, the data first."""
    name = file_name(name)
    path = folder / f"{name}.nc"
    with atomic_write(path) as new, open_for_hdf5(new) as raw:
        write_netcdf(data, raw)
    titled = {"-".join(filter(None, (name, title))): figure for title, figure in figures.items()}
    return [path, *save_figures(titled, folder)]
