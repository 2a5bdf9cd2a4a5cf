r"""Moments of any precoder and any beam, sampled: they need to provide only their weights.

With :math:`t_{kj} = h_k^H w_j`, the moments of the use-and-then-forget bound are means over draws of the
fading: :math:`\lambda_k = |E\,t_{kk}|^2`, :math:`N_t \zeta_{kj} = E|t_{kj}|^2 - \delta_{kj} \lambda_k` and
:math:`N_t \xi_{bf,k} = E\|w_k\|^2`, see (17), (21) and (22). Where
estimates are conditional means of the channels, as those of Gaussian channels are,
:math:`E\,t_{kk} = E\,\hat h_k^H w_k`, which has a far smaller error for the same number of draws. The targets
receive :math:`P^H E\{w_k w_k^H\} P` from a signal, and a user receives the interference :math:`E|h_k^H v_s|^2`
from a sensing stream.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Protocol

import attrs
import numpy as np

from ..base.errors import IncompatibleError, PluginError
from ..base.guard import Deadline, guard
from ..base.numbers import ComplexArray, read_only
from ..base.part import LabelledPart, display_name
from ..base.threads import one_thread
from ..base.time_limit import time_limit
from .scene import Scene
from .statistics import FadingSource

FIRST_DRAWS = 1000
BYTES_AT_ONCE = 2**21
LARGEST_DRAW = 2**30
PATIENCE = 20


@attrs.frozen(kw_only=True)
class WeightedPart(LabelledPart):
    """A part that returns weights for channel estimates: a precoder or a beam."""

    @abstractmethod
    def checked_weights(
        self, scene: Scene, estimates: ComplexArray, time_limit_s: float | None = None
    ) -> ComplexArray:
        """Return M validated weights in the scene of one drop, for estimates (M, N, K).

        Raises
        ------
        PluginError
            If they break the contract of the part, or take longer than the time limit.
        """


class Sums(Protocol):
    """Sums over draws, and the resulting moments."""

    draws: int

    def add(self, channels: ComplexArray, estimates: ComplexArray, weights: ComplexArray) -> None:
        """Add draws."""

    def is_biased(self) -> bool:
        """Return whether estimates are not conditional means."""

    def statistics(self) -> Any:
        """Return the moments with their standard errors."""

    def worst(self, found: Any) -> float:
        """Return the largest relative standard error among those that must reach the accuracy."""


def sample_each_drop(part: WeightedPart, scene: Scene, sums: Callable[[Scene], Sums]) -> list[Any]:
    """Return the moments of a part for each drop, sampled to a given accuracy.

    Parameters
    ----------
    part : WeightedPart
        The part, which returns the weights.
    scene : Scene
        Scene with the statistics of D drops and their source of fading: (D, K).
    sums : callable
        Returns the empty sums for the scene of a drop.

    Raises
    ------
    IncompatibleError
        If the accuracy cannot be reached, for example because a moment does not exist.
    InputError
        If the statistics carry no source of fading.
    PluginError
        If weights or channels break their contract.
    PartTimedOutError
        If the sampling of a drop takes longer than the time limit.
    """
    fading = scene.statistics.source
    size = 2 * 16 * scene.antennas * scene.users
    if size > LARGEST_DRAW:
        raise IncompatibleError(
            f"the moments of {part.title} are sampled, and one draw for {scene.antennas} antennas and"
            f" {scene.users} users takes {size / 2**30:.1f} GiB; a closed form takes none"
        )
    chunk = max(1, BYTES_AT_ONCE // (16 * scene.users * (2 * scene.antennas + scene.users)))
    found = []
    # The time limit is for a drop, and for each call of a part.
    with time_limit(math.inf), one_thread():
        for position in range(len(scene.statistics.beta)):
            own = scene.of_drop(position)
            found.append(_sample(part, own, sums(own), fading, position, chunk))
    return found


def _sample(part: WeightedPart, scene: Scene, sums: Sums, fading: FadingSource, position: int, chunk: int) -> Any:
    """Sample one drop, in chunks that fit the cache, until its moments are accurate enough."""
    generator = fading.generator(position)
    most = math.ceil(PATIENCE / fading.accuracy**2)
    wanted = min(FIRST_DRAWS, most)
    deadline = Deadline(f"the sampled moments of {part.title}", fading.time_limit_s)
    while True:
        while sums.draws < wanted:
            sums.add(*_draw(part, scene, fading, chunk, generator))
            if sums.draws < wanted:
                deadline.check(f"{sums.draws} draws of a drop")
        found = sums.statistics()
        if sums.is_biased():
            raise PluginError(
                f"channel {display_name(fading.channel)} must draw estimates that are conditional means (MMSE),"
                " got others: their errors have a nonzero mean"
            )
        worst = sums.worst(found)
        if worst <= fading.accuracy:
            return found
        if sums.draws >= most:
            raise IncompatibleError(
                f"the moments of {part.title} reached an accuracy of {100 * worst:.3g} % after {sums.draws}"
                f" draws, short of the {100 * fading.accuracy:g} % required: the moments may not exist, or"
                " sampling_accuracy is too strict"
            )
        deadline.check(f"{sums.draws} draws of a drop")
        wanted = min(most, max(math.ceil(1.02 * sums.draws * (worst / fading.accuracy) ** 2), sums.draws + 1))


def _draw(
    part: WeightedPart, scene: Scene, fading: FadingSource, draws: int, generator: np.random.Generator
) -> tuple[ComplexArray, ComplexArray, ComplexArray]:
    """Draw channels and estimates, (M, N, K) each, and return them with the weights of a precoder or beam."""
    channels, estimates = drawn_channels(fading.channel, scene, draws, generator, seconds=fading.time_limit_s)
    return channels, estimates, part.checked_weights(scene, estimates, fading.time_limit_s)


def drawn_channels(
    channel: Any, scene: Scene, draws: int, generator: np.random.Generator, *, seconds: float | None = None
) -> tuple[ComplexArray, ComplexArray]:
    """Draw channels and estimates of one drop, validated and read-only; (M, N, K) each.

    Parameters
    ----------
    channel : Channel
        The channel.
    scene : Scene
        Scene of the drop.
    draws : int
        Number of draws M.
    generator : Generator
        Source of randomness.
    seconds : float, optional
        Longest time; that of any part by default.
    """
    shape = (draws, scene.antennas, scene.users)
    origin = f"channel {display_name(channel)}"
    with guard(origin, channel, scene.array, seconds=seconds):
        drawn = channel.draw(scene.statistics, scene.array, draws, generator)
        # A channel may reuse its buffers for the next draws.
        channels, estimates = (np.array(value, dtype=np.complex128) for value in drawn)
    for noun, value in (("channels", channels), ("estimates", estimates)):
        if value.shape != shape:
            raise PluginError(f"{origin} must draw {noun} of shape {shape}, got {value.shape}")
        if not np.isfinite(value.sum()):
            raise PluginError(f"{origin} must draw finite {noun}, got NaN or an infinite number")
    return read_only(channels), read_only(estimates)


def call_weights(
    part: WeightedPart, who: str, weights: Callable[[], Any], time_limit_s: float | None
) -> ComplexArray:
    """Return the weights of a part, checked to be finite and within the time limit.

    Parameters
    ----------
    part : WeightedPart
        The part.
    who : str
        Its kind and name, for messages.
    weights : callable
        Returns the weights.
    time_limit_s : float or None
        Longest time in seconds; None for no limit.

    Raises
    ------
    PluginError
        If the part raises, takes longer, or returns anything else.
    """
    with guard(who, part, seconds=time_limit_s):
        found = np.asarray(weights(), dtype=np.complex128)
    if not np.isfinite(found.sum()):
        raise PluginError(f"{who} must return finite weights, got NaN or an infinite number")
    return found
