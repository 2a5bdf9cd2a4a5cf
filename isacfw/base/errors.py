"""Exceptions raised for invalid input, faulty plugins and incompatible parts."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any


def one_line(text: object) -> str:
    """Return text with every run of white space collapsed to one space, and what UTF-8 lacks as escapes."""
    return " ".join(str(text).split()).encode(errors="backslashreplace").decode()


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


class IncompatibleError(IsacError):
    """Two parts are incompatible: the comparison shows a skipped row with this reason.

    Raised, for example, by a zero-forcing precoder with no more antennas than users.
    """


class IsacWarning(RuntimeWarning):
    """A metric or an observer failed or is unavailable; the comparison continues without it."""


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the known word nearest to `word`, else the list of known words."""
    names = sorted(known)
    return nearest(word, names) or (f"; known: {', '.join(names)}" if names else "")


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the known word nearest to `word`, empty if none is near."""
    close = difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def short_repr(value: Any) -> str:
    """Return the representation of `value`, shortened so that a message stays on one line."""
    try:
        text = one_line(repr(value))
    except Exception:  # Of another's class, or an integer of more digits than Python converts.
        text = f"a value of type {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:76]} ..."


def describe_exception(error: BaseException) -> str:
    """Return ``"raised X: ..."`` for an exception of a part, even if its text cannot be formatted."""
    try:
        return f"raised {type(error).__name__}: {error}"
    except Exception:
        return f"raised {type(error).__name__}"


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


@contextmanager
def attribute_errors_to(part: str) -> Iterator[None]:
    """Turn any exception except the framework's own into a :class:`PluginError` that names the part."""
    try:
        yield
    except IsacError:
        raise
    except (Exception, SystemExit) as error:
        log_traceback(f"{part} {describe_exception(error)}")
        raise PluginError(f"{part} {describe_exception(error)}") from error
