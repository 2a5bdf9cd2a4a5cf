"""What is compared on drawn channels: allocations on statistics, and beamformers for estimates or channels."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Protocol

import attrs
import numpy as np

from ..allocation.allocation import Allocation
from ..allocation.allocator import Allocator
from ..allocation.status import Status
from ..base.errors import IncompatibleError
from ..base.numbers import ComplexArray, FloatArray
from ..beamforming.beamformer import Beamformer
from ..beamforming.problem import BeamformingProblem
from ..beamforming.sensed import Sensed
from ..scenario.labels import by_label
from ..scenario.scenario import Scenario
from ..sensing.beam import Beam
from ..sensing.beam_statistics import BeamStatistics
from ..signal.link import LinkStatistics
from ..signal.precoder import Precoder
from ..signal.statistics import ChannelStatistics
from ..simulation.transmission import Transmission

STATISTICS, ESTIMATES, CHANNELS = "statistics", "estimates", "channels"
"""What a design knows of the users' channels."""


@attrs.frozen(kw_only=True, eq=False)
class DrawnDrop:
    """Drawn channels and estimates of a drop.

    Parameters
    ----------
    channels, estimates : ndarray of complex, shape (M, N, K)
        Channels of each draw, and their estimates.
    disturbance : ndarray, shape (K,)
        Power of the noise and, at full power, of the errors of estimates.
    """

    channels: ComplexArray
    estimates: ComplexArray
    disturbance: FloatArray


@attrs.frozen(kw_only=True, eq=False)
class RegimeSetting:
    """A scenario without goals of its own, and its draws.

    Parameters
    ----------
    scenario : Scenario
        Minimises the sum of the CRLBs, without requirements and sweep.
    statistics : ChannelStatistics
        Statistics of all drops.
    sensed : Sensed
        The targets.
    rate_floor : type
        The requirement `user_rate`.
    drops : list of DrawnDrop
        The draws of each drop.
    """

    scenario: Scenario
    statistics: ChannelStatistics
    sensed: Sensed
    rate_floor: type[Any]
    drops: list[DrawnDrop]

    @property
    def prelog(self) -> float:
        """Share of the coherence block that carries data."""
        return float(self.statistics.prelog)

    def position(self, drop: int) -> int:
        """Return the position of a drop in the statistics, which have one for all if they are the same."""
        return drop if len(self.statistics.beta) > 1 else 0


@attrs.frozen(kw_only=True, eq=False)
class DrawAnswer:
    """Beams of users and streams for a draw, (N, K) and (N, S), None for none; their wall time and status."""

    beams: tuple[ComplexArray, ComplexArray] | None
    seconds: float = 0.0
    status: str = Status.SKIPPED
    message: str = ""


@attrs.frozen(kw_only=True, eq=False)
class DropAnswers:
    """Answers for the draws of a drop, the sum of CRLBs planned for all of them, and the time of that plan."""

    draws: Iterator[DrawAnswer]
    planned: float = np.nan
    seconds: float = 0.0


class Design(Protocol):
    """A way to choose beams."""

    @property
    def title(self) -> str:
        """Name of the row."""

    @property
    def knows(self) -> str:
        """What it knows of the channels."""

    def solve(self, rate: float) -> Iterator[DropAnswers]:
        """Yield the answers for each drop, for a least rate of every user."""


def list_designs(setting: RegimeSetting, beamformers: dict[str, Beamformer]) -> Iterator[Design]:
    """Yield all precoders, beams and allocators of a scenario, and all beamformers on estimates and channels."""
    scenario = setting.scenario
    precoders, beams, allocators = scenario.precoders, scenario.compared_beams, scenario.allocators
    for first, precoder in zip(by_label(precoders), precoders, strict=True):
        for second, beam in zip(by_label(beams), beams, strict=True):
            moments = _moments(setting, precoder, beam)
            for third, allocator in zip(by_label(allocators), allocators, strict=True):
                several = ((first, True), (second, len(beams) > 1), (third, len(allocators) > 1))
                yield AllocationDesign(
                    title=", ".join(name for name, shown in several if shown),
                    setting=setting,
                    precoder=precoder,
                    beam=beam,
                    allocator=allocator,
                    moments=moments,
                )
    for title, part in beamformers.items():
        for knows in (ESTIMATES, CHANNELS):
            yield BeamformerDesign(title=title, knows=knows, setting=setting, part=part)


def _moments(
    setting: RegimeSetting, precoder: Precoder, beam: Beam
) -> tuple[LinkStatistics, BeamStatistics] | str:
    """Return the moments of a precoder and a beam, or why there are none."""
    scenario = setting.scenario
    try:
        link = scenario.link_statistics(precoder, setting.statistics)
        return link, scenario.beam_statistics(beam, setting.statistics)
    except IncompatibleError as error:
        return str(error)


@attrs.frozen(kw_only=True, eq=False)
class BeamformerDesign:
    """A beamformer, which designs for each draw."""

    title: str
    knows: str
    setting: RegimeSetting
    part: Beamformer

    def solve(self, rate: float) -> Iterator[DropAnswers]:
        """Yield the answers for each drop."""
        sinr = np.expm1(np.log(2) * rate / self.setting.prelog)
        for drop in self.setting.drops:
            yield DropAnswers(draws=self._each(drop, sinr))

    def _each(self, drop: DrawnDrop, sinr: float) -> Iterator[DrawAnswer]:
        scenario = self.setting.scenario
        errors = drop.estimates / np.sqrt(drop.disturbance)
        for one in errors if self.knows == ESTIMATES else drop.channels:
            problem = BeamformingProblem(
                channels=one, power=scenario.power, sinr=np.asarray(sinr), sensed=self.setting.sensed
            )
            found = self.part.beamform(problem, scenario.time_limit_s)
            yield DrawAnswer(
                beams=(found.weights, found.sensing) if found.feasible else None,
                seconds=float(found.seconds),
                status=str(found.status),
                message=str(found.message),
            )


@attrs.frozen(kw_only=True, eq=False)
class AllocationDesign:
    """Shares of the power that hold for all draws of a drop, with a precoder and a beam that follow estimates."""

    title: str
    setting: RegimeSetting
    precoder: Precoder
    beam: Beam
    allocator: Allocator
    moments: tuple[LinkStatistics, BeamStatistics] | str

    @property
    def knows(self) -> str:
        """What it knows of the channels."""
        return STATISTICS

    def solve(self, rate: float) -> Iterator[DropAnswers]:
        """Yield the answers for each drop."""
        setting = self.setting
        if isinstance(self.moments, str):
            none = DrawAnswer(beams=None, message=self.moments)
            yield from (DropAnswers(draws=iter([none] * len(drop.channels))) for drop in setting.drops)
            return
        scenario = attrs.evolve(setting.scenario, requirements={"rate": setting.rate_floor(minimum=rate)})
        link, streams = self.moments
        problem = scenario.problem(self.precoder, setting.statistics, link, self.beam, streams)
        problem = problem.with_drops(len(setting.drops))
        found = self.allocator.allocate(problem, time_limit_s=scenario.time_limit_s)
        gamma = problem.gamma(found.communication)
        rho = found.streams * scenario.power / np.atleast_2d(streams.weight_power)
        for number in range(len(setting.drops)):
            yield DropAnswers(
                draws=self._each(number, found, gamma[number], rho[number]),
                planned=float(found.value[number]) if found.feasible[number] else np.nan,
                seconds=float(found.seconds[number]),
            )

    def _each(self, number: int, found: Allocation, gamma: FloatArray, rho: FloatArray) -> Iterator[DrawAnswer]:
        """Yield the beams for the estimates of each draw."""
        setting, drop = self.setting, self.setting.drops[number]
        none = DrawAnswer(beams=None, status=str(found.status[number]), message=str(found.message[number]))
        if not found.feasible[number]:
            yield from [none] * len(drop.estimates)
            return
        sender = Transmission(
            channel=setting.scenario.budgeted_channel,
            precoder=self.precoder,
            beam=self.beam,
            scene=setting.scenario.scene(setting.statistics).of_drop(setting.position(number)),
            gamma=gamma,
            rho=rho,
        )
        for one in drop.estimates:
            start = time.perf_counter()
            weights, streams = sender.signals(one[None])
            seconds = time.perf_counter() - start
            yield attrs.evolve(none, beams=(weights[0], streams[0]), seconds=seconds)
