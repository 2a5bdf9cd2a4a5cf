"""Running checks on parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..base.errors import PartTimedOutError, PluginError, describe_exception, log_traceback, one_line
from ..base.guard import guard, guard_environment, part_time_limit
from ..base.part import Part, display_name
from ..base.time_limit import TimeUp, time_limit
from .checks import (
    TIME_LIMIT_S,
    Check,
    CheckFailed,
    CheckReport,
    CheckResult,
    CheckSkipped,
    CheckTimedOut,
    Outcome,
    checks_of,
    declared_failures,
    forget,
    limit_time,
    longest_s,
)

_CALLS = 5
"""How many times its time limit a part may take in a check that calls it several times."""

_OWN_S = 10.0
"""Time for the work of a check itself."""


def attempts(
    part: Part,
    expected_failures: Mapping[str, str] | None = None,
    time_limit_s: float | None = TIME_LIMIT_S,
) -> Iterator[CheckResult]:
    """Run every check on a part and yield results as they are ready; after a timeout, skip the rest."""
    expected = declared_failures(part, expected_failures)
    reason, stopped = part.why_unavailable(), ""
    forget()
    for one in checks_of(part):
        missing = reason is not None and one.function.__module__ != f"{__package__}.common"
        if missing or stopped:
            yield CheckResult(check=one.name, outcome=Outcome.SKIPPED, message=stopped or str(reason))
            continue
        with limit_time(time_limit_s):
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
    limit = longest_s()
    longest = None if limit is None else _CALLS * limit + _OWN_S
    try:
        with guard_environment(display_name(part), part), part_time_limit(limit), time_limit(longest):
            one(part)
    except CheckSkipped as error:
        return Outcome.SKIPPED, one_line(error), False
    except (CheckFailed, PluginError) as error:
        return Outcome.FAILED, one_line(error), isinstance(error, (CheckTimedOut, PartTimedOutError))
    except KeyboardInterrupt:
        raise
    except TimeUp:
        return Outcome.FAILED, f"{display_name(part)} was stopped at the time limit of {longest:g} s", True
    except BaseException as error:
        log_traceback(f"check {one.name} of {display_name(part)}")
        return Outcome.FAILED, one_line(describe_exception(error).removeprefix("raised ")), False
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
        Part to check.
    expected_failures : mapping of str to str, optional
        Checks that the part is known to fail, each with the reason, in addition to those that its class declares.
        A check that passes nevertheless counts as failed.
    time_limit_s : float, optional
        Longest time in seconds that an allocator may take for a problem. If the allocator exceeds it, the check
        fails and the remaining ones are skipped.

    Returns
    -------
    CheckReport
        ``report.ok`` is True if there are no failures, ``print(report)`` lists them, and ``report.assert_ok()``
        raises an AssertionError for them.
    """
    return CheckReport(part=part, results=tuple(attempts(part, expected_failures, time_limit_s)))


def examples_of(cls: type[Part]) -> tuple[Part, ...]:
    """Return the examples that a class of parts defines.

    Raises
    ------
    PluginError
        If there are none.
    """
    who = f"{cls.name} of {cls.provider()} must give parts to be checked in its classmethod examples, which"
    with guard(who, cls):
        found = tuple(cls.examples())
    if not found or not all(isinstance(part, cls) for part in found):
        raise PluginError(f"{cls.name} of {cls.provider()} must give at least one {cls.__name__} in examples()")
    return found
