"""The least power that certifies minimum rates as infeasible, against linear programs with cutting planes."""

from __future__ import annotations

import re
from typing import ClassVar, final

import attrs
import numpy as np
import pytest
from cutting_planes import Cutter
from numerics import general_problem, in_pairs, random_problem

from isacfw import Allocator, FloatArray, PowerAllocationProblem, Shares, Status
from isacfw.allocation.splits import needed_power


def wanted(problem: PowerAllocationProblem, part: float) -> PowerAllocationProblem:
    """Return a problem whose users want a part of their rates at equal shares of most of the power."""
    x, q = np.full(problem.users, 0.8 / problem.users), np.full(problem.streams, 0.2 / problem.streams)
    return attrs.evolve(problem, minimum_rate=part * problem.rates(x, q))


def problem_of(seed: int) -> PowerAllocationProblem:
    """Return a problem whose users or streams couple, or differ in their Fisher information, or both."""
    generator = np.random.default_rng(seed)
    return general_problem(
        generator,
        int(generator.integers(2, 6)),
        streams=int(generator.integers(1, 4)),
        targets=1 + seed % 2,
        users_differ=seed % 3 != 0,
        streams_differ=seed % 5 != 0,
        coupled=seed % 4 != 2,
        known=(1,) if seed % 4 == 0 else (),
        slack_db=0.3,
    )


def needed(problem: PowerAllocationProblem) -> float:
    return float(needed_power(problem, np.asarray(True)))


def reference(problem: PowerAllocationProblem) -> float:
    assert problem.least_sinr is not None
    return Cutter(problem).least_power(problem.least_sinr)


def with_power(problem: PowerAllocationProblem, factor: float) -> PowerAllocationProblem:
    """Return a problem at a multiple of the transmit power."""
    names = ["gain", "sensing_interference", "common_interference", "coupling", "stream_coupling"]
    names += ["fisher_communication", "fisher_sensing", "fisher_users", "fisher_streams", "power"]
    given = {name: getattr(problem, name) for name in names}
    return attrs.evolve(problem, **{name: factor * value for name, value in given.items() if value is not None})


@pytest.mark.parametrize("seed", range(20, 32))
def test_needed_power_against_cutting_planes(seed: int) -> None:
    problem, found = problem_of(seed), []
    for part in (0.3, 0.8, 1.2, 2.0, 4.0):
        own = wanted(problem, part)
        expected = reference(own)
        found.append(needed(own))
        if np.isinf(expected):
            assert np.isinf(found[-1])
        else:
            assert found[-1] == pytest.approx(expected, rel=1e-6)
        message = str(own.infeasibility)
        assert bool(message) == (expected > 1 + 1e-6)
        if np.isinf(expected):
            assert "infeasible at any transmit power" in message
        elif message:
            (stated,) = re.findall(r"need ([0-9.e+]+) times the transmit power", message)
            assert float(stated) == pytest.approx(expected, rel=1e-3)
            assert "together with the limits on CRLBs" in message
    assert found == sorted(found)


@pytest.mark.parametrize("seed", [20, 22, 24, 27])
def test_stated_power_suffices_and_less_does_not(seed: int) -> None:
    problem = problem_of(seed)
    own = next(one for part in (1.0, 1.5, 2.5) if 1 < needed(one := wanted(problem, part)) < np.inf)
    power = needed(own)
    for factor, sufficient in ((1 + 1e-5, True), (0.999, False)):
        scaled = with_power(own, factor * power)
        assert (str(scaled.infeasibility) == "") == sufficient
        assert (reference(scaled) <= 1) == sufficient


@pytest.mark.parametrize("distance", [1e-2, 1e-4, 1e-6])
def test_rates_close_to_those_that_interference_prevents(distance: float) -> None:
    """Without limits and with negligible noise, K users alike reach any SINR below gain / interference."""
    users, gain, interference = 3, 1e3, 5.0
    problem = random_problem(np.random.default_rng(0), users)
    least = gain / (users * interference) * (1 - distance)
    problem = attrs.evolve(
        problem,
        gain=np.full(users, gain),
        common_interference=np.zeros(users),
        coupling=np.full((users, users), interference),
        crlb_limit=np.full(2, np.inf),
        minimum_rate=np.full(users, float(problem.prelog) * np.log2(1 + least)),
    )
    # x = least (users * interference x + 1) / gain.
    expected = users * least / (gain - least * users * interference)
    assert needed(problem) == pytest.approx(expected, rel=1e-9 / distance)
    beyond = attrs.evolve(problem, minimum_rate=problem.minimum_rate * (1 + distance))
    assert np.isinf(needed(beyond))
    assert "at any transmit power" in str(beyond.infeasibility)


@pytest.mark.parametrize("seed", range(4))
def test_programs_agree_with_the_line(seed: int) -> None:
    """Common interference has a closed form; the same numbers written as coupling of all pairs are a program."""
    generator = np.random.default_rng(seed)
    problem = random_problem(generator, 4, aligned=False)
    for part in (0.2, 0.9, 1.5):
        own = wanted(problem, part)
        assert needed(in_pairs(own, generator)) == pytest.approx(needed(own), rel=1e-8)


def test_false_certificates_are_contradicted_by_a_split(monkeypatch: pytest.MonkeyPatch) -> None:
    """No report or certificate of infeasibility holds where the largest share meets all requirements."""

    @final
    @attrs.frozen(kw_only=True)
    class Hopeless(Allocator):
        name: ClassVar[str] = "hopeless"

        def solve(self, problem: PowerAllocationProblem) -> Shares:
            return Shares.none(problem, Status.INFEASIBLE, "")

    def too_much(problem: PowerAllocationProblem, where: object) -> FloatArray:
        return np.full(problem.batch_shape, 1.277)

    monkeypatch.setattr("isacfw.allocation.problem.needed_power", too_much)
    problem = random_problem(np.random.default_rng(3), 4)
    f = problem.largest_communication_share
    rates = problem.rates(f * problem.equal_split, 1 - f)
    for part in (0.5, 2.0):
        own = attrs.evolve(problem, minimum_rate=part * rates)
        found = Hopeless().allocate(own)
        if part < 1:
            assert own.infeasibility == ""
            assert found.status == "failed"
            assert str(found.message).endswith("the requirements can be met")
        else:
            assert "need 1.277 times the transmit power" in str(own.infeasibility)
            assert found.status == "infeasible"
