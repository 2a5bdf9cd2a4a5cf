"""Scenarios: geometry, objective, requirements, and the parts to compare."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs

from ..allocation.problem import PowerAllocationProblem
from ..allocation.requirement import Constraints
from ..allocation.uplink import UplinkProblem
from ..base.errors import InputError
from ..base.link import refuse_link
from ..base.numbers import FloatArray
from ..sensing.beam import Beam, checked_beam_statistics, count_streams
from ..sensing.beam_statistics import BeamStatistics
from ..sensing.fisher import EchoModel
from ..sensing.task import SensingGoal, SensingTask
from ..signal.channel import channel_statistics
from ..signal.link import LinkStatistics
from ..signal.precoder import Precoder, checked_link_statistics
from ..signal.scene import Scene
from ..signal.statistics import ChannelStatistics, FadingSource
from .fields import ScenarioFields
from .problem import Limits, build_problem, sensing_goal
from .units import check_gains, squared_arcs
from .uplink_problem import build_uplink_problem


@attrs.frozen(kw_only=True)
class Scenario(ScenarioFields):
    """Everything that determines a comparison.

    Parameters
    ----------
    snr_db : float, optional
        Transmit power :math:`P_t` relative to the noise, in dB.
    link_budget : LinkBudget, optional
        Carrier, bandwidth, powers and noise, instead of `snr_db`.
    link : {"downlink", "uplink"}
        Whether the base station sends to the users, or they send to it.
    uplink : Uplink, optional
        Powers and numbers of the uplink, instead of `snr_db` or `link_budget`.
    transmit_array, receive_array : Array
        The two arrays of the base station, independent of each other; in the uplink the latter alone.
    target, targets : Target, sequence of Target
        The sensed target, or several instead.
    objective : Objective
        What to maximise or minimise; the sum rate by default.
    requirements : mapping of str to Requirement
        Requirements by name, in addition to the limits of targets and ``sensing``.
    sensing : Sensing
        CRLB limits of all targets without their own, frame length and beam direction.
    sensing_noise : SensingNoise
        Residual self-interference and clutter at the sensing receiver; none by default.
    channel : Channel
        Positions of the users, fading, and the quality of channel estimates.
    precoders, beams, allocators : sequence of Precoder, Beam, Allocator
        Compared in all combinations; a steered beam by default.
    metrics : sequence of Metric
        Evaluated in addition to the built-in ones.
    name : str
        For titles and files.
    seed, drops : int
        Seed of all random drops, and their number; the largest number with `until`.
    until : str, optional
        Precision at which a comparison stops, such as ``"1 % of the mean"``: the half-width of the 95 % interval
        of every mean objective. Looked at after 100, 200, 400, … drops.
    keep : sequence of str, optional
        Variables of the results to keep in addition to those that tables need (statuses, costs, the objective,
        requirements and their margins); all by default.
    precision : {"float64", "float32"}
        Precision in which floating-point results are kept. Everything is computed and verified in float64.
    summary_only : bool
        Whether to keep statistics over the drops instead of the results of each.
    plugins : sequence of str
        Files and modules with parts that the scenario uses.
    sampling_accuracy : float
        Relative standard error to which the moments of precoders without closed form are sampled.
    time_limit_s : float, optional
        Longest time in seconds that an allocator may take for one problem, a precoder or a beam for the weights
        of a chunk of sampled channels and for all moments of a drop, a designed beam for its covariance, and any
        other part of a plugin for a call; beyond it, the row fails.
    sweep : mapping of str to sequence, or sequence of such mappings
        Dotted paths (``"snr_db"``, ``"sensing.crlb_limit_db"``) to the values they take, parts
        (``"transmit_array"``) included; a comparison runs over the Cartesian product. With several mappings, the
        paths of each move together, so have equally many values, and the product is that of the mappings.

    Raises
    ------
    InputError
        If a value is out of range, or values contradict each other.
    """

    def statistics(self, drops: Sequence[int] | None = None) -> ChannelStatistics:
        """Return the channel statistics of the given drop numbers, all of them by default.

        Of shape (D, K), or (1, K) where the channel is the same in all drops.
        """
        numbers = range(self.drops) if drops is None else drops
        channel = self.budgeted_channel
        fading = FadingSource(
            channel=channel,
            seed=self.seed,
            drops=numbers,
            accuracy=self.sampling_accuracy,
            time_limit_s=self.time_limit_s,
        )
        found = channel_statistics(channel, self.station_array, fading)
        check_gains(found, self.link_budget)
        return found

    def scene(self, statistics: ChannelStatistics) -> Scene:
        """Return the scene, the input of precoders and beams, for the statistics of some drops."""
        return Scene(
            array=self.station_array,
            statistics=statistics,
            targets=tuple(target.direction for target in self.sensed),
            beams=tuple(dict.fromkeys(self.sensing.beam(target) for target in self.sensed)),
            power=self.power,
            sensing=SensingTask(find_model=self._find_model, power=self.power, find_goal=self._sensing_goal),
            regions=self.regions,
        )

    def _find_model(self) -> EchoModel:
        return self.echo_model

    def _sensing_goal(self, model: EchoModel) -> SensingGoal:
        return sensing_goal(self.goals, self.known_angles(model))

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
        refuse_link("precoder", precoder, precoder.links, self.link)
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
        if self.link == "uplink":
            return 1
        return count_streams(beam, self.scene(statistics), self.time_limit_s)

    def constraints(self, users: int, prelog: float = 1.0) -> Constraints:
        """Return all requirements by name as constraints; the limits of ``[sensing]`` are called ``"sensing"``.

        Parameters
        ----------
        users : int
            Number of users.
        prelog : float
            Share of the coherence block that carries data.

        Raises
        ------
        InputError
            If the objective, or a requirement, does not fit the numbers of users and targets.
        """
        return self._constraints(self.known_angles(), users, prelog)

    def _constraints(self, known: FloatArray, users: int, prelog: float) -> Constraints:
        inputs = known.tobytes(), users, prelog
        return self.find_goal("constraints", inputs, lambda goals: goals.constraints(known, users, prelog))

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
        if self.link == "uplink":
            raise InputError(
                "link", "must be 'downlink' for this problem; uplink_problem returns that of the uplink"
            )
        channel = self.statistics() if statistics is None else statistics
        link = self.link_statistics(precoder, channel) if link is None else link
        if beam_statistics is None:
            beam_statistics = self.beam_statistics(beam or self.compared_beams[0], channel)
        return self.problem_of(channel, link, beam_statistics)

    def problem_of(
        self,
        channel: ChannelStatistics,
        link: LinkStatistics,
        beam: BeamStatistics,
        make: Callable[..., PowerAllocationProblem] = PowerAllocationProblem,
    ) -> PowerAllocationProblem:
        """Return :meth:`problem` for known moments, made from its fields by a function."""
        with self._blamed_arrays():
            model = self.echo_model
            known = self.known_angles(model)
            return build_problem(
                link,
                beam,
                model,
                power=self.power,
                prelog=channel.prelog,
                make=make,
                limits=Limits(
                    constraints=self._constraints(known, channel.users, channel.prelog),
                    known=known,
                    objective=self.objective,
                    bandwidth=None if self.link_budget is None else self.link_budget.bandwidth_hz,
                    squared_arcs=squared_arcs(self.sensed),
                    regions=self.regions,
                ),
            )

    def uplink_problem(
        self,
        precoder: Precoder,
        statistics: ChannelStatistics | None = None,
        link: LinkStatistics | None = None,
    ) -> UplinkProblem:
        """Return the problem of the uplink of each drop, at this point, for a combiner.

        Parameters
        ----------
        precoder, statistics, link
            See :meth:`problem`; the weights of the precoder combine what the antennas receive.

        Returns
        -------
        UplinkProblem
            With one batch axis, over the drops.

        Raises
        ------
        IncompatibleError
            If the combiner does not exist here, or closed forms do not hold.
        """
        if self.link == "downlink":
            raise InputError("link", "must be 'uplink' for this problem; problem returns that of the downlink")
        channel = self.statistics() if statistics is None else statistics
        link = self.link_statistics(precoder, channel) if link is None else link
        return build_uplink_problem(self, link, channel, self.constraints(channel.users, channel.prelog))
