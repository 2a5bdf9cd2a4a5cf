"""Linear precoders and their link statistics."""

from __future__ import annotations

import inspect
from abc import abstractmethod
from functools import cache, partial
from typing import Any, ClassVar

import attrs
import numpy as np
from numpy.typing import NDArray

from ..base.errors import PluginError, short_repr
from ..base.guard import guard
from ..base.link import LINKS, Link
from ..base.numbers import ComplexArray, FloatArray
from ..base.part import display_name
from .link import LinkStatistics
from .link_sums import LinkSums
from .moments import Sums, WeightedPart, call_weights, sample_each_drop
from .region_gains import closed_region_gains, sampled_region_gains
from .scene import Scene


@attrs.frozen(kw_only=True)
class Precoder(WeightedPart):
    r"""Abstract base class of linear precoders: the moments follow from the weights.

    A subclass with closed-form moments overrides :meth:`link_statistics`, and calls the base class
    for channels for which the closed form does not hold: usually those that are not `isotropic`.

    Attributes
    ----------
    turns_with_channel : bool
        Class attribute: whether :math:`W(U \hat H) = U W(\hat H)` for every unitary U, as for any precoder that
        is computed from estimates and numbers alone and treats all antennas alike (MRT, ZF). Its signals are then
        isotropic on average if the channel is, and need not be sampled for sensing.
    links : tuple of {"downlink", "uplink"}
        Class attribute: the links that it is for. In the uplink the weights combine what the antennas receive.
    """

    turns_with_channel: ClassVar[bool] = False
    links: ClassVar[tuple[Link, ...]] = LINKS

    @abstractmethod
    def weights(self, *arguments: Any, **named: Any) -> ComplexArray:
        """Return the weights W for channel estimates; both have shape (..., N, K).

        Defined as ``weights(self, estimates)``, or as ``weights(self, scene, estimates)``.

        Parameters
        ----------
        scene : Scene
            Further inputs: array, statistics of the drop, (K,) each, directions of the targets, power and noise.
            Omit it if it is not needed; moments are then shared between all points of a sweep that have the same
            channel.
        estimates : ndarray of complex, shape (..., N, K)
            The columns are the base station's estimates of the users' channels. Read-only.
        """

    @classmethod
    def uses_scene(cls) -> bool:
        """Return whether :meth:`weights` takes the scene."""
        return _takes_scene(cls)

    def weights_in(self, scene: Scene, estimates: ComplexArray) -> ComplexArray:
        """Return the weights in the scene of one drop; (..., N, K)."""
        given = (scene, estimates) if self.uses_scene() else (estimates,)
        return np.asarray(self.weights(*given), dtype=np.complex128)

    def cancels(self, scene: Scene) -> NDArray[np.bool_]:
        """Return which users are taken away before a user is combined in the uplink: none by default; (K, K).

        Parameters
        ----------
        scene : Scene
            Scene of one drop.

        Returns
        -------
        ndarray of bool, shape (K, K)
            Whether user j is decoded, and taken away by its estimate, before user k is combined, at (k, j).
        """
        return np.zeros((scene.users, scene.users), dtype=np.bool_)

    def checked_weights(
        self, scene: Scene, estimates: ComplexArray, time_limit_s: float | None = None
    ) -> ComplexArray:
        """Return validated weights in the scene of one drop; (M, N, K) for estimates (M, N, K).

        Raises
        ------
        PluginError
            If they break the contract of a precoder, or take longer than the time limit.
        """
        who = f"precoder {display_name(self)}"
        weights = call_weights(self, who, lambda: self.weights_in(scene, estimates), time_limit_s)
        if weights.shape != estimates.shape:
            raise PluginError(f"{who} must return weights of shape {estimates.shape}, got {weights.shape}")
        return weights

    def link_statistics(self, scene: Scene) -> LinkStatistics:
        r"""Return the moments of the precoder; by default sampled, with their standard errors.

        Parameters
        ----------
        scene : Scene
            Scene with the statistics of a batch of drops, (D, K). Read-only.

        Raises
        ------
        IncompatibleError
            If the precoder does not exist here (for example zero forcing with no more antennas than users), or
            the accuracy cannot be reached, for example because a moment does not exist.

        Notes
        -----
        Sampling continues until, for every user, these relative standard errors are all within the accuracy: of
        the signal gain, of the weight power, and of the vector of :math:`\zeta_{kj} / \xi_{bf,j}` over j, in the
        Euclidean norm. The SINR of a user depends on one of each. For signals that are not known to be isotropic,
        the same holds for the diagonal of each signal's form at the targets. All interference is in `coupling`:
        nothing is assumed to be common to the users. The draws of a drop depend on the seed and the number of the
        drop alone, so they are the same for all precoders and beams.
        """
        isotropic = scene.statistics.isotropic and self.turns_with_channel
        found = sample_each_drop(self, scene, partial(_sums, self, isotropic=isotropic))
        return attrs.evolve(LinkStatistics.stack(found), isotropic=isotropic)


def sampled_forms(precoder: Precoder, scene: Scene) -> ComplexArray:
    """Return the sampled form of each user's signal at the targets; (D, K, 3T, 3T)."""
    found = LinkStatistics.stack(sample_each_drop(precoder, scene, partial(_sums, precoder, forms_alone=True)))
    assert found.forms is not None
    return found.forms


def sampled_in_full(precoder: Precoder, scene: Scene) -> LinkStatistics:
    """Return all moments of a precoder, and the forms of its signals, sampled regardless of its closed forms."""
    return LinkStatistics.stack(sample_each_drop(precoder, scene, partial(_sums, precoder)))


def checked_link_statistics(precoder: Precoder, scene: Scene) -> LinkStatistics:
    """Return the validated moments of a precoder; unknown forms at the targets are sampled."""
    with guard(f"transmit array {display_name(scene.array)}", scene.array):
        _ = scene.antennas
    drops = len(scene.statistics.beta)
    with guard(f"precoder {display_name(precoder)}", precoder, scene.array, drops=drops):
        link = precoder.link_statistics(scene)
        if not isinstance(link, LinkStatistics):
            raise TypeError(f"it must return LinkStatistics, got {short_repr(link)}")
        closed = link.forms is not None and link.standard_error is None
        if link.forms is None and not (link.isotropic and scene.statistics.isotropic):
            link = attrs.evolve(link, forms=sampled_forms(precoder, scene))
        if scene.regions and link.gains is None:
            link = attrs.evolve(link, gains=_region_gains(precoder, scene, link, closed=closed))
    return link.check(precoder, scene.users, len(scene.targets), len(scene.regions))


def _region_gains(precoder: Precoder, scene: Scene, link: LinkStatistics, *, closed: bool) -> FloatArray:
    """Return the mean gains of the users' signals over the regions of a scene; (D, K, M), or (1, K, M)."""
    if link.isotropic and scene.statistics.isotropic:
        return np.ones((1, scene.users, len(scene.regions)))
    if closed and not precoder.uses_scene():
        return closed_region_gains(precoder, scene)
    return sampled_region_gains(precoder, scene)


def _sums(precoder: Precoder, scene: Scene, *, isotropic: bool = False, forms_alone: bool = False) -> Sums:
    """Return the empty sums for the scene of a drop."""
    who = f"precoder {display_name(precoder)}"
    basis = None if isotropic else scene.basis
    return LinkSums(who, scene.statistics, scene.antennas, basis, forms_alone=forms_alone)


@cache
def _takes_scene(cls: type[Precoder]) -> bool:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(cls.weights).parameters.values()
    # Parameters with a default are the precoder's own.
    return sum(one.kind in kinds and one.default is one.empty for one in parameters) > 2
