"""Beams with nulls towards the users."""

from __future__ import annotations

from typing import ClassVar, Self, final

import attrs
import numpy as np

import isacfw
from isacfw import Beam, BeamStatistics, ComplexArray, Scene, Steered, SteeringBeam
from isacfw.validators import instance_of

_SINGULAR = 1e-10


def pilots_in_use(scene: Scene) -> int:
    """Return the dimension of the span of all users' estimates."""
    collinear = scene.statistics.collinear
    if collinear is None:
        return scene.users
    return len({tuple(np.flatnonzero(row)) for row in collinear | np.eye(scene.users, dtype=np.bool_)})


def unprojected(beam: Beam, scene: Scene, estimates: ComplexArray) -> ComplexArray:
    """Return a beam's weights with the leading axes of estimates (..., N, K); (..., N, S, R)."""
    weights = beam.weights(scene, estimates)
    # A beam that does not depend on the estimates has no leading axes.
    leading = weights.ndim >= estimates.ndim and weights.shape[: estimates.ndim - 1] == estimates.shape[:-1]
    if weights.ndim == (estimates.ndim if leading else 2):
        weights = weights[..., None]
    return weights


def without_span(weights: ComplexArray, estimates: ComplexArray, inverse: ComplexArray) -> ComplexArray:
    r"""Return :math:`v - \hat H M \hat H^H v` for all streams and waveforms; (..., N, S, R)."""
    flat = weights.reshape(*weights.shape[:-2], -1)
    part = estimates @ (inverse @ (np.swapaxes(estimates.conj(), -1, -2) @ flat))
    return np.asarray((flat - part).reshape(*part.shape[:-1], *weights.shape[-2:]))


@final
@attrs.frozen(kw_only=True)
class Projected(isacfw.Beam):
    r"""Another beam, projected away from the users' channel estimates: zero forcing for sensing.

    Parameters
    ----------
    of : Beam
        The original beam.

    Notes
    -----
    :math:`v = (I - \hat H (\hat H^H \hat H)^{-1} \hat H^H) v_0` without normalisation; users with collinear
    estimates share one dimension. It exists for more antennas than dimensions, r. On independent isotropic
    fading and for a beam that does not depend on the channel, a stream disturbs user k by :math:`\epsilon_k`
    per unit of power, and with :math:`\mu = (N_t (N_t - r) - 1) / (N_t^2 - 1)` the covariance is :math:`\mu R_0
    + (1 - \mu) I / N_t`; elsewhere the moments are sampled.
    """

    name: ClassVar[str] = "projected"

    of: Beam = attrs.field(factory=Steered, validator=instance_of(Beam, "a beam"))

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return the projection of the steered beam."""
        return (cls(),)

    def depends_on_power(self) -> bool:
        """Return whether the original beam depends on the power."""
        return self.of.depends_on_power()

    def weights(self, scene: Scene, estimates: ComplexArray) -> ComplexArray:
        """Return the projected weights; (..., N, S, R)."""
        gram = np.swapaxes(estimates.conj(), -1, -2) @ estimates
        if scene.statistics.collinear is None:
            inverse = np.linalg.inv(gram)
        else:
            inverse = np.linalg.pinv(gram, rcond=_SINGULAR, hermitian=True)
        return without_span(
            unprojected(self.of, scene, estimates), estimates, np.asarray(inverse, dtype=np.complex128)
        )

    def beam_statistics(self, scene: Scene) -> BeamStatistics:
        """Return the closed forms, or sampled moments if these do not hold."""
        antennas, dimensions = scene.antennas, pilots_in_use(scene)
        if antennas <= dimensions:
            raise isacfw.IncompatibleError(
                f"a projected beam needs more transmit antennas than users, got {antennas} antennas and"
                f" {dimensions} users"
            )
        if not scene.statistics.isotropic or not isinstance(self.of, SteeringBeam):
            return super().beam_statistics(scene)
        original = self.of.beam_statistics(scene)
        share = (antennas * (antennas - dimensions) - 1) / (antennas**2 - 1)
        return BeamStatistics(
            interference=scene.statistics.epsilon,
            weight_power=original.weight_power * (antennas - dimensions) / antennas,
            forms=share * original.forms + (1 - share) * scene.isotropic_forms,
            gains=None if original.gains is None else 1 + share * (original.gains - 1),
        )


@isacfw.hookimpl
def register_beams() -> list[type[isacfw.Beam]]:
    """Register projected beams."""
    return [Projected]
