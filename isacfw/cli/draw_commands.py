"""The commands `beamform` and `regimes`, which draw channels."""

from __future__ import annotations

import argparse
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .options import name_files, report_problems
from .streams import text_width

if TYPE_CHECKING:
    from ..config.load import LoadedScenario


def run_beamform(options: argparse.Namespace) -> int:
    """Run beamformers, and return the exit status."""
    from ..study.beamform import beamform
    from .progress import ProgressBars

    loaded = _load(options)
    with redirect_stdout(sys.stderr), ProgressBars() as bars:
        found = beamform(
            loaded,
            options.beamformers,
            sinr_db=options.sinr_db,
            draws=options.draws,
            extended=options.extended,
            progress=bars.task("channels"),
        )
    _report(found, options.out)
    return 1 if found.failed else 0


def run_regimes(options: argparse.Namespace) -> int:
    """Compare regimes, and return the exit status."""
    import attrs

    from ..study.regimes import compare_regimes
    from ..study.selection import with_parts
    from .progress import ProgressBars

    loaded = _load(options)
    parts = {kind: getattr(options, kind) for kind in ("precoders", "beams", "allocators")}
    loaded = attrs.evolve(loaded, scenario=with_parts(loaded.scenario, loaded.host, **parts))
    with redirect_stdout(sys.stderr), ProgressBars() as bars:
        found = compare_regimes(
            loaded, options.beamformers, rates=options.rates, draws=options.draws, progress=bars.task("designs")
        )
    _report(found, options.out)
    return 1 if found.failed else 0


def _load(options: argparse.Namespace) -> LoadedScenario:
    from ..base.files import ensure_writable
    from ..config.load import load_scenario

    keys = (("drops", options.drops), ("seed", options.seed), ("time_limit_s", options.time_limit))
    overrides = [*options.set, *(f"{key} = {value}" for key, value in keys if value is not None)]
    loaded = load_scenario(options.scenario, plugins=options.plugin, overrides=overrides, trust=options.trust)
    report_problems(loaded.host, loaded.notes)
    if options.out is not None:
        ensure_writable(options.out)
    return loaded


def _report(found: Any, out: Path | None) -> None:
    """Print the table of results, and write their files."""
    # Results first: the output may end early.
    if out is not None:
        name_files(found.save(out))
    print(found.table(text_width()))


DRAW_COMMANDS = {"beamform": run_beamform, "regimes": run_regimes}
