"""What a part, a table of a scenario file, or a scenario is: the command ``info``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import InputError, suggestion
from ..base.text import escape_controls
from ..report.text_lines import fold_line, text_cell
from ..report.text_table import align, write_parts
from .streams import has_colour, text_width

if TYPE_CHECKING:
    from rich.text import Text

    from ..host.describe import Description
    from ..host.host import PluginHost
    from ..host.kinds import PartInfo

_WIDTH = 100
"""Width of lines in a file or pipe."""

_WIDTH_OF_TABLE = 100
"""Width below which options are shown as a list, as the column of their meanings would be narrow."""

_HEADINGS = ("option", "type", "default", "meaning")


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

    parts = [text_cell(f"{title}: {description.summary}", "bold")]
    if reason is not None:
        parts.append(text_cell(f"not available: {reason}"))
    parts += _options(description)
    for cls in description.tables:
        parts += [text_cell(f"table {cls.__name__}: {describe(cls).summary}"), *_options(describe(cls))]
    print(write_parts(parts, text_width(_WIDTH), colour=has_colour()))


def _options(description: Description) -> list[Any]:
    if not description.options:
        return [text_cell("no options"), text_cell("")]
    rows = [
        (one.name, one.type, "required" if one.required else one.default or "-", one.meaning)
        for one in description.options
    ]
    if (width := text_width(_WIDTH) or _WIDTH) < _WIDTH_OF_TABLE:
        lines = [line for row in rows for text in _listed(*row) for line in fold_line(text, width)]
        return [*lines, text_cell("")]
    return [align(_HEADINGS, rows, words=range(len(_HEADINGS)))]


def _listed(name: str, kind: str, default: str, meaning: str) -> Iterator[Text]:
    """Yield an option in a list: its name, type and default, and its meaning below them."""
    value = {"required": ", required", "-": ""}.get(default, f", default {default}")
    yield text_cell(f" {name}", "bold") + text_cell(f": {kind}{value}")
    if meaning:
        yield text_cell(f"     {meaning}")


def _print_scenario(host: PluginHost, name: str) -> None:
    source = host.scenarios[name]
    text = Path(source).read_text(encoding="utf-8") if isinstance(source, (str, Path)) else str(source)
    lines = [f"# Scenario {name} of {host.scenario_provider(name)}", *text.rstrip().split("\n")]
    if (width := text_width()) is None:
        # A file, from which it can be read again.
        print("\n".join(escape_controls(line, keep="\t") for line in lines))
    else:
        print(write_parts(map(text_cell, lines), width, colour=has_colour()))
