"""Several beams side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Self, final

import attrs
import numpy as np

import isacfw
from isacfw import Beam, BeamStatistics, ComplexArray, FloatArray, Scene, Steered
from isacfw.validators import each, instance_of

from .difference import Difference
from .projected import unprojected


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, (list, tuple)) else value


@final
@attrs.frozen(kw_only=True)
class Joined(isacfw.Beam):
    r"""The streams of several beams side by side, each with its own share.

    Parameters
    ----------
    beams : list of Beam
        The beams; their streams follow each other in this order.

    Notes
    -----
    :math:`R_x = \sum_k x_k R_k + \sum_s q_s R_s` with the streams s of all members.
    """

    name: ClassVar[str] = "joined"

    beams: tuple[Beam, ...] = attrs.field(converter=_tuple, validator=each(instance_of(Beam, "a beam")))

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return the sum and the difference beams together."""
        return (cls(beams=(Steered(), Difference())),)

    def depends_on_power(self) -> bool:
        """Return whether one of the beams depends on the power."""
        return any(beam.depends_on_power() for beam in self.beams)

    def weights(self, scene: Scene, estimates: ComplexArray) -> ComplexArray:
        """Return the weights of all streams; (..., N, S, R)."""
        found = [unprojected(beam, scene, estimates) for beam in self.beams]
        leading = np.broadcast_shapes(*(weights.shape[:-2] for weights in found))
        waveforms = max(weights.shape[-1] for weights in found)
        padded = []
        for weights in found:
            missing = [(0, 0)] * (weights.ndim - 1) + [(0, waveforms - weights.shape[-1])]
            whole = np.pad(weights, missing)
            padded.append(np.broadcast_to(whole, (*leading, *whole.shape[-2:])))
        return np.concatenate(padded, axis=-2)

    def beam_statistics(self, scene: Scene) -> BeamStatistics:
        """Return the moments of all members together."""
        members = [beam.beam_statistics(scene) for beam in self.beams]
        drops = len(scene.statistics.beta)

        def joined(read: Callable[[BeamStatistics], Any], axis: int) -> Any:
            values = [np.asarray(read(one)) for one in members]
            return np.concatenate(
                [np.broadcast_to(value, (drops, *value.shape[1:])) for value in values], axis=axis
            )

        def errors_of(read: Callable[[BeamStatistics], Any]) -> Callable[[BeamStatistics], FloatArray]:
            def error(one: BeamStatistics) -> FloatArray:
                own = one.standard_error
                return np.zeros(np.shape(read(one))) if own is None else np.asarray(read(own)).real

            return error

        def interference(one: BeamStatistics) -> FloatArray:
            return one.stream_interference

        every = joined(interference, -1)
        common = every.min(axis=-1)
        excess = every - common[..., None]
        errors = None
        if any(one.standard_error is not None for one in members):
            errors = BeamStatistics(
                interference=np.zeros(common.shape),
                coupling=joined(errors_of(interference), -1),
                weight_power=joined(errors_of(lambda one: one.weight_power), -1),
                forms=joined(errors_of(lambda one: one.forms), 1),
            )
        known = all(one.gains is not None for one in members)
        return BeamStatistics(
            interference=common,
            coupling=excess if excess.any() else None,
            weight_power=joined(lambda one: one.weight_power, -1),
            forms=joined(lambda one: one.forms, 1),
            gains=joined(lambda one: one.gains, 1) if scene.regions and known else None,
            standard_error=errors,
        )


@isacfw.hookimpl
def register_beams() -> list[type[isacfw.Beam]]:
    """Register joined beams."""
    return [Joined]
