"""The commands."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .options import name_files, report_problems
from .show import run_show
from .streams import has_colour, text_width

if TYPE_CHECKING:
    from ..config.load import LoadedScenario
    from ..report.comparison import Comparison


def _compare(options: argparse.Namespace) -> int:
    from ..base.files import ensure_writable
    from ..config.load import load_scenario
    from ..study.compare import compare
    from ..study.execution import Execution
    from .progress import ProgressBars

    changes = _overrides(options)
    loaded = load_scenario(options.scenario, plugins=options.plugin, overrides=changes, trust=options.trust)
    report_problems(loaded.host, loaded.notes)
    if options.out is not None:
        ensure_writable(options.out)
    # Keep output printed by parts out of the JSON records.
    with (
        redirect_stdout(sys.stderr),
        _executor(options) as executor,
        ProgressBars(quiet=options.json) as bars,
    ):
        comparison = compare(
            loaded,
            precoders=options.precoders,
            beams=options.beams,
            allocators=options.allocators,
            drops=options.drops,
            execution=Execution(
                workers=options.workers,
                executor=executor,
                out=options.out,
                progress=bars.task("allocations"),
                saving=bars.task("chunks saved"),
            ),
        )
    # Results first: the output may end early.
    if options.out is not None:
        with ProgressBars(quiet=options.json) as bars:
            name_files(comparison.save(options.out, progress=bars.task("files")))
    print(comparison.to_json() if options.json else _table(comparison.dataset))
    if options.timing:
        _print_times(loaded, options)
    return 1 if comparison.failed else 0


def _overrides(options: argparse.Namespace) -> list[str]:
    """Return the assignments of `--set` and of the options that stand for keys."""
    until = None if options.until is None else json.dumps(options.until, ensure_ascii=False)
    keys = (("seed", options.seed), ("time_limit_s", options.time_limit), ("until", until))
    return [*options.set, *(f"{key} = {value}" for key, value in keys if value is not None)]


def _print_times(loaded: LoadedScenario, options: argparse.Namespace) -> None:
    from ..study.timing import measure_times, render_times

    with redirect_stdout(sys.stderr):
        parts = {kind: getattr(options, kind) for kind in (*_COMPARED, "drops")}
        text = render_times(measure_times(loaded, **parts))
    # Records stay the only output with --json.
    print(text, file=sys.stderr if options.json else sys.stdout)


def _executor(options: argparse.Namespace) -> AbstractContextManager[Any]:
    """Return the executor of a cluster, running or described by a file; None for processes on this machine."""
    if options.cluster is not None:
        from ..base.errors import InputError
        from ..study.cluster import open_cluster
        from ..study.cluster_file import read_cluster

        for option, given in (
            ("--scheduler", options.scheduler is not None),
            ("--workers", options.workers != 1),
        ):
            if given:
                problem = f"cannot be combined with {option}: the file states the number of jobs"
                raise InputError("--cluster", problem)
        file = read_cluster(options.cluster)
        return open_cluster(file, options.out, lambda line: print(f"isacfw: {line}", file=sys.stderr))
    if options.scheduler is not None:
        from ..study.dask import dask_executor

        return dask_executor(options.scheduler)
    return nullcontext()


def _show(options: argparse.Namespace) -> int:
    return run_show(options, _table)


def _figure(options: argparse.Namespace) -> int:
    import attrs

    from ..base.files import ensure_writable
    from ..config.load import load_scenario
    from ..study.compare import compare
    from ..study.execution import Execution
    from ..study.figure import make_figure, save_figure
    from ..study.pareto import pareto
    from ..study.selection import with_parts
    from .progress import ProgressBars

    keys = (("drops", options.drops), ("seed", options.seed))
    overrides = [*options.set, *(f"{key} = {value}" for key, value in keys if value is not None)]
    loaded = load_scenario(options.name, plugins=options.plugin, overrides=overrides, trust=options.trust)
    report_problems(loaded.host, loaded.notes)
    _check_figure_options(options, loaded)
    looks = {name: value for name in _LOOKS if (value := getattr(options, name)) is not None}
    parts = {kind: getattr(options, kind) for kind in _COMPARED}
    loaded = attrs.evolve(loaded, scenario=with_parts(loaded.scenario, loaded.host, **parts))
    ensure_writable(options.out)
    with ProgressBars() as bars:
        if options.front is None:
            progress = bars.task("steps")
            data, figures = make_figure(loaded, compare, options.trials, progress, options.workers, looks)
        else:
            execution = Execution(workers=options.workers, progress=bars.task("allocations"))
            front = pareto(loaded, against=options.front, points=options.points, execution=execution)
            # The names of the files end in "front" as it is.
            named = front.figures(**looks).items()
            data, figures = front.dataset, {title.removeprefix("front").lstrip("-"): one for title, one in named}
    name = "-".join(filter(None, (loaded.scenario.name, options.front and f"{options.front}-front")))
    name_files(save_figure(name, data, figures, options.out))
    return 0


_COMPARED = ("precoders", "beams", "allocators")
_LOOKS = ("kind", "style", "size")


def _check_figure_options(options: argparse.Namespace, loaded: LoadedScenario) -> None:
    from ..base.errors import InputError

    figures = {part.name for part in loaded.host.parts("figure")}
    for kind in _COMPARED:
        if options.front is None and loaded.scenario.name in figures and getattr(options, kind) is not None:
            problem = f"requires --front, since the figure {loaded.scenario.name} shows parts of its own"
            raise InputError(f"--{kind}", problem)
    _check_looks(options, own=loaded.scenario.name in figures)
    if options.front is None and options.points is not None:
        raise InputError("--points", "requires --front")
    if options.front is not None and options.trials is not None:
        raise InputError("--trials", "cannot be combined with --front")


def _check_looks(options: argparse.Namespace, *, own: bool) -> None:
    """Check the options of drawing before anything is computed, for a scenario that may have its own figure."""
    from ..base.errors import InputError, nearest
    from ..report.figures import KINDS
    from ..report.style import STYLES

    for name in _LOOKS:
        if options.front is None and own and getattr(options, name) is not None:
            problem = f"requires --front, since the figure {options.name} has a style of its own"
            raise InputError(f"--{name}", problem)
    if options.style is not None and options.style not in STYLES:
        problem = f"must be {' or '.join(STYLES)}, got {options.style!r}{nearest(options.style, STYLES)}"
        raise InputError("--style", problem)
    if options.kind is not None:
        if options.front is not None:
            raise InputError("--kind", "cannot be combined with --front")
        if options.kind not in KINDS:
            problem = f"must be {' or '.join(KINDS)}, got {options.kind!r}{nearest(options.kind, KINDS)}"
            raise InputError("--kind", problem)


def _plot(options: argparse.Namespace) -> int:
    from ..base.errors import InputError
    from ..base.files import ensure_writable
    from ..config.load import load_scenario
    from ..report.files import figure_format, save_figure_as, save_figures
    from ..study.plot import DEFAULT_DRAWS, FIGURES, plot_scenario

    names = FIGURES if options.only is None else options.only
    if options.file is not None:
        figure_format(options.file)
        if options.out != Path():
            raise InputError("-o", "cannot be combined with --out")
        if len(names) != 1:
            raise InputError("-o", "requires --only with one figure")
    overrides = [*options.set, *([] if options.seed is None else [f"seed = {options.seed}"])]
    loaded = load_scenario(options.scenario, plugins=options.plugin, overrides=overrides, trust=options.trust)
    report_problems(loaded.host, loaded.notes)
    ensure_writable(options.out if options.file is None else options.file.parent)
    draws = DEFAULT_DRAWS if options.draws is None else options.draws
    try:
        figures = plot_scenario(loaded, only=names, drop=options.drop, draws=draws, allocator=options.allocator)
    except InputError as error:
        # Arguments of the function are options here.
        key = f"--{error.key}" if error.key in ("only", "drop", "draws", "allocator") else error.key
        raise InputError(key, error.problem, error.missing) from None
    if options.file is not None:
        files = [save_figure_as(figures[names[0]], options.file)]
    else:
        named = {f"{loaded.scenario.name}-{title}": figure for title, figure in figures.items()}
        files = save_figures(named, options.out)
    name_files(files)
    return 0


def _diff(options: argparse.Namespace) -> int:
    from ..report.text_lines import fold_text

    found = _load(options.first).difference(_load(options.second), tolerance=options.tolerance)
    print(fold_text(str(found), text_width()))
    return 0 if found.same else 1


def _export(options: argparse.Namespace) -> int:
    from ..base.files import ensure_writable

    comparison = _load(options.results)
    for file in options.files:
        ensure_writable(file.parent)
        print(f"wrote {comparison.export(file)}", file=sys.stderr)
    return 0


def _report(options: argparse.Namespace) -> int:
    from ..base.services import service

    written = service("write_report")(options.results, options.file, trust=options.trust)
    print(f"wrote {written}", file=sys.stderr)
    return 0


def _load(path: Path) -> Comparison:
    """Return the results in a file, or in a folder of results."""
    from ..report.comparison import Comparison

    return Comparison.load(path)


def _table(dataset: Any) -> str:
    """Return the table, as wide as the terminal and in colour if there is one."""
    from ..report.table import render
    from .progress import ProgressBars

    with ProgressBars() as bars:
        progress = bars.task("rows of the table")
        return render(dataset, progress=progress, colour=has_colour(), width=text_width())


COMMANDS = {
    "compare": _compare,
    "show": _show,
    "figure": _figure,
    "plot": _plot,
    "diff": _diff,
    "export": _export,
    "report": _report,
}
