"""The keys of the uplink, and the keys of the downlink that have no effect there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import attrs
import numpy as np

from ..allocation.metric import Metric
from ..allocation.objective import Objective
from ..allocation.requirement import Requirement
from ..allocation.setting import Radar
from ..base.errors import InputError
from ..base.link import Link
from ..base.validators import integer, number, real
from ..sensing.target import Target
from ..signal.array import Array

_LIMITS = ("crlb_limit_db", "azimuth_crlb_limit_db", "elevation_crlb_limit_db", "known")


@attrs.frozen(kw_only=True)
class Uplink:
    r"""Powers, and the resource elements of a radar image, of a base station that listens to users and echoes.

    Parameters
    ----------
    user_snr_db, radar_snr_db : float
        Power :math:`P_u` of each user, and :math:`P_r` of the radar, relative to the noise at an antenna, in dB.
    subcarriers, symbols : int
        Numbers :math:`N_c` and :math:`M_s` of the resource elements of a radar image.
    """

    user_snr_db: float = attrs.field(converter=real, validator=number(at_least=-300, at_most=300))
    radar_snr_db: float = attrs.field(converter=real, validator=number(at_least=-300, at_most=300))
    subcarriers: int = attrs.field(default=64, validator=integer(at_least=1, at_most=10**6))
    symbols: int = attrs.field(default=14, validator=integer(at_least=1, at_most=10**6))

    @property
    def user_power(self) -> float:
        """Power of a user in units of the noise."""
        return float(10 ** (self.user_snr_db / 10))

    @property
    def radar_power(self) -> float:
        """Power of the radar in units of the noise."""
        return float(10 ** (self.radar_snr_db / 10))


def check_link(scenario: Any) -> None:
    """Refuse keys of a scenario that have no effect on its link, or parts that are not for it.

    Parameters
    ----------
    scenario : ScenarioFields
        The scenario, which is being made.

    Raises
    ------
    InputError
        With the path of the key.
    """
    if scenario.link == "downlink":
        if scenario.uplink is not None:
            raise InputError("uplink", 'has no effect without link = "uplink"')
        if scenario.transmit_array is None:
            raise InputError("transmit_array", "must be given", missing=True)
    else:
        if scenario.uplink is None:
            raise InputError("uplink", 'must be given with link = "uplink"', missing=True)
        _refuse(_without_effect(scenario))
        _refuse(_limits(scenario.target, scenario.targets))
    _check_parts(scenario, scenario.link)


def _without_effect(scenario: Any) -> Iterable[tuple[str, Any, str]]:
    """Yield key, value and reason of the keys of the downlink; a value that is given is refused."""
    noise, sensing = scenario.sensing_noise, scenario.sensing
    yield "snr_db", scenario.snr_db, "; its powers are uplink.user_snr_db and uplink.radar_snr_db"
    yield "link_budget", scenario.link_budget, "; its powers are uplink.user_snr_db and uplink.radar_snr_db"
    yield "transmit_array", scenario.transmit_array, ", where one array receives users and echoes, receive_array"
    yield "beams", scenario.beams or None, ", where the radar's beam is part of reflection_amplitude"
    for field in attrs.fields(type(sensing)):
        value = getattr(sensing, field.name)
        yield f"sensing.{field.name}", None if value == field.default else value, ""
    yield "sensing_noise.clutter", noise.clutter or None, ""
    yield "sensing_noise.covariance", noise.covariance, ""


def _limits(target: Target | None, targets: tuple[Target, ...]) -> Iterable[tuple[str, Any, str]]:
    named = [("target", target)] if target is not None else [(f"targets[{n}]", t) for n, t in enumerate(targets)]
    for key, one in named:
        for name in _LIMITS:
            yield f"{key}.{name}", getattr(one, name) or None, ", where no angle is estimated"


def _refuse(given: Iterable[tuple[str, Any, str]]) -> None:
    for key, value, why in given:
        if value is not None:
            raise InputError(key, f"has no effect in the uplink{why}")


def _check_parts(scenario: Any, link: Link) -> None:
    """Check that all parts that are not rows are for the link; incompatible rows are skipped later."""
    kinds: list[tuple[str, Requirement | Metric | Objective]]
    kinds = [(f"requirements.{name}", one) for name, one in scenario.requirements.items()]
    kinds += [(f"metrics[{number}]", one) for number, one in enumerate(scenario.metrics)]
    kinds += [("objective", scenario.objective)]
    for key, part in kinds:
        if link not in part.links:
            raise InputError(key, f"must be for the {link}, got {part.name}, which is for the {part.links[0]}")


def radar_of(own: Uplink, array: Array, self_interference: float, targets: Sequence[Target]) -> Radar:
    """Return the radar of a receive array, for the self-interference relative to its power and the targets."""
    return Radar(
        power=own.radar_power,
        self_interference=self_interference,
        reflection_power=np.array([target.amplitude_by(None) for target in targets]) ** 2,
        elements=array.n_elements * own.subcarriers * own.symbols,
    )
