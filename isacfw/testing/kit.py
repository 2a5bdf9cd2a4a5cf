"""Checks, their results, and how they are run on a part."""

from __future__ import annotations

import enum
import inspect
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import attrs

from ..base.errors import InputError, PluginError, log_traceback, one_line, shown, suggestion
from ..base.part import Part, described
from ..host.kinds import KINDS

CheckFunction = Callable[[Any], None]


class CheckFailed(AssertionError):  # noqa: N818 - named like the others
    """A part does not do what a check demands."""


class CheckTimedOut(CheckFailed):
    """A part was stopped at its time limit."""


class CheckSkipped(Exception):  # noqa: N818 - it is no error
    """Raised to skip a check, with the reason."""


LONGEST_S = 1e8
TIME_LIMIT_S = 60.0
"""Default time limit in seconds of an allocator, for each problem of a check."""

_time_limit_s: ContextVar[float | None] = ContextVar("time_limit_s", default=TIME_LIMIT_S)


def longest_s() -> float | None:
    """Return the time limit of an allocator for each problem of the running check; None for none."""
    return _time_limit_s.get()


@contextmanager
def _limited_to(seconds: float | None) -> Iterator[None]:
    if seconds is not None and not (isinstance(seconds, (int, float)) and 0 < seconds <= LONGEST_S):
        raise InputError("time_limit_s", f"must be a number greater than 0, at most 1e8, got {shown(seconds)}")
    token = _time_limit_s.set(seconds)
    try:
        yield
    finally:
        _time_limit_s.reset(token)


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
        As in reports and in declared failures.
    kind : str
        Of the parts it is for; empty for all.
    function : callable
        Takes a part; raises :class:`CheckFailed` or :class:`CheckSkipped`.
    """

    name: str
    kind: str
    function: CheckFunction

    @property
    def demand(self) -> str:
        """What it demands, in a line."""
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
        An expected failure is one that was declared.
    message : str
        Why it failed, was expected to, or was skipped.
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
        What was checked.
    results : tuple of CheckResult
        In the order of the checks.
    """

    part: Part
    results: tuple[CheckResult, ...]

    @property
    def failures(self) -> tuple[CheckResult, ...]:
        """The results that failed."""
        return tuple(result for result in self.results if result.outcome is Outcome.FAILED)

    @property
    def ok(self) -> bool:
        """Whether checks ran, and none failed that was not expected to."""
        ran = any(result.outcome in (Outcome.PASSED, Outcome.EXPECTED) for result in self.results)
        return ran and not self.failures

    def assert_ok(self) -> None:
        """Raise an AssertionError with the report, unless it is :attr:`ok`."""
        if not self.ok:
            raise AssertionError(str(self))

    def __str__(self) -> str:
        counts = Counter(result.outcome.value for result in self.results)
        told = ", ".join(f"{counts[one]} {one}" for one in Outcome if counts[one]) or "no check ran"
        lines = [f"{described(self.part)}: {told}"]
        lines += [
            f"  {result.outcome.value:9}{result.check}: {result.message}"
            for result in self.results
            if result.outcome is not Outcome.PASSED
        ]
        return "\n".join(lines)


_CHECKS: list[Check] = []


def check(kind: str = "") -> Callable[[CheckFunction], CheckFunction]:
    """Register a function as a check of parts of a kind, or of all; its name is the check's."""

    def register(function: CheckFunction) -> CheckFunction:
        _CHECKS.append(Check(name=function.__name__, kind=kind, function=function))
        return function

    return register


def kind_of(part: Part) -> str:
    """Return the kind of a part: ``"allocator"``, say.

    Raises
    ------
    InputError
        If it is no part of any kind.
    """
    for kind, base in KINDS.items():
        if isinstance(part, base):
            return kind
    raise InputError("part", f"must be a part, such as an allocator, got {shown(part)}")


def checks_of(part: Part) -> tuple[Check, ...]:
    """Return the checks for a part, those for all parts first."""
    found = [one for one in _CHECKS if one.kind in ("", kind_of(part))]
    return tuple(sorted(found, key=lambda one: one.kind))


def declared(part: Part, expected_failures: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the failures that a part, or the caller, declares, each with its reason.

    Raises
    ------
    InputError
        If there is no such check.
    """
    names = {one.name for one in checks_of(part)}
    found = {**part.expected_failures, **(expected_failures or {})}
    for name in found:
        if name not in names:
            raise InputError("expected_failures", f"must name checks, got {name!r}{suggestion(name, names)}")
    return found


def attempts(
    part: Part,
    expected_failures: Mapping[str, str] | None = None,
    time_limit_s: float | None = TIME_LIMIT_S,
) -> Iterator[CheckResult]:
    """Run every check on a part and yield the results as they come; none after one that was stopped."""
    expected = declared(part, expected_failures)
    reason, stopped = part.why_unavailable(), ""
    for one in checks_of(part):
        missing = reason is not None and one.function.__module__ != f"{__package__}.common"
        if missing or stopped:
            yield CheckResult(check=one.name, outcome=Outcome.SKIPPED, message=stopped or str(reason))
            continue
        with _limited_to(time_limit_s):
            outcome, message, late = _attempt(one, part)
        if one.name in expected and outcome is not Outcome.SKIPPED:
            if outcome is Outcome.FAILED:
                outcome, message = Outcome.EXPECTED, expected[one.name]
            else:
                outcome, message = Outcome.FAILED, "expected to fail, but passed"
        if late and outcome is Outcome.FAILED:
            stopped = f"not run: {one.name} exceeded its time limit"
        yield CheckResult(check=one.name, outcome=outcome, message=message)


def _attempt(one: Check, part: Part) -> tuple[Outcome, str, bool]:
    """Run a check; return its outcome, the reason, and whether the part was stopped at its time limit."""
    try:
        one(part)
    except CheckSkipped as error:
        return Outcome.SKIPPED, one_line(error), False
    except (CheckFailed, PluginError) as error:
        return Outcome.FAILED, one_line(error), isinstance(error, CheckTimedOut)
    except (Exception, SystemExit) as error:
        log_traceback(f"check {one.name} of {described(part)}")
        return Outcome.FAILED, one_line(f"{type(error).__name__}: {error}"), False
    return Outcome.PASSED, "", False


def check_part(
    part: Part,
    *,
    expected_failures: Mapping[str, str] | None = None,
    time_limit_s: float | None = TIME_LIMIT_S,
) -> CheckReport:
    """Run every check on a part.

    Parameters
    ----------
    part : Part
        What to check.
    expected_failures : mapping of str to str, optional
        Checks that it is known to fail, each with the reason, in addition to those that its class declares. One
        that passes all the same is a failure.
    time_limit_s : float, optional
        Longest time in seconds that an allocator may take for a problem. When it is stopped there, the check has
        failed, and those after it are skipped.

    Returns
    -------
    CheckReport
        ``report.ok`` tells whether all is well, ``print(report)`` what is not, ``report.assert_ok()`` does for
        a test.
    """
    return CheckReport(part=part, results=tuple(attempts(part, expected_failures, time_limit_s)))


def examples_of(cls: type[Part]) -> tuple[Part, ...]:
    """Return the examples that a class of parts gives of itself.

    Raises
    ------
    PluginError
        If it gives none.
    """
    try:
        found = tuple(cls.examples())
    except Exception as error:
        raise PluginError(
            f"{cls.name} of {cls.provider()} must give parts to be checked in its classmethod examples,"
            f" which raised {type(error).__name__}: {error}"
        ) from error
    if not found or not all(isinstance(part, cls) for part in found):
        raise PluginError(f"{cls.name} of {cls.provider()} must give at least one {cls.__name__} in examples()")
    return found


def parametrize_with_checks(
    parts: Any,
    *,
    expected_failures: Mapping[str, str] | None = None,
    time_limit_s: float | None = TIME_LIMIT_S,
) -> Any:
    """Return a pytest decorator that runs a test for each check of each part.

    Parameters
    ----------
    parts : Part, class of parts, or a list of them
        A class stands for its examples.
    expected_failures : mapping of str to str, optional
        As in :func:`check_part`; such a test is a strict xfail.
    time_limit_s : float, optional
        As in :func:`check_part`, but each check is run.

    Examples
    --------
    >>> @parametrize_with_checks([MyPrecoder()])  # doctest: +SKIP
    ... def test_conforms(part, check):
    ...     check(part)
    """
    import pytest

    members: list[Part] = []
    for one in parts if isinstance(parts, (list, tuple)) else [parts]:
        members.extend(examples_of(one) if isinstance(one, type) else [one])
    if not members:
        raise InputError("parts", "must hold at least one part, got none")
    cases = []
    for number, part in enumerate(members):
        expected = declared(part, expected_failures)
        for one in checks_of(part):
            reason = expected.get(one.name)
            marks = [] if reason is None else [pytest.mark.xfail(reason=reason, strict=True)]
            title = f"{part.name}{number if len(members) > 1 else ''}-{one.name}"
            cases.append(pytest.param(part, _for_pytest(one, time_limit_s), id=title, marks=marks))
    return pytest.mark.parametrize(("part", "check"), cases)


def _for_pytest(one: Check, time_limit_s: float | None) -> Callable[[Part], None]:
    def run(part: Part) -> None:
        import pytest

        reason = part.why_unavailable()
        if reason is not None and one.function.__module__ != f"{__package__}.common":
            pytest.skip(reason)
        try:
            with _limited_to(time_limit_s):
                one(part)
        except CheckSkipped as error:
            pytest.skip(str(error))

    run.__name__ = one.name
    return run
