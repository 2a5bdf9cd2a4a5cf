"""Mean gains of the signals of precoders and beams over regions of directions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import attrs
import numpy as np

from ..base.numbers import ComplexArray, FloatArray
from ..base.part import LabelledPart
from .angular_region import AngularRegion
from .array import Array, Direction
from .link import LinkStatistics
from .moments import WeightedPart, sample_each_drop
from .scene import Scene

_BYTES_AT_ONCE = 2**26


class HasClosedForm(Protocol):
    """A precoder with closed forms of its signals at the targets."""

    def link_statistics(self, scene: Scene) -> LinkStatistics:
        """Return the moments."""


def closed_gains(precoder: HasClosedForm, scene: Scene, directions: Sequence[Direction]) -> FloatArray:
    """Return gains by the closed form for signals at targets, which are put in all directions; (D, K).

    Parameters
    ----------
    precoder : Precoder
        Its weights must not depend on the targets.
    scene : Scene
        Scene with the statistics of one drop, (1, K).
    directions : sequence of Direction
        The D directions.
    """
    assert isinstance(precoder, LabelledPart)
    found = []
    for some in _pieces(directions, scene):
        moments = precoder.link_statistics(attrs.evolve(scene, targets=some, regions=()))
        moments = moments.check(precoder, scene.users, len(some))
        assert moments.forms is not None
        found.append(np.einsum("ktt->tk", moments.forms[0, :, ::3, ::3]).real)
    return np.concatenate(found)


def _pieces(directions: Sequence[Direction], scene: Scene) -> Iterator[tuple[Direction, ...]]:
    """Yield directions in pieces whose forms fit into memory.

    Forms have entries for all pairs of directions, so larger pieces cost more than closed forms in matrices of
    order N.
    """
    size = max(1, min(max(8, scene.antennas // 2), int((_BYTES_AT_ONCE / (16 * 9 * scene.users)) ** 0.5)))
    for start in range(0, len(directions), size):
        yield tuple(directions[start : start + size])


def closed_region_gains(precoder: HasClosedForm, scene: Scene) -> FloatArray:
    """Return the mean gains of the users' signals over the regions of a scene by :func:`closed_gains`; (D, K, M).

    Parameters
    ----------
    precoder : Precoder
        Its weights must not depend on the targets.
    scene : Scene
        Scene with the statistics of D drops.
    """
    found = []
    for position in range(len(scene.statistics.beta)):
        own = attrs.evolve(scene, statistics=scene.statistics.only(position))
        each = [closed_gains(precoder, own, region.directions).mean(axis=0) for region in scene.regions]
        found.append(np.stack(each, axis=-1))
    return np.stack(found)


def fixed_gains(scene: Scene, weights: ComplexArray) -> FloatArray:
    """Return the mean gains of fixed weights (N, S, R) over the regions of a scene; (S, M)."""
    return np.stack([region.gains(scene.array, weights) for region in scene.regions], axis=-1)


def sampled_region_gains(part: WeightedPart, scene: Scene) -> FloatArray:
    """Return the mean gains of the signals of a precoder or beam over the regions of a scene, from draws.

    Parameters
    ----------
    part : Precoder or Beam
        The part.
    scene : Scene
        Scene with the statistics of D drops and their source of fading.

    Returns
    -------
    ndarray, shape (D, B, M)
        Of B users or streams, with relative standard errors within the accuracy of the source.

    Raises
    ------
    IncompatibleError
        If the accuracy cannot be reached.
    PluginError
        If weights or channels break their contract.
    """
    found = sample_each_drop(part, scene, lambda own: RegionSums(own.array, own.regions))
    return np.stack([one.gains for one in found])


@attrs.frozen(kw_only=True, eq=False)
class SampledGains:
    """Mean gains and their standard errors.

    Parameters
    ----------
    gains, error : ndarray, shape (B, M)
        Of B signals over M regions.
    """

    gains: FloatArray
    error: FloatArray


class RegionSums:
    """Sums over draws of the power in regions and of the power in all.

    Parameters
    ----------
    array : Array
        The transmit array.
    regions : sequence of AngularRegion
        The M regions.
    """

    def __init__(self, array: Array, regions: Sequence[AngularRegion]) -> None:
        self.array, self.regions, self.draws = array, regions, 0
        self.sums: list[FloatArray] = []

    def add(self, channels: ComplexArray, estimates: ComplexArray, weights: ComplexArray) -> None:
        """Add draws of weights; (m, N, B) or (m, N, B, R)."""
        weights = weights if weights.ndim == 4 else weights[..., None]
        power = (np.abs(weights) ** 2).sum(axis=(1, 3))
        received = np.stack(
            [
                np.sum(list(region.received(self.array, weights)), axis=0) / len(region.directions)
                for region in self.regions
            ],
            axis=-1,
        )
        each = np.concatenate([power[..., None], received], axis=-1)
        products = each[..., :1] * each
        new = [each.sum(axis=0), (each**2).sum(axis=0), products.sum(axis=0)]
        self.sums = [old + one for old, one in zip(self.sums, new, strict=True)] if self.sums else new
        self.draws += len(weights)

    def is_biased(self) -> bool:
        """Return False: no gain depends on the kind of estimates."""
        return False

    def statistics(self) -> SampledGains:
        """Return the gains, ratios of means, with their standard errors by the delta method."""
        mean, square, product = (one / self.draws for one in self.sums)
        power = mean[:, :1]
        gains = mean[:, 1:] / power
        variance = square - mean**2
        together = (product - power * mean)[:, 1:]
        spread = variance[:, 1:] - 2 * gains * together + gains**2 * variance[:, :1]
        error = np.sqrt(np.maximum(spread, 0) / max(self.draws - 1, 1)) / power
        return SampledGains(gains=gains, error=error)

    def worst(self, found: SampledGains) -> float:
        """Return the largest relative standard error."""
        return float(np.divide(found.error, found.gains, where=found.gains > 0, out=0 * found.gains).max())
