"""The fields of a scenario, their validation, and its sweep."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Self, TypeVar, cast

import attrs
import numpy as np

from ..allocation.allocator import Allocator
from ..allocation.metric import Metric
from ..allocation.objective import Objective
from ..allocation.requirement import Requirement
from ..allocation.setting import Echoes, Radar
from ..allocation.utilities import SumRate
from ..base.errors import InputError
from ..base.guard import guard, part_time_limit
from ..base.limits import check_points
from ..base.link import LINKS, Link
from ..base.numbers import FloatArray, read_only
from ..base.part import display_name
from ..base.validators import choice, each, instance_of, integer, number, optional, real, text
from ..sensing.beam import Beam, Steered
from ..sensing.fisher import EchoModel
from ..sensing.noise import ReceiverNoise, SensingNoise
from ..sensing.target import Sensing, Target
from ..signal.angular_region import AngularRegion
from ..signal.array import Array, Direction
from ..signal.channel import Channel
from ..signal.link_budget import LinkBudget
from ..signal.precoder import Precoder
from .angles import assumptions, check_directions, known_angles
from .changes import to_tuple
from .goals import Goals, check_requirements
from .labels import parts_validator
from .points import Swept
from .precision import PRECISIONS, Precision, check_storage, check_until
from .regions import regions_of
from .sweep import Sweep, check_distinct, check_sweep, locate, sweep_shape, to_sweep
from .units import check_units, in_units_of, power_db
from .uplink import Uplink, check_link, radar_of

Value = TypeVar("Value")


@attrs.frozen(kw_only=True)
class ScenarioFields(Swept):
    """Fields and sweep of a scenario, which :class:`~isacfw.Scenario` describes."""

    name: str = attrs.field(default="scenario", validator=text)
    seed: int = attrs.field(default=0, validator=integer(at_least=0, at_most=2**128 - 1))
    drops: int = attrs.field(default=1, validator=integer(at_least=1, at_most=10**9))
    until: str | None = attrs.field(default=None, validator=optional(check_until))
    keep: tuple[str, ...] | None = attrs.field(
        default=None, converter=to_tuple, validator=optional(each(text, allow_empty=True))
    )
    precision: Precision = attrs.field(default="float64", validator=choice(*PRECISIONS))
    summary_only: bool = attrs.field(default=False, validator=instance_of(bool, "true or false"))
    snr_db: float | None = attrs.field(
        default=None, converter=real, validator=optional(number(at_least=-300, at_most=300))
    )
    link_budget: LinkBudget | None = attrs.field(
        default=None, validator=optional(instance_of(LinkBudget, "a link budget"))
    )
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
    link: Link = attrs.field(default="downlink", validator=choice(*LINKS))
    uplink: Uplink | None = attrs.field(default=None, validator=optional(instance_of(Uplink, "an Uplink object")))
    # Without one in the uplink alone, which a check demands.
    transmit_array: Array = attrs.field(
        default=cast(Array, None), validator=optional(instance_of(Array, "an array"))
    )
    receive_array: Array = attrs.field(validator=instance_of(Array, "an array"))
    target: Target | None = attrs.field(default=None, validator=optional(instance_of(Target, "a target")))
    targets: tuple[Target, ...] = attrs.field(
        default=(), converter=to_tuple, validator=each(instance_of(Target, "a target"), allow_empty=True)
    )
    sensing: Sensing = attrs.field(factory=Sensing, validator=instance_of(Sensing, "a Sensing object"))
    sensing_noise: SensingNoise = attrs.field(
        factory=SensingNoise, validator=instance_of(SensingNoise, "a SensingNoise object")
    )
    channel: Channel = attrs.field(validator=instance_of(Channel, "a channel"))
    objective: Objective = attrs.field(factory=SumRate, validator=instance_of(Objective, "an objective"))
    requirements: dict[str, Requirement] = attrs.field(factory=dict, validator=check_requirements)
    sweep: Sweep = attrs.field(factory=dict, converter=to_sweep, validator=check_sweep)

    def __attrs_post_init__(self) -> None:
        check_storage(self.precision, summary_only=self.summary_only)
        if self.target is None and not self.targets:
            raise InputError("target", "must be given", missing=True)
        if self.target is not None and self.targets:
            raise InputError("targets", "cannot be combined with target")
        check_link(self)
        if self.link == "downlink":
            check_units(self.snr_db, self.link_budget, self.sensed)
        with part_time_limit(self.time_limit_s):
            check_directions((self.station_array, self.receive_array), self.targets)
            self.find_goal("check", (), Goals.check)
        if self.sweep:
            check_points("sweep", sweep_shape(self.sweep))
            for point in self.sweep_points:
                self._check_objective(point)
            check_distinct(self.sweep)

    def _check_objective(self, point: Self) -> None:
        """Check that the objective of a point, if it is another one, has its values in the same variable."""
        if type(point.objective) is type(self.objective):
            return
        with guard(f"objective {display_name(point.objective)}", point.objective):
            own, other = self.objective.reported(), point.objective.reported()
        if (own.name, own.better) != (other.name, other.better):
            problem = f"must report {own.name}, as in the scenario, got {point.objective.name}"
            raise locate(InputError("sweep.objective", f"{problem}, which reports {other.name}"), self.sweep)

    @property
    def sensed(self) -> tuple[Target, ...]:
        """All targets."""
        return self.targets if self.target is None else (self.target,)

    @property
    def directions(self) -> tuple[tuple[Direction, Direction], ...]:
        """The direction of each target, and that of its beam."""
        targets, sensing = self.sensed, self.sensing
        return self.shared.find(
            "directions",
            (*targets, sensing),
            lambda: tuple((target.direction, sensing.beam(target)) for target in targets),
        )

    @property
    def station_array(self) -> Array:
        """The array of the base station on the users' link: the transmit array, or the receive array."""
        return self.receive_array if self.link == "uplink" else self.transmit_array

    @property
    def power_db(self) -> float:
        """Transmit power relative to the noise at the users, in dB; in the uplink, that of a user."""
        if self.uplink is not None:
            return self.uplink.user_snr_db
        return power_db(self.snr_db, self.link_budget)

    @property
    def power(self) -> float:
        """Transmit power relative to the noise at the users."""
        return float(10 ** (self.power_db / 10))

    @property
    def receiver_noise(self) -> ReceiverNoise:
        """Noise of the sensing receiver in units of its thermal noise.

        Raises
        ------
        InputError
            If its covariance is in a file that cannot be read, or is not for this array.
        """
        budget = self.link_budget
        own_db = self.power_db if budget is None else budget.transmit_power_dbm - budget.station_noise_dbm
        return self.sensing_noise.at(10 ** (own_db / 10), self.receive_array)

    @property
    def budgeted_channel(self) -> Channel:
        """The channel in the units of the link budget, if there is one."""
        return in_units_of(self.channel, self.link_budget)

    @property
    def echo_model(self) -> EchoModel:
        """The echoes of all targets, in the downlink."""
        if self.link == "uplink":
            raise InputError("link", "must be 'downlink' for the Fisher information of echoes, got 'uplink'")
        noise = self.sensing_noise
        if noise.covariance is not None:  # A file may change.
            return self._echo_model()
        power = self.power_db if noise.clutter or noise.self_interference_db is not None else None
        arrays = self.transmit_array, self.receive_array
        inputs = *arrays, *self.sensed, self.link_budget, self.sensing.frame_length, noise, power
        return self.shared.find("echo model", inputs, self._echo_model)

    def _echo_model(self) -> EchoModel:
        return EchoModel(
            transmit=self.transmit_array,
            receive=self.receive_array,
            directions=tuple(target.direction for target in self.sensed),
            amplitudes=np.array([target.reflection_by(self.link_budget) for target in self.sensed]),
            frame_length=self.sensing.frame_length,
            noise=self.receiver_noise,
        )

    def _find_echoes(self) -> Echoes:
        model = self.echo_model
        return Echoes(
            energy=self.power * model.echo_energy,
            frame_length=model.frame_length,
            antennas=model.receive.n_elements,
        )

    @property
    def radar(self) -> Radar:
        """The radar of the uplink."""
        assert self.uplink is not None
        own = self.sensing_noise.self_interference
        return radar_of(self.uplink, self.receive_array, own, self.sensed)

    @property
    def goals(self) -> Goals:
        """Objective and requirements."""
        return self._goals(self._find_echoes, lambda: self.radar)

    def _goals(self, find_echoes: Callable[[], Echoes], find_radar: Callable[[], Radar]) -> Goals:
        return Goals(
            targets=self.sensed,
            sensing=self.sensing,
            objective=self.objective,
            requirements=self.requirements,
            find_echoes=find_echoes,
            find_radar=find_radar,
        )

    def find_goal(self, name: str, inputs: tuple[Any, ...], compute: Callable[[Goals], Value]) -> Value:
        """Return what follows from the goals and further inputs.

        Points of a sweep with the same goals share it, unless it depends on the echoes or the radar.
        """
        asked: list[None] = []

        def find_echoes() -> Echoes:
            asked.append(None)
            return self._find_echoes()

        def find_radar() -> Radar:
            asked.append(None)
            return self.radar

        everything = *inputs, *self.sensed, self.sensing, self.objective, self.link
        for requirement in self.requirements.items():
            everything += requirement
        return self.shared.find(
            name, everything, lambda: compute(self._goals(find_echoes, find_radar)), keep=lambda: not asked
        )

    @property
    def compared_beams(self) -> tuple[Beam, ...]:
        """The sensing beams; a steered one if none are given."""
        return self.beams or (Steered(),)

    @property
    def regions(self) -> tuple[AngularRegion, ...]:
        """The regions of directions over which requirements and metrics need mean gains."""
        return regions_of(*self.requirements.values(), *self.metrics)

    def crlb_limits(self) -> FloatArray:
        """Return the CRLB limits of azimuth and elevation of each target in rad², infinite for none; (2T,)."""
        limits: FloatArray = self.find_goal("CRLB limits", (), lambda goals: read_only(goals.crlb_limit()))
        return limits

    def known_angles(self, echo_model: EchoModel | None = None) -> FloatArray:
        """Return 1 for each angle that counts as known, 0 for the others; (2T,).

        Angles count as known if a target declares them known and, if the two arrays together cannot tell azimuth
        and elevation apart, also one without a limit.
        """
        if self.link == "uplink":
            return np.zeros(2 * len(self.sensed))
        limits = self.crlb_limits()
        with nullcontext() if echo_model else self._blamed_arrays():
            model = echo_model or self.echo_model

        def find() -> FloatArray:
            with self._blamed_arrays():
                return np.asarray(read_only(known_angles(self.sensed, limits, model)))

        return self.shared.find("known angles", (*self.sensed, limits.tobytes(), model), find)

    def assumptions(self) -> list[str]:
        """Return a message for each angle that counts as known without being declared known."""
        return [] if self.link == "uplink" else assumptions(self.sensed, self.known_angles())

    def _blamed_arrays(self) -> AbstractContextManager[None]:
        arrays = self.transmit_array, self.receive_array
        return guard(lambda: "transmit array {} or receive array {}".format(*map(display_name, arrays)), *arrays)
