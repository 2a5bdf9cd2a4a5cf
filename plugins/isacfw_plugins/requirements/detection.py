"""A least probability of detecting targets."""

from __future__ import annotations

from typing import ClassVar, Self, final

import attrs
import numpy as np

import isacfw
from isacfw import InputError, LinearFloors, LinearQuantity, Setting
from isacfw.validators import choice, integer, number, optional, real

from .._detector import MODELS, WAVEFORMS, Detector, TargetModel, Waveform


@final
@attrs.frozen(kw_only=True)
class DetectionProbability(LinearQuantity):
    r"""The probability of detecting a target, which increases with the energy of its echo.

    Parameters
    ----------
    detector : Detector
        The detector.
    energy, required : float
        The energy e that is needed, and the probability at that energy: at a ratio r of what the echo reaches to
        what it needs, the probability is :math:`P_d(r e)`.
    """

    detector: Detector
    energy: float
    required: float

    def explain(self, ratio: float) -> str:
        """Return the largest probability of detection."""
        reached = float(self.detector.probability(np.asarray(ratio * self.energy)))
        return f"{self.name} can be no larger than {reached:.4g} (required {self.required:g})"


@final
@attrs.frozen(kw_only=True)
class Detection(isacfw.Requirement):
    r"""A least probability of detection for each target, in the cell in which it is.

    Parameters
    ----------
    probability : float
        Least probability of detection, above that of a false alarm.
    false_alarm_probability : float
        Probability of a false alarm in any of the cells.
    target_model : {"swerling1", "steady", "unknown_noise"}
        A target whose reflection coefficient is Gaussian, and constant within a frame; one of constant amplitude;
        the former at an unknown level of the noise.
    cells : int
        Number of cells that are searched.
    waveform : {"all", "sensing"}
        Whether the receiver correlates with all signals, or with those of the sensing streams alone; then the
        users' echo is interference.
    target : int, optional
        Number of the target, from 1; all targets by default.

    Notes
    -----
    With the energies :math:`e_f` and :math:`e_q` of the echoes of the users' signals and of the sensing streams,
    linear in their shares, :math:`P_d \ge p` is :math:`e \ge e_{min}`: with all signals
    :math:`e_f + e_q \ge e_{min}`, with those of the streams :math:`e_q \ge e_{min} (1 + e_f / L)`. The
    interference counts with its mean power, in the threshold too. See :class:`isacfw_plugins._detector.Detector`
    for :math:`P_d`. Echoes of other targets are in other cells.
    """

    name: ClassVar[str] = "detection"

    probability: float = attrs.field(converter=real, validator=number(above=0, below=1))
    false_alarm_probability: float = attrs.field(default=1e-6, converter=real, validator=number(above=0, below=1))
    target_model: TargetModel = attrs.field(default="swerling1", validator=choice(*MODELS))
    cells: int = attrs.field(default=1, validator=integer(at_least=1))
    waveform: Waveform = attrs.field(default="all", validator=choice(*WAVEFORMS))
    target: int | None = attrs.field(default=None, validator=optional(integer(at_least=1)))

    def __attrs_post_init__(self) -> None:
        if self.probability <= self.false_alarm_probability:
            least = self.false_alarm_probability
            raise InputError(
                "probability", f"must be above that of a false alarm, {least:g}, got {self.probability:g}"
            )

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return one of each model of a target and each waveform."""
        return (
            cls(probability=0.9),
            cls(probability=0.8, target_model="steady", cells=100, target=1),
            cls(probability=0.7, target_model="unknown_noise", waveform="sensing"),
        )

    def check(self, setting: Setting) -> None:
        """Refuse the number of a target that does not exist."""
        if self.target is not None and self.target > setting.targets:
            raise InputError(
                "target", f"must be at most {setting.targets}, the number of targets, got {self.target}"
            )

    def constraint(self, setting: Setting) -> LinearFloors:
        """Return the least energies of the echoes, a row for each target."""
        echoes = setting.echoes
        detector = Detector(
            target_model=self.target_model,
            false_alarm_probability=self.false_alarm_probability,
            cells=self.cells,
            samples=echoes.antennas * echoes.frame_length,
        )
        least = detector.least_energy(self.probability)
        chosen = tuple(range(setting.targets)) if self.target is None else (self.target - 1,)
        energy = np.asarray(echoes.energy)[list(chosen)]
        interference = -least / echoes.frame_length
        return LinearFloors(
            target=chosen,
            communication=energy * (interference if self.waveform == "sensing" else 1.0),
            sensing=energy,
            least=np.full(len(chosen), least),
            quantity=tuple(
                DetectionProbability(
                    name="the detection probability" + (f" of target {t + 1}" if setting.targets > 1 else ""),
                    detector=detector,
                    energy=least,
                    required=self.probability,
                )
                for t in chosen
            ),
        )


@isacfw.hookimpl
def register_requirements() -> list[type[isacfw.Requirement]]:
    """Register the least probability of detection."""
    return [Detection]
