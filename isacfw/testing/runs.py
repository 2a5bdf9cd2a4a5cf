"""One ordinary run of a part of each kind, for the checks that are the same for all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs
import numpy as np

from ..allocation.allocation import Allocation, Shares, Status
from ..allocation.allocator import Allocator
from ..allocation.metric import Metric
from ..allocation.problem import PowerAllocationProblem
from ..base.errors import IncompatibleError
from ..base.part import Part, display_name
from ..base.time_limit import TimeUp, time_limit
from ..sensing.beam import Beam
from ..signal.array import Array
from ..signal.channel import Channel
from ..signal.precoder import Precoder
from ..signal.scene import Scene
from ..signal.statistics import ChannelStatistics, drops_of
from . import problems
from .checks import CheckFailed, CheckSkipped, CheckTimedOut, kind_of, longest_s

Numbers = dict[str, Any]
Run = Callable[..., Numbers]
_HOLDERS = (Scene, ChannelStatistics, PowerAllocationProblem, Allocation)
_ACCURACY = 0.1


@attrs.frozen(kw_only=True)
class Trial:
    """A run of a part.

    Parameters
    ----------
    inputs : dict of str to object
        What the part is given, read-only: arrays, and what holds arrays.
    direct : callable
        Calls the methods of the part itself with these inputs, by name, and returns what they give, by name.
    framework : callable, optional
        The same as the framework does it; by default `direct`.
    """

    inputs: Numbers
    direct: Run
    framework: Run | None = None

    def run(self) -> Numbers:
        """Run the part as the framework does, and return copies of what it gives, by name."""
        return copies(self.call(self.inputs, self.framework or self.direct))

    def call(self, inputs: Numbers, run: Run | None = None) -> Numbers:
        """Return what the part itself gives for inputs, as it is.

        Raises
        ------
        CheckSkipped
            If the part does not take them.
        """
        try:
            return (run or self.direct)(**inputs)
        except IncompatibleError as error:
            raise CheckSkipped(str(error)) from None


def copies(found: Numbers) -> Numbers:
    """Return copies of what a part gave, which nothing that it does later can change."""
    return {name: np.array(value) for name, value in found.items()}


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


def unlocked(value: Any) -> Any:
    """Return a copy of an input all of whose arrays can be written to."""
    if isinstance(value, np.ndarray):
        return np.array(value)
    if isinstance(value, dict):
        return {name: unlocked(member) for name, member in value.items()}
    if not isinstance(value, _HOLDERS):
        return value
    copied = object.__new__(type(value))
    for field in attrs.fields(type(value)):
        # Past the converters, which would make the arrays read-only again.
        object.__setattr__(copied, field.name, unlocked(getattr(value, field.name)))
    return copied


def arrays_in(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield each array of an input with its path, such as ``scene.statistics.xi``."""
    if isinstance(value, np.ndarray):
        yield path, value
    elif isinstance(value, Mapping):
        for name, member in value.items():
            yield from arrays_in(member, f"{path}.{name}" if path else str(name))
    elif isinstance(value, _HOLDERS):
        for field in attrs.fields(type(value)):
            yield from arrays_in(getattr(value, field.name), f"{path}.{field.name}")


def _of_array(part: Array, seed: int) -> Trial:
    direction = problems.DIRECTIONS[seed]

    def run() -> Numbers:
        response, slopes = part.beam_response(direction, problems.DIRECTIONS[2])
        return {
            "positions": part.positions(),
            "steering_vector": part.steering_vector(direction),
            "steering_derivatives": part.steering_derivatives(direction),
            "steering_basis": part.steering_basis(direction),
            "second_moments": part.second_moments(),
            "inner_products": part.inner_products(direction, problems.DIRECTIONS[2]),
            "beam_response": np.array([response, *slopes]),
        }

    return Trial(inputs={}, direct=run)


_PER_DROP = ("beta", "xi", "epsilon", "positions", "means", "covariances")


def _of_channel(part: Channel, seed: int) -> Trial:
    own = problems.scenario(part, accuracy=_ACCURACY, seed=seed)
    whole = own.statistics(range(3))

    def run(statistics: ChannelStatistics) -> Numbers:
        found = part.statistics(drops_of(seed, range(3)), own.transmit_array)
        channels, estimates = part.draw(statistics, own.transmit_array, 3, np.random.default_rng(seed))
        given = {name: getattr(found, name) for name in _PER_DROP if getattr(found, name) is not None}
        return given | {"channels": channels, "estimates": estimates}

    return Trial(inputs={"statistics": whole.of_drop(0)}, direct=run)


def _of_precoder(part: Precoder, seed: int) -> Trial:
    given = problems.scene(accuracy=_ACCURACY, seed=seed)

    def run(scene: Scene, estimates: Any) -> Numbers:
        weights = part.weights_in(scene.of_drop(0), estimates)
        link = part.link_statistics(scene)
        names = ("signal_gain", "interference", "weight_power", *(["forms"] if link.forms is not None else []))
        return {"weights": weights} | {name: getattr(link, name) for name in names}

    estimates = problems.estimates((2, problems.ANTENNAS, 3), seed)
    return Trial(inputs={"scene": given, "estimates": estimates}, direct=run)


def _of_beam(part: Beam, seed: int) -> Trial:
    given = problems.scene(accuracy=_ACCURACY, seed=seed)

    def run(scene: Scene, estimates: Any) -> Numbers:
        weights = part.weights(scene.of_drop(0), estimates)
        found = part.beam_statistics(scene)
        names = ("stream_interference", "weight_power", "forms")
        return {"weights": weights} | {name: getattr(found, name) for name in names}

    estimates = problems.estimates((2, problems.ANTENNAS, 3), seed)
    return Trial(inputs={"scene": given, "estimates": estimates}, direct=run)


def _of_metric(part: Metric, seed: int) -> Trial:
    problem = problems.problem(3, seed=seed, batch=(2,))

    def run(problem: PowerAllocationProblem, allocation: Allocation) -> Numbers:
        found = part.evaluate(problem, allocation)
        return {quantity.name: found[quantity.name] for quantity in part.quantities}

    return Trial(inputs={"problem": problem, "allocation": problems.allocation(problem, seed)}, direct=run)


def allocated(part: Allocator, problem: PowerAllocationProblem, title: str = "") -> Allocation:
    """Return the verified answer of an allocator to an ordinary problem.

    Raises
    ------
    CheckFailed
        If it fails, or is stopped at its time limit.
    CheckSkipped
        If it does not take the problem.
    """
    found = part.allocate(problem, time_limit_s=longest_s())
    for status, failure in ((Status.TIMED_OUT, CheckTimedOut), (Status.FAILED, CheckFailed)):
        for message in found.message[found.status == status].flat:
            raise failure(f"with {title}, {message}" if title else str(message))
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
        raise CheckTimedOut(f"{display_name(part)} was stopped at its time limit of {longest_s():g} s") from None


def _of_allocator(part: Allocator, seed: int) -> Trial:
    batch = (2,) if part.vectorized else ()

    def by_framework(problem: PowerAllocationProblem) -> Numbers:
        found = allocated(part, problem)
        return {"communication": found.communication, "sensing": found.sensing}

    def alone(problem: PowerAllocationProblem) -> Numbers:
        shares = solved(part, problem)
        return {"communication": shares.communication, "sensing": shares.sensing}

    return Trial(
        inputs={"problem": problems.problem(3, seed=seed, batch=batch)}, direct=alone, framework=by_framework
    )


_TRIALS: dict[str, Callable[[Any, int], Trial]] = {
    "array": _of_array,
    "channel": _of_channel,
    "precoder": _of_precoder,
    "beam": _of_beam,
    "metric": _of_metric,
    "allocator": _of_allocator,
}
