"""Sensing beams: one or several streams with separate waveforms."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, final

import attrs
import numpy as np

from ..base.environment import is_own
from ..base.errors import InputError, PluginError, short_repr
from ..base.guard import guard
from ..base.numbers import ComplexArray, read_only
from ..base.part import display_name
from ..signal.array import Direction, gram
from ..signal.drops import fading_generator
from ..signal.moments import WeightedPart, call_weights, drawn_channels, sample_each_drop
from ..signal.region_gains import fixed_gains, sampled_region_gains
from ..signal.scene import Scene
from .beam_statistics import BeamStatistics
from .beam_sums import BeamSums


@attrs.frozen(kw_only=True)
class Beam(WeightedPart):
    """Abstract base class of sensing beams: the moments follow from the weights of the streams.

    A subclass with closed-form moments overrides :meth:`beam_statistics`, and calls the base class
    for channels for which the closed form does not hold.
    """

    @abstractmethod
    def weights(self, scene: Scene, estimates: ComplexArray) -> ComplexArray:
        """Return the weights V of the streams.

        Parameters
        ----------
        scene : Scene
            Array, statistics of one drop, (K,) each, directions of targets and beams, power.
        estimates : ndarray of complex, shape (..., N, K)
            The columns are the base station's estimates of the users' channels. Read-only.

        Returns
        -------
        ndarray of complex, shape (..., N, S) or (..., N, S, R)
            A column per stream; its power is normalised on average over the fading. With a last axis, each stream
            has R independent waveforms, whose covariances and powers add up to those of the stream. No leading
            axes if the weights do not depend on the estimates.
        """

    def depends_on_power(self) -> bool:
        """Return whether weights use `scene.power`; if not, moments are shared between all powers of a sweep.

        True by default.
        """
        return True

    def depends_on_requirements(self) -> bool:
        """Return whether weights use `scene.sensing`, the requirements and the objective of the scenario.

        False by default.
        """
        return False

    def checked_weights(
        self, scene: Scene, estimates: ComplexArray, time_limit_s: float | None = None
    ) -> ComplexArray:
        """Return validated weights in the scene of one drop; (M, N, S, R) for estimates (M, N, K).

        Raises
        ------
        PluginError
            If they break the contract of a beam, or take longer than the time limit.
        """
        who = f"beam {display_name(self)}"
        draws, antennas, _ = estimates.shape
        if draws == antennas:
            # Add a draw; otherwise the first axis of the weights could be that of draws or of antennas.
            more = read_only(np.concatenate([estimates, estimates[-1:]]))
            return self.checked_weights(scene, more, time_limit_s)[:draws]
        given = call_weights(self, who, lambda: self.weights(scene, estimates), time_limit_s)
        fixed = given.ndim in (2, 3) and given.shape[0] == antennas
        weights = np.broadcast_to(given, (draws, *given.shape)) if fixed else given
        weights = weights[..., None] if weights.ndim == 3 else weights
        if weights.ndim != 4 or weights.shape[:2] != (draws, antennas) or not weights.size:
            raise PluginError(
                f"{who} must return weights of shape ({draws}, {antennas}, S) or ({draws}, {antennas}, S, R),"
                f" got {given.shape}"
            )
        return weights

    def beam_statistics(self, scene: Scene) -> BeamStatistics:
        """Return the moments of the beam; by default sampled, with their standard errors.

        Parameters
        ----------
        scene : Scene
            Scene with the statistics of a batch of drops, (D, K). Read-only.

        Raises
        ------
        IncompatibleError
            If the beam does not exist here (for example a projection with no more antennas than users), or the
            accuracy cannot be reached.

        Notes
        -----
        Sampling continues until the relative standard errors of the streams' powers, of their interference to
        each user (as a vector over the streams) and of the diagonals of their forms are all within the accuracy.
        The interference of several streams is in `coupling`.
        """
        who = f"beam {display_name(self)}"
        found = sample_each_drop(self, scene, lambda own: BeamSums(who, own.users, own.basis))
        return BeamStatistics.stack(found)


@attrs.frozen(kw_only=True)
class SteeringBeam(Beam):
    r"""Abstract base class of beams made of steering vectors and their derivatives, independent of the channel.

    Notes
    -----
    :math:`v = P_b\, c` with :math:`P_b = [a, \dot a_1, \dot a_2]` of some directions. A target receives
    :math:`P^H P_b\, c`, which factors over the axes of a planar array, so no cost grows with the number of
    antennas.
    """

    @abstractmethod
    def directions(self, scene: Scene) -> tuple[Direction, ...]:
        """Return the B directions of the steering vectors."""

    @abstractmethod
    def coefficients(self, scene: Scene) -> ComplexArray:
        """Return the coefficients c of each waveform of each stream; (3B, S, R)."""

    def weights(self, scene: Scene, estimates: ComplexArray) -> ComplexArray:
        """Return the weights; (N, S, R)."""
        basis, coefficients = scene.basis_of(self.directions(scene)), self.coefficients(scene)
        return np.asarray(np.tensordot(basis, coefficients, axes=1))

    def beam_statistics(self, scene: Scene) -> BeamStatistics:
        """Return the moments: closed forms, except for the interference to channels of unknown covariance."""
        directions, coefficients = self.directions(scene), self.coefficients(scene)
        streams = coefficients.shape[1]
        seen = np.tensordot(cross_gram(scene, directions), coefficients, axes=1)
        own = np.tensordot(gram(scene.array, directions), coefficients, axes=1)
        power = np.einsum("bsr,bsr->s", coefficients.conj(), own).real
        forms = np.einsum("isr,jsr->sij", seen, seen.conj()) / power[:, None, None]
        fixed = {"weight_power": power[None], "forms": forms[None]}
        if scene.regions:
            fixed["gains"] = fixed_gains(scene, self.weights(scene, np.empty(0, dtype=np.complex128)))[None]
        statistics = scene.statistics
        if statistics.isotropic:
            return BeamStatistics(interference=statistics.beta, **fixed)
        if statistics.correlated:
            vectors = self.weights(scene, np.empty(0, dtype=np.complex128)).reshape(scene.antennas, -1)
            each = np.stack(
                [
                    statistics.of_drop(drop).second_order.of_vectors(vectors)
                    for drop in range(len(statistics.beta))
                ]
            )
            found = each.reshape(*each.shape[:-1], streams, -1).sum(axis=-1) / power
        else:
            sampled = Beam.beam_statistics(self, scene)
            return attrs.evolve(sampled, **fixed)
        if streams == 1:
            return BeamStatistics(interference=found[..., 0], **fixed)
        return BeamStatistics(interference=np.zeros(found.shape[:-1]), coupling=found, **fixed)


def checked_beam_statistics(beam: Beam, scene: Scene) -> BeamStatistics:
    """Return the validated moments of a beam."""
    # A covariance for the requirements alone is designed once for all drops.
    drops = 1 if is_own(beam) and beam.depends_on_requirements() else len(scene.statistics.beta)
    with guard(f"beam {display_name(beam)}", beam, scene.array, drops=drops):
        found = beam.beam_statistics(scene)
        if not isinstance(found, BeamStatistics):
            raise TypeError(f"it must return BeamStatistics, got {short_repr(found)}")
        if scene.regions and found.gains is None:
            found = attrs.evolve(found, gains=sampled_region_gains(beam, scene))
    return found.check(beam, scene.users, len(scene.targets), len(scene.regions))


def count_streams(beam: Beam, scene: Scene, time_limit_s: float | None) -> int:
    """Return the number of streams of a beam, from the weights of a few draws if necessary."""
    own = scene.of_drop(0)
    if isinstance(beam, SteeringBeam):
        with guard(f"beam {display_name(beam)}", beam, scene.array):
            return int(beam.coefficients(own).shape[1])
    fading = scene.statistics.source
    _, estimates = drawn_channels(fading.channel, own, 2, fading_generator(fading.seed, 0))
    return int(beam.checked_weights(own, estimates, time_limit_s).shape[2])


def cross_gram(scene: Scene, directions: tuple[Direction, ...]) -> ComplexArray:
    """Return the inner products of the targets' bases with those of other directions; (3T, 3B)."""
    rows = [
        np.concatenate([scene.array.inner_products(target, one) for one in directions], axis=-1)
        for target in scene.targets
    ]
    return np.concatenate(rows)


def to_pairs(value: Any) -> Any:
    """Convert lists of pairs to tuples; leave anything else for the validator."""
    if value is None or isinstance(value, str) or not hasattr(value, "__iter__"):
        return value
    return tuple(
        tuple(pair) if hasattr(pair, "__iter__") and not isinstance(pair, str) else pair for pair in value
    )


def _check_directions(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is None:
        return
    if not isinstance(value, tuple) or not value:
        raise InputError(attribute.name, f"must be a nonempty list, got {short_repr(value)}")
    for position, pair in enumerate(value):
        key = f"{attribute.name}[{position}]"
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise InputError(key, f"must be [azimuth, elevation] in degrees, got {short_repr(pair)}")
        try:
            Direction(azimuth_deg=pair[0], elevation_deg=pair[1])
        except InputError as error:
            raise InputError(key, f"must be [azimuth, elevation] in degrees: {error}") from None


@attrs.frozen(kw_only=True)
class PointedBeam(SteeringBeam):
    """Abstract base class of beams that point in given directions, by default those of the scenario.

    Parameters
    ----------
    directions_deg : list of [azimuth, elevation], optional
        Directions in degrees; by default one per target, or the direction given in ``[sensing]``.
    """

    directions_deg: tuple[tuple[float, ...], ...] | None = attrs.field(
        default=None, converter=to_pairs, validator=_check_directions
    )

    def directions(self, scene: Scene) -> tuple[Direction, ...]:
        """Return the directions."""
        if self.directions_deg is None:
            return scene.beams
        return tuple(Direction(azimuth_deg=one[0], elevation_deg=one[1]) for one in self.directions_deg)


@final
@attrs.frozen(kw_only=True)
class Steered(PointedBeam):
    r"""A steering vector per direction: the sum beam.

    Parameters
    ----------
    directions_deg : list of [azimuth, elevation], optional
        Directions in degrees; by default one per target, or the direction given in ``[sensing]``.

    Notes
    -----
    :math:`v = a(\Omega)`, with entries of modulus one, as in (15) of Nguyen et al.
    """

    name: ClassVar[str] = "steered"

    def depends_on_power(self) -> bool:
        """Return False."""
        return False

    def coefficients(self, scene: Scene) -> ComplexArray:
        """Return a coefficient of 1 for the steering vector of each direction; (3B, B, 1)."""
        count = len(self.directions(scene))
        found = np.zeros((3 * count, count, 1), dtype=np.complex128)
        found[3 * np.arange(count), np.arange(count)] = 1
        return found
