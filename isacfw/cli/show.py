"""The command `show`, and its options for figures."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from .options import add_debug_option, add_look_options, name_files, names

_CHOICES = ("kind", "x", "quantity", "reference", "style", "size", "format")


def add_show(commands: Any) -> None:
    """Add the command `show`."""
    command = commands.add_parser(
        "show",
        help="show the results of an earlier comparison",
        description="Print the table of a results.nc, and with --out write its figures; compute nothing.",
    )
    command.add_argument(
        "results", type=Path, metavar="FILE", help="a results.nc, or the folder that compare --out wrote"
    )
    command.add_argument("--json", action="store_true", help="print only the records, as JSON")
    _add_tables(command)
    command.add_argument("--out", type=Path, metavar="DIR", help="folder for the figures")
    command.add_argument(
        "--kind",
        metavar="K",
        help="mean (the default), difference, cdf, box, convergence or time (against the gap)",
    )
    command.add_argument("--reference", metavar="A", help="allocator to subtract (default: the first)")
    command.add_argument("--x", metavar="PATH", help="swept key on the horizontal axis, or allocator")
    command.add_argument(
        "--quantity",
        type=names,
        action="extend",
        metavar="A,B",
        help="instead of all: sum_rate, seconds, …",
    )
    add_look_options(command)
    command.add_argument(
        "--format",
        type=names,
        action="extend",
        metavar="A,B",
        help="png, pdf, svg, tex (for pgfplots) or csv (the plotted numbers) (default: png,pdf)",
    )
    add_debug_option(command)


def _add_tables(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--table",
        choices=("summary", "statistics", "paired"),
        default="summary",
        help="statistics: quantiles and outage; paired: differences from --reference on the same drops",
    )
    command.add_argument("--below", type=float, metavar="X", help="threshold of the outage in --table statistics")


def _print_statistics(options: argparse.Namespace, given: dict[str, Any]) -> int:
    """Print statistics over the drops, or paired differences, as text or JSON, and return the exit status."""
    from ..base.errors import InputError
    from ..report.comparison import Comparison
    from ..report.statistics import frame_records, render_frame

    if options.out is not None:
        raise InputError("--out", f"is for figures, and cannot be combined with --table {options.table}")
    if options.below is not None and options.table == "paired":
        raise InputError("--below", "requires --table statistics")
    quantities = given.pop("quantity", [None])
    if options.table == "statistics":
        allowed, what = {}, {"below": options.below}
    else:
        allowed, what = {"reference": given.pop("reference", None)}, {}
    if given:
        raise InputError(f"--{next(iter(given))}", f"cannot be combined with --table {options.table}")
    if len(quantities) > 1:
        raise InputError("--quantity", f"must be one quantity with --table {options.table}")
    comparison = Comparison.load(options.results)
    try:
        compute = comparison.statistics if options.table == "statistics" else comparison.paired
        frame = compute(quantity=quantities[0], **allowed, **what)
    except InputError as error:
        raise InputError(f"--{error.key}", error.problem, error.missing) from None
    print(json.dumps(frame_records(frame), indent=1) if options.json else render_frame(frame))
    return 0


def run_show(options: argparse.Namespace, table: Any) -> int:
    """Print the table made by a function, write figures, and return the exit status."""
    from ..base.errors import InputError
    from ..base.files import ensure_writable
    from ..report.comparison import Comparison
    from ..report.files import check_formats, save_figures
    from ..report.stale import mark_figures
    from .progress import ProgressBars

    given = {name: value for name in _CHOICES if (value := getattr(options, name, None)) is not None}
    if options.table != "summary":
        return _print_statistics(options, given)
    if options.below is not None:
        raise InputError("--below", "requires --table statistics")
    if given and options.out is None:
        raise InputError(f"--{next(iter(given))}", "requires --out")
    formats = given.pop("format", ["png", "pdf"])
    try:
        check_formats(formats)
        comparison = Comparison.load(options.results)
        figures = {} if options.out is None else comparison.plot(**given)
    except InputError as error:
        # Arguments of the function are options here.
        key = f"--{error.key}" if error.key in _CHOICES else error.key
        raise InputError(key, error.problem, error.missing) from None
    # Figures first: the output may end early.
    if options.out is not None:
        ensure_writable(options.out)
        with ProgressBars(quiet=options.json) as bars, mark_figures(comparison.dataset, options.out):
            files = save_figures(figures, options.out, bars.task("files"), formats)
        name_files(files)
    print(comparison.to_json() if options.json else table(comparison.dataset))
    return 0
