"""Checks as a report, as tests and as a command: what is run, what may fail, and what is said of it."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from types import MappingProxyType

import attrs
import numpy as np
import pytest

import isacfw
from isacfw import InputError, PluginError, Quantity
from isacfw.testing import (
    CheckFailed,
    CheckReport,
    CheckResult,
    CheckSkipped,
    Outcome,
    answers,
    check_part,
    checks_of,
    examples_of,
    goals,
    parametrize_with_checks,
    problems,
)
from isacfw.testing import checks as kit
from isacfw.testing.checks import Check

RUNS = {
    "same_seed_same_bits",
    "global_generators_untouched",
    "finite_output",
    "inputs_not_written_to",
    "returned_arrays_are_not_kept",
}


SAME_PROBLEMS = {
    "optimum_is_not_below_a_uniform_split",
    "claimed_optimum_against_exact",
    "claims_are_not_beaten",
    "requirements_are_met_or_refused",
}


@attrs.frozen(kw_only=True)
class Total(isacfw.Metric):
    """All rates."""

    name = "total"
    quantities = (Quantity(name="total", better="higher", description="All rates"),)

    def evaluate(self, problem, allocation):
        return {"total": allocation.sum_rate}


@attrs.frozen(kw_only=True)
class Constant(Total):
    """The same for all."""

    def evaluate(self, problem, allocation):
        return {"total": np.where(np.isfinite(allocation.sum_rate), 1.0, np.nan)}


@attrs.frozen(kw_only=True)
class Known(Constant):
    """The same for all, which is known."""

    expected_failures = MappingProxyType({"a_direction_means_a_difference": "it is constant on purpose"})


@attrs.frozen(kw_only=True)
class Absent(Total):
    """All rates, in want of a library."""

    @classmethod
    def unavailable(cls):
        return "needs  rates;\npip install rates"

    def evaluate(self, problem, allocation):
        raise ModuleNotFoundError("No module named 'rates'")


def outcomes(report, *chosen):
    return {result.check: result.message for result in report.results if result.outcome in chosen}


@pytest.fixture
def checks(monkeypatch):
    """Return a function that replaces all checks by functions."""

    def replace(*functions):
        found = [Check(name=function.__name__, kind="", function=function) for function in functions]
        monkeypatch.setattr(kit, "CHECKS", found)

    return replace


def passing(part):
    """All is well."""


def failing(part):
    """It should be."""
    raise CheckFailed("it is\n  not")


def skipping(part):
    """It would be."""
    raise CheckSkipped("it has\nnone")


def breaking(part):
    """It was."""
    raise ZeroDivisionError("by\nzero")


def leaving(part):
    """It is over."""
    sys.exit(3)


def test_a_report_has_a_result_of_each_check():
    part = Total()
    report = check_part(part)
    assert report.part is part
    assert report.results == tuple(CheckResult(check=one.name, outcome=Outcome.PASSED) for one in checks_of(part))
    assert report.ok
    assert report.failures == ()
    assert str(report) == f"total of test_kit: {len(report.results)} passed"
    report.assert_ok()


def test_a_failure_is_told():
    report = check_part(Constant())
    (failure,) = report.failures
    assert not report.ok
    assert failure.check == "a_direction_means_a_difference"
    assert failure.message == "total is better higher, but the same for all allocations"
    assert str(report).splitlines() == [
        f"total of test_kit: {len(report.results) - 1} passed, 1 failed",
        f"  failed   {failure.check}: {failure.message}",
    ]
    with pytest.raises(AssertionError) as caught:
        report.assert_ok()
    assert str(caught.value) == str(report)


def test_whatever_a_check_raises_is_a_sentence(checks, caplog):
    checks(passing, failing, skipping, breaking, leaving)
    with caplog.at_level(logging.DEBUG, "isacfw"):
        report = check_part(Total())
    assert [(result.outcome, result.message) for result in report.results] == [
        (Outcome.PASSED, ""),
        (Outcome.FAILED, "it is not"),
        (Outcome.SKIPPED, "it has none"),
        (Outcome.FAILED, "ZeroDivisionError: by zero"),
        (Outcome.FAILED, "SystemExit: 3"),
    ]
    assert str(report).splitlines()[0] == "total of test_kit: 1 passed, 3 failed, 1 skipped"
    logged = [(record.message, record.exc_info is not None) for record in caplog.records]
    assert logged == [
        ("check breaking of total of test_kit", True),
        ("check leaving of total of test_kit", True),
    ]


def test_checks_of_an_allocator_solve_each_problem_once(monkeypatch):
    solved = []

    def noted(part, problem, title):
        solved.append(title)
        return part.allocate(problem)

    monkeypatch.setattr(answers, "verified_answer", noted)
    monkeypatch.setattr(goals, "best_value", lambda problem, found: np.nan)
    part, other = (problems.built_in("allocator", "exact") for _ in range(2))
    kit.forget()
    checks = [one for one in checks_of(part) if one.name in SAME_PROBLEMS]
    assert len(checks) == len(SAME_PROBLEMS)
    for one in checks:
        one(part)
    once = {title for title, _ in [*goals.ordinary_problems(), *every_special_problem()]}
    assert sorted(solved) == sorted(once)
    checks[0](part)
    assert len(solved) == len(once)
    checks[0](other)
    assert len(solved) > len(once)


def test_a_report_begins_with_nothing_known():
    part = Total()
    kit.known_of(part)["an answer"] = 1
    assert kit.known_of(part)
    check_part(part)
    assert not kit.known_of(part)


def test_what_is_known_is_of_one_part():
    part = Total()
    kit.known_of(part)["an answer"] = 1
    assert not kit.known_of(Total())
    assert not kit.known_of(part)


def test_problems_of_allocators_differ_where_their_titles_do():
    given = [*goals.ordinary_problems(), *every_special_problem()]
    fields = ("gain", "sensing_interference", "crlb_limit", "minimum_rate", "linear_least", "crlb_sum_limit")
    contents = {
        title: (
            repr(problem.objective),
            *(repr(getattr(problem, name)) for name in fields),
            repr(problem.coupling),
        )
        for title, problem in given
    }
    assert len(set(contents.values())) == len(contents) == len(given)


def every_special_problem():
    """Yield the problems of the checks of allocators that are not among the ordinary ones."""
    for objective in goals.built_in_objectives():
        yield from goals.feasible_problems(objective, coupled=True)
        yield from goals.infeasible_problems(objective)
    for users in (1, 2, 12):
        yield f"{users} users", problems.problem(users, seed=users, batch=(1,))


def test_an_interruption_is_none_of_its_business(checks):
    def interrupted(part):
        raise KeyboardInterrupt

    checks(interrupted)
    with pytest.raises(KeyboardInterrupt):
        check_part(Total())


@pytest.mark.parametrize(
    ("part", "expected", "reason"),
    [
        (Known(), None, "it is constant on purpose"),
        (Constant(), {"a_direction_means_a_difference": "who cares"}, "who cares"),
        (Known(), {"a_direction_means_a_difference": "who cares"}, "who cares"),
    ],
    ids=["by the class", "by the caller", "by both"],
)
def test_a_declared_failure_is_expected(part, expected, reason):
    report = check_part(part, expected_failures=expected)
    assert report.ok
    assert outcomes(report, Outcome.EXPECTED) == {"a_direction_means_a_difference": reason}
    assert outcomes(report, Outcome.FAILED, Outcome.SKIPPED) == {}
    assert str(report).splitlines()[1:] == [f"  expected a_direction_means_a_difference: {reason}"]


def test_a_declared_failure_that_passes_is_one():
    report = check_part(Known(), expected_failures={"frozen": "we thought so"})
    assert not report.ok
    assert outcomes(report, Outcome.FAILED) == {"frozen": "expected to fail, but passed"}
    assert outcomes(report, Outcome.EXPECTED) == {"a_direction_means_a_difference": "it is constant on purpose"}


def test_a_declared_failure_that_is_skipped_is_none(checks):
    checks(passing, skipping)
    report = check_part(Total(), expected_failures={"skipping": "one day"})
    assert report.ok
    assert outcomes(report, Outcome.SKIPPED) == {"skipping": "it has none"}


@pytest.mark.parametrize(
    ("name", "hint"), [("finite_outptu", "; did you mean 'finite_output'?"), ("one_user", "; known: a_direction")]
)
def test_an_unknown_check_is_a_mistake(name, hint):
    misled = attrs.frozen(kw_only=True)(type("Misled", (Total,), {"expected_failures": {name: "why not"}}))
    for mistake in (
        lambda: check_part(Total(), expected_failures={name: "why not"}),
        lambda: check_part(misled()),
        lambda: parametrize_with_checks(Total(), expected_failures={name: "why not"}),
    ):
        with pytest.raises(InputError, match=re.escape(f"must name checks, got {name!r}{hint}")) as caught:
            mistake()
        assert caught.value.key == "expected_failures"


@pytest.mark.parametrize("thing", [Total, "total"])
def test_what_is_no_part_is_a_mistake(thing):
    with pytest.raises(isacfw.IsacError):
        check_part(thing)


def test_a_part_that_cannot_work_here_is_not_run():
    report = check_part(Absent())
    run = RUNS | {one.name for one in checks_of(Absent()) if one.kind}
    assert outcomes(report, Outcome.SKIPPED) == dict.fromkeys(run, "needs rates; pip install rates")
    assert {result.outcome for result in report.results if result.check not in run} == {Outcome.PASSED}


def test_a_probe_that_breaks_down_is_a_reason():
    @attrs.frozen(kw_only=True)
    class Probed(Absent):
        """All rates."""

        @classmethod
        def unavailable(cls):
            raise OSError("no disk")

    skipped = outcomes(check_part(Probed()), Outcome.SKIPPED)
    assert skipped["metric_shapes"] == "the probe of its availability raised OSError: no disk"


def test_a_report_without_a_check_that_ran_is_not_ok(checks):
    checks(skipping)
    report = check_part(Total())
    assert report.failures == ()
    assert not report.ok
    assert str(report).splitlines() == ["total of test_kit: 1 skipped", "  skipped  skipping: it has none"]
    none = CheckReport(part=Total(), results=())
    assert not none.ok
    assert str(none) == "total of test_kit: no check ran"
    with pytest.raises(AssertionError, match="no check ran"):
        none.assert_ok()


def test_expected_failures_alone_are_ok(checks):
    checks(failing)
    assert check_part(Total(), expected_failures={"failing": "it is not"}).ok


def raising(cls):
    raise KeyError("no\nexample")


@pytest.mark.parametrize(
    ("examples", "sentence"),
    [
        (lambda cls: (), "total of test_kit must give at least one Made in examples()"),
        (lambda cls: [cls(), Total()], "total of test_kit must give at least one Made in examples()"),
        (lambda cls: None, r"total of test_kit must give parts .* examples, which raised TypeError: .* iterable"),
        (raising, r"total of test_kit must give parts .* which raised KeyError: 'no\\nexample'"),
    ],
    ids=["empty", "others", "none", "raising"],
)
def test_examples_are_parts(examples, sentence):
    body = {"examples": classmethod(examples), "__module__": __name__}
    made = attrs.frozen(kw_only=True)(type("Made", (Total,), body))
    for ask in (examples_of, parametrize_with_checks):
        with pytest.raises(PluginError) as caught:
            ask(made)
        assert re.fullmatch(sentence.replace("()", r"\(\)"), str(caught.value))


def test_an_option_without_default_needs_an_example():
    @attrs.frozen(kw_only=True)
    class Bare(Total):
        """All rates, and a bias."""

        bias: float

    with pytest.raises(PluginError, match=r"which raised TypeError: .* 'bias'"):
        examples_of(Bare)
    assert examples_of(Total) == (Total(),)


def test_no_parts_make_no_tests():
    with pytest.raises(InputError, match="parts must hold at least one part, got none"):
        parametrize_with_checks([])


def test_tests_are_named_after_part_and_check():
    several = parametrize_with_checks([Total(), Known]).args[1]
    assert [case.id for case in several] == [
        f"total{number}-{one.name}" for number in (0, 1) for one in checks_of(Total())
    ]
    assert [case.id for case in parametrize_with_checks(Total()).args[1]] == [
        f"total-{one.name}" for one in checks_of(Total())
    ]


def test_a_check_that_says_nothing_is_a_skipped_test(checks):
    checks(skipping)
    (case,) = parametrize_with_checks(Total()).args[1]
    part, check = case.values
    with pytest.raises(pytest.skip.Exception, match="it has"):
        check(part)


MODULE = """
from test_kit import Absent, Constant, Known, Total
from isacfw.testing import parametrize_with_checks

@parametrize_with_checks(Total)
def test_right(part, check):
    check(part)

@parametrize_with_checks([Constant()])
def test_wrong(part, check):
    check(part)

@parametrize_with_checks([Known()], expected_failures={"frozen": "we thought so"})
def test_known(part, check):
    check(part)

@parametrize_with_checks((Absent(),))
def test_absent(part, check):
    check(part)
"""


def test_tests_of_parts_run_under_pytest(tmp_path):
    path = tmp_path / "test_parts.py"
    path.write_text(MODULE)
    roots = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", path.name],
        cwd=tmp_path,
        env=os.environ | {"COLUMNS": "200", "PYTHONPATH": os.pathsep.join(roots)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    line = re.compile(r"test_parts\.py::test_(\w+)\[total-(\w+)\] (\w+)(?: \((.*)\))? +\[")
    found = {(test, name): (word, why) for test, name, word, why in line.findall(done.stdout)}
    assert len(found) == 4 * len(checks_of(Total()))
    odd = {case: result for case, result in found.items() if result != ("PASSED", "")}
    skipped = {case: odd.pop(case) for case in list(odd) if case[0] == "absent" and case[1] not in RUNS}
    assert odd.pop(("wrong", "a_direction_means_a_difference")) == ("FAILED", "")
    assert odd.pop(("known", "a_direction_means_a_difference")) == ("XFAIL", "it is constant on purpose")
    assert odd.pop(("known", "frozen")) == ("FAILED", "")
    assert "[XPASS(strict)] we thought so" in done.stdout
    assert "CheckFailed: total is better higher, but the same for all allocations" in done.stdout
    assert {name for _, name in skipped} == {one.name for one in checks_of(Absent()) if one.kind}
    assert {word for word, _ in skipped.values()} == {"SKIPPED"}
    assert {why for _, why in skipped.values()} == {"needs rates; pip install rates"}
    assert odd == {("absent", name): ("SKIPPED", "needs rates; pip install rates") for name in RUNS}


FILE = '''
import attrs
import numpy as np

import isacfw


@attrs.frozen(kw_only=True)
class Mine(isacfw.Metric):
    """A number."""

    name = "mine"
    quantities = (isacfw.Quantity(name="mine", better="higher", description="A number"),)
    {member}

    def evaluate(self, problem, allocation):
        return {{"mine": {value}}}


@isacfw.hookimpl
def register_metrics():
    return [Mine]
'''
CONSTANT = "np.where(np.isfinite(allocation.sum_rate), 1.0, np.nan)"


@pytest.fixture
def file(tmp_path):
    """Return a function that writes a plugin file with a metric: its value and a member of its class."""

    def write(value="allocation.sum_rate", member="", name="extra.py"):
        path = tmp_path / name
        path.write_text(FILE.format(value=value, member=textwrap.indent(textwrap.dedent(member), "    ").strip()))
        return path

    return write


def test_the_command_passes_a_file(cli, file):
    count = len(checks_of(Total()))
    assert cli("check", file()) == (0, f"metric mine of extra: {count} passed\n", "")


@pytest.mark.parametrize(
    ("value", "member", "status", "line"),
    [
        (CONSTANT, "", 1, "  failed   a_direction_means_a_difference: mine is better higher, but the same"),
        ("1 / 0", "", 1, "  failed   metric_shapes: ZeroDivisionError: division by zero"),
        (
            CONSTANT,
            "expected_failures = {'a_direction_means_a_difference': 'on purpose'}",
            0,
            "  expected a_direction_means_a_difference: on purpose",
        ),
        (
            "allocation.sum_rate",
            "expected_failures = {'frozen': 'perhaps'}",
            1,
            "  failed   frozen: expected to fail, but passed",
        ),
        (
            "1 / 0",
            """
            @classmethod
            def unavailable(cls):
                return "needs more"
            """,
            0,
            "  skipped  metric_shapes: needs more",
        ),
        (
            "allocation.sum_rate",
            """
            @classmethod
            def examples(cls):
                return ()
            """,
            1,
            "metric mine of extra must give at least one Mine in examples()",
        ),
    ],
    ids=["wrong", "raising", "declared", "declared in vain", "unavailable", "no example"],
)
def test_the_command_names_what_is_not_well(cli, file, value, member, status, line):
    found, out, err = cli("check", file(value, member))
    assert any(told.startswith(line) for told in out.splitlines()), out
    assert (found, err) == (status, "")


def test_the_command_says_when_no_check_ran(cli, file, checks):
    checks(skipping)
    assert cli("check", file())[0] == 1


def test_the_command_goes_on_after_a_failure(cli, file):
    status, out, _ = cli("check", file(CONSTANT), "sum_rate")
    assert status == 1
    assert re.search(r"^metric sum_rate of isacfw: \d+ passed$", out, re.MULTILINE)


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["nowhere.py"], r"plugin \S+nowhere.py must be a Python file that can be read, got: No such file or .*"),
        (["empty.py"], r"plugin \S+empty.py implements no hook; mark its functions with @isacfw.hookimpl"),
        (["scenarios.py"], r"scenarios.py registers no part"),
        (["broken.py"], r"plugin \S+broken.py raised SyntaxError.*"),
        (["sum_rat"], r"no part named 'sum_rat'; did you mean 'sum_rate'\?"),
        (["nobody:sum_rate"], r"no part named 'nobody:sum_rate'; did you mean 'sum_rate'\?"),
        (["sum_rate", "zebra"], r"no part named 'zebra'; known: .*"),
        (["extra.py"], r"expected_failures must name checks, got 'froze'; did you mean 'frozen'\?"),
    ],
    ids=["missing", "no hook", "no part", "no Python", "typo", "provider", "second", "unknown check"],
)
def test_a_mistake_of_the_command_is_a_sentence(cli, file, tmp_path, monkeypatch, names, sentence):
    monkeypatch.chdir(tmp_path)
    file(member="expected_failures = {'froze': 'no'}")
    (tmp_path / "empty.py").write_text("")
    (tmp_path / "broken.py").write_text("def\n")
    scenarios = "import isacfw\n@isacfw.hookimpl\ndef register_scenarios():\n    return {'mine': {}}\n"
    (tmp_path / "scenarios.py").write_text(scenarios)
    status, out, err = cli("check", *names)
    assert (status, out) == (2, "")
    assert re.fullmatch(f"isacfw: {sentence}\n", err)


def test_the_command_takes_a_name_of_a_plugin(cli, file):
    path = file()
    told = f"metric mine of extra: {len(checks_of(Total()))} passed\n"
    for name in ("mine", "extra:mine"):
        assert cli("check", "--plugin", path, name) == (0, told, "")


def test_a_file_stands_for_its_own_parts_only(cli, file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file(CONSTANT, name="other.py")
    file()
    status, out, _ = cli("check", "--plugin", "other.py", "extra.py")
    assert status == 0
    assert out.startswith("metric mine of extra: ")
    status, out, _ = cli("check", "./extra.py", tmp_path / "extra.py", "mine", "--plugin", "other.py")
    assert status == 1
    assert re.findall(r"mine of (\w+)", out) == ["extra", "other"]


def test_debug_shows_where_a_part_raises(cli, file):
    path = file("1 / 0")
    assert "Traceback" not in "".join(cli("check", path)[1:])
    status, out, err = cli("check", "--debug", path)
    assert status == 1
    assert "Traceback" not in out
    assert "isacfw: check metric_shapes of mine of extra\nTraceback" in err
    assert f'File "{path}", line 17, in evaluate' in err
    assert "ZeroDivisionError: division by zero" in err


def test_verbose_lists_every_check_with_its_demand(cli, file):
    status, out, _ = cli("check", "--verbose", file(CONSTANT))
    assert status == 1
    title, *lines = out.splitlines()
    assert title == f"metric mine of extra: {len(checks_of(Total())) - 1} passed, 1 failed"
    failed = "  failed   a_direction_means_a_difference: mine is better higher, but the same for all allocations"
    expected = [f"  passed   {one.name}: {one.demand}" for one in checks_of(Total())]
    assert lines == [failed if "a_direction_means" in line else line for line in expected]
