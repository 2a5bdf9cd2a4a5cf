"""What a part, a table of a scenario file, or a scenario is: the command ``info``."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import InputError, suggestion

if TYPE_CHECKING:
    from ..host.describe import Description
    from ..host.host import PluginHost
    from ..host.kinds import PartInfo

_WIDTH = 100


def print_info(host: PluginHost, name: str) -> None:
    """Print what a name stands for: parts of any kind, ``"kind:name"`` for one, ``"scenario"``, or a scenario.

    Raises
    ------
    InputError
        If there is nothing of this name.
    """
    from ..host.describe import describe
    from ..scenario.scenario import Scenario

    wanted = [part for part in host.parts() if name in _names_of(part)]
    printed = False
    for part in wanted:
        _print(f"{part.kind} {part.name} of {part.provider}", describe(part.cls), part.cls.why_unavailable())
        printed = True
    if name == "scenario":
        _print("keys of a scenario", describe(Scenario), None)
        printed = True
    if name in host.scenarios:
        _print_scenario(host, name)
        printed = True
    if not printed:
        known = {"scenario", *host.scenarios, *(each for part in host.parts() for each in _names_of(part))}
        raise InputError("", f"nothing is named {name!r}{suggestion(name, known)}")


def _names_of(part: PartInfo) -> tuple[str, ...]:
    return part.name, part.qualified_name, f"{part.kind}:{part.name}"


def _print(title: str, description: Description, reason: str | None) -> None:
    from ..host.describe import describe

    console, table = _console()
    console.print(table.text(f"{title}: {description.summary}", style="bold"))
    if reason is not None:
        console.print(table.text(f"not available: {reason}"))
    _print_options(console, table, description)
    for cls in description.tables:
        console.print(table.text(f"\ntable {cls.__name__}: {describe(cls).summary}"))
        _print_options(console, table, describe(cls))
    console.print()


def _print_options(console: Any, table: type[_Rich], description: Description) -> None:
    if not description.options:
        console.print(table.text("no options"))
        return
    rows = [
        (one.name, one.type, "required" if one.required else one.default or "-", one.meaning)
        for one in description.options
    ]
    console.print(table.of(("option", "type", "default", "meaning"), rows))


def _print_scenario(host: PluginHost, name: str) -> None:
    source = host.scenarios[name]
    console, table = _console()
    console.print(table.text(f"scenario {name} of {host.scenario_provider(name)}", style="bold"))
    text = Path(source).read_text(encoding="utf-8") if isinstance(source, (str, Path)) else str(source)
    console.print(table.text(text.rstrip()))


class _Rich:
    """Text and tables in which nothing is markup."""

    @staticmethod
    def text(words: str, style: str = "") -> Any:
        from rich.text import Text

        return Text(words, style=style)

    @classmethod
    def of(cls, headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Any:
        from rich import box
        from rich.table import Table

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        *narrow, last = headings
        for heading in narrow:
            table.add_column(heading, overflow="fold", ratio=None)
        table.add_column(last, overflow="fold")
        for row in rows:
            table.add_row(*(cls.text(cell) for cell in row))
        return table


def _console() -> tuple[Any, type[_Rich]]:
    from rich.console import Console

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _WIDTH
    return Console(width=width, highlight=False), _Rich
