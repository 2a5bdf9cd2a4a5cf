"""A limit on the error of the radar channel in the uplink."""

from __future__ import annotations

from typing import ClassVar, Self, final

import attrs
import numpy as np

import isacfw
from isacfw import LinearFloors, LinearQuantity, Setting
from isacfw.validators import number, real


@final
@attrs.frozen(kw_only=True)
class NormalisedError(LinearQuantity):
    """The normalised error of the radar channel.

    Parameters
    ----------
    smallest_db, limit_db : float
        The error at full radar power while users are silent, and its limit.
    """

    smallest_db: float
    limit_db: float

    def explain(self, ratio: float) -> str:
        """Return the smallest error."""
        return f"{self.name} can be no smaller than {self.smallest_db:.3f} dB (limit {self.limit_db:g})"


@final
@attrs.frozen(kw_only=True)
class RadarNMSE(isacfw.Requirement):
    r"""A limit on the normalised mean square error of the radar channel, in the uplink.

    Parameters
    ----------
    limit_db : float
        Largest error in dB.

    Notes
    -----
    With :math:`\eta` the limit, :math:`n_r \le \eta\, q P_r \sum_t |\alpha_t|^2` is linear in the shares:
    :math:`(\eta \sum_t |\alpha_t|^2 - \sigma_{si}) P_r q - \sum_j \epsilon_j P_u x_j \ge 1`; see the metric.
    """

    name: ClassVar[str] = "radar_nmse"
    links: ClassVar[tuple[isacfw.Link, ...]] = ("uplink",)

    limit_db: float = attrs.field(converter=real, validator=number(at_least=-300, at_most=300))

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return two limits."""
        return cls(limit_db=10.0), cls(limit_db=-3.0)

    def constraint(self, setting: Setting) -> LinearFloors:
        """Return the limit as a row."""
        radar, limit = setting.radar, 10 ** (self.limit_db / 10)
        echoes = float(np.sum(radar.reflection_power))
        smallest = (radar.self_interference + 1 / radar.power) / echoes
        return LinearFloors(
            target=(0,),
            communication=np.array([-1.0]),
            sensing=np.array([(limit * echoes - radar.self_interference) * radar.power]),
            least=np.ones(1),
            quantity=(
                NormalisedError(
                    name="the error of the radar channel",
                    smallest_db=10 * float(np.log10(smallest)),
                    limit_db=self.limit_db,
                ),
            ),
        )


@isacfw.hookimpl
def register_requirements() -> list[type[isacfw.Requirement]]:
    """Register the limit on the error of the radar channel."""
    return [RadarNMSE]
