"""The parser of commands about parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .options import add_debug_option, add_plugin_option, seconds
from .templates import NEW_KINDS

_Commands = Any  # argparse has no public name for the result of add_subparsers.


def add_part_commands(commands: _Commands) -> None:
    """Add the commands that list, describe, check and begin parts."""
    _add_plugins(commands)
    _add_info(commands)
    _add_schema(commands)
    _add_check(commands)
    _add_new(commands)


def _add_plugins(commands: _Commands) -> None:
    command = commands.add_parser(
        "plugins", help="list every part and scenario", description="List every part and scenario."
    )
    add_plugin_option(command)
    add_debug_option(command)


def _add_info(commands: _Commands) -> None:
    command = commands.add_parser(
        "info",
        help="list the options of a part, or the keys of a scenario",
        description="List the options of all parts of a name, with types, defaults and meaning; `scenario` lists"
        " the keys of a scenario file, and the name of a scenario shows its file.",
    )
    command.add_argument("name", metavar="NAME", help="name of a part, kind:name, or of a scenario")
    add_plugin_option(command)
    add_debug_option(command)


def _add_schema(commands: _Commands) -> None:
    command = commands.add_parser(
        "schema",
        help="print the JSON Schema of scenario files, for editors",
        description="Print the JSON Schema of scenario files with all parts that are installed.",
    )
    add_plugin_option(command)
    add_debug_option(command)


def _add_check(commands: _Commands) -> None:
    command = commands.add_parser(
        "check",
        help="check that parts fulfil their contracts",
        description="Run the checks of isacfw.testing on parts, given by name or by a plugin file.",
        epilog="Exit status: 0 if all checks passed, 1 if one failed or none ran, 2 for invalid input.",
    )
    command.add_argument(
        "names", nargs="+", metavar="NAME|FILE", help="name of a part, or a .py file of a plugin"
    )
    command.add_argument("--verbose", action="store_true", help="show the checks that passed, too")
    command.add_argument(
        "--time-limit",
        type=seconds,
        default=60.0,
        metavar="S",
        help="longest time of an allocation, in seconds (default: 60)",
    )
    add_plugin_option(command)
    add_debug_option(command)


def _add_new(commands: _Commands) -> None:
    command = commands.add_parser(
        "new",
        help="write a plugin file with a working part as a starting point",
        description="Write a single-file plugin with a working part, its docstring and its test.",
    )
    command.add_argument("kind", metavar="KIND", help=f"{', '.join(NEW_KINDS[:-1])} or {NEW_KINDS[-1]}")
    command.add_argument("name", metavar="NAME", help="name of the part; the file is NAME.py")
    command.add_argument(
        "--out", type=Path, default=Path(), metavar="DIR", help="output folder (default: the current one)"
    )
    add_debug_option(command)
