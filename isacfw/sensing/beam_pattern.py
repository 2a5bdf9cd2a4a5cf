"""Radiation patterns of sensing beams."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..base.errors import IncompatibleError
from ..base.numbers import ComplexArray
from ..base.part import display_name
from ..signal.array import Direction
from ..signal.moments import drawn_channels
from ..signal.pattern import DropScene, Gains, gains_of_weights, sampled_gains, unsampled
from .beam import Beam, SteeringBeam


def beam_gains(beam: Beam, drop: DropScene, directions: Sequence[Direction]) -> Gains:
    r"""Return the gains :math:`a^H E\{v_s v_s^H\} a / E\|v_s\|^2` of the streams of a beam for a drop.

    Exact where the weights do not depend on the channel estimates, from draws of these elsewhere.

    Parameters
    ----------
    beam : Beam
        The beam.
    drop : DropScene
        The scene, and the number of draws.
    directions : sequence of Direction
        The D directions.

    Returns
    -------
    Gains
        Of shape (D, S).

    Raises
    ------
    IncompatibleError
        If the beam does not exist for this array and these users, or radiates nothing.
    PluginError
        If weights or channels break their contract.
    """
    fixed = _fixed_weights(beam, drop)
    if fixed is None:
        return sampled_gains(beam, drop, directions)
    if not (np.abs(fixed).max(axis=(0, 2)) > 0).all():
        raise IncompatibleError(f"{beam.title} radiates nothing from this array")
    return Gains(values=gains_of_weights(drop.own.array, directions, fixed))


def _fixed_weights(beam: Beam, drop: DropScene) -> ComplexArray | None:
    """Return the weights (N, S, R) of a beam, None if they depend on the channel estimates."""
    own = drop.own
    if isinstance(beam, SteeringBeam):
        return np.asarray(beam.weights(own, np.empty(0, dtype=np.complex128)))
    # The moments tell whether the beam exists here; its weights need not.
    unsampled(f"beam {display_name(beam)}", beam.beam_statistics, drop)
    fading = drop.fading
    _, estimates = drawn_channels(fading.channel, own, 2, fading.simulation_generator(0))
    weights = beam.checked_weights(own, estimates, fading.time_limit_s)
    # Weights without an axis of draws are broadcast over it.
    return np.asarray(weights[0]) if weights.strides[0] == 0 else None
