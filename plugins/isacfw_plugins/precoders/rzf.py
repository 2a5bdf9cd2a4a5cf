"""Regularised zero forcing."""

from __future__ import annotations

from typing import ClassVar, final

import attrs
import numpy as np

import isacfw
from isacfw import ComplexArray
from isacfw.validators import number, real


@final
@attrs.frozen(kw_only=True)
class RZF(isacfw.Precoder):
    r"""Regularised zero forcing.

    Parameters
    ----------
    regularization : float
        :math:`\alpha`, in units of the noise. With :math:`\alpha \to 0` this is zero forcing, with
        :math:`\alpha \to \infty`, and scaled by it, maximum-ratio transmission.

    Notes
    -----
    :math:`W = \hat H (\hat H^H \hat H + \alpha I)^{-1}`; :math:`\alpha = K / P_t` is the choice of C. B. Peel,
    B. M. Hochwald and A. L. Swindlehurst, "A vector-perturbation technique for near-capacity multiantenna
    multiuser communication, part I", IEEE Trans. Commun. 53 (2005). Its link statistics are sampled.
    """

    name: ClassVar[str] = "rzf"
    turns_with_channel: ClassVar[bool] = True

    regularization: float = attrs.field(default=1.0, converter=real, validator=number(above=0))

    def weights(self, estimates: ComplexArray) -> ComplexArray:
        """Return the regularised pseudo-inverse of the estimates' conjugate transpose; (..., N, K)."""
        gram = np.swapaxes(estimates.conj(), -1, -2) @ estimates
        return np.asarray(estimates @ np.linalg.inv(gram + self.regularization * np.eye(gram.shape[-1])))


@isacfw.hookimpl
def register_precoders() -> list[type[isacfw.Precoder]]:
    """Register regularised zero forcing."""
    return [RZF]
