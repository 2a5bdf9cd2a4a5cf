"""Objectives and requirements of scenarios: files, mistakes, sweeps, and their use in comparisons."""

from __future__ import annotations

import json
import re

import attrs
import numpy as np
import pytest

import isacfw
from isacfw import InputError, Quantity
from isacfw.config import structure, to_toml
from isacfw.scenario.goals import SHORT_FORM
from isacfw_plugins.objectives.alpha_fair import AlphaFair
from isacfw_plugins.objectives.max_min import MaxMin
from isacfw_plugins.requirements.user_rate import UserRate

HOST = isacfw.PluginHost(discover=False)
NO_LIMITS = {"sensing": {"frame_length": 30}}
RATE = {"kind": "user_rate", "minimum": 0.1}


@pytest.fixture
def read(variant):
    """Return a function that reads the small scenario with changes."""
    return lambda changes: structure(variant(changes), HOST)


@pytest.fixture
def run(variant):
    """Return a function that compares the allocators of the small scenario with changes."""

    def of(changes, host=HOST):
        return isacfw.compare(structure(variant(changes), host), execution=isacfw.Execution(host=host))

    return of


def test_the_sum_rate_is_the_default(read):
    scenario = read({})
    assert scenario.objective == isacfw.SumRate()
    assert scenario.requirements == {}
    assert scenario.goals.names == (SHORT_FORM,)
    assert read(NO_LIMITS).goals.names == ()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"objective": "max_mn"}, "objective must name a known objective, got 'max_mn'; did you mean 'max_min'?"),
        (
            {"objective": {"kind": "max_mn"}},
            "objective.kind must name a known objective, got 'max_mn'; did you mean 'max_min'?",
        ),
        ({"objective": 3}, "objective must be a name or a table with a kind, got 3"),
        ({"objective": {"weights": [1.0]}}, "objective.kind must be given"),
        (
            {"objective": {"kind": "sum_rate", "weigths": [1.0]}},
            "objective.weigths is not a known key; did you mean 'weights'?",
        ),
        ({"objective": {"kind": "sum_rate", "weights": 1}}, "objective.weights must be a list, got 1"),
        (
            {"objective": {"kind": "sum_rate", "weights": []}},
            "objective.weights must be a nonempty list, got ()",
        ),
        (
            {"objective": {"kind": "sum_rate", "weights": [0, 0, 0]}},
            "objective.weights must have a positive entry, got (0.0, 0.0, 0.0)",
        ),
        (
            {"objective": {"kind": "proportional_fair", "weights": [1, -2, 3]}},
            "objective.weights[1] must be a finite number at least 0, got -2.0",
        ),
        (
            {"objective": {"kind": "alpha_fair", "alpha": -1}},
            "objective.alpha must be a finite number at least 0 and at most 1000, got -1.0",
        ),
        ({"objective": "alpha_fair"}, "objective.alpha must be given"),
        (
            {"objective": "least_power", **NO_LIMITS},
            "objective.kind must be another objective if nothing is required, got 'least_power'",
        ),
        (
            {"objective": {"kind": "least_crlb", "target": 2}},
            "objective.target must be at most 1, the number of targets, got 2",
        ),
        (
            {"objective": {"kind": "least_crlb", "angle": "azimut"}},
            "objective.angle must be one of 'azimuth', 'elevation', got 'azimut'",
        ),
        (
            {"objective": {"kind": "least_crlb", "angle": "azimuth"}, **NO_LIMITS, "target.known": ["azimuth"]},
            "objective.angle must leave an angle that is not known, got none",
        ),
        (
            {"objective": {"kind": "least_crlb", "measure": "worst"}, **NO_LIMITS},
            "objective.measure must be 'sum' where no selected angle has a CRLB limit, got 'worst'",
        ),
        ({"requirements": 3}, "requirements must be a table, got 3"),
        ({"requirements": [RATE]}, "requirements must be a table, got [{'kind': 'user_rate', 'minimum': 0.1}]"),
        ({"requirements.minimum": 0.1}, "requirements.minimum must be a name or a table with a kind, got 0.1"),
        (
            {"requirements.qos": {"kind": "user_rat", "minimum": 0.1}},
            "requirements.qos.kind must name a known requirement, got 'user_rat'; did you mean 'user_rate'?",
        ),
        ({"requirements.qos": {"minimum": 0.1}}, "requirements.qos.kind must be given"),
        ({"requirements.qos": "user_rate"}, "requirements.qos.minimum must be given, or sinr_db"),
        (
            {"requirements.qos": {"kind": "user_rate", "minimun": 0.1}},
            "requirements.qos.minimun is not a known key; did you mean 'minimum'?",
        ),
        (
            {"requirements.qos": {"kind": "user_rate", "minimum": -0.1}},
            "requirements.qos.minimum must be a finite number at least 0, got -0.1",
        ),
        (
            {"requirements.qos": {"kind": "user_rate", "minimum": [0.1, "much", 0.1]}},
            "requirements.qos.minimum[1] must be a finite number at least 0, got 'much'",
        ),
        (
            {"requirements": {SHORT_FORM: RATE}},
            "requirements.sensing must have another name, that of the limits of [sensing] is taken",
        ),
        (
            {"requirements": {"a b": RATE}},
            "requirements.a b must have a name of letters, digits and underscores, got 'a b'",
        ),
        ({"requirement.qos": RATE}, "requirement is not a known key; did you mean 'requirements'?"),
        ({"requirements.narrow": "crlb"}, "requirements.narrow.limit_db is required unless an angle has a limit"),
        (
            {"requirements.narrow": {"kind": "crlb", "limit_db": -40, "azimuth_limit_db": -30}},
            "requirements.narrow.azimuth_limit_db cannot be combined with limit_db",
        ),
        (
            {"requirements.narrow": {"kind": "crlb", "limit_db": -40, "target": 2}},
            "requirements.narrow.target must be at most 1, the number of targets, got 2",
        ),
        (
            {"requirements.both": {"kind": "sum_crlb", "limit_db": -40, "angle": "azimuth"}}
            | {**NO_LIMITS, "target.known": ["azimuth"]},
            "requirements.both.angle must leave an angle that is not known, got none",
        ),
        (
            {"sweep": {"objective.alpha": [0.5]}},
            "sweep.objective.alpha must be a key of the scenario; known: weights",
        ),
        (
            {"objective": {"kind": "alpha_fair", "alpha": 1.0}, "sweep": {"objective.alpha": [0.5, -1.0]}},
            "sweep.objective.alpha must be a finite number at least 0 and at most 1000, got -1.0",
        ),
        (
            {"sweep": {"objective": ["max_min", "sum_rate"]}},
            "sweep.objective must report sum_rate, as in the scenario, got max_min, which reports smallest_rate",
        ),
        (
            {"requirements.qos": RATE, "sweep": {"requirements.qs.minimum": [0.1]}},
            "sweep.requirements.qs must be in the table; did you mean 'qos'?",
        ),
        (
            {"requirements.qos": RATE, "sweep": {"requirements.qos.minimm": [0.1]}},
            "sweep.requirements.qos.minimm must be a key of the scenario; did you mean 'minimum'?",
        ),
        (
            {"requirements.qos": RATE, "sweep": {"requirements.qos.minimum": [0.1, -0.2]}},
            "sweep.requirements.qos.minimum must be a finite number at least 0, got -0.2",
        ),
        (
            {"requirements.qos": RATE, "sweep": {"requirements.qos": [0.1]}},
            "sweep.requirements.qos must lead to a value and not to a table, got 0.1",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_mistake_is_a_sentence_with_its_key(read, changes, sentence):
    with pytest.raises(InputError) as caught:
        read(changes)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"objective": {"kind": "sum_rate", "weights": [1.0, 2.0]}},
            "objective.weights must have one entry for each of 3 users, got 2",
        ),
        (
            {"requirements.qos": {"kind": "user_rate", "minimum": [0.1, 0.2]}},
            "requirements.qos.minimum must have one entry for each of 3 users, got 2",
        ),
        (
            {"objective": {"kind": "sum_rate", "weights": [1.0, 2.0, 3.0]}, "sweep": {"channel.users": [3, 4]}},
            "objective.weights must have one entry for each of 4 users, got 3",
        ),
    ],
    ids=["weights", "rates", "one point"],
)
def test_numbers_that_do_not_fit_the_users_are_mistakes(cli, scenario_file, changes, sentence):
    assert cli("compare", scenario_file(changes)) == (2, "", f"isacfw: {sentence}\n")


@pytest.mark.parametrize(
    ("assignment", "sentence"),
    [
        ("objective=max_mn", "objective must name a known objective, got 'max_mn'; did you mean 'max_min'?"),
        ("requirements.qos.kind=user_rat", "requirements.qos.kind must name a known requirement, got 'user_rat'"),
        ("requirements.qos=3", "requirements.qos must be a name or a table with a kind, got 3"),
    ],
)
def test_the_command_shows_the_sentence_alone(cli, scenario_file, assignment, sentence):
    status, out, err = cli("compare", scenario_file(), "--set", assignment)
    assert (status, out) == (2, "")
    assert err.startswith(f"isacfw: {sentence}")
    assert err.count("\n") == 1


def test_names_of_new_parts_are_suggested(cli):
    assert cli("check", "max_mn") == (2, "", "isacfw: no part named 'max_mn'; did you mean 'max_min'?\n")
    assert cli("new", "objectiv", "x") == (2, "", "isacfw: unknown kind 'objectiv'; did you mean 'objective'?\n")


def test_the_command_lists_objectives_and_requirements(cli):
    status, out, _ = cli("plugins")
    assert status == 0
    listed = set(re.findall(r"^ ?(objective|requirement) +(\w+) +isacfw ", out, re.MULTILINE))
    names = {(info.kind, info.name) for info in HOST.parts() if info.kind in ("objective", "requirement")}
    assert listed == names


@pytest.mark.parametrize(
    "changes",
    [
        {"objective": "max_min"},
        {"objective": {"kind": "alpha_fair", "alpha": 2.0, "weights": [1.0, 2.0, 3.0]}},
        {"objective": "least_power", "requirements": {"qos": RATE}},
        {
            "requirements": {
                "each": {"kind": "user_rate", "minimum": [0.1, 0.2, 0.3]},
                "all_angles": {"kind": "sum_crlb", "limit_db": -31.0},
                "one": {"kind": "crlb", "elevation_limit_db": -32.5, "target": 1},
            }
        },
        {
            "objective": {"kind": "alpha_fair", "alpha": 2.0},
            "requirements": {"qos": RATE},
            "sweep": {"objective.alpha": [0.5, 1.0], "requirements.qos.minimum": [0.1, 0.2]},
        },
    ],
    ids=["name", "options", "requirement", "requirements", "sweep"],
)
def test_a_scenario_survives_a_file(read, changes, tmp_path):
    scenario = read(changes)
    path = tmp_path / "again.toml"
    path.write_text(to_toml(scenario, HOST))
    assert isacfw.load_scenario(path).scenario == scenario


def test_options_are_swept(read):
    scenario = read(
        {
            "objective": {"kind": "alpha_fair", "alpha": 2.0},
            "requirements": {"qos": RATE},
            "sweep": {"objective.alpha": [0.5, 1.0], "requirements.qos.minimum": [0.1, 0.2]},
        }
    )
    points = [(point.objective, point.requirements["qos"]) for _, point in scenario.points()]
    assert points == [
        (AlphaFair(alpha=alpha), UserRate(minimum=rate)) for alpha in (0.5, 1.0) for rate in (0.1, 0.2)
    ]


def test_a_swept_option_may_be_left_out(read):
    changes = {"requirements.qos": "user_rate", "sweep": {"requirements.qos.minimum": [0.1, 0.2]}}
    assert [point.requirements["qos"].minimum for _, point in read(changes).points()] == [0.1, 0.2]
    changes = {"objective": "alpha_fair", "sweep": {"objective.alpha": [0.5, 2.0]}}
    assert [point.objective.alpha for _, point in read(changes).points()] == [0.5, 2.0]


def test_the_tightest_limits_count(read):
    scenario = read(
        {
            "sensing": {"azimuth_crlb_limit_db": -30.0},
            "requirements": {
                "loose": {"kind": "crlb", "limit_db": -20.0},
                "tight": {"kind": "crlb", "elevation_limit_db": -35.0},
                "slow": {"kind": "user_rate", "minimum": [0.3, 0.0, 0.1]},
                "fast": {"kind": "user_rate", "minimum": 0.2},
                "all_angles": {"kind": "sum_crlb", "limit_db": -25.0},
            },
        }
    )
    problem = scenario.problem(scenario.precoders[0])
    np.testing.assert_allclose(problem.crlb_limit, [[10**-3, 10**-3.5]])
    np.testing.assert_array_equal(problem.minimum_rate, [[0.3, 0.2, 0.2]])
    np.testing.assert_array_equal(problem.crlb_sum_weights, [[[1, 1]]])
    np.testing.assert_allclose(problem.crlb_sum_limit, [[10**-2.5]])
    assert scenario.goals.names == (SHORT_FORM, "loose", "tight", "slow", "fast", "all_angles")


def test_an_angle_that_a_requirement_limits_is_estimated(read):
    """A line sees one direction cosine, so that an angle without a limit counts as known."""
    lines = {side: {"kind": "ula", "elements": 8} for side in ("transmit_array", "receive_array")}
    scenario = read({**lines, "sensing": {"frame_length": 30, "azimuth_crlb_limit_db": -30.0}})
    assert list(scenario.known_angles()) == [0, 1]
    limited = attrs.evolve(scenario, requirements={"narrow": HOST.find("requirement", "crlb").cls(limit_db=-20)})
    assert list(limited.known_angles()) == [0, 0]


@attrs.frozen(kw_only=True)
class Broken(isacfw.Objective):
    """An objective that raises."""

    name = "broken"
    quantity = Quantity(name="broken", better="higher", description="Nothing", role="objective")

    def value(self, performance):
        raise RuntimeError("no value")


@attrs.frozen(kw_only=True)
class Flat(Broken):
    """An objective whose value has no batch axes."""

    name = "flat"

    def value(self, performance):
        return performance.rates.sum()


@attrs.frozen(kw_only=True)
class Faulty(isacfw.Requirement):
    """A requirement whose constraint is anything."""

    name = "faulty"
    found = None

    def constraint(self, setting):
        return self.found


@attrs.frozen(kw_only=True)
class Narrow(Faulty):
    """A requirement with too few weights."""

    name = "narrow"
    found = isacfw.SumLimit(weights=np.ones(1), limit=1.0)


@attrs.frozen(kw_only=True)
class Undeclared(Faulty):
    """A requirement that limits angles without saying so."""

    name = "undeclared"
    found = isacfw.AngleLimits(limit=np.ones(2))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"objective": "broken"}, "objective broken of test_goals raised RuntimeError: no value"),
        ({"objective": "flat"}, r"objective flat of test_goals must return a value of shape \(1, 2\), got \(\)"),
        ({"requirements.a": "faulty"}, "requirement faulty of test_goals must return a constraint, got None"),
        (
            {"requirements.a": "narrow"},
            "requirement narrow of test_goals must give each of 2 angles a weight, .*",
        ),
        (
            {"requirements.a": "undeclared"},
            "requirement undeclared of test_goals must return AngleLimits if and only if its class sets .*",
        ),
    ],
    ids=["raises", "shape", "no constraint", "weights", "undeclared"],
)
def test_a_faulty_part_fails_its_rows(run, host_with, changes, sentence):
    host = host_with(
        register_objectives=lambda: [Broken, Flat], register_requirements=lambda: [Faulty, Narrow, Undeclared]
    )
    comparison = run(changes, host)
    assert comparison.failed
    assert {row["status"] for row in comparison.records()} == {"failed"}
    for row in comparison.records():
        assert re.fullmatch(sentence, row["message"])
    assert "binding" not in str(comparison)


def test_a_faulty_check_names_its_part(read, variant, host_with):
    @attrs.frozen(kw_only=True)
    class Checked(Broken):
        """An objective whose check raises."""

        name = "checked"

        def check(self, setting):
            raise RuntimeError("no check")

    with pytest.raises(isacfw.IsacError) as caught:
        structure(variant({"objective": "checked"}), host_with(register_objectives=lambda: [Checked]))
    assert str(caught.value) == f"objective checked of {Checked.provider()} raised RuntimeError: no check"


def test_records_have_value_bound_and_margins(run):
    comparison = run({"objective": "max_min", "requirements": {"qos": {"kind": "user_rate", "minimum": 1e-9}}})
    for row in comparison.records():
        assert row["smallest_rate"] == pytest.approx(row["objective_value"])
        assert "bound" in row
        worst = max(row["crlb_azimuth_db"], row["crlb_elevation_db"])
        assert row["margin_sensing"] == pytest.approx(1 - 10 ** ((worst + 30) / 10))
        assert row["margin_qos"] == pytest.approx(row["objective_value"] / 1e-9 - 1)
    assert {"objective_value", "bound", "margin_sensing", "margin_qos"} <= set(
        json.loads(comparison.to_json())[0]
    )


def test_every_objective_has_the_direction_of_its_name():
    for info in HOST.parts("objective"):
        for part in info.cls.examples():
            least = info.name.startswith("least_")
            assert part.reported().better == ("lower" if least else "higher"), info.name
            assert part.rises is not least


def test_the_least_is_the_best(run):
    changes = {"objective": "least_crlb", "allocators": ["equal_com", "equal_cs"], "precoders": ["mrt"]}
    table = run({**changes, **NO_LIMITS, "drops": 1}).table()
    assert list(table["best"]) == list(table["sum_crlb"] == table["sum_crlb"].min())
    assert table["best"].any()
    assert (table["distance_to_best_percent"] >= 0).all()


def test_a_constraint_of_a_requirement_has_a_margin():
    from isacfw.allocation.requirement import margin_of

    rates, crlb = np.array([[0.2, 0.4], [0.1, 0.0]]), np.array([[1e-4, 4e-4], [np.nan, 1e-3]])
    floors = isacfw.RateFloors(minimum=np.array([0.1, 0.0]))
    np.testing.assert_allclose(margin_of(floors, rates, crlb), [1.0, 0.0])
    limits = isacfw.AngleLimits(limit=np.array([np.inf, 5e-4]))
    np.testing.assert_allclose(margin_of(limits, rates, crlb), [0.2, -1.0])
    total = isacfw.SumLimit(weights=np.array([0.0, 2.0]), limit=1e-3)
    np.testing.assert_allclose(margin_of(total, rates, crlb), [0.2, -1.0])
    nothing = isacfw.AngleLimits(limit=np.full(2, np.inf))
    np.testing.assert_array_equal(margin_of(nothing, rates, crlb), np.inf)


def test_max_min_is_the_limit_of_fairness():
    rates = np.random.default_rng(1).uniform(0.5, 3.0, (20, 4))
    performance = isacfw.Performance(
        power=np.ones(20),
        prelog=np.ones(20),
        sinr=2**rates - 1,
        rates=rates,
        crlb=np.ones((20, 2)),
        crlb_limit=np.ones((20, 2)),
    )
    alpha = 300.0
    fair = AlphaFair(alpha=alpha).value(performance)
    np.testing.assert_allclose(((1 - alpha) * fair) ** (1 / (1 - alpha)), MaxMin().value(performance), rtol=0.01)
