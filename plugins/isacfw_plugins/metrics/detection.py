"""Probabilities of detecting the targets, and the energies of their echoes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self, final

import attrs
import numpy as np

import isacfw
from isacfw import Allocation, FloatArray, PowerAllocationProblem, Quantity
from isacfw.validators import choice, integer, number, real

from .._detector import MODELS, WAVEFORMS, Detector, TargetModel, Waveform


def _quantities(suffix: str = "", of: str = "the target") -> tuple[Quantity, Quantity]:
    return (
        Quantity(
            name=f"detection_probability{suffix}",
            better="higher",
            description=f"Probability of detecting {of}",
            heading="detection\nprobability" + (f"\ntarget {suffix[1:]}" if suffix else ""),
        ),
        Quantity(
            name=f"echo_energy{suffix}_db",
            unit="dB",
            better="higher",
            description=f"Energy of the echo of {of} relative to the noise",
            heading="echo\nenergy" + (f"\ntarget {suffix[1:]}" if suffix else "") + " dB",
        ),
    )


@final
@attrs.frozen(kw_only=True)
class Detection(isacfw.Metric):
    r"""Probability of detection of each target, and the energy of its echo.

    Parameters
    ----------
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

    Notes
    -----
    The energy of the echo in a frame of L symbols, on average over the signals, is
    :math:`e = L P_t |\alpha|^2 b^H C^{-1} b\, (\sum_k G_k x_k + \sum_s G_s q_s)` in units of the noise, with the
    gains G of the signals towards the target; with the waveform ``"sensing"`` it is
    :math:`e = e_q / (1 + e_f / L)`, with the energies :math:`e_q` of the streams' echoes and :math:`e_f` of the
    users'. See :class:`isacfw_plugins._detector.Detector` for the probability. Several targets are numbered
    from 1.
    """

    name: ClassVar[str] = "detection"
    quantities: ClassVar[tuple[Quantity, ...]] = _quantities()

    false_alarm_probability: float = attrs.field(default=1e-6, converter=real, validator=number(above=0, below=1))
    target_model: TargetModel = attrs.field(default="swerling1", validator=choice(*MODELS))
    cells: int = attrs.field(default=1, validator=integer(at_least=1))
    waveform: Waveform = attrs.field(default="all", validator=choice(*WAVEFORMS))

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return one of each model of a target and each waveform."""
        return (
            cls(),
            cls(target_model="steady", cells=100),
            cls(target_model="unknown_noise", waveform="sensing"),
        )

    def quantities_of(self, targets: int, streams: int) -> tuple[Quantity, ...]:
        """Return two quantities per target."""
        if targets == 1:
            return self.quantities
        return tuple(one for t in range(1, targets + 1) for one in _quantities(f"_{t}", f"target {t}"))

    def evaluate(self, problem: PowerAllocationProblem, allocation: Allocation) -> Mapping[str, FloatArray]:
        """Return probability and energy of each target; shape (...) each."""
        if problem.frame_length is None or problem.receive_antennas is None:
            raise isacfw.IncompatibleError("needs the length of a frame and the number of receive antennas")
        users, streams = problem.echo_energy(allocation.communication, allocation.streams)
        energy = users + streams
        if self.waveform == "sensing":
            energy = streams / (1 + users / problem.frame_length[..., None])
        values: dict[str, FloatArray] = {}
        samples = problem.receive_antennas * problem.frame_length
        names = [one.name for one in self.quantities_of(problem.targets, problem.streams)]
        for target, (probability, decibels) in enumerate(zip(names[::2], names[1::2], strict=True)):
            own = np.asarray(energy[..., target])
            values[probability] = self._probability(own, np.broadcast_to(samples, own.shape))
            with np.errstate(divide="ignore"):
                values[decibels] = 10 * np.log10(own)
        return values

    def _probability(self, energy: FloatArray, samples: FloatArray) -> FloatArray:
        """Return the probability of detection, whose detector depends on the number of samples."""
        found = np.empty(energy.shape)
        for count in np.unique(samples):
            where = samples == count
            found[where] = self.detector(float(count)).probability(energy[where])
        return found

    def detector(self, samples: float) -> Detector:
        """Return the detector for frames with a number of samples."""
        return Detector(
            target_model=self.target_model,
            false_alarm_probability=self.false_alarm_probability,
            cells=self.cells,
            samples=samples,
        )


@isacfw.hookimpl
def register_metrics() -> list[type[isacfw.Metric]]:
    """Register the probability of detection."""
    return [Detection]
