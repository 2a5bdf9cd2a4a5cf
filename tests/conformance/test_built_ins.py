"""Every built-in part keeps its contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from isacfw.cli.templates import NEW_KINDS
from isacfw.host import hookspecs
from isacfw.host.host import PluginHost
from isacfw.host.kinds import KINDS
from isacfw.testing import checks_of, examples_of, parametrize_with_checks
from isacfw.testing.checks import CHECKS, kind_of

PARTS = {
    f"{info.kind} {info.qualified_name}{number}": (info.kind, part)
    for info in PluginHost(discover=False).parts()
    for number, part in enumerate(examples_of(info.cls))
}

EXTENDING = Path(__file__).parents[2] / "docs" / "extending"

NO_CLAIM = {"claimed_optimum_against_exact", "claims_are_not_beaten"}
NO_OPTIMUM = NO_CLAIM | {"optimum_is_not_below_a_uniform_split"}
NO_UTILITY = {
    "utility_does_not_fall_with_rates",
    "utility_is_concave_in_rates",
    "gradient_against_differences",
    "split_is_optimal",
    "split_of_a_batch_is_that_of_its_members",
}
DRAWN = {"batch_is_its_members", "no_answer_is_no_number"}
SKIPPED = {
    ("channel", "rayleigh"): {"means_and_covariances_against_draws", "variances_against_covariances"},
    ("channel", "correlated"): {"isotropic_claim_against_sampled_moments"},
    ("channel", "rician"): {"isotropic_claim_against_sampled_moments"},
    ("channel", "tr38901"): {"isotropic_claim_against_sampled_moments"},
    ("channel", "file"): {
        "means_and_covariances_against_draws",
        "variances_against_covariances",
        "isotropic_claim_against_sampled_moments",
    },
    ("precoder", "rzf"): {"statistics_against_sampled_moments"},
    ("precoder", "osic"): {"statistics_against_sampled_moments", "model_agrees_with_simulation"},
    ("objective", "least_power"): NO_UTILITY,
    ("objective", "least_crlb"): NO_UTILITY,
    ("allocator", "sca"): NO_CLAIM,
    ("allocator", "ipopt"): NO_CLAIM,
    ("allocator", "uno"): NO_CLAIM,
    ("allocator", "equal_com"): NO_OPTIMUM,
    ("allocator", "equal_cs"): NO_OPTIMUM,
    ("metric", "rate_distribution"): DRAWN,
    ("metric", "crlb_distribution"): DRAWN,
}
SOMETIMES = {"allocator", "beam", "channel", "figure", "precoder"}
SIMULATING = {
    "model_agrees_with_simulation",
    "statistics_against_sampled_moments",
    "uplink_agrees_with_simulation",
}
ALWAYS_SIMULATED = {"mrt", "rayleigh", "steered"}
ALWAYS_DRAWN = "nguyen2025-fig6"
BY_NIGHT = {"topal2024", "regimes", "liu2022", "pareto", "liao2024", "temiz2022"}
"""Figures of longer computations, tried by night but for some checks."""
SHORT = {"data_can_be_saved", "something_is_drawn"}


def mostly_slow(checks):
    """Mark the checks that simulate, and those of figures, as slow, except those of some parts."""
    names, cases = checks.args
    slow = [
        (part.name not in ALWAYS_SIMULATED and check.__name__ in SIMULATING)
        or (kind_of(part) == "figure" and part.name != ALWAYS_DRAWN)
        for part, check in (case.values for case in cases)
    ]
    marks = [[*case.marks, *([pytest.mark.slow] if one else [])] for case, one in zip(cases, slow, strict=True)]
    for (part, check), own in zip((case.values for case in cases), marks, strict=True):
        if kind_of(part) == "figure" and part.name in BY_NIGHT and check.__name__ not in SHORT:
            own.append(pytest.mark.nightly)
    return pytest.mark.parametrize(
        names, [pytest.param(*case.values, id=case.id, marks=own) for case, own in zip(cases, marks, strict=True)]
    )


@mostly_slow(parametrize_with_checks([part for _, part in PARTS.values()]))
def test_a_built_in_part_passes(part, check):
    kind = kind_of(part)
    skipped = SKIPPED.get((kind, part.name), set())
    try:
        check(part)
    except pytest.skip.Exception:
        assert check.__name__ in skipped
        raise
    # Examples of other kinds differ in what they skip.
    assert kind in SOMETIMES or check.__name__ not in skipped


def test_every_check_that_is_skipped_exists():
    checks = {(kind, part.name): {check.name for check in checks_of(part)} for kind, part in PARTS.values()}
    for part, names in SKIPPED.items():
        assert names <= checks[part]


def test_every_kind_has_an_example_and_checks():
    examples = dict(PARTS.values())
    assert set(examples) == set(KINDS)
    general = {check.name for check in CHECKS if not check.kind}
    assert len(general) >= 10
    for kind, part in examples.items():
        own = {check.name for check in checks_of(part) if check.kind == kind}
        assert general <= {check.name for check in checks_of(part)}
        assert own, kind


def test_every_kind_has_a_hook_a_room_of_checks_a_template_and_a_page():
    hooks = {name for name in vars(hookspecs) if name.startswith("register_")} - {"register_scenarios"}
    assert hooks == {f"register_{kind}s" for kind in KINDS}
    rooms = {check.kind: check.function.__module__ for check in CHECKS if check.kind}
    assert rooms == {kind: f"isacfw.testing.{kind}s" for kind in KINDS}
    assert tuple(KINDS) == NEW_KINDS
    pages = {path.stem for path in EXTENDING.glob("*.md")}
    assert set(KINDS) <= pages
    every_hook = (EXTENDING / "hooks.md").read_text(encoding="utf-8")
    index = (EXTENDING / "README.md").read_text(encoding="utf-8")
    for kind in KINDS:
        assert f"`register_{kind}s()`" in every_hook
        assert f"[{kind}.md]({kind}.md)" in index


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
        (["ula"], {"array example 1: ula": "ula0", "array example 2: ula": "ula1"}),
        (["user_rates", "powers"], {"metric user_rates": "user_rates0", "metric powers": "powers0"}),
        (["powers", "isacfw:powers"], {"metric powers": "powers0"}),
    ],
    ids=["examples", "names", "once"],
)
def test_the_command_says_so(cli, names, titles):
    status, out, err = cli("check", *names)
    counts = {
        title: len(checks_of(PARTS[f"{title.split()[0]} isacfw:{name}"][1])) for title, name in titles.items()
    }
    assert (status, err) == (0, "")
    assert out.splitlines() == [f"{title} of isacfw: {count} passed" for title, count in counts.items()]


def test_the_command_shows_what_was_skipped(cli):
    status, out, _ = cli("check", "rate_distribution")
    assert status == 0
    count = len(checks_of(PARTS["metric isacfw:rate_distribution0"][1]))
    skipped = [
        "  skipped  batch_is_its_members: it takes one drop at a time",
        "  skipped  no_answer_is_no_number: it is not called without an allocation",
    ]
    titles = [
        f"metric example {number}: rate_distribution of isacfw: {count - 2} passed, 2 skipped"
        for number in (1, 2)
    ]
    assert out.splitlines() == [line for title in titles for line in (title, *skipped)]
