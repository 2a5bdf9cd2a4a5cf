"""Sensing beams: where the power for sensing goes, one or several streams with waveforms of their own."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, final

import attrs
import numpy as np

from .array import Direction
from .base.errors import InputError, PluginError, shown
from .base.numbers import ComplexArray, FloatArray, read_only
from .base.part import LabelledPart, described
from .fisher import gram
from .scene import Scene


@attrs.frozen(kw_only=True, eq=False)
class BeamStatistics:
    r"""Moments of the S streams of a beam over the small-scale fading, per unit of each stream's power.

    Parameters
    ----------
    interference : ndarray, shape (..., K)
        What every stream is to a user, :math:`E|h_k^H v_s|^2 / E\|v_s\|^2`, as far as it is the same for all.
    weight_power : ndarray, shape (..., S)
        :math:`E\|v_s\|^2`.
    forms : ndarray of complex, shape (..., S, 3T, 3T)
        :math:`P^H E\{v_s v_s^H\} P / E\|v_s\|^2`, what the targets see of it, with :attr:`Scene.basis`.
    coupling : ndarray, shape (..., K, S), optional
        What a stream adds to `interference`, where the streams differ.
    standard_error : BeamStatistics, optional
        Standard errors of the other fields, where they are sampled.
    """

    interference: FloatArray
    weight_power: FloatArray
    forms: ComplexArray
    coupling: FloatArray | None = None
    standard_error: BeamStatistics | None = None

    @property
    def streams(self) -> int:
        """Number of streams S."""
        return int(np.shape(self.forms)[-3])

    @property
    def stream_interference(self) -> FloatArray:
        r""":math:`E|h_k^H v_s|^2 / E\|v_s\|^2` of each stream; (..., K, S)."""
        common = np.asarray(self.interference)[..., None]
        if self.coupling is not None:
            return np.asarray(common + self.coupling)
        return np.broadcast_to(common, (*common.shape[:-1], self.streams))

    def check(self, beam: Beam, users: int, targets: int) -> BeamStatistics:
        """Return the same as read-only copies.

        Raises
        ------
        PluginError
            Unless these are what a beam must give.
        """
        who = f"beam {described(beam)}"
        if np.ndim(self.forms) < 3:
            raise PluginError(f"{who} must return forms of shape (..., S, 3T, 3T), got {np.shape(self.forms)}")
        streams = self.streams
        cores = {
            "interference": (users,),
            "weight_power": (streams,),
            "forms": (streams, 3 * targets, 3 * targets),
            "coupling": (users, streams),
        }
        copies: dict[str, Any] = {}
        for name, core in cores.items():
            value = getattr(self, name)
            if value is None and name == "coupling":
                continue
            if np.shape(value)[-len(core) :] != core:
                wanted = ", ".join(map(str, ("...", *core)))
                raise PluginError(f"{who} must return {name} of shape ({wanted}), got {np.shape(value)}")
            if not np.isfinite(value).all() or (name != "forms" and (np.asarray(value) < 0).any()):
                raise PluginError(f"{who} must return {name} with finite, nonnegative entries, got others")
            copies[name] = read_only(np.array(value))
        return attrs.evolve(self, **copies)

    @staticmethod
    def stacked(members: Sequence[BeamStatistics]) -> BeamStatistics:
        """Return those of several drops as one, along a new first axis."""
        values: dict[str, Any] = {}
        for name in ("interference", "weight_power", "forms", "coupling"):
            if getattr(members[0], name) is not None:
                values[name] = np.stack([getattr(one, name) for one in members])
        errors = [one.standard_error for one in members if one.standard_error is not None]
        return BeamStatistics(**values, standard_error=BeamStatistics.stacked(errors) if errors else None)


@attrs.frozen(kw_only=True)
class Beam(LabelledPart):
    """Contract of a sensing beam: it gives the weights of its streams, and their moments follow.

    A subclass that knows its moments in closed form overrides :meth:`beam_statistics`, and leaves to it the
    channels for which the closed form does not hold.
    """

    @abstractmethod
    def weights(self, scene: Scene, estimates: ComplexArray) -> ComplexArray:
        """Return the weights V of the streams.

        Parameters
        ----------
        scene : Scene
            Array, statistics of one drop, (K,) each, directions of targets and beams, power.
        estimates : ndarray of complex, shape (..., N, K)
            The columns are what the base station knows of the users' channels. Read-only.

        Returns
        -------
        ndarray of complex, shape (..., N, S) or (..., N, S, R)
            A column per stream; its power is normalised on average over the fading. With a last axis, each stream
            has R independent waveforms, whose weights and powers add up to its own. No leading axes where the
            weights do not depend on the estimates.
        """

    def depends_on_power(self) -> bool:
        """Return whether weights use `scene.power`; if not, moments are shared between all powers of a sweep.

        True unless a subclass says otherwise.
        """
        return True

    def beam_statistics(self, scene: Scene) -> BeamStatistics:
        """Return the moments of the beam; by default sampled, see :mod:`isacfw.moments`.

        Parameters
        ----------
        scene : Scene
            With the statistics of a batch of drops, (D, K). Read-only.

        Raises
        ------
        IncompatibleError
            If the beam does not exist here (a projection with no more antennas than users, say).
        """
        from .moments import sampled_beam_statistics

        return sampled_beam_statistics(self, scene)


@attrs.frozen(kw_only=True)
class SteeringBeam(Beam):
    r"""Contract of a beam made of steering vectors and their derivatives, whatever the channel.

    Notes
    -----
    :math:`v = P_b\, c` with :math:`P_b = [a, \dot a_1, \dot a_2]` of some directions. What a target sees of it is
    :math:`P^H P_b\, c`, which factors over the axes of a planar array: no cost grows with the number of antennas.
    """

    @abstractmethod
    def directions(self, scene: Scene) -> tuple[Direction, ...]:
        """Return the B directions of the steering vectors."""

    @abstractmethod
    def coefficients(self, scene: Scene) -> ComplexArray:
        """Return the coefficients c of each stream, and of each of its waveforms; (3B, S, R)."""

    def weights(self, scene: Scene, estimates: ComplexArray) -> ComplexArray:
        """Return the weights; (N, S, R)."""
        basis, coefficients = scene.basis_of(self.directions(scene)), self.coefficients(scene)
        return np.asarray(np.tensordot(basis, coefficients, axes=1))

    def beam_statistics(self, scene: Scene) -> BeamStatistics:
        """Return the moments: closed forms, but for the interference to channels of unknown covariance."""
        directions, coefficients = self.directions(scene), self.coefficients(scene)
        streams = coefficients.shape[1]
        seen = np.tensordot(cross_gram(scene, directions), coefficients, axes=1)
        own = np.tensordot(gram(scene.array, directions), coefficients, axes=1)
        power = np.einsum("bsr,bsr->s", coefficients.conj(), own).real
        forms = np.einsum("isr,jsr->sij", seen, seen.conj()) / power[:, None, None]
        statistics = scene.statistics
        if statistics.isotropic:
            return BeamStatistics(interference=statistics.beta, weight_power=power[None], forms=forms[None])
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
            return attrs.evolve(sampled, weight_power=power[None], forms=forms[None])
        if streams == 1:
            return BeamStatistics(interference=found[..., 0], weight_power=power[None], forms=forms[None])
        return BeamStatistics(
            interference=np.zeros(found.shape[:-1]), coupling=found, weight_power=power[None], forms=forms[None]
        )


def cross_gram(scene: Scene, directions: tuple[Direction, ...]) -> ComplexArray:
    """Return the inner products of the targets' bases with those of other directions; (3T, 3B)."""
    rows = [
        np.concatenate([scene.array.inner_products(target, one) for one in directions], axis=-1)
        for target in scene.targets
    ]
    return np.concatenate(rows)


def _pairs(value: Any) -> Any:
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
        raise InputError(attribute.name, f"must be a nonempty list, got {shown(value)}")
    for position, pair in enumerate(value):
        key = f"{attribute.name}[{position}]"
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise InputError(key, f"must be [azimuth, elevation] in degrees, got {shown(pair)}")
        try:
            Direction(azimuth_deg=pair[0], elevation_deg=pair[1])
        except InputError as error:
            raise InputError(key, f"must be [azimuth, elevation] in degrees: {error}") from None


@attrs.frozen(kw_only=True)
class PointedBeam(SteeringBeam):
    """Contract of a beam that points in directions: those of the scenario unless it has its own.

    Parameters
    ----------
    directions_deg : list of [azimuth, elevation], optional
        Directions in degrees; by default one per target, or what the keys of ``[sensing]`` say.
    """

    directions_deg: tuple[tuple[float, ...], ...] | None = attrs.field(
        default=None, converter=_pairs, validator=_check_directions
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
        Directions in degrees; by default one per target, or what the keys of ``[sensing]`` say.

    Notes
    -----
    :math:`v = a(\Omega)`, with entries of modulus one, as in (15) of Nguyen et al.
    """

    name: ClassVar[str] = "steered"

    def depends_on_power(self) -> bool:
        """Return False."""
        return False

    def coefficients(self, scene: Scene) -> ComplexArray:
        """Return 1 for the steering vector of each direction; (3B, B, 1)."""
        count = len(self.directions(scene))
        found = np.zeros((3 * count, count, 1), dtype=np.complex128)
        found[3 * np.arange(count), np.arange(count)] = 1
        return found
