"""Every built-in part keeps its contract."""

from __future__ import annotations

import pytest

from isacfw.plugins import KINDS, PluginHost
from isacfw.testing import Outcome, check_part, checks_of, examples_of, parametrize_with_checks
from isacfw.testing.kit import _CHECKS

PARTS = {
    info.qualified_name + str(number): (info.kind, part)
    for info in PluginHost(discover=False).parts()
    for number, part in enumerate(examples_of(info.cls))
}

NO_RUN = {"same_seed_same_bits", "global_generators_untouched", "finite_output", "inputs_not_written_to"}
NO_OPTIMUM = {"claimed_optimum_against_exact", "optimum_is_not_below_a_uniform_split"}
SKIPPED = {
    "rzf": {"statistics_against_sampled_moments"},
    "equal_com": NO_OPTIMUM,
    "equal_cs": NO_OPTIMUM,
}
SLOW = ("isacfw:sca0", "isacfw:ipopt0")


@parametrize_with_checks([part for _, part in PARTS.values()])
def test_a_built_in_part_passes(part, check):
    check(part)


@pytest.mark.parametrize(
    ("kind", "part"), [pytest.param(*PARTS[name], id=name) for name in PARTS if name not in SLOW]
)
def test_no_check_is_skipped_that_says_something(kind, part):
    report = check_part(part)
    assert report.ok
    skipped = {result.check for result in report.results if result.outcome is Outcome.SKIPPED}
    assert skipped == (NO_RUN if kind == "figure" else SKIPPED.get(part.name, set()))


def test_every_kind_has_an_example_and_checks():
    examples = dict(PARTS.values())
    assert set(examples) == set(KINDS)
    general = {check.name for check in _CHECKS if not check.kind}
    assert len(general) >= 10
    for kind, part in examples.items():
        own = {check.name for check in checks_of(part) if check.kind == kind}
        assert general <= {check.name for check in checks_of(part)}
        assert own or kind == "figure"


def test_checks_of_a_part_have_different_names_and_a_demand():
    for _, part in PARTS.values():
        names = [check.name for check in checks_of(part)]
        assert len(set(names)) == len(names)
        for check in checks_of(part):
            assert check.demand.endswith("."), check.name


def test_those_for_all_parts_come_first():
    for kind, part in PARTS.values():
        kinds = [check.kind for check in checks_of(part)]
        assert kinds == sorted(kinds), kind


@pytest.mark.parametrize(
    ("names", "titles"),
    [
        (["upa"], {"array example 1: upa": "upa0", "array example 2: upa": "upa1"}),
        (["isacfw:zf", "crlb"], {"precoder zf": "zf0", "metric crlb": "crlb0"}),
        (["exact", "isacfw:exact"], {"allocator exact": "exact0"}),
    ],
    ids=["examples", "names", "once"],
)
def test_the_command_says_so(cli, names, titles):
    status, out, err = cli("check", *names)
    counts = {title: len(checks_of(PARTS[f"isacfw:{name}"][1])) for title, name in titles.items()}
    assert (status, err) == (0, "")
    assert out.splitlines() == [f"{title} of isacfw: {count} passed" for title, count in counts.items()]


def test_the_command_shows_what_was_skipped(cli):
    status, out, _ = cli("check", "rzf")
    assert status == 0
    count = len(checks_of(PARTS["isacfw:rzf0"][1]))
    assert out.splitlines() == [
        f"precoder rzf of isacfw: {count - 1} passed, 1 skipped",
        "  skipped  statistics_against_sampled_moments: its link statistics are the sampled moments",
    ]
