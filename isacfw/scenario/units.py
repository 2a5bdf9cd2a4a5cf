"""Units of a scenario: relative to the noise, or by a link budget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from ..base.errors import InputError, PluginError, short_repr
from ..base.numbers import FloatArray
from ..base.part import display_name
from ..sensing.target import Target
from ..signal.channel import Channel
from ..signal.link_budget import LinkBudget
from ..signal.statistics import ChannelStatistics


def check_units(snr_db: float | None, budget: LinkBudget | None, targets: Sequence[Target]) -> None:
    """Check that the power is given once, and that radar cross sections have a link budget."""
    if snr_db is None and budget is None:
        raise InputError("snr_db", "must be given, or link_budget instead", missing=True)
    if snr_db is not None and budget is not None:
        raise InputError("snr_db", f"cannot be combined with link_budget, which determines it, got {snr_db:g}")
    for number, target in enumerate(targets):
        if target.radar_cross_section_m2 is not None and budget is None:
            key = "target" if len(targets) == 1 else f"targets[{number}]"
            raise InputError(f"{key}.radar_cross_section_m2", "requires link_budget")


def power_db(snr_db: float | None, budget: LinkBudget | None) -> float:
    """Return the transmit power relative to the noise at the users, in dB."""
    if budget is not None:
        return budget.snr_db
    assert snr_db is not None
    return snr_db


def in_units_of(channel: Channel, budget: LinkBudget | None) -> Channel:
    """Return a channel in the units of a link budget, if there is one."""
    if budget is None:
        return channel
    try:
        found = cast(object, channel.with_link_budget(budget))
    except InputError as error:
        raise error.within("channel") from None
    if not isinstance(found, Channel):
        who = display_name(channel)
        raise PluginError(f"channel {who} must return a Channel with a link budget, got {short_repr(found)}")
    return found


def check_gains(statistics: ChannelStatistics, budget: LinkBudget | None) -> None:
    """Check that large-scale fading is a path gain, at most 0 dB, if there is a link budget.

    Raises
    ------
    InputError
        If it is not: the fading of a channel, or its scale, is relative to a noise that the budget determines.
    """
    if budget is None or not (statistics.beta > 1).any():
        return
    drop, user = np.unravel_index(int(statistics.beta.argmax()), statistics.beta.shape)
    number = statistics.fading.drops[int(drop)] if statistics.fading is not None else drop
    gain_db = 10 * np.log10(statistics.beta.max())
    problem = "must give path gains of at most 0 dB with a link budget"
    raise InputError("channel", f"{problem}, got {gain_db:.1f} dB for user {user} of drop {number}")


def squared_arcs(targets: Sequence[Target]) -> FloatArray | None:
    r"""Return :math:`d^2 \sin^2 \phi` and :math:`d^2`, squares of the arcs of a radian of azimuth and elevation.

    In m²; NaN for targets without a distance, and None if no target has one; (2T,).
    """
    if all(target.distance_m is None for target in targets):
        return None
    arcs = []
    for target in targets:
        distance = np.nan if target.distance_m is None else target.distance_m
        arcs += [(distance * np.sin(np.radians(target.elevation_deg))) ** 2, distance**2]
    return np.array(arcs)
