"""Detection of one target's echo by a generalised likelihood-ratio test, in closed form."""

from __future__ import annotations

import math
from typing import Literal

import attrs
import numpy as np
from numpy.typing import NDArray

from isacfw import ComplexArray, FloatArray

TargetModel = Literal["steady", "swerling1", "unknown_noise"]
Waveform = Literal["all", "sensing"]
MODELS = ("steady", "swerling1", "unknown_noise")
WAVEFORMS = ("all", "sensing")


@attrs.frozen(kw_only=True)
class Detector:
    r"""A detector that knows the transmitted signal, and not the reflection coefficient.

    Parameters
    ----------
    target_model : {"steady", "swerling1", "unknown_noise"}
        A target of constant amplitude; one whose coefficient is Gaussian, and constant within a frame; the latter
        at an unknown level of the noise.
    false_alarm_probability : float
        Probability of a false alarm in any of the cells.
    cells : int
        Number M of cells in delay, Doppler shift or direction that are searched, whose noise is independent.
    samples : float
        Number :math:`n = N_r L` of samples in a frame, above 1; for an unknown level of the noise.

    Notes
    -----
    The test of :math:`Y = \alpha G X + N` over α has the statistic :math:`|\mathrm{tr}(Y^H G X)|^2 / \|G X\|^2`,
    exponentially distributed without a target. So the threshold is :math:`t = -\ln P_c` for a false-alarm
    probability :math:`P_c = 1 - (1 - P_{fa})^{1/M}` of a cell. With the energy e of the echo, at unit noise,

    - steady: :math:`P_d = Q_1(\sqrt{2 e}, \sqrt{2 t})` with Marcum's Q function,
    - swerling1, with e on average: :math:`P_d = \exp(-t / (1 + e))`,
    - unknown_noise, with the statistic relative to the energy of all other dimensions, and
      :math:`\eta = P_c^{-1/(n - 1)} - 1`: :math:`P_d = (1 + \eta / (1 + e))^{-(n - 1)}`.
    """

    target_model: TargetModel
    false_alarm_probability: float
    cells: int
    samples: float

    @property
    def cell_probability(self) -> float:
        """Probability of a false alarm in one cell."""
        return -math.expm1(math.log1p(-self.false_alarm_probability) / self.cells)

    @property
    def threshold(self) -> float:
        """Threshold t of the statistic, for a known level of the noise."""
        return -math.log(self.cell_probability)

    @property
    def _ratio(self) -> float:
        """Threshold η of the ratio of energies, for an unknown level of the noise."""
        return math.expm1(self.threshold / (self.samples - 1))

    def probability(self, energy: FloatArray) -> FloatArray:
        """Return the probability of detection for energies of the echo; (...)."""
        if self.target_model == "swerling1":
            return np.exp(-self.threshold / (1 + energy))
        if self.target_model == "unknown_noise":
            return np.exp(-(self.samples - 1) * np.log1p(self._ratio / (1 + energy)))
        from scipy.special import chndtr

        return np.asarray(1 - chndtr(2 * self.threshold, 2.0, 2 * energy))

    def detects(self, received: ComplexArray, known: ComplexArray, noise: float = 1.0) -> NDArray[np.bool_]:
        """Return whether the statistic of each frame is above the threshold; (...).

        Parameters
        ----------
        received, known : ndarray of complex, shape (..., n)
            Samples of the frames, whitened, and of the echoes of a target with the coefficient 1.
        noise : float
            Level of noise and interference; without effect if it counts as unknown.
        """
        energy = np.abs((received.conj() * known).sum(axis=-1)) ** 2 / (np.abs(known) ** 2).sum(axis=-1)
        if self.target_model != "unknown_noise":
            return np.asarray(energy > noise * self.threshold)
        rest = (np.abs(received) ** 2).sum(axis=-1) - energy
        return np.asarray(energy > self._ratio * rest)

    def least_energy(self, probability: float) -> float:
        """Return the energy at which detection has a probability, which is above that of a false alarm."""
        if self.target_model == "swerling1":
            return self.threshold / -math.log(probability) - 1
        if self.target_model == "unknown_noise":
            return self._ratio / math.expm1(-math.log(probability) / (self.samples - 1)) - 1
        from scipy.optimize import brentq

        def excess(energy: float) -> float:
            return float(self.probability(np.asarray(energy))) - probability

        high = self.threshold
        while excess(high) < 0:
            high *= 2
        return float(brentq(excess, 0.0, high, xtol=1e-13, rtol=1e-14))
