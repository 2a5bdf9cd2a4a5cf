"""Time limits hold for the long runs of built-in parts: sampled moments, designed beams and simulated metrics."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from small import SMALL

from isacfw import Execution, compare, load_scenario
from isacfw.base import guard
from isacfw.base.errors import IsacWarning, PartTimedOutError
from isacfw.sensing.share_solver import ShareSolver
from isacfw.signal import moments
from isacfw_plugins.channels.rayleigh import Rayleigh
from isacfw_plugins.precoders.rzf import RZF

PLAIN: dict[str, Any] = SMALL | {
    "drops": 3,
    "precoders": ["mrt"],
    "allocators": ["equal_com"],
    "sensing": {"crlb_limit_db": -20.0},
}
SAMPLED = PLAIN | {"precoders": ["rzf", "mrt"]}
RAYLEIGH = Rayleigh(large_scale_fading=[1.0])


def run(scenario: dict[str, Any], **options: Any) -> Any:
    return compare(load_scenario(scenario), execution=Execution(**options))


def rows(comparison: Any, **labels: str) -> dict[str, Any]:
    """Return all values of some rows but their times."""
    found = comparison.dataset.sel(**labels).drop_vars(["seconds"], errors="ignore").load()
    return {name: found[name].to_numpy() for name in found.data_vars}


def loop(*_given: Any) -> Any:
    while True:
        time.sleep(0.01)


def assert_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)


def test_sampled_moments_end_at_the_limit_and_no_other_row_changes() -> None:
    found = run(SAMPLED | {"sampling_accuracy": 1e-4, "time_limit_s": 0.2})
    lost = rows(found, precoder="rzf")
    assert (lost["status"] == "timed_out").all()
    sentence = str(lost["message"].flat[0])
    assert sentence.startswith("the sampled moments of rzf were stopped at the time limit of 0.2 s, after ")
    assert "\n" not in sentence
    assert_same(rows(found, precoder="mrt"), rows(run(SAMPLED | {"sampling_accuracy": 0.5}), precoder="mrt"))


def test_rows_whose_sampling_was_stopped_are_tried_again(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = SAMPLED | {"sampling_accuracy": 0.02, "time_limit_s": 60.0}
    counted: list[Any] = []
    original = moments._sample

    def count(*given: Any) -> Any:
        counted.append(given)
        return original(*given)

    monkeypatch.setattr(moments, "_sample", count)
    with monkeypatch.context() as strict:
        strict.setattr(moments, "Deadline", lambda who, _seconds: guard.Deadline(who, -1.0))
        first = run(scenario, out=tmp_path)
    assert (rows(first, precoder="rzf")["status"] == "timed_out").all()
    before = len(counted)
    second = run(scenario, out=tmp_path)
    assert len(counted) > before
    assert (rows(second, precoder="rzf")["status"] == "feasible").all()
    assert_same(rows(second, precoder="mrt"), rows(first, precoder="mrt"))
    assert_same(rows(second, precoder="rzf"), rows(run(scenario), precoder="rzf"))


def test_a_slow_call_of_a_built_in_precoder_ends_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RZF, "weights", loop)
    lost = rows(run(SAMPLED | {"time_limit_s": 0.2, "sampling_accuracy": 0.5}), precoder="rzf")
    assert (lost["status"] == "timed_out").all()
    assert "was stopped at its time limit of 0.2 s" in str(lost["message"].flat[0])


@pytest.mark.parametrize("objective", ["sum_rate", "least_power"])
def test_a_designed_beam_ends_at_the_limit_and_no_other_row_changes(
    objective: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The covariance is one for all users, or depends on their minimum rates."""
    changes: dict[str, Any] = {
        "objective": objective,
        "allocators": ["exact"],
        "sensing": {"crlb_limit_db": -60.0},
    }
    if objective == "least_power":
        changes["requirements"] = {"rate": {"kind": "user_rate", "minimum": 0.1}}
    monkeypatch.setattr(ShareSolver, "_optimise", loop)
    found = run(PLAIN | changes | {"beams": ["designed", "steered"], "time_limit_s": 0.2})
    lost = rows(found, beam="designed")
    assert (lost["status"] == "timed_out").all(), lost["message"]
    assert str(lost["message"].flat[0]).endswith("was stopped at its time limit of 0.2 s")
    alone = run(PLAIN | changes | {"beams": ["difference", "steered"]})
    assert_same(rows(found, beam="steered"), rows(alone, beam="steered"))


def test_a_simulated_metric_ends_at_the_limit() -> None:
    metric = {"kind": "rate_distribution", "draws": 1_000_000}
    with pytest.warns(IsacWarning, match="rate_distribution of isacfw: draws of .* at the time limit of 0.1 s"):
        found = run(PLAIN | {"drops": 1, "metrics": [metric], "time_limit_s": 0.1})
    assert (found.dataset["status"].to_numpy() == "feasible").all()


def spend(seconds: float, drops: int) -> None:
    with guard.part_time_limit(0.02), guard.guard("channel x", RAYLEIGH, drops=drops):
        time.sleep(seconds)


def test_the_limit_is_for_each_drop() -> None:
    """A chunk of drops may take as long as its drops one after the other."""
    messages = []
    for drops in (1, 8):
        with pytest.raises(PartTimedOutError) as raised:
            spend(5.0, drops)
        messages.append(str(raised.value))
    assert messages == [
        "channel x was stopped at its time limit of 0.02 s",
        "channel x was stopped at its time limit of 0.16 s for 8 drops",
    ]
    spend(0.05, 0)
