"""Quantiles of the standard normal distribution, element by element with the same bits wherever it stands.

Algorithm AS 241 (PPND16) of M. J. Wichura, Applied Statistics 37 (1988), accurate to about 16 digits. NumPy's own
normal numbers take a varying count of random words, so that they have no fixed position in a stream. SciPy's
quantiles are as exact, but importing SciPy takes longer than a small study.
"""

from __future__ import annotations

import numpy as np

from ..base.numbers import FloatArray

_AT_ONCE = 8192
"""Numbers at a time: the temporary arrays stay in the cache."""
_CENTRE, _FAR = 0.425, 5.0
# Coefficients of numerator and denominator from the highest power down.
_CENTRAL = np.array(
    [
        [2.5090809287301226727e3, 5.2264952788528545610e3],
        [3.3430575583588128105e4, 2.8729085735721942674e4],
        [6.7265770927008700853e4, 3.9307895800092710610e4],
        [4.5921953931549871457e4, 2.1213794301586595867e4],
        [1.3731693765509461125e4, 5.3941960214247511077e3],
        [1.9715909503065514427e3, 6.8718700749205790830e2],
        [1.3314166789178437745e2, 4.2313330701600911252e1],
        [3.3871328727963666080e0, 1.0],
    ]
)
_OUTER = np.array(
    [
        [7.74545014278341407640e-4, 1.05075007164441684324e-9],
        [2.27238449892691845833e-2, 5.47593808499534494600e-4],
        [2.41780725177450611770e-1, 1.51986665636164571966e-2],
        [1.27045825245236838258e0, 1.48103976427480074590e-1],
        [3.64784832476320460504e0, 6.89767334985100004550e-1],
        [5.76949722146069140550e0, 1.67638483018380384940e0],
        [4.63033784615654529590e0, 2.05319162663775882187e0],
        [1.42343711074968357734e0, 1.0],
    ]
)
_FARTHEST = np.array(
    [
        [2.01033439929228813265e-7, 2.04426310338993978564e-15],
        [2.71155556874348757815e-5, 1.42151175831644588870e-7],
        [1.24266094738807843860e-3, 1.84631831751005468180e-5],
        [2.65321895265761230930e-2, 7.86869131145613259100e-4],
        [2.96560571828504891230e-1, 1.48753612908506148525e-2],
        [1.78482653991729133580e0, 1.36929880922735805310e-1],
        [5.46378491116411436990e0, 5.99832206555887937690e-1],
        [6.65790464350110377720e0, 1.0],
    ]
)


def normal_quantiles(offsets: FloatArray) -> FloatArray:
    r"""Return the standard normal quantiles :math:`\Phi^{-1}(1/2 + t)`, in the same array.

    Parameters
    ----------
    offsets : ndarray, shape (...)
        Probabilities less one half, t, between -1/2 and 1/2 exclusively; contiguous, and overwritten.
    """
    flat = offsets.reshape(-1)
    for start in range(0, len(flat), _AT_ONCE):
        block = flat[start : start + _AT_ONCE]
        outside = np.flatnonzero(np.abs(block) > _CENTRE)
        tails = _tails(block[outside])
        block *= _ratio(_CENTRAL, _CENTRE**2 - block * block)
        block[outside] = tails
    return offsets


def _tails(offsets: FloatArray) -> FloatArray:
    """Return the quantiles beyond the central region."""
    depths = np.sqrt(-np.log(0.5 - np.abs(offsets)))
    found = _ratio(_OUTER, depths - 1.6)
    if len(far := np.flatnonzero(depths > _FAR)):
        found[far] = _ratio(_FARTHEST, depths[far] - _FAR)
    return np.asarray(np.copysign(found, offsets))


def _ratio(coefficients: FloatArray, at: FloatArray) -> FloatArray:
    """Return a rational function by Horner's rule."""
    above, below = at * coefficients[0, 0], at * coefficients[0, 1]
    for upper, lower in coefficients[1:-1]:
        above += upper
        above *= at
        below += lower
        below *= at
    above += coefficients[-1, 0]
    below += coefficients[-1, 1]
    return np.asarray(above / below)
