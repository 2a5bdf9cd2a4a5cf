"""What parts are tried on: directions, channels, problems and allocations, the same at every call."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, ClassVar, cast

import attrs
import numpy as np
from numpy.random import Generator

from ..allocator import Allocation, Shares, verified
from ..array import Array, ComplexArray, Direction, FloatArray
from ..channel import Channel, ChannelStatistics, Fading, complex_normal
from ..fisher import fisher_information
from ..part import Part
from ..plugins import default_host
from ..problem import PowerAllocationProblem

ANTENNAS = 8

DIRECTIONS = (
    Direction(azimuth_deg=22.5, elevation_deg=45.0),
    Direction(azimuth_deg=-50.0, elevation_deg=100.0),
    Direction(azimuth_deg=5.0, elevation_deg=-70.0),
)


def built_in(kind: str, name: str, **options: Any) -> Part:
    """Return a built-in part."""
    return default_host().find(kind, f"isacfw:{name}").cls(**options)


def estimates(shape: tuple[int, ...], seed: int = 0) -> ComplexArray:
    """Return random channel estimates of the given shape, read-only."""
    values = complex_normal(shape, np.random.default_rng(seed))
    values.flags.writeable = False
    return values


def fading_channel(fading: tuple[float, ...] = (2.0, 0.7, 0.3), **options: Any) -> Channel:
    """Return a Rayleigh channel with given large-scale fading."""
    options = {"pilot_length": 4, "pilot_snr_db": 5.0, **options}
    return cast(Channel, built_in("channel", "rayleigh", large_scale_fading=fading, **options))


@attrs.frozen(kw_only=True)
class LineOfSight(Channel):
    """Half of a user's power from a line of sight of random phase: fading that is not Gaussian."""

    name: ClassVar[str] = "line_of_sight"

    def statistics(self, generators: Sequence[Generator]) -> ChannelStatistics:
        """Return the statistics of three users, the same in all drops; (1, K)."""
        beta = np.array([[2.0, 0.7, 0.3]])
        return ChannelStatistics(beta=beta, xi=0.9 * beta, epsilon=0.1 * beta, prelog=0.9)

    def draw(
        self, statistics: ChannelStatistics, antennas: int, draws: int, generator: Generator
    ) -> tuple[ComplexArray, ComplexArray]:
        """Draw waves from neighbouring directions with scattering, and independent errors; (M, ..., N, K)."""
        shape = (draws, *statistics.beta.shape[:-1], antennas, statistics.users)
        phase = np.exp(2j * np.pi * generator.random((*shape[:-2], 1, shape[-1])))
        wave = np.exp(1j * np.pi * np.outer(np.arange(antennas), [-0.1, 0.0, 0.05]))
        estimates = np.sqrt(statistics.xi / 2)[..., None, :] * (wave * phase + complex_normal(shape, generator))
        errors = np.sqrt(statistics.epsilon)[..., None, :] * complex_normal(shape, generator)
        return estimates + errors, estimates


def channel_statistics(channel: Channel, accuracy: float = 0.02) -> ChannelStatistics:
    """Return the statistics of the first drop of a channel, with its fading."""
    found = channel.statistics([np.random.default_rng(0)])
    return attrs.evolve(found, fading=Fading(channel=channel, seed=0, drops=(0,), accuracy=accuracy))


@cache
def _fisher(aligned: bool) -> tuple[FloatArray, FloatArray]:
    target = DIRECTIONS[0]
    return fisher_information(
        transmit=cast(Array, built_in("array", "upa", horizontal=4, vertical=4)),
        receive=cast(Array, built_in("array", "upa", horizontal=3, vertical=3)),
        target=target,
        beam=target if aligned else Direction(azimuth_deg=27.0, elevation_deg=41.0),
        amplitude=0.1,
        frame_length=30,
    )


def problem(
    users: int,
    *,
    seed: int = 0,
    batch: tuple[int, ...] = (),
    aligned: bool = True,
    share: float = 0.6,
    coupled: bool = False,
) -> PowerAllocationProblem:
    """Return random problems whose limits leave at most a given share of the power to communication.

    Parameters
    ----------
    users : int
        Number of users K.
    seed : int
        Determines gains and interference.
    batch : tuple of int
        Batch axes.
    aligned : bool
        Whether the beam hits the target.
    share : float
        Largest share for communication; at least 1 for no limits, negative for limits that cannot be met.
    coupled : bool
        Whether there is interference that is not common to all users.
    """
    generator: Generator = np.random.default_rng(seed)
    shape = (*batch, users)
    gain = 100.0 * 10 ** generator.uniform(-3, 0, shape)
    interference = 10 ** generator.uniform(-1, 1, shape)
    communication, sensing = _fisher(aligned)
    power = 10.0
    return PowerAllocationProblem(
        gain=gain,
        sensing_interference=interference,
        common_interference=interference * generator.uniform(0.2, 1.0, shape),
        prelog=np.array(0.9),
        fisher_communication=power * communication,
        fisher_sensing=power * sensing,
        crlb_limit=_limit(power * communication, power * sensing, share),
        power=np.array(power),
        weight_power=generator.uniform(0.2, 2.0, shape),
        antennas=np.array(16.0),
        coupling=generator.uniform(0, 2, (*shape, users)) if coupled else None,
    )


def _limit(communication: FloatArray, sensing: FloatArray, share: float) -> FloatArray:
    if share >= 1:
        return np.full(2, np.inf)
    at = max(share, 0.0)
    inverse = np.linalg.inv(at * communication + (1 - at) * sensing)
    # Full power for sensing is not quite the best there can be, but far more than a hundredth of it.
    return np.asarray(np.diagonal(inverse)[:2] * (1.0 if share >= 0 else 0.01))


def allocation(given: PowerAllocationProblem, seed: int = 0, answered: bool = True) -> Allocation:
    """Return a random allocation of all the power, or one without answers."""
    generator = np.random.default_rng(seed)
    parts = generator.dirichlet(np.ones(given.users + 1), given.batch_shape)
    if not answered:
        parts = np.full_like(parts, np.nan)
    return verified(given, Shares(communication=parts[..., :-1], sensing=parts[..., -1]))


def sliced(given: Allocation, index: tuple[int, ...]) -> Allocation:
    """Return the allocation at an index of the batch."""
    return attrs.evolve(
        given, **{field.name: np.asarray(getattr(given, field.name)[index]) for field in attrs.fields(Allocation)}
    )
