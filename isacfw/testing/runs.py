"""A sample run for each kind of part, for the checks that apply to all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs
import numpy as np

from ..allocation.allocation import Allocation
from ..allocation.objective import Performance
from ..allocation.problem import PowerAllocationProblem
from ..allocation.setting import Setting
from ..base.errors import IncompatibleError
from ..base.part import Part
from ..beamforming.problem import BeamformingProblem
from ..signal.scene import Scene
from ..signal.statistics import ChannelStatistics
from ..simulation.signals import SignalDraws
from .checks import CheckSkipped, kind_of

Numbers = dict[str, Any]
Run = Callable[..., Numbers]
_COMPUTED: dict[type, tuple[str, ...]] = {
    Scene: ("basis", "isotropic_forms"),
    SignalDraws: ("sinr", "rates", "crlb"),
}
"""Arrays that inputs compute on first use and cache."""
_HOLDERS = (
    Scene,
    ChannelStatistics,
    PowerAllocationProblem,
    Allocation,
    SignalDraws,
    Performance,
    Setting,
    BeamformingProblem,
)
SAMPLE_ACCURACY = 0.1


@attrs.frozen(kw_only=True)
class SampleRun:
    """A run of a part.

    Parameters
    ----------
    inputs : dict of str to object
        Inputs of the part, read-only: arrays, and objects that contain arrays.
    direct : callable
        Calls the methods of the part with these inputs, by name, and returns their results, by name.
    framework : callable, optional
        Calls the part through the framework; by default `direct`.
    """

    inputs: Numbers
    direct: Run
    framework: Run | None = None

    def run(self) -> Numbers:
        """Run the part through the framework, and return copies of its results, by name."""
        return copies(self.call(self.inputs, self.framework or self.direct))

    def call(self, inputs: Numbers, run: Run | None = None) -> Numbers:
        """Return the results of the part for inputs, unchanged.

        Raises
        ------
        CheckSkipped
            If the part refuses them.
        """
        try:
            return (run or self.direct)(**inputs)
        except IncompatibleError as error:
            raise CheckSkipped(str(error)) from None


def copies(found: Numbers) -> Numbers:
    """Return copies of a part's results, which the part cannot change later."""
    return {name: np.array(value) for name, value in found.items()}


_RUNS: dict[str, Callable[[Any, int], SampleRun]] = {}


def sample_run(kind: str) -> Callable[[Callable[[Any, int], SampleRun]], Callable[[Any, int], SampleRun]]:
    """Register a function that creates a sample run of a part of a kind for a seed."""

    def register(function: Callable[[Any, int], SampleRun]) -> Callable[[Any, int], SampleRun]:
        _RUNS[kind] = function
        return function

    return register


def make_sample_run(part: Part, seed: int = 0) -> SampleRun:
    """Return a new run of a part, determined by the seed.

    Raises
    ------
    CheckSkipped
        If there is none for this part, now or when it is run.
    """
    kind = kind_of(part)
    if (reason := part.why_unavailable()) is not None:
        raise CheckSkipped(reason)
    return _RUNS[kind](part, seed)


def unlock(value: Any) -> Any:
    """Return a copy of an input whose arrays are all writable."""
    if isinstance(value, np.ndarray):
        return np.array(value)
    if isinstance(value, dict):
        return {name: unlock(member) for name, member in value.items()}
    if not isinstance(value, _HOLDERS):
        return value
    copied = object.__new__(type(value))
    for field in attrs.fields(type(value)):
        # Bypass the converters, which would make the arrays read-only again.
        object.__setattr__(copied, field.name, unlock(getattr(value, field.name)))
    for name in _COMPUTED.get(type(value), ()):
        object.__setattr__(copied, name, np.array(getattr(value, name)))
    return copied


def arrays_in(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield each array of an input with its path, such as ``scene.statistics.xi``."""
    if isinstance(value, np.ndarray):
        yield path, value
    elif isinstance(value, Mapping):
        for name, member in value.items():
            yield from arrays_in(member, f"{path}.{name}" if path else str(name))
    elif isinstance(value, _HOLDERS):
        for name in (*(field.name for field in attrs.fields(type(value))), *_COMPUTED.get(type(value), ())):
            yield from arrays_in(getattr(value, name), f"{path}.{name}")
