"""Scenarios: geometry, requirements, and the parts to compare."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, cast

import attrs
import numpy as np

from ..allocation.allocator import Allocator
from ..allocation.metric import Metric
from ..allocation.problem import PowerAllocationProblem
from ..base.errors import InputError, attribute_errors_to, short_repr
from ..base.numbers import FloatArray
from ..base.part import display_name
from ..base.validators import each, instance_of, integer, number, optional, real, text
from ..sensing.beam import Beam, Steered, checked_beam_statistics, count_streams
from ..sensing.beam_statistics import BeamStatistics
from ..sensing.fisher import EchoModel
from ..sensing.target import Sensing, Target
from ..signal.array import Array
from ..signal.channel import Channel, channel_statistics
from ..signal.link import LinkStatistics
from ..signal.precoder import Precoder, checked_link_statistics
from ..signal.scene import Scene
from ..signal.statistics import ChannelStatistics, FadingSource
from .angles import assumptions, check_directions, known_angles
from .changes import nest, to_tuple, to_tuples, with_changes
from .labels import parts_validator
from .problem import Limits, build_problem


@attrs.frozen(kw_only=True)
class Scenario:
    """Everything that determines a comparison.

    Parameters
    ----------
    snr_db : float
        Transmit power :math:`P_t` relative to the noise, in dB.
    transmit_array, receive_array : Array
        The two arrays of the base station, independent of each other.
    target, targets : Target, sequence of Target
        The sensed target, or several instead.
    sensing : Sensing
        CRLB limits of all targets without their own, frame length and beam direction.
    channel : Channel
        Positions of the users, fading, and the quality of channel estimates.
    precoders, beams, allocators : sequence of Precoder, Beam, Allocator
        Compared in all combinations; a steered beam by default.
    metrics : sequence of Metric
        Evaluated in addition to the built-in ones.
    name : str
        For titles and files.
    seed, drops : int
        Seed of all random drops, and their number.
    plugins : sequence of str
        Files and modules with parts that the scenario uses.
    sampling_accuracy : float
        Relative standard error to which the moments of precoders without closed form are sampled.
    time_limit_s : float, optional
        Longest time in seconds that an allocator may take for one problem, or a precoder for the weights of a
        chunk of sampled channels; beyond it, the row fails.
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
    precoders: tuple[Precoder, ...] = attrs.field(
        converter=to_tuple, validator=parts_validator(Precoder, "a precoder")
    )
    beams: tuple[Beam, ...] = attrs.field(
        default=(), converter=to_tuple, validator=parts_validator(Beam, "a beam", allow_empty=True)
    )
    allocators: tuple[Allocator, ...] = attrs.field(
        converter=to_tuple, validator=parts_validator(Allocator, "an allocator")
    )
    metrics: tuple[Metric, ...] = attrs.field(
        default=(), converter=to_tuple, validator=parts_validator(Metric, "a metric", allow_empty=True)
    )
    sampling_accuracy: float = attrs.field(default=0.01, converter=real, validator=number(at_least=1e-4, below=1))
    time_limit_s: float | None = attrs.field(
        default=None, converter=real, validator=optional(number(above=0, at_most=1e8))
    )
    plugins: tuple[str, ...] = attrs.field(default=(), converter=to_tuple, validator=each(text, allow_empty=True))
    transmit_array: Array = attrs.field(validator=instance_of(Array, "an array"))
    receive_array: Array = attrs.field(validator=instance_of(Array, "an array"))
    target: Target | None = attrs.field(default=None, validator=optional(instance_of(Target, "a target")))
    targets: tuple[Target, ...] = attrs.field(
        default=(), converter=to_tuple, validator=each(instance_of(Target, "a target"), allow_empty=True)
    )
    sensing: Sensing = attrs.field(factory=Sensing, validator=instance_of(Sensing, "a Sensing object"))
    channel: Channel = attrs.field(validator=instance_of(Channel, "a channel"))
    sweep: dict[str, tuple[Any, ...]] = attrs.field(
        factory=dict, converter=to_tuples, validator=instance_of(dict, "a table of lists")
    )

    def __attrs_post_init__(self) -> None:
        if self.target is None and not self.targets:
            raise InputError("target", "must be given", missing=True)
        if self.target is not None and self.targets:
            raise InputError("targets", "cannot be combined with target")
        check_directions((self.transmit_array, self.receive_array), self.targets)
        for path, values in self.sweep.items():
            if isinstance(values, tuple) and None in values:
                raise InputError(f"sweep.{path}[{values.index(None)}]", "must be a value, got None")
            if not isinstance(values, tuple) or not values:
                raise InputError(f"sweep.{path}", f"must be a nonempty list, got {short_repr(values)}")
        if self.sweep:
            for _ in self.points():
                pass

    @property
    def sensed(self) -> tuple[Target, ...]:
        """All targets."""
        return self.targets if self.target is None else (self.target,)

    @property
    def compared_beams(self) -> tuple[Beam, ...]:
        """The sensing beams; a steered one if none are given."""
        return self.beams or (Steered(),)

    def with_value(self, path: str, value: Any) -> Scenario:
        """Return :meth:`with_values` for one path."""
        return self.with_values({path: value})

    def with_values(self, values: Mapping[str, Any]) -> Scenario:
        """Return the scenario with changed values at dotted paths, all at once, and without a sweep.

        Raises
        ------
        InputError
            If a path does not exist, or a value is invalid there.
        """
        changes = nest(values)
        plain = attrs.evolve(self, sweep={}) if self.sweep else self
        try:
            return cast(Scenario, with_changes(plain, changes))
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
        fading = FadingSource(
            channel=self.channel,
            seed=self.seed,
            drops=numbers,
            accuracy=self.sampling_accuracy,
            time_limit_s=self.time_limit_s,
        )
        return channel_statistics(self.channel, self.transmit_array, fading)

    def scene(self, statistics: ChannelStatistics) -> Scene:
        """Return the scene, the input of precoders and beams, for the statistics of some drops."""
        return Scene(
            array=self.transmit_array,
            statistics=statistics,
            targets=tuple(target.direction for target in self.sensed),
            beams=tuple(dict.fromkeys(self.sensing.beam(target) for target in self.sensed)),
            power=10 ** (self.snr_db / 10),
        )

    def link_statistics(self, precoder: Precoder, statistics: ChannelStatistics) -> LinkStatistics:
        """Return the validated moments of a precoder for drops of this scenario, as read-only arrays.

        Parameters
        ----------
        precoder, statistics : Precoder, ChannelStatistics
            Any precoder, and the statistics of some drops.

        Raises
        ------
        IncompatibleError
            If the precoder does not exist for these arrays and users.
        PluginError
            If a part breaks its contract.
        """
        return checked_link_statistics(precoder, self.scene(statistics))

    def beam_statistics(self, beam: Beam, statistics: ChannelStatistics) -> BeamStatistics:
        """Return the validated moments of a beam for drops of this scenario, as read-only arrays.

        Parameters
        ----------
        beam, statistics : Beam, ChannelStatistics
            Any beam, and the statistics of some drops.

        Raises
        ------
        IncompatibleError
            If the beam does not exist for these arrays and users.
        PluginError
            If a part breaks its contract.
        """
        return checked_beam_statistics(beam, self.scene(statistics))

    def streams_of(self, beam: Beam, statistics: ChannelStatistics) -> int:
        """Return the number of streams of a beam, for the statistics of at least one drop."""
        return count_streams(beam, self.scene(statistics), self.time_limit_s)

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
        """Return the CRLB limits of azimuth and elevation of each target in rad², infinite for none; (2T,)."""
        return np.concatenate([self.sensing.limit_of(target) for target in self.sensed])

    def known_angles(self, echo_model: EchoModel | None = None) -> FloatArray:
        """Return 1 for each angle that counts as known, 0 for the others; (2T,).

        Angles count as known if a target declares them known and, if the two arrays together cannot tell azimuth
        and elevation apart, also one without a limit.
        """
        with self._blamed_arrays():
            model = self.echo_model if echo_model is None else echo_model
            return known_angles(self.sensed, self.crlb_limits(), model)

    def assumptions(self) -> list[str]:
        """Return a message for each angle that counts as known without being declared known."""
        return assumptions(self.sensed, self.known_angles())

    def _blamed_arrays(self) -> AbstractContextManager[None]:
        arrays = f"{display_name(self.transmit_array)} or receive array {display_name(self.receive_array)}"
        return attribute_errors_to(f"transmit array {arrays}")

    def problem(
        self,
        precoder: Precoder,
        statistics: ChannelStatistics | None = None,
        link: LinkStatistics | None = None,
        beam: Beam | None = None,
        beam_statistics: BeamStatistics | None = None,
    ) -> PowerAllocationProblem:
        """Return the power-allocation problem of each drop, at this point, for a precoder and a beam.

        Parameters
        ----------
        precoder : Precoder
            One of the scenario's or any other.
        statistics : ChannelStatistics, optional
            Statistics of some drops; of all drops by default.
        beam : Beam, optional
            The scenario's first by default.
        link, beam_statistics : LinkStatistics, BeamStatistics, optional
            Moments of precoder and beam for these statistics, if they are known already.

        Returns
        -------
        PowerAllocationProblem
            With one batch axis, over the drops.

        Raises
        ------
        IncompatibleError
            If the precoder or the beam does not exist for these arrays and users.
        """
        channel = self.statistics() if statistics is None else statistics
        link = self.link_statistics(precoder, channel) if link is None else link
        if beam_statistics is None:
            beam_statistics = self.beam_statistics(beam or self.compared_beams[0], channel)
        with self._blamed_arrays():
            model = self.echo_model
            return build_problem(
                link,
                beam_statistics,
                model,
                power=10 ** (self.snr_db / 10),
                prelog=channel.prelog,
                limits=Limits(crlb=self.crlb_limits(), known=self.known_angles(model)),
            )
