"""The function `write_report`, which puts results into one file to read and to share."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import InputError, IsacError, IsacWarning
from ..base.files import atomic_write, ensure_writable
from ..config.document import parse
from ..config.load import LoadedScenario, load_scenario
from ..config.structure import structure
from ..config.trust import is_within
from ..host.host import default_host
from ..report.beamforming import BeamformingResults
from ..report.comparison import Comparison
from ..report.drawn import DrawnResults
from ..report.drawn_file import kind_of
from ..report.regimes import RegimeResults
from ..results.lazily import READ
from ..scenario.scenario import Scenario
from .plot import plot_scenario
from .spec import input_files

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

    from ..report.page import Entry

ResultsLike = Comparison | DrawnResults | str | PathLike[str]

_MOST_ELEMENTS = 1024
"""Number of antennas up to which radiation patterns are cheap."""

_DRAWS = 50

_TITLES = {"cell": "Cell", "patterns": "Radiation patterns"}


def write_report(
    results: ResultsLike | Sequence[ResultsLike],
    path: str | PathLike[str] = "report.html",
    *,
    trust: bool = False,
) -> Path:
    """Write a report on results, a single file in HTML that needs no others; return its path.

    Parameters
    ----------
    results : Comparison, RegimeResults, BeamformingResults, str, path, or sequence of these
        Comparisons, or files ``results.nc``, or folders that contain one; up to six, which are shown side by
        side, with all differences from the first. Or one result of :func:`~isacfw.compare_regimes` or
        :func:`~isacfw.beamform`, or its file or folder.
    path : str or path
        The file, whose name ends in ``.html``.
    trust : bool
        Whether to run the plugins, and to read the files, that results read from a file name; otherwise, figures
        that need them are left out.

    Raises
    ------
    InputError
        If there are no results or too many, if they cannot be read, or if the file cannot be written.

    Notes
    -----
    The file stays below 2 MB: tables and figures show some points of a long sweep, and say so.
    """
    path = Path(path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise InputError("-o", f"must be a file whose name ends in .html, got {str(path)!r}")
    given = [results] if isinstance(results, (Comparison, DrawnResults, str, PathLike)) else list(results)
    text = _render(given, path.parent, trust)
    with atomic_write(path) as new:
        new.write_text(text, encoding="utf-8")
    return path


def _render(given: list[Any], folder: Path, trust: bool) -> str:
    """Return the report on results, after checking that it can be written."""
    from ..report.drawn_page import render_drawn_page
    from ..report.page import MOST_RESULTS, render_page

    if not 1 <= len(given) <= MOST_RESULTS:
        raise InputError("results", f"must be 1 to {MOST_RESULTS} comparisons, got {len(given)}")
    read = [one if isinstance(one, (Comparison, DrawnResults)) else _read(Path(one)) for one in given]
    drawn = [one for one in read if isinstance(one, DrawnResults)]
    if drawn and len(read) > 1:
        raise InputError("results", f"must be comparisons if they are several, got one of isacfw {drawn[0].name}")
    ensure_writable(folder)
    if drawn:
        figures, skipped = _scenario_figures(drawn[0].dataset, trust)
        return render_drawn_page(drawn[0], figures, skipped)
    return render_page([_entry(one.dataset, trust) for one in read])


_DRAWN: tuple[type[DrawnResults], ...] = (RegimeResults, BeamformingResults)


def _read(path: Path) -> Comparison | DrawnResults:
    """Return the results in a file or folder; those of a comparison, if a folder has several."""
    if path.is_dir() and not (path / "results.nc").exists():
        names = [path / f"{kind.name}.nc" for kind in _DRAWN]
        path = next((file for file in names if file.is_file()), path)
    if path.is_file():
        written = kind_of(path)
        for kind in _DRAWN:
            if kind.name == written:
                return kind.load(path)
    return Comparison.load(path)


def _load(dataset: xarray.Dataset, trust: bool) -> LoadedScenario:
    """Return the scenario of results, whose paths are relative to their file if they are read from one.

    Of results that were read, no plugin is run; figures of the scenario need neither allocators nor metrics.
    """
    source = Path(str(dataset.encoding.get("source", "")))
    if not dataset.encoding.get(READ) or trust:
        if source.suffix == ".nc" and source.is_file() and "kind" not in dataset.attrs:
            return load_scenario(source, trust=True)
        return load_scenario(parse(Path("scenario"), dataset.attrs["scenario"]), trust=True)
    document = parse(source, dataset.attrs["scenario"])
    plugins = document.pop("plugins", [])
    document |= {"allocators": ["equal_com"], "metrics": []}
    host = default_host()
    try:
        scenario = structure(document, host, source.parent)
    except IsacError as error:
        reason = f" (needs --trust for the plugins {', '.join(plugins)})" if plugins else ""
        raise InputError("", f"{error}{reason}") from None
    if files := [file for file in input_files(scenario) if not is_within(file, source.parent)]:
        raise InputError(
            "", f"it reads {files[0]}, which is outside of the folder of the results (needs --trust)"
        )
    return LoadedScenario(scenario=scenario, host=host)


def _entry(dataset: xarray.Dataset, trust: bool) -> Entry:
    from ..report.page import Entry

    figures, skipped = _scenario_figures(dataset, trust)
    return Entry(dataset=dataset, figures=figures, skipped=skipped)


def _scenario_figures(dataset: xarray.Dataset, trust: bool) -> tuple[dict[str, Figure], tuple[str, ...]]:
    """Return figures of a scenario by their titles, and reasons for those that are left out."""
    skipped: list[str] = []
    if not dataset.attrs.get("scenario"):
        return {}, ()
    try:
        loaded = _load(dataset, trust)
    except IsacError as error:
        return {}, (f"cell and radiation patterns: the scenario cannot be loaded: {error}",)
    elements = _elements(loaded.scenario)
    found = {}
    for name, title in _TITLES.items():
        if name == "patterns" and elements > _MOST_ELEMENTS:
            skipped.append(f"radiation patterns: {elements} antennas are more than {_MOST_ELEMENTS}")
            continue
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                figure = plot_scenario(loaded, only=[name], draws=_DRAWS)[name]
            except IsacError as error:
                skipped.append(str(error))
                continue
        found[title] = figure
        skipped += [str(one.message) for one in caught if issubclass(one.category, IsacWarning)]
    return found, tuple(skipped)


def _elements(scenario: Scenario) -> int:
    """Return the number of transmit antennas at the first point of a sweep; 0 for none."""
    point = next(scenario.points())[1] if scenario.sweep else scenario
    return 0 if point.transmit_array is None else point.transmit_array.n_elements
