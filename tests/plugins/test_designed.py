"""The designed beam in scenarios: every objective, robust limits, simulation, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import isacfw
from isacfw import Designed, Scenario
from isacfw.simulation import Transmission, simulated_crlb, simulated_rates
from isacfw_plugins.allocators.exact import Exact
from isacfw_plugins.beams.difference import Difference
from isacfw_plugins.beams.joined import Joined
from isacfw_plugins.precoders.mrt import MRT
from isacfw_plugins.precoders.zf import ZF

ROBUST = Designed(robust_offsets_deg=((1.5, 0.0), (-1.5, 0.0), (0.0, 1.5), (0.0, -1.5)))


def scenario(**changes: Any) -> Scenario:
    content: dict[str, Any] = {
        "snr_db": 10.0,
        "drops": 3,
        "precoders": ["mrt", "zf"],
        "allocators": ["exact"],
        "transmit_array": {"kind": "upa", "horizontal": 8, "vertical": 8},
        "receive_array": {"kind": "upa", "horizontal": 4, "vertical": 4},
        "target": {"azimuth_deg": 20.0, "elevation_deg": 60.0, "reflection_amplitude": 0.1},
        "sensing": {"crlb_limit_db": -42.0},
        "channel": {"kind": "rayleigh", "users": 4},
    }
    return isacfw.load_scenario(content | changes).scenario


OBJECTIVES = ("sum_rate", "max_min", "least_power", "least_crlb")


@pytest.mark.parametrize("precoder", [MRT(), ZF()])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_no_given_beam_is_better(objective: str, precoder: isacfw.Precoder) -> None:
    given = scenario(
        objective=objective, requirements={"rates": {"kind": "user_rate", "minimum": 1e-3}}, snr_db=15.0
    )
    best = Exact().allocate(given.problem(precoder, beam=Designed()))
    assert (best.status == "optimal").all()
    for beam in (isacfw.Steered(), Difference(), Joined(beams=(isacfw.Steered(), Difference()))):
        other = Exact().allocate(given.problem(precoder, beam=beam))
        sign = 1 if objective in ("sum_rate", "max_min") else -1
        assert (sign * (best.value - other.value) >= -1e-9 * np.abs(best.value)).all()
        assert (sign * (best.value - other.value) > 1e-4 * np.abs(best.value)).any() or beam != isacfw.Steered()


def test_all_precoders_and_drops_share_one_covariance() -> None:
    given = scenario()
    statistics = given.statistics()
    forms = given.beam_statistics(Designed(), statistics).forms
    assert forms.shape == (1, 1, 3, 3)
    problems = [given.problem(precoder, statistics, beam=Designed()) for precoder in (MRT(), ZF())]
    np.testing.assert_array_equal(problems[0].fisher_sensing, problems[1].fisher_sensing)


def test_margins_count_the_worst_offset() -> None:
    given = scenario(
        beams=[{"kind": "designed", "robust_offsets_deg": [list(pair) for pair in ROBUST.robust_offsets_deg]}],
        sensing={"crlb_limit_db": -49.0},
        allocators=["exact", "equal_cs"],
        precoders=["mrt"],
        drops=1,
    )
    comparison = isacfw.compare(given)
    exact, equal = comparison.records()
    assert max(exact["crlb_azimuth_db"], exact["crlb_elevation_db"]) < -49.2
    assert exact["margin_sensing"] == pytest.approx(0, abs=1e-9)
    assert equal["margin_sensing"] == pytest.approx(-equal["max_violation"], rel=1e-9)
    assert "sensing: binds for exact (1/1); violated by equal_cs (1/1)" in str(comparison)


def test_robust_limits_hold_at_every_offset() -> None:
    given = scenario()
    problem = given.problem(MRT(), beam=ROBUST)
    found = Exact().allocate(problem)
    assert found.feasible.all()
    bounds = np.array(problem.displaced_crlb(found.communication, found.streams))
    assert bounds.shape == (4, 3, 2)
    assert (bounds <= problem.crlb_limit * (1 + 1e-9)).all()
    # Robustness costs power, and the plain design does not have it.
    plain = Exact().allocate(given.problem(MRT(), beam=Designed()))
    assert (found.sensing > 1.1 * plain.sensing).all()
    fragile = np.array(problem.displaced_crlb(plain.communication, plain.streams))
    assert (fragile > problem.crlb_limit).any() or (bounds < problem.crlb_limit).any()


def test_displaced_crlbs_are_those_of_displaced_targets() -> None:
    given = scenario()
    problem = given.problem(MRT(), beam=ROBUST)[0]
    x, q = np.full(4, 0.15), 0.4
    scene = given.scene(given.statistics([0]))
    weights = ROBUST.weights(scene, np.empty(0, dtype=complex))
    for (azimuth, elevation), bound in zip(ROBUST.robust_offsets_deg, problem.displaced_crlb(x, q), strict=True):
        there = given.with_values(
            {"target.azimuth_deg": 20.0 + azimuth, "target.elevation_deg": 60.0 + elevation}
        )
        basis = there.scene(there.statistics([0])).basis
        seen = basis.conj().T @ weights[:, 0]
        model, power = there.echo_model, 10.0
        forms = 0.6 * model.isotropic_forms + q * seen @ seen.conj().T / np.sum(np.abs(weights) ** 2)
        np.testing.assert_allclose(bound, isacfw.crlb(power * model.fisher(forms), model.jacobians), rtol=1e-6)


def test_simulation_sends_the_designed_covariance() -> None:
    given = scenario()
    found = Exact().allocate(given.problem(MRT(), beam=Designed()))
    sent = Transmission.of(given, MRT(), 0, found.communication[0], found.streams[0], beam=Designed())
    rates = simulated_rates(sent, 4000, np.random.default_rng(1))
    assert (np.abs(rates.value - found.rates[0]) <= 5 * rates.standard_error + 1e-3).all()
    bounds = simulated_crlb(sent, given, 4000, np.random.default_rng(2))
    assert (np.abs(bounds.value - found.crlb[0]) <= 5 * bounds.standard_error).all()


def test_what_depends_on_the_users_has_no_weights_without_them() -> None:
    given = scenario(objective="least_power")
    scene = given.scene(given.statistics([0]))
    with pytest.raises(isacfw.IncompatibleError, match="depends on the users"):
        Designed().weights(scene, np.empty(0, dtype=complex))


def test_rows_that_cannot_be_designed_say_why() -> None:
    channel = {"kind": "rayleigh", "users": 4, "estimates": "physical", "pilot_length": 2}
    given = scenario(beams=["designed"], precoders=["mrt"], objective="least_power", channel=channel)
    (record, *_) = isacfw.compare(given).records()
    assert record["status"] == "skipped"
    assert "common to all of them" in record["message"]


@pytest.mark.parametrize("allocator", ["sca", "ipopt"])
def test_solvers_without_displaced_targets_refuse_them(allocator: str) -> None:
    part = isacfw.PluginHost().find("allocator", allocator).cls()
    assert "displaced" in str(part.refusal(scenario().problem(MRT(), beam=ROBUST)[0]))
    assert part.refusal(scenario().problem(MRT(), beam=Designed())[0]) is None


def test_infeasible_limits_are_certified_for_every_beam() -> None:
    given = scenario(sensing={"crlb_limit_db": -70.0}, beams=["designed"])
    record = isacfw.compare(given).records()[0]
    assert record["status"] == "infeasible"
    assert record["message"].startswith("the CRLB limits are infeasible: at full power")


@pytest.mark.parametrize(
    ("offsets", "sentence"),
    [
        ("[[1.0]]", "robust_offsets_deg[0] must be [azimuth, elevation] in degrees, got (1.0,)"),
        ("[[1.0, 200.0]]", "robust_offsets_deg[0] must be a finite number at least -90 and at most 90, got 200"),
        ("3", "robust_offsets_deg must be a list, got 3"),
    ],
)
def test_bad_offsets_are_one_line(offsets: str, sentence: str) -> None:
    with pytest.raises(isacfw.InputError) as caught:
        isacfw.load_scenario(
            "nguyen2025", overrides=[f'beams = [{{ kind = "designed", robust_offsets_deg = {offsets} }}]']
        )
    assert sentence in str(caught.value)
