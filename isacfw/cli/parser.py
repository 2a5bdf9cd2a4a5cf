"""The parser of the command line."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from ..base.errors import one_line, suggestion
from .draw_parser import add_beamform, add_regimes
from .options import (
    add_debug_option,
    add_look_options,
    add_plugin_option,
    add_scenario_options,
    add_set_option,
    add_trust_option,
    count,
    names,
    seconds,
    tolerance,
)
from .part_parser import add_part_commands
from .show import add_show

DEFAULT_SCENARIO = "nguyen2025"
SHELLS = ("bash", "zsh")
QUANTITIES = ("crlb", "sum_crlb", "power", "rate")
"""Quantities of :func:`isacfw.pareto`, which is imported only when it runs."""


def _quantity(text: str) -> str:
    if text not in QUANTITIES:
        raise argparse.ArgumentTypeError(f"must be one of {', '.join(QUANTITIES)}, got {text!r}")
    return text


def _shell(text: str) -> str:
    if text not in SHELLS:
        raise argparse.ArgumentTypeError(f"must be one of {', '.join(SHELLS)}, got {text!r}")
    return text


_SENTENCES = (
    (r"argument (\S+): (must .*)", r"\1 \2"),
    (r"argument (\S+): expected one argument", r"\1 requires a value"),
    (r"argument (\S+): ignored explicit argument (.*)", r"\1 takes no value, got \2"),
    (r"ambiguous option: (\S+) could match (.*)", r"ambiguous option \1: it could be \2"),
    (r"the following arguments are required: (.*)", r"\1 is required"),
)


_Commands = Any  # argparse has no public name for the result of add_subparsers.


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, like all others."""

    def error(self, message: str) -> NoReturn:
        """Print an error in one line and exit with status 2."""
        for pattern, sentence in _SENTENCES:
            message = re.sub(f"^{pattern}$", sentence, message)
        self.exit(2, f"isacfw: {one_line(message)}\n")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if isinstance(action, argparse._SubParsersAction) and value not in action.choices:
            self.error(f"unknown command {value!r}{suggestion(str(value), action.choices)}")
        super()._check_value(action, value)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse the arguments of a command; unknown ones are errors."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(self._not_known(unknown))
        return found, unknown

    def _not_known(self, words: Sequence[str]) -> str:
        options = [word.partition("=")[0] for word in words if word.startswith("-")]
        if not options:
            return f"unexpected argument {words[0]!r} for {self.prog}"
        known = {"--help", *re.findall(r"(?<![\w-])--\w[\w-]*", self.format_usage())}
        return f"unknown option {options[0]!r} for {self.prog}{suggestion(options[0], known)}"


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    main = _Parser(
        prog="isacfw",
        description="Power allocation for massive-MIMO integrated sensing and communications.",
    )
    main.add_argument("--version", action="store_true", help="print the version and exit")
    main.add_argument(
        "--completion", type=_shell, metavar="SHELL", help=f"print completions for {' or '.join(SHELLS)}"
    )
    commands = main.add_subparsers(dest="command", metavar="COMMAND")
    _add_compare(commands)
    add_show(commands)
    _add_figure(commands)
    _add_plot(commands)
    add_beamform(commands)
    add_regimes(commands)
    _add_diff(commands)
    _add_export(commands)
    _add_report(commands)
    add_part_commands(commands)
    return main


def _add_compare(commands: _Commands) -> None:
    command = commands.add_parser(
        "compare",
        help="run the allocators of a scenario side by side",
        description="Run every allocator of a scenario on every precoder, sweep point and drop.",
        epilog="Exit status: 0 if every row has a result, 1 if one failed, 2 for invalid input.",
    )
    command.add_argument(
        "scenario",
        nargs="?",
        default=DEFAULT_SCENARIO,
        metavar="SCENARIO",
        help="a TOML file, the name of a registered scenario, or a results.nc (default: %(default)s)",
    )
    add_scenario_options(command)
    command.add_argument("--out", type=Path, metavar="DIR", help="folder for results, figures and scenario")
    command.add_argument("--json", action="store_true", help="print only the records, as JSON")
    command.add_argument(
        "--scheduler", metavar="ADDRESS", help="of a Dask cluster to use instead of local processes"
    )
    command.add_argument(
        "--cluster", type=Path, metavar="FILE", help="a TOML file of a job scheduler whose jobs do the work"
    )
    command.add_argument(
        "--until", metavar="P", help="stop at a precision such as '1 %%', after at most --drops drops"
    )
    command.add_argument(
        "--timing", action="store_true", help="also measure each allocator alone: several runs, median and spread"
    )
    command.add_argument(
        "--time-limit", type=seconds, metavar="S", help="longest time of an allocation, in seconds"
    )
    add_plugin_option(command, trust=True)
    add_debug_option(command)


def _add_figure(commands: _Commands) -> None:
    command = commands.add_parser(
        "figure",
        help="make a figure: data, PNG and PDF",
        description="Run a figure's scenario, and write its data (NetCDF), PNG and PDF. A scenario without its"
        " own figure gives the figures of its comparison.",
    )
    command.add_argument("name", metavar="NAME", help="name of a figure, such as nguyen2025-fig5, or a scenario")
    add_scenario_options(command)
    command.add_argument("--trials", type=count, metavar="N", help="simulated channels or echoes per point")
    command.add_argument(
        "--front",
        type=_quantity,
        metavar="QUANTITY",
        help=f"the Pareto front of any scenario instead: its objective against {' or '.join(QUANTITIES)}",
    )
    command.add_argument(
        "--points", type=count, metavar="N", help="number of limits along the front (default: 21)"
    )
    command.add_argument("--kind", metavar="K", help="of a scenario without its own figure; see isacfw show")
    add_look_options(command)
    command.add_argument(
        "--out", type=Path, default=Path(), metavar="DIR", help="output folder (default: the current one)"
    )
    add_plugin_option(command, trust=True)
    add_debug_option(command)


def _add_plot(commands: _Commands) -> None:
    command = commands.add_parser(
        "plot",
        help="draw what a scenario describes: arrays, cell, patterns, eigenvalues",
        description="Draw the arrays, the cell, the radiation patterns and the eigenvalues of the users'"
        " correlation matrices of a scenario, at the first point of its sweep.",
    )
    command.add_argument(
        "scenario",
        nargs="?",
        default=DEFAULT_SCENARIO,
        metavar="SCENARIO",
        help="a TOML file, the name of a registered scenario, or a results.nc (default: %(default)s)",
    )
    command.add_argument(
        "--only", type=names, action="extend", metavar="A,B", help="some of arrays, cell, patterns, eigenvalues"
    )
    command.add_argument(
        "--drop", type=count, default=0, metavar="N", help="number of the drop to draw (default: 0)"
    )
    command.add_argument(
        "--draws", type=count, metavar="N", help="channel draws where there is no closed form (default: 200)"
    )
    command.add_argument(
        "--allocator", metavar="A", help="draw patterns at the shares of the power that it finds"
    )
    command.add_argument("--seed", type=count, metavar="N", help="seed of the random drops")
    add_set_option(command)
    command.add_argument(
        "--out", type=Path, default=Path(), metavar="DIR", help="output folder (default: the current one)"
    )
    command.add_argument(
        "-o",
        dest="file",
        type=Path,
        metavar="FILE",
        help="a file for a single figure instead: png, pdf or svg",
    )
    add_plugin_option(command, trust=True)
    add_debug_option(command)


def _add_diff(commands: _Commands) -> None:
    command = commands.add_parser(
        "diff",
        help="show what differs between two results",
        description="Compare scenario keys, versions, rows and numbers of two results.",
        epilog="Exit status: 0 if nothing differs, 1 if something does, 2 for invalid input.",
    )
    for name in ("first", "second"):
        command.add_argument(
            name, type=Path, metavar=name.upper(), help="a results.nc, or the folder that compare --out wrote"
        )
    command.add_argument(
        "--tolerance",
        type=tolerance,
        default=1e-9,
        metavar="T",
        help="relative difference up to which numbers count as equal (default: 1e-9)",
    )
    add_debug_option(command)


def _add_export(commands: _Commands) -> None:
    command = commands.add_parser(
        "export",
        help="write results for other programs: LaTeX, Markdown, CSV, MATLAB",
        description="Write the summary over the drops as LaTeX (.tex, booktabs) or Markdown (.md), or all results"
        " as CSV with one number in each cell (.csv), or for MATLAB (.mat).",
    )
    command.add_argument(
        "results", type=Path, metavar="RESULTS", help="a results.nc, or the folder that compare --out wrote"
    )
    command.add_argument(
        "files", type=Path, nargs="+", metavar="FILE", help="a file that ends in .tex, .md, .csv or .mat"
    )
    add_debug_option(command)


def _add_report(commands: _Commands) -> None:
    command = commands.add_parser(
        "report",
        help="write a report to read and to share: one HTML file",
        description="Write verdict, table, statistics, figures, failures and scenario of results into one HTML"
        " file that needs no others; several results side by side, with their differences.",
    )
    command.add_argument(
        "results",
        type=Path,
        nargs="+",
        metavar="RESULTS",
        help="a results.nc, or the folder that compare --out wrote (up to six), or one that regimes or beamform"
        " wrote",
    )
    command.add_argument(
        "-o",
        dest="file",
        type=Path,
        default=Path("report.html"),
        metavar="FILE",
        help="the file to write (default: %(default)s)",
    )
    add_trust_option(command)
    add_debug_option(command)
