"""Equal-gain transmission."""

from typing import ClassVar, final

import attrs
import numpy as np

import isacfw


@final
@attrs.frozen(kw_only=True)
class EqualGain(isacfw.Precoder):
    r"""Equal-gain transmission: every antenna sends with the same power, in phase with the channel estimate.

    Notes
    -----
    :math:`w_{nk} = e^{j \arg \hat h_{nk}}`; see D. J. Love and R. W. Heath, "Equal gain transmission in
    multiple-input multiple-output wireless systems", IEEE Trans. Commun. 51 (2003). Its link statistics are
    sampled.
    """

    name: ClassVar[str] = "equal_gain"

    def weights(self, estimates: isacfw.ComplexArray) -> isacfw.ComplexArray:
        """Return the phases of the estimates; (..., N, K)."""
        return np.exp(1j * np.angle(estimates))


@isacfw.hookimpl
def register_precoders() -> list[type[isacfw.Precoder]]:
    """Register equal-gain transmission."""
    return [EqualGain]
