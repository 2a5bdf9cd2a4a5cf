"""Comparison of draws with their declared means and covariances."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base.numbers import ComplexArray, FloatArray
from .checks import require

DEVIATIONS = 5.0
"""Half-width of confidence intervals in standard errors: a correct channel leaves one by chance once in 10^6."""


def require_mean(sample: ComplexArray, expected: Any, what: str) -> None:
    """Fail the check unless a sample over draws has the expected mean."""
    mean = sample.mean(axis=0)
    error = np.sqrt((np.abs(sample - mean) ** 2).mean(axis=0) / len(sample))
    scale = np.sqrt((np.abs(sample) ** 2).mean())
    far = np.abs(mean - expected) > DEVIATIONS * error + 1e-9 * scale
    require(not far.any(), f"{what} differs from what the statistics say by {_worst(mean - expected, error)}")


def require_covariance(sample: ComplexArray, expected: ComplexArray, what: str) -> None:
    """Fail the check unless a sample over draws has the expected covariance."""
    products = sample[:, :, None] * sample.conj()[:, None, :]
    mean = products.mean(axis=0)
    error = np.sqrt((np.abs(products - mean) ** 2).mean(axis=0) / len(sample))
    far = np.abs(mean - expected) > DEVIATIONS * error + 1e-9 * np.abs(expected).max()
    require(not far.any(), f"{what} differs from what the statistics say by {_worst(mean - expected, error)}")


def _worst(gap: ComplexArray, error: FloatArray) -> str:
    return f"up to {(np.abs(gap) / (error + 1e-300)).max():.3g} standard errors"
