"""Checks and their results."""

from __future__ import annotations

import enum
import inspect
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import attrs

from ..base.errors import InputError, short_repr, suggestion
from ..base.part import Part, display_name
from ..host.kinds import KINDS

CheckFunction = Callable[[Any], None]


class CheckFailed(AssertionError):  # noqa: N818 - named like the others
    """A part does not meet the demand of a check."""


class CheckTimedOut(CheckFailed):
    """A part was stopped at its time limit."""


class CheckSkipped(Exception):  # noqa: N818 - it is no error
    """Raised to skip a check, with the reason."""


LONGEST_S = 1e8
TIME_LIMIT_S = 60.0
"""Default time limit in seconds of an allocator, for each problem of a check."""

_time_limit_s: ContextVar[float | None] = ContextVar("time_limit_s", default=TIME_LIMIT_S)


def longest_s() -> float | None:
    """Return the time limit of an allocator for each problem of the running check; None for no limit."""
    return _time_limit_s.get()


@contextmanager
def limit_time(seconds: float | None) -> Iterator[None]:
    """Limit the time of an allocator for each problem of the checks in the body."""
    if seconds is not None and not (isinstance(seconds, (int, float)) and 0 < seconds <= LONGEST_S):
        raise InputError(
            "time_limit_s", f"must be a number greater than 0, at most 1e8, got {short_repr(seconds)}"
        )
    token = _time_limit_s.set(seconds)
    try:
        yield
    finally:
        _time_limit_s.reset(token)


@attrs.define
class _Known:
    part: Part | None = None
    found: dict[Any, Any] = attrs.field(factory=dict)


_known = _Known()


def known_of(part: Part) -> dict[Any, Any]:
    """Return what checks have found out about a part, for those that follow; nothing if another came between."""
    if _known.part is not part:
        _known.part, _known.found = part, {}
    return _known.found


def forget() -> None:
    """Forget what checks have found out."""
    _known.part, _known.found = None, {}


def require(condition: object, message: str) -> None:
    """Fail the check with a message unless a condition holds."""
    if not condition:
        raise CheckFailed(message)


class Outcome(enum.StrEnum):
    """Outcome of a check."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    EXPECTED = "expected"


@attrs.frozen(kw_only=True)
class Check:
    """A demand on parts of a kind; it is called with a part and raises when the part fails it.

    Parameters
    ----------
    name : str
        Name in reports and in declared failures.
    kind : str
        Kind of parts to which it applies; empty for all.
    function : callable
        Takes a part; raises :class:`CheckFailed` or :class:`CheckSkipped`.
    """

    name: str
    kind: str
    function: CheckFunction

    @property
    def demand(self) -> str:
        """Its demand in one line."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    def __call__(self, part: Part) -> None:
        """Run the check on a part."""
        self.function(part)


@attrs.frozen(kw_only=True)
class CheckResult:
    """Result of a check on a part.

    Parameters
    ----------
    check : str
        Name of the check.
    outcome : Outcome
        Outcome; an expected failure is a declared one.
    message : str
        Reason of a failure, an expected failure or a skip.
    """

    check: str
    outcome: Outcome
    message: str = ""


@attrs.frozen(kw_only=True)
class CheckReport:
    """All results for a part.

    Parameters
    ----------
    part : Part
        The checked part.
    results : tuple of CheckResult
        Results in the order of the checks.
    """

    part: Part
    results: tuple[CheckResult, ...]

    @property
    def failures(self) -> tuple[CheckResult, ...]:
        """The results that failed."""
        return tuple(result for result in self.results if result.outcome is Outcome.FAILED)

    @property
    def ok(self) -> bool:
        """Whether checks ran and none failed unexpectedly."""
        ran = any(result.outcome in (Outcome.PASSED, Outcome.EXPECTED) for result in self.results)
        return ran and not self.failures

    def assert_ok(self) -> None:
        """Raise an AssertionError with the report, unless it is :attr:`ok`."""
        if not self.ok:
            raise AssertionError(str(self))

    def __str__(self) -> str:
        counts = Counter(result.outcome.value for result in self.results)
        told = ", ".join(f"{counts[one]} {one}" for one in Outcome if counts[one]) or "no check ran"
        lines = [f"{display_name(self.part)}: {told}"]
        lines += [
            f"  {result.outcome.value:9}{result.check}: {result.message}"
            for result in self.results
            if result.outcome is not Outcome.PASSED
        ]
        return "\n".join(lines)


CHECKS: list[Check] = []


def check(kind: str = "") -> Callable[[CheckFunction], CheckFunction]:
    """Register a function as a check of parts of a kind, or of all; the check has the function's name."""

    def register(function: CheckFunction) -> CheckFunction:
        CHECKS.append(Check(name=function.__name__, kind=kind, function=function))
        return function

    return register


def kind_of(part: Part) -> str:
    """Return the kind of a part, such as ``"allocator"``.

    Raises
    ------
    InputError
        If it is not a part.
    """
    for kind, base in KINDS.items():
        if isinstance(part, base):
            return kind
    raise InputError("part", f"must be a part, such as an allocator, got {short_repr(part)}")


def checks_of(part: Part) -> tuple[Check, ...]:
    """Return the checks for a part, those for all parts first."""
    found = [one for one in CHECKS if one.kind in ("", kind_of(part))]
    return tuple(sorted(found, key=lambda one: one.kind))


def declared_failures(part: Part, expected_failures: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the failures that a part, or the caller, declares, each with its reason.

    Raises
    ------
    InputError
        If a check does not exist.
    """
    names = {one.name for one in checks_of(part)}
    found = {**part.expected_failures, **(expected_failures or {})}
    for name in found:
        if name not in names:
            raise InputError("expected_failures", f"must name checks, got {name!r}{suggestion(name, names)}")
    return found
