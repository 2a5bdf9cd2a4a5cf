"""One ordinary run of a part of each kind, for the checks that are the same for all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

from ..allocator import Allocation, Allocator, Shares, Status
from ..array import Array
from ..channel import Channel, drop_generators
from ..metric import Metric
from ..part import Part, described
from ..precoder import Precoder
from ..problem import PowerAllocationProblem
from ..time_limit import TimeUp, time_limit
from . import samples
from .kit import CheckFailed, CheckSkipped, CheckTimedOut, kind_of, longest_s

Numbers = dict[str, Any]
STOPPED = "was stopped at its time limit"


@attrs.frozen(kw_only=True)
class Trial:
    """A run of a part.

    Parameters
    ----------
    inputs : dict of str to ndarray
        What the part is given.
    run : callable
        Runs the part on them and returns what it gives, by name.
    """

    inputs: Numbers
    run: Callable[[], Numbers]


def trial(part: Part, seed: int = 0) -> Trial:
    """Return a new run of a part, determined by the seed.

    Raises
    ------
    CheckSkipped
        If there is none for its kind, or when it is run, for this part.
    """
    kind = kind_of(part)
    if (reason := part.why_unavailable()) is not None:
        raise CheckSkipped(reason)
    if kind not in _TRIALS:
        raise CheckSkipped(f"a {kind} has no short run")
    return _TRIALS[kind](part, seed)


def _of_array(part: Array, seed: int) -> Trial:
    direction = samples.DIRECTIONS[seed]

    def run() -> Numbers:
        response, slopes = part.beam_response(direction, samples.DIRECTIONS[2])
        return {
            "positions": part.positions(),
            "steering_vector": part.steering_vector(direction),
            "steering_derivatives": part.steering_derivatives(direction),
            "second_moments": part.second_moments(),
            "beam_response": np.array([response, *slopes]),
        }

    return Trial(inputs={}, run=run)


def _of_channel(part: Channel, seed: int) -> Trial:
    generators = drop_generators(seed, range(3))
    statistics = part.statistics(drop_generators(seed, range(3)))
    names = ("beta", "xi", "epsilon")

    def run() -> Numbers:
        found = part.statistics(generators)
        channels, estimates = part.draw(statistics, 2, 3, np.random.default_rng(seed))
        return {name: getattr(found, name) for name in names} | {"channels": channels, "estimates": estimates}

    return Trial(inputs={name: getattr(statistics, name) for name in names}, run=run)


def _of_precoder(part: Precoder, seed: int) -> Trial:
    estimates = np.array(samples.estimates((2, samples.ANTENNAS, 3), seed))

    def run() -> Numbers:
        link = part.link_statistics(
            samples.ANTENNAS + seed, samples.channel_statistics(samples.fading_channel(), accuracy=0.1)
        )
        # A copy: weights may well be the estimates themselves.
        weights = np.array(part.weights(estimates))
        names = ("signal_gain", "interference", "weight_power")
        return {"weights": weights} | {name: getattr(link, name) for name in names}

    return Trial(inputs={"estimates": estimates}, run=run)


def _of_metric(part: Metric, seed: int) -> Trial:
    problem = samples.problem(3, seed=seed, batch=(2,))
    allocation = samples.allocation(problem, seed)
    names = ("communication", "sensing", "rates", "sum_rate", "crlb")

    def run() -> Numbers:
        found = part.evaluate(problem, allocation)
        return {quantity.name: np.array(found[quantity.name]) for quantity in part.quantities}

    return Trial(inputs={name: getattr(allocation, name) for name in names}, run=run)


def allocated(part: Allocator, problem: PowerAllocationProblem, title: str = "") -> Allocation:
    """Return the verified answer of an allocator to an ordinary problem.

    Raises
    ------
    CheckFailed
        If it breaks down, or is stopped at its time limit.
    CheckSkipped
        If it does not take the problem.
    """
    found = part.allocate(problem, time_limit_s=longest_s())
    for message in found.message[found.status == Status.FAILED].flat:
        sentence = f"with {title}, {message}" if title else str(message)
        raise CheckTimedOut(sentence) if STOPPED in message else CheckFailed(sentence)
    for message in found.message[found.status == Status.SKIPPED].flat:
        raise CheckSkipped(str(message))
    return found


def solved(part: Allocator, problem: PowerAllocationProblem) -> Shares:
    """Return what an allocator itself says of a problem, without the framework's judgement.

    Raises
    ------
    CheckTimedOut
        If it is stopped at its time limit.
    """
    try:
        with time_limit(longest_s()):
            return part.solve(problem)
    except TimeUp:
        raise CheckTimedOut(f"{described(part)} {STOPPED} of {longest_s():g} s") from None


def _of_allocator(part: Allocator, seed: int) -> Trial:
    problem = samples.problem(3, seed=seed, batch=(2,))

    def run() -> Numbers:
        found = allocated(part, problem)
        return {"communication": found.communication, "sensing": found.sensing}

    names = ("gain", "sensing_interference", "common_interference", "weight_power")
    return Trial(inputs={name: getattr(problem, name) for name in names}, run=run)


_TRIALS: dict[str, Callable[[Any, int], Trial]] = {
    "array": _of_array,
    "channel": _of_channel,
    "precoder": _of_precoder,
    "metric": _of_metric,
    "allocator": _of_allocator,
}
