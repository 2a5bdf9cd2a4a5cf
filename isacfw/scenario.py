"""Scenarios: geometry, requirements, and the parts to compare."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, cast

import attrs
import numpy as np

from .allocation.allocator import Allocator
from .allocation.metric import Metric
from .allocation.problem import PowerAllocationProblem
from .base.errors import InputError, blamed, shown, suggestion
from .base.numbers import FloatArray
from .base.part import LabelledPart, Part, described
from .base.validators import Validator, each, instance_of, integer, number, optional, real, text
from .sensing.beam import Beam, Steered, SteeringBeam
from .sensing.beam_statistics import BeamStatistics
from .sensing.fisher import EchoModel
from .sensing.reduction import ANGLES, angle_names
from .sensing.target import Sensing, Target
from .signal.array import Array, Direction
from .signal.channel import Channel, checked
from .signal.link import LinkStatistics
from .signal.moments import drawn_channels
from .signal.precoder import Precoder, sampled_forms
from .signal.scene import Scene
from .signal.statistics import ChannelStatistics, FadingSource, drops_of, fading_generator

_NOT_SWEPT = (
    "name",
    "drops",
    "targets",
    "precoders",
    "beams",
    "allocators",
    "metrics",
    "plugins",
    "sweep",
    "time_limit_s",
)


def _sequence(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return tuple(value.tolist())
    return tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else value


def _sweep(value: Any) -> Any:
    return {path: _sequence(values) for path, values in value.items()} if isinstance(value, Mapping) else value


def _options(part: LabelledPart) -> str:
    """Return the options of a part that differ from their defaults, as ``key=value, ...``."""
    return ", ".join(
        f"{field.name}={getattr(part, field.name)}"
        for field in attrs.fields(type(part))
        if field.name != "label" and getattr(part, field.name) != field.default
    )


def labelled(parts: Sequence[LabelledPart]) -> dict[str, LabelledPart]:
    """Return parts by title; a part whose kind stands twice without label is told apart by its options.

    Raises
    ------
    InputError
        If two parts cannot be told apart; its key is the position, ``"[1]"``.
    """
    count = Counter(part.title for part in parts)
    found: dict[str, LabelledPart] = {}
    for position, part in enumerate(parts):
        title = part.title
        if count[title] > 1 and part.label is None and (options := _options(part)):
            title = f"{title}({options})"
        if title in found:
            raise InputError(f"[{position}]", f"needs a unique label; {title!r} is already used")
        found[title] = part
    return found


def _parts(base: type[Part], noun: str) -> Validator:
    members = each(instance_of(base, noun), or_none=base in (Metric, Beam))

    def validate(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        members(instance, attribute, value)
        if issubclass(base, LabelledPart):
            try:
                labelled(value)
            except InputError as error:
                raise error.within(attribute.name) from None

    return validate


@attrs.frozen(kw_only=True)
class Scenario:
    """Everything that determines a comparison.

    Parameters
    ----------
    snr_db : float
        Transmit power :math:`P_t` relative to the noise, in dB.
    transmit_array, receive_array : Array
        The two arrays of the base station, independent of each other.
    target : Target, optional
        The sensed target.
    targets : sequence of Target
        Several targets instead.
    sensing : Sensing
        CRLB limits of all targets that have none of their own, frame length and beam direction.
    channel : Channel
        Where users are and how well their channels are known.
    precoders : sequence of Precoder
        Compared with every allocator.
    beams : sequence of Beam
        Sensing beams, compared with every precoder and allocator; a steered beam by default.
    allocators : sequence of Allocator
        Compared with each other.
    metrics : sequence of Metric
        Evaluated beside the built-in ones.
    name : str
        For titles and files.
    seed : int
        Determines all random drops.
    drops : int
        Number of random drops.
    plugins : sequence of str
        Files and modules whose parts the scenario uses.
    sampling_accuracy : float
        Relative standard error to which the moments of precoders without closed form are sampled.
    time_limit_s : float, optional
        Longest time in seconds that an allocator may take for one problem, or a precoder for the weights of a
        chunk of sampled channels; the row fails then.
    sweep : mapping of str to sequence
        Dotted paths (``"snr_db"``, ``"sensing.crlb_limit_db"``) to the values they take; a comparison runs
        over the Cartesian product.

    Raises
    ------
    InputError
        If a value is out of range, or values contradict each other.
    """

    name: str = attrs.field(default="scenario", validator=text)
    seed: int = attrs.field(default=0, validator=integer(at_least=0, at_most=2**128 - 1))
    drops: int = attrs.field(default=1, validator=integer(at_least=1, at_most=10**9))
    snr_db: float = attrs.field(converter=real, validator=number(at_least=-300, at_most=300))
    precoders: tuple[Precoder, ...] = attrs.field(converter=_sequence, validator=_parts(Precoder, "a precoder"))
    beams: tuple[Beam, ...] = attrs.field(default=(), converter=_sequence, validator=_parts(Beam, "a beam"))
    allocators: tuple[Allocator, ...] = attrs.field(
        converter=_sequence, validator=_parts(Allocator, "an allocator")
    )
    metrics: tuple[Metric, ...] = attrs.field(
        default=(), converter=_sequence, validator=_parts(Metric, "a metric")
    )
    sampling_accuracy: float = attrs.field(default=0.01, converter=real, validator=number(at_least=1e-4, below=1))
    time_limit_s: float | None = attrs.field(
        default=None, converter=real, validator=optional(number(above=0, at_most=1e8))
    )
    plugins: tuple[str, ...] = attrs.field(default=(), converter=_sequence, validator=each(text, or_none=True))
    transmit_array: Array = attrs.field(validator=instance_of(Array, "an array"))
    receive_array: Array = attrs.field(validator=instance_of(Array, "an array"))
    target: Target | None = attrs.field(default=None, validator=optional(instance_of(Target, "a target")))
    targets: tuple[Target, ...] = attrs.field(
        default=(), converter=_sequence, validator=each(instance_of(Target, "a target"), or_none=True)
    )
    sensing: Sensing = attrs.field(factory=Sensing, validator=instance_of(Sensing, "a Sensing object"))
    channel: Channel = attrs.field(validator=instance_of(Channel, "a channel"))
    sweep: dict[str, tuple[Any, ...]] = attrs.field(
        factory=dict, converter=_sweep, validator=instance_of(dict, "a table of lists")
    )

    def __attrs_post_init__(self) -> None:
        if self.target is None and not self.targets:
            raise InputError("target", "must be given", missing=True)
        if self.target is not None and self.targets:
            raise InputError("targets", "cannot be combined with target")
        self._check_directions()
        for path, values in self.sweep.items():
            if isinstance(values, tuple) and None in values:
                raise InputError(f"sweep.{path}[{values.index(None)}]", "must be a value, got None")
            if not isinstance(values, tuple) or not values:
                raise InputError(f"sweep.{path}", f"must be a nonempty list, got {shown(values)}")
        if self.sweep:
            for _ in self.points():
                pass

    def _check_directions(self) -> None:
        """Refuse targets that the arrays cannot tell apart, for which the Fisher information is singular."""
        arrays = (self.transmit_array, self.receive_array)
        for second, target in enumerate(self.targets):
            for first, other in enumerate(self.targets[:second]):
                if _same_direction(arrays, other.direction, target.direction):
                    raise InputError(
                        f"targets[{second}]",
                        f"must not be in the same direction as targets[{first}] for these arrays:"
                        " the Fisher information of both is singular",
                    )

    @property
    def sensed(self) -> tuple[Target, ...]:
        """All targets."""
        return self.targets if self.target is None else (self.target,)

    @property
    def compared_beams(self) -> tuple[Beam, ...]:
        """The sensing beams, a steered one where none are named."""
        return self.beams or (Steered(),)

    def with_value(self, path: str, value: Any) -> Scenario:
        """Return the scenario with another value at a dotted path, and without a sweep.

        Raises
        ------
        InputError
            If there is no such path, or the value cannot stand there.
        """
        return self.with_values({path: value})

    def with_values(self, values: Mapping[str, Any]) -> Scenario:
        """Return the scenario with other values at dotted paths, all at once, and without a sweep.

        Raises
        ------
        InputError
            If there is no such path, or a value cannot stand there.
        """
        changes: dict[str, Any] = {}
        for path, value in values.items():
            *parents, key = str(path).split(".")
            if (parents or [key])[0] in _NOT_SWEPT:
                raise InputError(f"sweep.{path}", f"must not be swept, got {shown(value)}")
            table = changes
            for parent in parents:
                table = table.setdefault(parent, _Changes())
            table[key] = value
        plain = attrs.evolve(self, sweep={}) if self.sweep else self
        try:
            return cast(Scenario, _changed(plain, changes))
        except InputError as error:
            raise error.within("sweep") from None

    def points(self) -> Iterator[tuple[dict[str, Any], Scenario]]:
        """Yield each point of the sweep: the values that determine it, and its scenario."""
        for values in itertools.product(*self.sweep.values()):
            coordinates = dict(zip(self.sweep, values, strict=True))
            yield coordinates, self.with_values(coordinates)

    def statistics(self, drops: Sequence[int] | None = None) -> ChannelStatistics:
        """Return the channel statistics of the given drop numbers, all of them by default.

        Of shape (D, K), or (1, K) where the channel is the same in all drops.
        """
        numbers = range(self.drops) if drops is None else drops
        # Two drops, since one cannot reveal whether all are the same, and so have the same draws of the fading.
        asked = numbers if len(numbers) > 1 else (numbers[0], numbers[0] + 1)
        with blamed(f"channel {described(self.channel)}"):
            given = self.channel.statistics(drops_of(self.seed, asked), self.transmit_array)
            found = checked(given, self.channel, len(asked), self.transmit_array)
        same = len(found.beta) == 1
        if not same and len(numbers) == 1:
            found = found.first(1)
        fading = FadingSource(
            channel=self.channel,
            seed=self.seed,
            drops=(0,) if same else numbers,
            accuracy=self.sampling_accuracy,
            time_limit_s=self.time_limit_s,
        )
        return attrs.evolve(found, fading=fading)

    def scene(self, statistics: ChannelStatistics) -> Scene:
        """Return what precoders and beams know, for the statistics of some drops."""
        beams = dict.fromkeys(self.sensing.beam(target) for target in self.sensed)
        return Scene(
            array=self.transmit_array,
            statistics=statistics,
            targets=tuple(target.direction for target in self.sensed),
            beams=tuple(beams),
            power=10 ** (self.snr_db / 10),
        )

    def link_statistics(self, precoder: Precoder, statistics: ChannelStatistics) -> LinkStatistics:
        """Return the moments of a precoder for drops of this scenario, checked, as read-only arrays.

        Parameters
        ----------
        precoder : Precoder
            One of the scenario's or any other.
        statistics : ChannelStatistics
            Those of some drops.

        Raises
        ------
        IncompatibleError
            If the precoder does not exist for these arrays and users.
        PluginError
            If a part breaks down or breaks its contract.
        """
        with blamed(f"transmit array {described(self.transmit_array)}"):
            scene = self.scene(statistics)
            _ = scene.antennas
        with blamed(f"precoder {described(precoder)}"):
            link = precoder.link_statistics(scene)
            if not isinstance(link, LinkStatistics):
                raise TypeError(f"it must return LinkStatistics, got {shown(link)}")
            if link.forms is None and not (link.isotropic and statistics.isotropic):
                link = attrs.evolve(link, forms=sampled_forms(precoder, scene))
        return link.check(precoder, statistics.users, len(scene.targets))

    def beam_statistics(self, beam: Beam, statistics: ChannelStatistics) -> BeamStatistics:
        """Return the moments of a beam for drops of this scenario, checked, as read-only arrays.

        Parameters
        ----------
        beam : Beam
            One of the scenario's or any other.
        statistics : ChannelStatistics
            Those of some drops.

        Raises
        ------
        IncompatibleError
            If the beam does not exist for these arrays and users.
        PluginError
            If a part breaks down or breaks its contract.
        """
        scene = self.scene(statistics)
        with blamed(f"beam {described(beam)}"):
            found = beam.beam_statistics(scene)
            if not isinstance(found, BeamStatistics):
                raise TypeError(f"it must return BeamStatistics, got {shown(found)}")
        return found.check(beam, statistics.users, len(scene.targets))

    def streams_of(self, beam: Beam, statistics: ChannelStatistics) -> int:
        """Return the number of streams of a beam, for the statistics of a drop at least."""
        scene = self.scene(statistics).of_drop(0)
        if isinstance(beam, SteeringBeam):
            with blamed(f"beam {described(beam)}"):
                return int(beam.coefficients(scene).shape[1])
        generator = fading_generator(self.seed, 0)
        _, estimates = drawn_channels(self.channel, scene, 2, generator)
        return int(beam.checked_weights(scene, estimates, self.time_limit_s).shape[2])

    @property
    def echo_model(self) -> EchoModel:
        """The echoes of all targets."""
        return EchoModel(
            transmit=self.transmit_array,
            receive=self.receive_array,
            directions=tuple(target.direction for target in self.sensed),
            amplitudes=np.array([target.reflection for target in self.sensed]),
            frame_length=self.sensing.frame_length,
        )

    def crlb_limits(self) -> FloatArray:
        """Return the largest CRLBs of azimuth and elevation of each target in rad², infinite for none; (2T,)."""
        return np.concatenate([self.sensing.limit_of(target) for target in self.sensed])

    def known_angles(self, echo_model: EchoModel | None = None) -> FloatArray:
        """Return 1 for each angle that counts as known, 0 for the others; (2T,).

        Known are the angles that a target says are, and, where the two arrays together cannot tell azimuth and
        elevation apart, one that has no limit.
        """
        with self._blamed_arrays():
            model = self.echo_model if echo_model is None else echo_model
            unlimited = np.isinf(self.crlb_limits()).reshape(-1, 2)
            known = np.zeros((len(self.sensed), 2))
            for number, target in enumerate(self.sensed):
                named = [name in target.known for name in ANGLES]
                known[number] = named
                if not any(named) and (angle := model.blurred(number, unlimited[number])) is not None:
                    known[number, angle] = 1
        return known.reshape(-1)

    def assumptions(self) -> list[str]:
        """Return a sentence for each angle that counts as known though the scenario does not say so."""
        names = list(angle_names(len(self.sensed)))
        named = [name in target.known for target in self.sensed for name in ANGLES]
        return [
            f"{names[angle]} counts as known: it has no limit, and the arrays cannot tell both angles apart"
            for angle in np.flatnonzero(self.known_angles())
            if not named[angle]
        ]

    def _blamed_arrays(self) -> AbstractContextManager[None]:
        arrays = f"{described(self.transmit_array)} or receive array {described(self.receive_array)}"
        return blamed(f"transmit array {arrays}")

    def problem(
        self,
        precoder: Precoder,
        statistics: ChannelStatistics | None = None,
        link: LinkStatistics | None = None,
        beam: Beam | None = None,
        beam_statistics: BeamStatistics | None = None,
    ) -> PowerAllocationProblem:
        r"""Return the power-allocation problem of each drop, at this point, for a precoder and a beam.

        Parameters
        ----------
        precoder : Precoder
            One of the scenario's or any other.
        statistics : ChannelStatistics, optional
            Those of some drops; of all of them by default.
        link : LinkStatistics, optional
            The precoder's for these statistics, when they are known already.
        beam : Beam, optional
            The scenario's first by default.
        beam_statistics : BeamStatistics, optional
            The beam's for these statistics, when they are known already.

        Returns
        -------
        PowerAllocationProblem
            With one batch axis, over the drops.

        Raises
        ------
        IncompatibleError
            If the precoder or the beam does not exist for these arrays and users.

        Notes
        -----
        In shares of power, (20) has :math:`g_k = \lambda_k P_t / (N_t \xi_{bf,k})`,
        :math:`b_{ks} = P_t E|h_k^H v_s|^2 / E\|v_s\|^2`, :math:`c_k = \kappa_k P_t` and, beyond what is common,
        :math:`C_{kj}` in proportion to :math:`P_t / \xi_{bf,j}`, see
        :class:`~isacfw.precoder.LinkStatistics` and :class:`~isacfw.beam.BeamStatistics`.
        """
        channel = self.statistics() if statistics is None else statistics
        link = self.link_statistics(precoder, channel) if link is None else link
        if beam_statistics is None:
            beam_statistics = self.beam_statistics(beam or self.compared_beams[0], channel)
        power, antennas = 10 ** (self.snr_db / 10), self.transmit_array.n_elements
        with self._blamed_arrays():
            model = self.echo_model
            sensing = power * model.fisher(beam_statistics.forms)
            if link.forms is None:
                users, communication = None, power * model.fisher(model.isotropic_forms)[None]
            else:
                users = power * model.fisher(link.forms)
                communication = users.mean(axis=-3)
            jacobians = model.jacobians
        optional = {
            "coupling": (link.coupling, 1 if link.coupling is None else link.weight_power[..., None, :]),
            "stream_coupling": (beam_statistics.coupling, 1.0),
        }
        return PowerAllocationProblem(
            gain=power * link.signal_gain / (antennas * link.weight_power),
            sensing_interference=power * beam_statistics.interference,
            common_interference=power * link.interference_gain,
            prelog=np.array([channel.prelog]),
            fisher_communication=communication,
            fisher_sensing=sensing.mean(axis=-3),
            crlb_limit=self.crlb_limits()[None],
            power=np.array([power]),
            weight_power=link.weight_power,
            antennas=np.array([antennas]),
            fisher_users=users,
            fisher_streams=sensing if beam_statistics.streams > 1 else None,
            jacobians=jacobians[None],
            known=self.known_angles(model)[None],
            **{name: None if value is None else power * value / unit for name, (value, unit) in optional.items()},
        )

    def to_toml(self) -> str:
        """Return the scenario as a TOML file that reads back as the same scenario."""
        from .config import to_toml

        return to_toml(self)


class _Changes(dict[str, Any]):
    """Changes below a key, as opposed to a value that is a mapping."""


def _changed(part: Any, changes: Mapping[str, Any]) -> Any:
    """Return an attrs object with other values of its fields, and of the fields of its parts."""
    known = [field.name for field in attrs.fields(type(part))] if attrs.has(type(part)) else []
    values: dict[str, Any] = {}
    for key, value in changes.items():
        if key not in known:
            raise InputError(key, f"must be a key of the scenario{suggestion(key, known)}")
        current = getattr(part, key)
        if isinstance(value, _Changes):
            try:
                values[key] = _changed(current, value)
            except InputError as error:
                raise error.within(key) from None
        elif attrs.has(type(current)):
            raise InputError(key, f"must lead to a value and not to a table, got {shown(value)}")
        else:
            values[key] = _sequence(value)
    try:
        return attrs.evolve(part, **values)
    except InputError:
        raise
    except Exception as error:
        raise InputError(next(iter(values)), f"is not valid: {error}") from error


def _same_direction(arrays: Sequence[Array], first: Direction, second: Direction) -> bool:
    """Return whether arrays receive the same from two directions; what breaks down is reported elsewhere."""
    try:
        products = [abs(array.inner_products(first, second)[0, 0]) / array.n_elements for array in arrays]
    except Exception:
        return False
    return all(product > 1 - 1e-12 for product in products)
