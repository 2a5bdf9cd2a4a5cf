"""The parser of the commands `beamform` and `regimes`, which draw channels."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .options import (
    add_debug_option,
    add_plugin_option,
    add_set_option,
    count,
    names,
    numbers,
    seconds,
)

BEAMFORMING_SCENARIO, REGIMES_SCENARIO = "liu2022", "regimes"


def add_beamform(commands: Any) -> None:
    """Add the command `beamform`."""
    command = commands.add_parser(
        "beamform",
        help="run beamformers side by side on drawn channels",
        description="Draw channels of a scenario, and run every beamformer on each one for every SINR target.",
        epilog="Exit status: 0 if every channel has a result, 1 if one failed, 2 for invalid input.",
    )
    _add_draw_options(command, BEAMFORMING_SCENARIO)
    command.add_argument(
        "--sinr-db", type=numbers, default=[10.0], metavar="A,B", help="SINR targets of all users (default: 10)"
    )
    command.add_argument("--extended", action="store_true", help="estimate the response of an extended target")
    _add_run_options(command)


def add_regimes(commands: Any) -> None:
    """Add the command `regimes`."""
    command = commands.add_parser(
        "regimes",
        help="compare allocation on statistics with beamforming for each channel",
        description="Draw channels of a scenario, and compare allocations on statistics with beamformers on the"
        " same draws, all judged by rates and CRLBs of each draw.",
        epilog="Exit status: 0 if every draw has a result, 1 if one failed, 2 for invalid input.",
    )
    _add_draw_options(command, REGIMES_SCENARIO)
    for option in ("--precoders", "--beams", "--allocators"):
        command.add_argument(
            option, type=names, action="extend", metavar="A,B", help="instead of the scenario's own"
        )
    command.add_argument(
        "--rates", type=numbers, default=[1.0], metavar="A,B", help="least rates of every user (default: 1)"
    )
    _add_run_options(command)


def _add_draw_options(command: argparse.ArgumentParser, scenario: str) -> None:
    command.add_argument(
        "scenario",
        nargs="?",
        default=scenario,
        metavar="SCENARIO",
        help="a TOML file, or the name of a registered scenario (default: %(default)s)",
    )
    command.add_argument(
        "--beamformers",
        type=names,
        default=["crb_beams", "fixed_beams"],
        metavar="A,B",
        help="beamformers to run",
    )
    command.add_argument("--draws", type=count, default=10, metavar="N", help="draws of the fading (default: 10)")


def _add_run_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--drops", type=count, metavar="N", help="number of random drops of users")
    command.add_argument("--seed", type=count, metavar="N", help="seed of drops and draws")
    add_set_option(command)
    command.add_argument("--out", type=Path, metavar="DIR", help="folder for results and figure")
    command.add_argument(
        "--time-limit", type=seconds, metavar="S", help="longest time of a beamformer for a channel, in seconds"
    )
    add_plugin_option(command, trust=True)
    add_debug_option(command)
