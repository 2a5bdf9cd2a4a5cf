"""The reference of the command line, from its parser."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator

from isacfw.cli.parser import parser

from .parts import escape


def commands() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield names and parsers of all commands."""
    for action in parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


def list_commands(_argument: str) -> str:
    """Return a section for each command, in Markdown."""
    return "\n".join(_section(f"isacfw {name}", command) for name, command in commands())


def list_general(_argument: str) -> str:
    """Return the options without a command."""
    return _list(parser())


def _section(title: str, command: argparse.ArgumentParser) -> str:
    epilog = f"\n{escape(command.epilog)}\n" if command.epilog else ""
    usage = " ".join(command.format_usage().removeprefix("usage: ").split())
    head = f"## {title}\n\n{escape(command.description or '')}\n"
    return f"{head}\n```text\n{_fold(usage)}\n```\n\n{_list(command)}{epilog}"


def _fold(usage: str) -> str:
    """Return a usage with lines of at most 100 characters, broken between options."""
    lines = [""]
    for part in re.findall(r"\[[^\[\]]*(?:\[[^\]]*\][^\[\]]*)*\]|\S+", usage):
        if len(lines[-1]) + len(part) >= 100:
            lines.append("   ")
        lines[-1] = f"{lines[-1]} {part}" if lines[-1] else part
    return "\n".join(lines)


def _list(command: argparse.ArgumentParser) -> str:
    return "\n".join(
        f"{_spelling(action)}\n: {escape(_meaning(command, action))}\n"
        for action in command._actions
        if not isinstance(action, (argparse._HelpAction, argparse._SubParsersAction))
    )


def _spelling(action: argparse.Action) -> str:
    metavar = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    if not action.option_strings:
        return f"`{metavar}`"
    value = "" if action.nargs == 0 else f" {metavar}"
    return ", ".join(f"`{option}{value}`" for option in action.option_strings)


def _meaning(command: argparse.ArgumentParser, action: argparse.Action) -> str:
    return (action.help or "") % {**vars(action), "prog": command.prog}
