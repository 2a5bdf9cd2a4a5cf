"""Exceptions raised for invalid input, faulty plugins and incompatible parts."""

from __future__ import annotations

import difflib
import logging
import unicodedata
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

_LONGEST_LINE = 2000
_DESCRIPTION_S = 1.0
"""Longest time in seconds in which an object may describe itself."""

_JOINERS = "\u200c\u200d"
"""Invisible characters that spelling needs, in Persian for example; they change neither line nor order."""


def escape_controls(text: str, *, keep: str = "") -> str:
    r"""Return text whose control and formatting characters are escapes, such as ``\x1b`` or ``\u202e``.

    Parameters
    ----------
    text : str
        Any text, lone surrogates included.
    keep : str
        Characters to leave as they are, such as line breaks.
    """
    if text.isprintable():
        return text
    return "".join(one if _is_visible(one) or one in keep else _escape(one) for one in text)


def _is_visible(one: str) -> bool:
    return one.isprintable() or one in _JOINERS or unicodedata.category(one) == "Zs"


def _escape(one: str) -> str:
    return one.encode("unicode_escape").decode("ascii")


def one_line(text: object) -> str:
    """Return text in one line that every file and stream can hold, with runs of white space collapsed.

    Control characters become escapes, characters without an encoding are replaced; long text is cut.
    """
    line = escape_controls(" ".join(str(text).split()))
    if not line.isascii():
        line = line.encode("utf-8", "replace").decode()
    return line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 4]} ..."


class IsacError(Exception):
    """Base class of all errors that the framework raises deliberately; their text is one line."""

    def __str__(self) -> str:
        return one_line(super().__str__())


class InputError(IsacError, ValueError):
    """A parameter, a key of a file or an option has an invalid value.

    Parameters
    ----------
    key : str
        Name of the parameter; for a file, its path (``"channel.pilot_length"``).
    problem : str
        The rest of the message: the requirement and the value.
    missing : bool
        Whether the parameter is required and was not given.
    """

    def __init__(self, key: str, problem: str, missing: bool = False) -> None:
        super().__init__(key, problem, missing)
        self.key = key
        self.problem = problem
        self.missing = missing

    def __str__(self) -> str:
        return one_line(f"{self.key} {self.problem}")

    def within(self, prefix: str) -> InputError:
        """Return the same error with its key placed below `prefix`."""
        if not prefix:
            return self
        separator = "." if self.key and not self.key.startswith("[") else ""
        return InputError(f"{prefix}{separator}{self.key}", self.problem, self.missing)


class PluginError(IsacError):
    """A plugin cannot be loaded, or a part of one breaks its contract."""


class PartTimedOutError(PluginError):
    """A part was stopped at its time limit."""


class PartEndedError(PluginError):
    """A part ended its process."""


class IncompatibleError(IsacError):
    """Two parts are incompatible: the comparison shows a skipped row with this reason.

    Raised, for example, by a zero-forcing precoder with no more antennas than users.
    """


class IsacWarning(RuntimeWarning):
    """A metric or an observer failed or is unavailable; the comparison continues without it."""


_MOST_LONGER = 2


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the known word nearest to `word`, else the list of known words."""
    names = sorted(known)
    return nearest(word, names) or (f"; known: {', '.join(names)}" if names else "")


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a hint at the closest name, or at two that contain the word; an empty string if none is close."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    longer = [name for name in names if word in name.split("_")]
    found = close or (longer if len(longer) <= _MOST_LONGER else [])
    return f"; did you mean {' or '.join(map(repr, found))}?" if found else ""


def short_repr(value: Any) -> str:
    """Return the representation of `value`, shortened so that a message stays on one line."""
    text = _description(repr, value)
    if text is None:
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:76]} ..."


def describe_exception(error: BaseException) -> str:
    """Return ``"raised X: ..."`` for an exception of a part, even if its text cannot be formatted."""
    text = _description(str, error)
    name = one_line(type(error).__name__)
    return f"raised {name}" if text is None else f"raised {name}: {text}"


class _Limit:
    """What limits the time of a description: :func:`limit_descriptions` sets it."""

    of: Callable[[float], AbstractContextManager[None]] = staticmethod(lambda _seconds: nullcontext())


def limit_descriptions(limit: Callable[[float], AbstractContextManager[None]]) -> None:
    """Set the context manager that limits the time in which objects describe themselves."""
    _Limit.of = staticmethod(limit)


def _description(describe: Callable[[Any], str], value: Any) -> str | None:
    """Return an object's description of itself in one line, or None if it has none within a second."""
    try:
        if value is None or isinstance(value, (bool, int, float, str)):
            return one_line(describe(value))
        with _Limit.of(_DESCRIPTION_S):
            return one_line(describe(value))
    except KeyboardInterrupt:
        raise
    except BaseException:
        return None


def log_traceback(sentence: str) -> None:
    """Log the exception that is being handled, with its traceback, to help debug a part.

    The logger is ``"isacfw"``, the level `DEBUG`; on the command line, ``--debug`` shows it.
    """
    logging.getLogger("isacfw").debug(one_line(sentence), exc_info=True)


class NoFadingError(InputError):
    """Moments have to be sampled, and the statistics of the channel carry no source of fading."""

    def __init__(self) -> None:
        super().__init__("channel", "must come from `Scenario.statistics`; these carry no source of fading")

    def __reduce__(self) -> tuple[type[NoFadingError], tuple[()]]:
        return NoFadingError, ()
