"""A least SINR of targets in the radar image of the uplink."""

from __future__ import annotations

from typing import ClassVar, Self, final

import attrs
import numpy as np

import isacfw
from isacfw import InputError, LinearFloors, LinearQuantity, Setting
from isacfw.validators import integer, number, optional, real


@final
@attrs.frozen(kw_only=True)
class PeakSINR(LinearQuantity):
    """The SINR of a target in the radar image.

    Parameters
    ----------
    largest_db, minimum_db : float
        The SINR at full radar power while users are silent, and the least one.
    """

    largest_db: float
    minimum_db: float

    def explain(self, ratio: float) -> str:
        """Return the largest SINR."""
        return f"{self.name} can be no larger than {self.largest_db:.3f} dB (required {self.minimum_db:g})"


@final
@attrs.frozen(kw_only=True)
class ImageSINR(isacfw.Requirement):
    r"""A least SINR of each target's peak in the radar image, in the uplink.

    Parameters
    ----------
    minimum_db : float
        Least SINR in dB.
    target : int, optional
        Number of the target, from 1; all targets by default.

    Notes
    -----
    With e the least SINR, :math:`N N_c M_s q P_r |\alpha_t|^2 \ge e\, n_r` is linear in the shares:
    :math:`(N N_c M_s |\alpha_t|^2 - e \sigma_{si}) P_r q - e \sum_j \epsilon_j P_u x_j \ge e`; see the metric.
    """

    name: ClassVar[str] = "image_sinr"
    links: ClassVar[tuple[isacfw.Link, ...]] = ("uplink",)

    minimum_db: float = attrs.field(converter=real, validator=number(at_least=-300, at_most=300))
    target: int | None = attrs.field(default=None, validator=optional(integer(at_least=1)))

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return a minimum for all targets, and one for the first."""
        return cls(minimum_db=20.0), cls(minimum_db=10.0, target=1)

    def check(self, setting: Setting) -> None:
        """Refuse the number of a target that does not exist."""
        if self.target is not None and self.target > setting.targets:
            raise InputError(
                "target", f"must be at most {setting.targets}, the number of targets, got {self.target}"
            )

    def constraint(self, setting: Setting) -> LinearFloors:
        """Return the least SINR as a row for each target."""
        radar, least = setting.radar, 10 ** (self.minimum_db / 10)
        chosen = tuple(range(setting.targets)) if self.target is None else (self.target - 1,)
        echo = radar.elements * np.asarray(radar.reflection_power)[list(chosen)]
        largest = 10 * np.log10(echo / (radar.self_interference + 1 / radar.power))
        return LinearFloors(
            target=chosen,
            communication=np.full(len(chosen), -least),
            sensing=(echo - least * radar.self_interference) * radar.power,
            least=np.full(len(chosen), least),
            quantity=tuple(
                PeakSINR(
                    name="the SINR of the radar image" + (f" at target {t + 1}" if setting.targets > 1 else ""),
                    largest_db=float(most),
                    minimum_db=self.minimum_db,
                )
                for t, most in zip(chosen, largest, strict=True)
            ),
        )


@isacfw.hookimpl
def register_requirements() -> list[type[isacfw.Requirement]]:
    """Register the least SINR of the radar image."""
    return [ImageSINR]
