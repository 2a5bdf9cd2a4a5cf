"""Checks as pytest tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..base.errors import InputError
from ..base.part import Part
from .checks import TIME_LIMIT_S, Check, CheckSkipped, checks_of, declared_failures, limit_time
from .run import examples_of


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
        A class represents its examples.
    expected_failures : mapping of str to str, optional
        See :func:`check_part`; such a test is a strict xfail.
    time_limit_s : float, optional
        See :func:`check_part`; here, each check is run.

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
        expected = declared_failures(part, expected_failures)
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
            with limit_time(time_limit_s):
                one(part)
        except CheckSkipped as error:
            pytest.skip(str(error))

    run.__name__ = one.name
    return run
