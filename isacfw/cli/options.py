"""Types of arguments, and options that several commands have."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..base.errors import short_repr


def numbers(text: str) -> list[float]:
    """Parse numbers with commas between them; the command validates their range."""
    try:
        return [float(one) for one in text.split(",")]
    except ValueError:
        problem = f"must be numbers with commas between them, got {short_repr(text)}"
        raise argparse.ArgumentTypeError(problem) from None


def names(text: str) -> list[str]:
    """Parse names with commas between them."""
    return [name.strip() for name in text.split(",") if name.strip()]


def count(text: str) -> int:
    """Parse an integer; `Scenario` validates its range."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be an integer, got {short_repr(text)}") from None


def seconds(text: str) -> float:
    """Parse a number of seconds; `Scenario` validates its range."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number of seconds, got {short_repr(text)}") from None


def tolerance(text: str) -> float:
    """Parse a tolerance."""
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a finite number at least 0, got {short_repr(text)}")
    return found


def add_scenario_options(command: argparse.ArgumentParser) -> None:
    """Add the options that change a scenario, and the number of processes."""
    for option in ("--precoders", "--beams", "--allocators"):
        command.add_argument(
            option, type=names, action="extend", metavar="A,B", help="instead of the scenario's own"
        )
    command.add_argument("--drops", type=count, metavar="N", help="number of random drops")
    command.add_argument("--seed", type=count, metavar="N", help="seed of the random drops")
    add_set_option(command)
    command.add_argument(
        "--workers", type=count, default=1, metavar="N", help="processes that share the work (default: 1)"
    )


def add_set_option(command: argparse.ArgumentParser) -> None:
    """Add the option that sets keys of a scenario."""
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="set a key of the scenario, such as sensing.crlb_limit_db=-40 (may be repeated)",
    )


def add_look_options(command: argparse.ArgumentParser) -> None:
    """Add the options that set style and size of figures."""
    command.add_argument("--style", metavar="S", help="screen (the default), paper-column, paper-wide or slides")
    command.add_argument("--size", type=_size, metavar="WxH", help="width and height in inches, such as 3.5x2.6")


def _size(text: str) -> tuple[float, float]:
    width, _, height = text.partition("x")
    try:
        return float(width), float(height)
    except ValueError:
        problem = f"must be width and height in inches such as 3.5x2.6, got {text!r}"
        raise argparse.ArgumentTypeError(problem) from None


def add_plugin_option(command: argparse.ArgumentParser, *, trust: bool = False) -> None:
    """Add the option that loads plugins, and the one that runs those that a file names."""
    if trust:
        add_trust_option(command)
    command.add_argument(
        "--plugin",
        action="append",
        default=[],
        metavar="FILE|MODULE",
        help="load a plugin: a .py file or a module (may be repeated)",
    )


def add_trust_option(command: argparse.ArgumentParser) -> None:
    """Add the option that runs all plugins that a scenario or results file names."""
    command.add_argument(
        "--trust",
        action="store_true",
        help="run all plugins, and read all files, that the given file names, from wherever they are",
    )


def add_debug_option(command: argparse.ArgumentParser) -> None:
    """Add the option that shows tracebacks."""
    command.add_argument("--debug", action="store_true", help="show the tracebacks of parts that fail")


def report_problems(host: Any, notes: Iterable[str] = ()) -> None:
    """Print why plugins were skipped, and which were loaded because a file names them."""
    from ..base.errors import one_line

    for problem in (*host.problems, *notes):
        print(f"isacfw: {one_line(problem)}", file=sys.stderr)


def name_files(files: Iterable[Path]) -> None:
    """Print the files that were written."""
    for path in files:
        print(f"wrote {path}", file=sys.stderr)
