r"""Agreement of the model with simulation: rates and Fisher information of a problem and of drawn signals.

A problem determines rates and Fisher information at any split of the power. Drawn channels and waveforms
determine them too, without the moments that define the problem. The two must agree within their standard errors:
those of the simulation, from a jackknife, and those of the problem, if its moments are sampled.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np

from ..allocation.problem import PowerAllocationProblem
from ..base.errors import IncompatibleError
from ..base.numbers import ComplexArray, FloatArray
from ..scenario.scenario import Scenario
from ..sensing.beam import Beam
from ..sensing.beam_statistics import BeamStatistics
from ..sensing.fisher import EchoModel
from ..signal.link import LinkStatistics
from ..signal.precoder import Precoder
from ..simulation.transmission import Simulated, Transmission, jackknife
from . import problems
from .checks import require
from .scenes import SEED, scenes

DRAWS, BLOCKS = 5000, 50
ACCURACY = 0.02
"""Accuracy of sampled moments of the model."""

DEVIATIONS = 5.0
"""Allowed distance in standard errors: a correct part exceeds it by chance once in 10^6."""

_ROUNDING = 1e-6


@attrs.frozen(kw_only=True, eq=False)
class Model:
    """A problem with one precoder and beam, for one drop, with the objects that define it.

    Parameters
    ----------
    scenario : Scenario
        The scenario of the problem.
    precoder, beam : Precoder, Beam
        The parts in use.
    link, moments : LinkStatistics, BeamStatistics
        Their moments; (1, K), (1, S).
    problem : PowerAllocationProblem
        The problem without batch axes.
    transmission : Transmission
        The transmitter at power factors of one.
    """

    scenario: Scenario
    precoder: Precoder
    beam: Beam
    link: LinkStatistics
    moments: BeamStatistics
    problem: PowerAllocationProblem
    transmission: Transmission

    @classmethod
    def of(cls, scenario: Scenario, precoder: Precoder) -> Model:
        """Return the model of the first drop of a scenario, with its first beam.

        Raises
        ------
        IncompatibleError
            If the parts do not exist for these arrays and users.
        """
        statistics, beam = scenario.statistics([0]), scenario.compared_beams[0]
        link = scenario.link_statistics(precoder, statistics)
        moments = scenario.beam_statistics(beam, statistics)
        return cls(
            scenario=scenario,
            precoder=precoder,
            beam=beam,
            link=link,
            moments=moments,
            problem=scenario.problem(precoder, statistics, link, beam, moments)[0],
            transmission=Transmission(
                channel=scenario.channel,
                precoder=precoder,
                beam=beam,
                scene=scenario.scene(statistics).of_drop(0),
                gamma=np.ones(statistics.users),
                rho=np.ones(moments.streams),
            ),
        )

    @property
    def powers(self) -> FloatArray:
        """Power of the weights of each user and each stream according to the moments; (K + S,)."""
        antennas, streams = self.scenario.transmit_array.n_elements, self.moments.streams
        own = np.broadcast_to(self.link.weight_power, (1, self.problem.users))[0] * antennas
        return np.concatenate([own, np.broadcast_to(self.moments.weight_power, (1, streams))[0]])

    def power_errors(self) -> FloatArray:
        """Return the standard errors of :attr:`powers`; (K + S,)."""
        antennas = self.scenario.transmit_array.n_elements
        users, streams = self.link.standard_error, self.moments.standard_error
        return np.concatenate(
            [
                np.zeros(self.problem.users) if users is None else users.weight_power[0] * antennas,
                np.zeros(self.moments.streams) if streams is None else np.ravel(streams.weight_power),
            ]
        )

    def rate_errors(self, x: FloatArray, q: FloatArray) -> FloatArray:
        """Return bounds on the standard errors of the rates, from those of the moments; (K,)."""
        problem, link, beam = self.problem, self.link.standard_error, self.moments.standard_error
        power, disturbance = float(problem.power), problem.disturbance(x, q)
        square = np.zeros(problem.users)
        if link is not None:
            signal = np.broadcast_to(self.link.signal_gain, (1, problem.users))[0]
            error = link.signal_gain[0]
            square += np.divide(error, signal, out=np.zeros(problem.users), where=signal > 0) ** 2
            if link.coupling is not None:
                pairs = power * link.coupling[0] / self.link.weight_power[0]
                square += (pairs @ x / disturbance) ** 2
        if beam is not None:
            square += (power * (beam.stream_interference[0] @ q) / disturbance) ** 2
        sinr = problem.sinr(x, q)
        return np.asarray(float(problem.prelog) / np.log(2) * sinr / (1 + sinr) * np.sqrt(square))

    def information_errors(self, x: FloatArray, q: FloatArray, echo: EchoModel) -> FloatArray:
        """Return bounds on the standard errors of the Fisher information; (4T, 4T)."""
        power, order = float(self.problem.power), 3 * echo.targets
        error = np.zeros((order, order))
        if self.link.standard_error is not None and self.link.standard_error.forms is not None:
            error += np.tensordot(x, np.abs(self.link.standard_error.forms[0]), axes=1)
        if self.moments.standard_error is not None:
            error += np.tensordot(q, np.abs(self.moments.standard_error.forms[0]), axes=1)
        units = np.eye(order**2).reshape(-1, order, order)
        weights = np.hypot(echo.fisher(units), echo.fisher(np.asarray(1j * units, dtype=np.complex128)))
        return np.asarray(power * np.tensordot(error.reshape(-1), weights, axes=1))

    def splits(self) -> Iterator[tuple[str, FloatArray, FloatArray]]:
        """Yield splits of the power, with their descriptions in messages."""
        users, streams = self.problem.users, self.moments.streams
        x = np.arange(users, 0.0, -1.0) / (users * (users + 1) / 2)
        q = np.arange(1.0, streams + 1) / (streams * (streams + 1) / 2)
        for title, share in (("all power for the users", 1.0), ("half", 0.5), ("most of it for sensing", 0.05)):
            yield title, share * x, (1 - share) * q


def require_agreement(precoder: Precoder, beam: Beam | None = None) -> None:
    """Fail the check unless problems with a precoder and a beam agree with simulation, over every sample channel.

    Parameters
    ----------
    precoder : Precoder
        The precoder.
    beam : Beam, optional
        The beam; by default that of :func:`problems.scenario`.

    Raises
    ------
    CheckFailed
        If a problem does not agree, or if precoder and beam exist for no channel.
    """
    compared = 0
    for title, channel in problems.channels().items():
        for addition, scenario in scenes(problems.scenario(channel, accuracy=ACCURACY, beam=beam)):
            try:
                model = Model.of(scenario, precoder)
            except IncompatibleError:
                continue
            found = disagreement(model)
            require(not found, f"over {title}{addition} {found}")
            compared += 1
    require(compared, "it exists for no channel that it was tried on")


def disagreement(model: Model, draws: int = DRAWS) -> str:
    """Return the disagreement of model and simulation as the end of a message; empty if there is none."""
    blocks = _blocks(model, draws)
    powers = jackknife(blocks, lambda means: _Means(model, means).powers)
    for position, off in enumerate(_departures(model.powers, model.power_errors(), powers, powers.value)):
        if off:
            who = (
                f"user {position}"
                if position < model.problem.users
                else f"stream {position - model.problem.users}"
            )
            return f"the weight power of {who} is {off}"
    for title, x, q in model.splits():
        if found := _at_split(model, blocks, x, q):
            return f"with {title}, {found}"
    return ""


def _at_split(model: Model, blocks: ComplexArray, x: FloatArray, q: FloatArray) -> str:
    problem, echo = model.problem, model.scenario.echo_model
    power = float(problem.power)
    factors = np.concatenate([x, q]) * power / model.powers
    rates = jackknife(blocks, lambda means: _Means(model, means).rates(factors))
    for user, off in enumerate(
        _departures(problem.rates(x, q), model.rate_errors(x, q), rates, np.maximum(rates.value, 1e-3))
    ):
        if off:
            return f"the rate of user {user} is {off} bit/s/Hz"
    order = 4 * echo.targets
    flat = jackknife(blocks, lambda means: echo.fisher(_Means(model, means).forms(factors)).reshape(-1, order**2))
    found = problem.information(x, q)
    scale = np.sqrt(np.outer(np.diagonal(found), np.diagonal(found))).ravel()
    offs = _departures(found.ravel(), model.information_errors(x, q, echo).ravel(), flat, scale)
    for entry, off in enumerate(offs):
        if off:
            return f"entry {divmod(entry, order)} of the Fisher information is {off}"
    return ""


def _departures(claimed: FloatArray, error: FloatArray, found: Simulated, scale: FloatArray) -> list[str]:
    """Return for each number "1.2, simulated 1.5 ± 0.01" if the two disagree, else an empty string."""
    total = np.hypot(found.standard_error, error)
    off = np.abs(claimed - found.value) > DEVIATIONS * total + _ROUNDING * scale
    return [
        f"{one:.4g}, simulated {other:.4g} ± {spread:.2g}" if far else ""
        for one, other, spread, far in zip(claimed, found.value, total, off, strict=True)
    ]


class _Means:
    """Means over draws that determine rates and Fisher information; n of them at once.

    Parameters
    ----------
    model : Model
        Model of the drawn signals.
    means : ndarray, shape (n, size)
        Means, side by side in the order of :func:`_sample`.
    """

    def __init__(self, model: Model, means: ComplexArray) -> None:
        users, signals = model.problem.users, len(model.powers)
        order = 3 * len(model.scenario.sensed)
        sizes = np.cumsum([users, users * signals, signals])
        wanted, received, powers, forms = np.split(means, sizes, axis=-1)
        self.prelog = model.transmission.statistics.prelog
        self.wanted = wanted
        self.received = received.real.reshape(-1, users, signals)
        self.powers = powers.real
        self.each = forms.reshape(-1, signals, order, order)

    def rates(self, factors: FloatArray) -> FloatArray:
        """Return the rates (19) for power factors (K + S,); (n, K)."""
        signal = np.abs(self.wanted) ** 2 * factors[: self.wanted.shape[-1]]
        total = self.received @ factors
        return np.asarray(self.prelog * np.log2(1 + signal / (total - signal + 1)))

    def forms(self, factors: FloatArray) -> ComplexArray:
        """Return the form of all signals together at the targets; (n, 3T, 3T)."""
        return np.asarray(np.tensordot(self.each, factors, axes=(1, 0)))


def _blocks(model: Model, draws: int) -> ComplexArray:
    """Return means over blocks of draws; (B, size)."""
    generator = np.random.default_rng(SEED)
    return np.array([_sample(model, draws // BLOCKS, generator).mean(axis=0) for _ in range(BLOCKS)])


def _sample(model: Model, draws: int, generator: np.random.Generator) -> ComplexArray:
    """Draw h_k^H w_k, received and transmitted powers, and the form of each signal at the targets; (M, size)."""
    channels, waveforms = model.transmission.draw(draws, generator)
    users, streams = model.problem.users, model.moments.streams
    received = np.swapaxes(channels.conj(), -1, -2) @ waveforms
    seen = model.transmission.scene.basis.conj().T @ waveforms

    def signals(values: Any) -> Any:
        """Add up the waveforms of each stream on the last axis."""
        beams = values[..., users:]
        each = beams.reshape(*beams.shape[:-1], streams, -1).sum(axis=-1)
        return np.concatenate([values[..., :users], each], axis=-1)

    products = signals(seen[:, :, None] * seen.conj()[:, None])
    parts = (
        np.diagonal(received, axis1=-2, axis2=-1),
        signals(np.abs(received) ** 2),
        signals((np.abs(waveforms) ** 2).sum(axis=-2)),
        np.moveaxis(products, -1, 1),
    )
    return np.concatenate([part.reshape(draws, -1) for part in parts], axis=-1)
