"""Checks of parts in the terminal."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

from ..base.errors import InputError, PluginError, suggestion
from ..base.part import Part
from ..host.host import PluginHost
from ..host.kinds import PartInfo
from ..report.text_lines import fold_text
from ..testing.checks import TIME_LIMIT_S, CheckReport, Outcome, checks_of
from ..testing.run import attempts, examples_of
from .progress import ProgressBars
from .streams import text_width


def check_parts(
    host: PluginHost,
    names: Sequence[str],
    *,
    verbose: bool = False,
    time_limit_s: float | None = TIME_LIMIT_S,
    bars: ProgressBars | None = None,
) -> bool:
    """Check parts, print a report on each as it is ready, and return whether all checks passed.

    Parameters
    ----------
    host : PluginHost
        Host of the parts; it must have loaded the plugin files among the names.
    names : sequence of str
        Names of parts, qualified or not, and paths of plugin files, which represent all their parts.
    verbose : bool
        Whether to print also checks that passed, with their demands.
    time_limit_s : float, optional
        Longest time in seconds that an allocator may take for a problem.
    bars : ProgressBars, optional
        Progress bars for the number of completed checks.

    Raises
    ------
    InputError
        If a part does not exist, or a file has none.
    """
    bars = ProgressBars(quiet=True) if bars is None else bars
    found = [
        (info, _examples(info.cls))
        for info in {info.cls: info for name in names for info in _find_parts(host, name)}.values()
    ]
    total = sum(
        len(checks_of(part)) for _, parts in found if not isinstance(parts, PluginError) for part in parts
    )
    done, progress = itertools.count(1), bars.task("checks")
    well = True
    for info, parts in found:
        if isinstance(parts, PluginError):
            with bars.hide():
                print(fold_text(f"{info.kind} {parts}", text_width()), flush=True)
            well = False
            continue
        for number, part in enumerate(parts):
            results = []
            for result in attempts(part, None, time_limit_s):
                results.append(result)
                progress(next(done), total)
            report = CheckReport(part=part, results=tuple(results))
            title = f"example {number + 1}: " if len(parts) > 1 else ""
            with bars.hide():
                text = f"{info.kind} {title}{_format_report(report, verbose)}"
                print(fold_text(text, text_width()), flush=True)
            well &= report.ok
    return well


def _examples(cls: type[Part]) -> tuple[Part, ...] | PluginError:
    try:
        return examples_of(cls)
    except PluginError as error:
        return error


def _find_parts(host: PluginHost, name: str) -> list[PartInfo]:
    parts = host.parts()
    if name.endswith(".py"):
        path = str(Path(name).resolve())
        found = [info for info in parts if info.cls.source() == path]
        if not found:
            raise InputError(name, "registers no part")
        return found
    found = [info for info in parts if name in (info.name, info.qualified_name)]
    if not found:
        raise InputError("", f"no part named {name!r}{suggestion(name, {p.name for p in parts})}")
    return found


def _format_report(report: CheckReport, verbose: bool) -> str:
    if not verbose:
        return str(report)
    demands = {one.name: one.demand for one in checks_of(report.part)}
    lines = [str(report).partition("\n")[0]]
    for result in report.results:
        told = demands[result.check] if result.outcome is Outcome.PASSED else result.message
        lines.append(f"  {result.outcome.value:9}{result.check}: {told}")
    return "\n".join(lines)
