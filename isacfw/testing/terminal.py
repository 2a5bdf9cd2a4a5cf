"""The checks in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError, PluginError, suggestion
from ..plugins import PartInfo, PluginHost
from .kit import TIME_LIMIT_S, CheckReport, Outcome, check_part, checks_of, examples_of


def check_parts(
    host: PluginHost, names: Sequence[str], *, verbose: bool = False, time_limit_s: float | None = TIME_LIMIT_S
) -> bool:
    """Check parts, print a report of each as it is done, and return whether all is well.

    Parameters
    ----------
    host : PluginHost
        Knows the parts; plugin files among the names are loaded in it.
    names : sequence of str
        Names of parts, qualified or not, and paths of plugin files, which stand for all their parts.
    verbose : bool
        Whether to print what passed, with what it demands.
    time_limit_s : float, optional
        Longest time in seconds that an allocator may take for a problem.

    Raises
    ------
    InputError
        If there is no part of a name, or no part in a file.
    """
    well = True
    for info in {info.cls: info for name in names for info in _meant(host, name)}.values():
        try:
            parts = examples_of(info.cls)
        except PluginError as error:
            print(f"{info.kind} {error}")
            well = False
            continue
        for number, part in enumerate(parts):
            report = check_part(part, time_limit_s=time_limit_s)
            title = f"example {number + 1}: " if len(parts) > 1 else ""
            print(f"{info.kind} {title}{_told(report, verbose)}", flush=True)
            well &= report.ok
    return well


def _meant(host: PluginHost, name: str) -> list[PartInfo]:
    parts = host.parts()
    if name.endswith(".py"):
        path = str(Path(name).resolve())
        found = [info for info in parts if info.cls.source() == path]
        if not found:
            raise InputError(name, "must offer a part by a hook, got none")
        return found
    found = [info for info in parts if name in (info.name, info.qualified_name)]
    if not found:
        raise InputError(
            "name", f"must be that of a part, got {name!r}{suggestion(name, {p.name for p in parts})}"
        )
    return found


def _told(report: CheckReport, verbose: bool) -> str:
    if not verbose:
        return str(report)
    demands = {one.name: one.demand for one in checks_of(report.part)}
    lines = [str(report).partition("\n")[0]]
    for result in report.results:
        told = demands[result.check] if result.outcome is Outcome.PASSED else result.message
        lines.append(f"  {result.outcome.value:9}{result.check}: {told}")
    return "\n".join(lines)
