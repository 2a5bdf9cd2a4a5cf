"""Which class of the page "Errors explained" a message belongs to, and the lists of the page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .messages import ROOT, Message, messages
from .parts import escape

PAGE = ROOT / "docs" / "errors.md"
_SECTION = re.compile(r"^## ([^\n]+)$|^```\{generated\} errors\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Section:
    """A class of messages.

    Parameters
    ----------
    title : str
        The heading on the page.
    patterns : tuple of tuple
        Kinds of messages, and the pattern of those of that kind.
    """

    title: str
    patterns: tuple[tuple[frozenset[str], re.Pattern[str]], ...]

    def has(self, message: Message) -> bool:
        """Return whether a message is of this class."""
        text = f"{message.line} [{message.module}]"
        return any(message.kind in kinds and pattern.search(text) for kinds, pattern in self.patterns)


def parse(patterns: str) -> tuple[tuple[frozenset[str], re.Pattern[str]], ...]:
    """Return the patterns of a block of the page: a line has kinds, a colon, and a regular expression."""
    found = []
    for line in patterns.splitlines():
        kinds, _, pattern = line.partition(": ")
        found.append((frozenset(kinds.split(", ")), re.compile(pattern)))
    return tuple(found)


def sections(page: Path = PAGE) -> list[Section]:
    """Return the classes of the page, in its order."""
    found, title = [], ""
    for match in _SECTION.finditer(page.read_text(encoding="utf-8")):
        if match[1]:
            title = match[1]
        else:
            found.append(Section(title, parse(match[2])))
    return found


@cache
def by_section() -> dict[str, tuple[Message, ...]]:
    """Return the messages of each class; a message is of the first class that has it, or of the class ``""``."""
    classes = sections()
    found: dict[str, list[Message]] = {section.title: [] for section in classes}
    for message in messages():
        title = next((section.title for section in classes if section.has(message)), "")
        found.setdefault(title, []).append(message)
    return {title: tuple(some) for title, some in found.items()}


def list_messages(title: str) -> str:
    """Return the list of the messages of a class, in Markdown."""
    modules: dict[str, set[str]] = {}
    for message in by_section()[title]:
        modules.setdefault(message.line, set()).add(message.module)
    rows = [
        f"| {_markdown(line)} | {', '.join(f'`{name}`' for name in sorted(names))} |"
        for line, names in sorted(
            modules.items(), key=lambda item: re.sub("‹[^›]*›", "", item[0]).strip().lower()
        )
    ]
    count = f"{len(modules)} message{'' if len(modules) == 1 else 's'}"
    return "\n".join([f":::{{dropdown}} {count}", "| message | module |", "| --- | --- |", *rows, ":::", ""])


def _markdown(text: str) -> str:
    return re.sub("‹([^›]*)›", r"*\1*", escape(text))
