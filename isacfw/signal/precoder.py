"""Linear precoders and their link statistics."""

from __future__ import annotations

import inspect
from abc import abstractmethod
from functools import cache
from typing import Any, ClassVar

import attrs
import numpy as np

from ..base.errors import PluginError
from ..base.numbers import ComplexArray
from ..base.part import described
from .link import LinkStatistics
from .link_moments import sampled_link_statistics
from .moments import WeightedPart, call_weights
from .scene import Scene


@attrs.frozen(kw_only=True)
class Precoder(WeightedPart):
    r"""Contract of a linear precoder: it gives its weights, and its moments follow.

    A subclass that knows its moments in closed form overrides :meth:`link_statistics`, and leaves to it the
    channels for which the closed form does not hold: as a rule those that are not `isotropic`.

    Attributes
    ----------
    turns_with_channel : bool
        Class attribute: whether :math:`W(U \hat H) = U W(\hat H)` for every unitary U, as for any precoder that
        is made of estimates and numbers alone and treats all antennas alike (MRT, ZF). Then its signals are
        isotropic on average where the channel is, and nothing of them has to be sampled for sensing.
    """

    turns_with_channel: ClassVar[bool] = False

    @abstractmethod
    def weights(self, *arguments: Any, **named: Any) -> ComplexArray:
        """Return the weights W for channel estimates; both have shape (..., N, K).

        Defined as ``weights(self, estimates)``, or as ``weights(self, scene, estimates)``.

        Parameters
        ----------
        scene : Scene
            What else may be used: array, statistics of the drop, (K,) each, directions of the targets, power
            and noise. Left out by a precoder that needs nothing of it; then moments are shared between all
            points of a sweep that have the same channel.
        estimates : ndarray of complex, shape (..., N, K)
            The columns are what the base station knows of the users' channels. Read-only.
        """

    @classmethod
    def uses_scene(cls) -> bool:
        """Return whether :meth:`weights` takes the scene."""
        return _takes_scene(cls)

    def weights_in(self, scene: Scene, estimates: ComplexArray) -> ComplexArray:
        """Return the weights in the scene of one drop; (..., N, K)."""
        given = (scene, estimates) if self.uses_scene() else (estimates,)
        return np.asarray(self.weights(*given), dtype=np.complex128)

    def checked_weights(
        self, scene: Scene, estimates: ComplexArray, time_limit_s: float | None = None
    ) -> ComplexArray:
        """Return the weights in the scene of one drop, checked; (M, N, K) for estimates (M, N, K).

        Raises
        ------
        PluginError
            If they are not what a precoder must give, or take longer than the time limit.
        """
        who = f"precoder {described(self)}"
        weights = call_weights(who, lambda: self.weights_in(scene, estimates), time_limit_s)
        if weights.shape != estimates.shape:
            raise PluginError(f"{who} must return weights of shape {estimates.shape}, got {weights.shape}")
        return weights

    def link_statistics(self, scene: Scene) -> LinkStatistics:
        """Return the moments of the precoder; by default sampled.

        Parameters
        ----------
        scene : Scene
            With the statistics of a batch of drops, (D, K). Read-only.

        Raises
        ------
        IncompatibleError
            If the precoder does not exist here (zero forcing with no more antennas than users, say).
        """
        isotropic = scene.statistics.isotropic and self.turns_with_channel
        return sampled_link_statistics(self, scene, isotropic=isotropic)


@cache
def _takes_scene(cls: type[Precoder]) -> bool:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(cls.weights).parameters.values()
    # Parameters with a default are the precoder's own.
    return sum(one.kind in kinds and one.default is one.empty for one in parameters) > 2
