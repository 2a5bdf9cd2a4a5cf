"""Draws of the signals of one drop of a scenario."""

from __future__ import annotations

import numpy as np

from ..base.numbers import FloatArray
from ..scenario.scenario import Scenario
from ..sensing.beam import Beam
from ..signal.precoder import Precoder
from .channels import EffectiveChannels
from .signals import SignalDraws


def draw_signals(
    scenario: Scenario,
    precoder: Precoder,
    *,
    drop: int,
    shares: tuple[FloatArray, FloatArray | float],
    beam: Beam | None = None,
    draws: int = 1000,
) -> SignalDraws:
    """Draw channels of a drop, and return the signals at given shares of the power.

    The draws are those of metrics in a comparison of the scenario.

    Parameters
    ----------
    scenario : Scenario
        Without a sweep, or at one of its points.
    precoder : Precoder
        The precoder.
    drop : int
        Number of the drop.
    shares : tuple of ndarray
        Shares of the power for the users, (K,), and for the sensing streams, (S,), or their sum, which is divided
        equally.
    beam : Beam, optional
        The scenario's first by default.
    draws : int
        Number of draws.

    Raises
    ------
    IncompatibleError
        If precoder or beam do not exist for these arrays and users.
    InputError
        If shares are not finite, or negative.
    """
    beam = scenario.compared_beams[0] if beam is None else beam
    statistics = scenario.statistics([drop])
    link, moments = scenario.link_statistics(precoder, statistics), scenario.beam_statistics(beam, statistics)
    problem = scenario.problem(precoder, statistics, link, beam, moments)[0]
    x = np.asarray(shares[0], dtype=np.float64)
    channels = EffectiveChannels(
        precoder,
        beam,
        scene=scenario.scene(statistics),
        position=0,
        moments=(link, moments),
        draws=draws,
    )
    channels.hold()
    return SignalDraws(
        channels=channels,
        problem=problem,
        communication=x,
        streams=problem.stream_shares(x, shares[1]),
        model=scenario.echo_model,
        draws=draws,
    )
