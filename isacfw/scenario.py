"""A scenario: who is where, what is asked, and which parts answer."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import attrs
import numpy as np

from .allocator import Allocator
from .array import Array
from .channel import Channel, ChannelStatistics, Fading, checked, drop_generators
from .errors import InputError, blamed, shown, suggestion
from .fisher import fisher_information
from .metric import Metric
from .part import LabelledPart, Part, described
from .precoder import LinkStatistics, Precoder
from .problem import PowerAllocationProblem
from .target import Sensing, Target
from .validators import Validator, each, instance_of, integer, number, optional, real, text

_NOT_SWEPT = ("name", "drops", "precoders", "allocators", "metrics", "plugins", "sweep", "time_limit_s")


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
            raise InputError(f"[{position}]", f"must have a label of its own, got {title!r} a second time")
        found[title] = part
    return found


def _parts(base: type[Part], noun: str) -> Validator:
    members = each(instance_of(base, noun), or_none=base is Metric)

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
    target : Target
        The sensed target.
    sensing : Sensing
        CRLB limits, frame length and beam.
    channel : Channel
        Where users are and how well their channels are known.
    precoders : sequence of Precoder
        Compared with every allocator.
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
    target: Target = attrs.field(validator=instance_of(Target, "a target"))
    sensing: Sensing = attrs.field(factory=Sensing, validator=instance_of(Sensing, "a Sensing object"))
    channel: Channel = attrs.field(validator=instance_of(Channel, "a channel"))
    sweep: dict[str, tuple[Any, ...]] = attrs.field(
        factory=dict, converter=_sweep, validator=instance_of(dict, "a table of lists")
    )

    def __attrs_post_init__(self) -> None:
        for path, values in self.sweep.items():
            if not isinstance(values, tuple) or not values:
                raise InputError(f"sweep.{path}", f"must be a list that is not empty, got {shown(values)}")
        if self.sweep:
            for _ in self.points():
                pass

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
        # One drop alone does not show whether all are the same, and so have the same draws of the fading.
        asked = numbers if len(numbers) > 1 else (numbers[0], numbers[0] + 1)
        with blamed(f"channel {described(self.channel)}"):
            given = self.channel.statistics(drop_generators(self.seed, asked))
            found = checked(given, self.channel, len(asked))
        same = len(found.beta) == 1
        if not same and len(numbers) == 1:
            found = attrs.evolve(found, beta=found.beta[:1], xi=found.xi[:1], epsilon=found.epsilon[:1])
        fading = Fading(
            channel=self.channel,
            seed=self.seed,
            drops=(0,) if same else numbers,
            accuracy=self.sampling_accuracy,
            time_limit_s=self.time_limit_s,
        )
        return attrs.evolve(found, fading=fading)

    def link_statistics(self, precoder: Precoder, statistics: ChannelStatistics) -> LinkStatistics:
        """Return the moments of a precoder for drops of this scenario, checked.

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
            antennas = self.transmit_array.n_elements
        with blamed(f"precoder {described(precoder)}"):
            link = precoder.link_statistics(antennas, statistics)
            if not isinstance(link, LinkStatistics):
                raise TypeError(f"it must return LinkStatistics, got {shown(link)}")
        link.check(precoder, statistics.users)
        return link

    def problem(
        self,
        precoder: Precoder,
        statistics: ChannelStatistics | None = None,
        link: LinkStatistics | None = None,
    ) -> PowerAllocationProblem:
        r"""Return the power-allocation problem of each drop, at this point, for a precoder.

        Parameters
        ----------
        precoder : Precoder
            One of the scenario's or any other.
        statistics : ChannelStatistics, optional
            Those of some drops; of all of them by default.
        link : LinkStatistics, optional
            The precoder's for these statistics, when they are known already.

        Returns
        -------
        PowerAllocationProblem
            With one batch axis, over the drops.

        Raises
        ------
        IncompatibleError
            If the precoder does not exist for these arrays and users.

        Notes
        -----
        In shares of power, (20) has :math:`g_k = \lambda_k P_t / (N_t \xi_{bf,k})`, :math:`b_k = \beta_k P_t`
        :math:`c_k = \kappa_k P_t` and, beyond what is common, :math:`C_{kj}` in proportion to
        :math:`P_t / \xi_{bf,j}`, see :class:`~isacfw.precoder.LinkStatistics`.
        """
        channel = self.statistics() if statistics is None else statistics
        link = self.link_statistics(precoder, channel) if link is None else link
        antennas = self.transmit_array.n_elements
        power = 10 ** (self.snr_db / 10)
        coupling = None if link.coupling is None else power * link.coupling / link.weight_power[..., None, :]
        arrays = f"{described(self.transmit_array)} or receive array {described(self.receive_array)}"
        with blamed(f"transmit array {arrays}"):
            communication, sensing = fisher_information(
                transmit=self.transmit_array,
                receive=self.receive_array,
                target=self.target.direction,
                beam=self.sensing.beam(self.target),
                amplitude=self.target.amplitude,
                frame_length=self.sensing.frame_length,
            )
        return PowerAllocationProblem(
            gain=power * link.signal_gain / (antennas * link.weight_power),
            sensing_interference=power * channel.beta,
            common_interference=power * link.interference_gain,
            prelog=np.array([channel.prelog]),
            fisher_communication=power * communication[None],
            fisher_sensing=power * sensing[None],
            crlb_limit=self.sensing.crlb_limit[None],
            power=np.array([power]),
            weight_power=link.weight_power,
            antennas=np.array([antennas]),
            coupling=coupling,
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
