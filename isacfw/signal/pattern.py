r"""Radiation patterns: the power that signals send in each direction, on average over the fading.

A signal of weights w has the gain :math:`a^H E\{w w^H\} a / E\|w\|^2` in a direction of steering vector a,
relative to a single element that radiates the same power. It is at most the number of elements N, and 1 in all
directions for one element, or where :math:`E\,w w^H \propto I`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, TypeVar

import attrs
import numpy as np

from ..base.errors import IncompatibleError, NoFadingError, PluginError
from ..base.guard import guard
from ..base.numbers import ComplexArray, FloatArray
from ..base.part import display_name
from .array import Array, Direction, conjugate_steering, received_power
from .moments import LARGEST_DRAW, WeightedPart, drawn_channels
from .precoder import Precoder
from .region_gains import closed_gains
from .scene import Scene
from .statistics import FadingSource

_Moments = TypeVar("_Moments")

BLOCKS = 20
"""Number of blocks of draws, from which standard errors follow."""

_BYTES_AT_ONCE = 2**26


@attrs.frozen(kw_only=True, eq=False)
class Gains:
    """Gains of signals in D directions.

    Parameters
    ----------
    values : ndarray, shape (D, B)
        Gains of B signals of unit power.
    blocks : ndarray, shape (n, D, B), optional
        Gains without each block of draws, if they are sampled.
    draws : int, optional
        Number of draws, if they are sampled.
    """

    values: FloatArray
    blocks: FloatArray | None = None
    draws: int | None = None

    def total(self, shares: FloatArray) -> FloatArray:
        """Return the gain of all signals together at shares of the power (B,); (D,)."""
        return np.asarray(self.values @ shares)

    def total_error(self, shares: FloatArray) -> FloatArray:
        """Return the standard error of :meth:`total`, by a delete-one-block jackknife; zero if exact; (D,)."""
        if self.blocks is None:
            return np.zeros(len(self.values))
        without = self.blocks @ shares
        spread = ((without - without.mean(axis=0)) ** 2).sum(axis=0)
        return np.asarray(np.sqrt((1 - 1 / len(without)) * spread))


@attrs.frozen(kw_only=True, eq=False)
class DropScene:
    """The scene of one drop, and how its fading is sampled.

    Parameters
    ----------
    scene : Scene
        Scene with the statistics of one drop, (1, K), and their source of fading.
    draws : int
        Number of draws, rounded up to a multiple of `BLOCKS`.
    """

    scene: Scene
    draws: int

    @cached_property
    def own(self) -> Scene:
        """The scene without batch axis: its roots of covariances are computed once for all parts."""
        return self.scene.of_drop(0)

    @property
    def fading(self) -> FadingSource:
        """Source of the fading."""
        return self.scene.statistics.source

    @cached_property
    def closed(self) -> Scene:
        """The scene without source of fading, where parts have closed forms of moments or refuse to sample."""
        return attrs.evolve(self.scene, statistics=attrs.evolve(self.scene.statistics, fading=None))


def gains_of_weights(array: Array, directions: Sequence[Direction], weights: ComplexArray) -> FloatArray:
    """Return the gains of fixed weights (N, B, R), whose R waveforms add up; (D, B)."""
    power = (np.abs(weights) ** 2).sum(axis=(0, 2))
    return np.asarray(received_power(conjugate_steering(array, directions), weights[None]).sum(axis=0) / power)


def precoder_gains(precoder: Precoder, drop: DropScene, directions: Sequence[Direction]) -> Gains:
    """Return the gains of the signals of a precoder for the drop of a scene, in closed form where it has one.

    Parameters
    ----------
    precoder : Precoder
        The precoder.
    drop : DropScene
        The scene, and the number of draws where there is no closed form.
    directions : sequence of Direction
        The D directions.

    Raises
    ------
    IncompatibleError
        If the precoder does not exist for this array and these users.
    PluginError
        If weights or channels break their contract.
    """
    exact = _closed_form(precoder, drop, directions)
    return sampled_gains(precoder, drop, directions) if exact is None else Gains(values=exact)


def unsampled(who: str, moments: Callable[[Scene], _Moments], drop: DropScene) -> _Moments | None:
    """Return the moments of a part if it has them without sampling, else None.

    Parameters
    ----------
    who : str
        Name of the part, for errors.
    moments : callable
        Its moments in a scene.
    drop : DropScene
        The scene.

    Raises
    ------
    IncompatibleError
        If the part does not exist for this array and these users.
    PluginError
        If it fails.
    """
    part = getattr(moments, "__self__", moments)
    try:
        with guard(who, part, drop.scene.array):
            return moments(drop.closed)
    except NoFadingError:
        return None
    except PluginError:
        # It may only need the source of fading, without asking whether there is one.
        with guard(who, part, drop.scene.array):
            moments(drop.scene)
        return None


def _closed_form(precoder: Precoder, drop: DropScene, directions: Sequence[Direction]) -> FloatArray | None:
    """Return the gains (D, K) by the closed form for signals at targets, which are put in all directions.

    None if there is no closed form, or if the weights depend on the targets themselves.
    """
    scene = drop.closed
    link = unsampled(f"precoder {display_name(precoder)}", precoder.link_statistics, drop)
    if link is None:
        return None
    if link.isotropic and scene.statistics.isotropic:
        return np.ones((len(directions), scene.users))
    if link.forms is None or link.standard_error is not None or precoder.uses_scene():
        return None
    return closed_gains(precoder, scene, directions)


def sampled_gains(part: WeightedPart, drop: DropScene, directions: Sequence[Direction]) -> Gains:
    """Return the gains of the signals of any precoder or beam, from draws; see :func:`precoder_gains`."""
    scene, fading = drop.own, drop.fading
    if (size := 2 * 16 * scene.antennas * scene.users) > LARGEST_DRAW:
        raise IncompatibleError(
            f"one draw for {scene.antennas} antennas and {scene.users} users takes {size / 2**30:.1f} GiB"
        )
    generator = fading.simulation_generator(0)
    steering = conjugate_steering(scene.array, directions)
    length = max(1, -(-drop.draws // BLOCKS))
    chunk = max(1, _BYTES_AT_ONCE // (16 * scene.users * (2 * scene.antennas + len(directions))))
    sums: list[tuple[Any, Any]] = []
    for _ in range(BLOCKS):
        received: Any = 0.0
        power: Any = 0.0
        for start in range(0, length, chunk):
            count = min(chunk, length - start)
            _, estimates = drawn_channels(fading.channel, scene, count, generator)
            weights = part.checked_weights(scene, estimates, fading.time_limit_s)
            weights = weights if weights.ndim == 4 else weights[..., None]
            received = received + received_power(steering, weights).sum(axis=0)
            power = power + (weights.real**2 + weights.imag**2).sum(axis=(0, 1, 3))
        sums.append((received, power))
    total, whole = (np.stack(one).sum(axis=0) for one in zip(*sums, strict=True))
    if not (whole > 0).all():
        raise IncompatibleError(f"{part.title} radiates nothing from this array")
    blocks = np.stack([(total - one) / (whole - own_power) for one, own_power in sums])
    return Gains(values=total / whole, blocks=blocks, draws=length * BLOCKS)
