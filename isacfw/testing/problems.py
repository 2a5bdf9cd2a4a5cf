"""Sample inputs for the checks, identical at every call."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

import attrs
import numpy as np
from numpy.random import Generator

from ..allocation.allocation import Allocation, Shares
from ..allocation.problem import PowerAllocationProblem
from ..allocation.verdict import verify
from ..base.numbers import ComplexArray, FloatArray, read_only
from ..base.part import Part
from ..host.host import default_host
from ..scenario.scenario import Scenario
from ..sensing.beam import Beam, Steered
from ..sensing.fisher import EchoModel, fisher_information
from ..sensing.target import Sensing, Target
from ..signal.array import Array, Direction
from ..signal.channel import Channel, complex_normal
from ..signal.precoder import Precoder
from ..signal.scene import Scene
from ..simulation.draws import draw_signals
from ..simulation.signals import SignalDraws
from .correlated import Correlated
from .line_of_sight import LineOfSight
from .units import units_of

ANTENNAS, SNR_DB = 16, 10.0
DIRECTIONS = (
    Direction(azimuth_deg=22.5, elevation_deg=45.0),
    Direction(azimuth_deg=-50.0, elevation_deg=100.0),
    Direction(azimuth_deg=5.0, elevation_deg=-70.0),
)


def built_in(kind: str, name: str, **options: Any) -> Part:
    """Return a built-in part."""
    return default_host().find(kind, f"isacfw:{name}").cls(**options)


def transmit_array() -> Array:
    """Return the transmit array of the sample scenarios, of `ANTENNAS` elements."""
    return cast(Array, built_in("array", "upa", horizontal=4, vertical=4))


def receive_array() -> Array:
    """Return the receive array of the sample scenarios."""
    return cast(Array, built_in("array", "upa", horizontal=3, vertical=3))


def estimates(shape: tuple[int, ...], seed: int = 0) -> ComplexArray:
    """Return random channel estimates of the given shape, read-only."""
    return cast(ComplexArray, read_only(complex_normal(shape, np.random.default_rng(seed))))


def fading_channel(fading: tuple[float, ...] = (2.0, 0.7, 0.3), **options: Any) -> Channel:
    """Return a Rayleigh channel with given large-scale fading."""
    options = {"pilot_length": 4, "pilot_snr_db": 5.0, **options}
    return cast(Channel, built_in("channel", "rayleigh", large_scale_fading=fading, **options))


def channels() -> dict[str, Channel]:
    """Return channels of all kinds by their descriptions in messages; three users each."""
    return {
        "Rayleigh fading": fading_channel(),
        "shared pilots": fading_channel(pilot_length=2),
        "collinear estimates": fading_channel(pilot_length=2, estimates="physical"),
        "a line of sight": LineOfSight(),
        "an exponential correlation of 0.9": Correlated(),
        "a line of sight of known phase": Correlated(correlation=0.5, k_factor=1.0, shared=True),
    }


def scenario(
    channel: Channel,
    *,
    accuracy: float = 0.01,
    beam: Beam | None = None,
    targets: tuple[Direction, ...] = DIRECTIONS[:1],
    pointing: Direction | None = None,
    seed: int = 0,
) -> Scenario:
    """Return a small scenario with a given channel.

    Parameters
    ----------
    channel : Channel
        Its channel.
    accuracy : float
        Accuracy of sampled moments.
    beam : Beam, optional
        Its sensing beam; a steered one by default.
    targets : tuple of Direction
        Directions of the targets.
    pointing : Direction, optional
        Direction of the beam; by default those of the targets.
    seed : int
        Seed of its drops.
    """
    return Scenario(
        seed=seed,
        snr_db=SNR_DB,
        transmit_array=transmit_array(),
        receive_array=receive_array(),
        targets=[
            Target(
                azimuth_deg=one.azimuth_deg,
                elevation_deg=one.elevation_deg,
                reflection_amplitude=0.1 / (1 + number),
                reflection_phase_deg=40.0 * number,
            )
            for number, one in enumerate(targets)
        ],
        sensing=Sensing(
            beam_azimuth_deg=None if pointing is None else pointing.azimuth_deg,
            beam_elevation_deg=None if pointing is None else pointing.elevation_deg,
        ),
        channel=channel,
        precoders=[cast(Precoder, built_in("precoder", "mrt"))],
        beams=[] if beam is None else [beam],
        allocators=[cast(Any, built_in("allocator", "exact"))],
        sampling_accuracy=accuracy,
    )


def scene(channel: Channel | None = None, accuracy: float = 0.01, **options: Any) -> Scene:
    """Return the scene of the first drop of the sample scenario with a channel; (1, K).

    Parameters
    ----------
    channel : Channel, optional
        Rayleigh fading of three users by default.
    accuracy : float
        Accuracy of sampled moments.
    **options
        See :func:`scenario`.
    """
    own = scenario(fading_channel() if channel is None else channel, accuracy=accuracy, **options)
    return own.scene(own.statistics([0]))


@cache
def _fisher(aligned: bool) -> tuple[FloatArray, FloatArray]:
    target = DIRECTIONS[0]
    return fisher_information(
        transmit=transmit_array(),
        receive=receive_array(),
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
    """Return random problems whose limits leave at most a given share of the power for communication.

    Parameters
    ----------
    users : int
        Number of users K.
    seed : int
        Seed of gains and interference.
    batch : tuple of int
        Batch axes.
    aligned : bool
        Whether the beam points at the target.
    share : float
        Largest share for communication; at least 1 for no limits, negative for infeasible limits.
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
        **units_of(1),
    )


def feasible_problems() -> dict[str, PowerAllocationProblem]:
    """Return ordinary problems with solutions, each in a batch of one, by their descriptions in messages."""
    return {
        "an aligned beam": problem(4, batch=(1,)),
        "a misaligned beam": problem(4, seed=1, batch=(1,), aligned=False),
        "no limits": problem(4, seed=2, batch=(1,), share=1.0),
        "tight limits": problem(4, seed=3, batch=(1,), share=0.05),
    }


def _limit(communication: FloatArray, sensing: FloatArray, share: float) -> FloatArray:
    if share >= 1:
        return np.full(2, np.inf)
    at = max(share, 0.0)
    inverse = np.linalg.inv(at * communication + (1 - at) * sensing)
    # Full power for sensing is not quite optimal, but far better than a hundredth of the optimum.
    return np.asarray(np.diagonal(inverse)[:2] * (1.0 if share >= 0 else 0.01))


def general_problem(
    users: int, *, targets: int = 2, streams: int = 2, seed: int = 0, batch: tuple[int, ...] = ()
) -> PowerAllocationProblem:
    """Return random problems with several targets and streams, and users whose Fisher information differs.

    Parameters
    ----------
    users, targets, streams : int
        Numbers of users K, targets T and sensing streams S.
    seed : int
        Seed of all numbers.
    batch : tuple of int
        Batch axes.
    """
    plain, generator = problem(users, seed=seed, batch=batch, share=1.0), np.random.default_rng(seed)
    model = EchoModel(
        transmit=transmit_array(),
        receive=receive_array(),
        directions=DIRECTIONS[:targets],
        amplitudes=np.linspace(0.1, 0.06, targets) * np.exp(0.7j * np.arange(targets)),
        frame_length=30,
    )
    basis = np.concatenate([model.transmit.steering_basis(one) for one in model.directions], axis=-1)
    weights = complex_normal((*batch, users + streams, ANTENNAS), generator)
    weights /= np.linalg.norm(weights, axis=-1, keepdims=True)
    seen = weights @ basis.conj()
    fisher = float(plain.power) * model.fisher(seen[..., :, None] * seen[..., None, :].conj())
    return attrs.evolve(
        plain,
        fisher_communication=fisher[..., :users, :, :].mean(axis=-3),
        fisher_sensing=fisher[..., users:, :, :].mean(axis=-3),
        fisher_users=fisher[..., :users, :, :],
        fisher_streams=fisher[..., users:, :, :] if streams > 1 else None,
        stream_coupling=generator.uniform(0, 2, (*batch, users, streams)) if streams > 1 else None,
        crlb_limit=np.full(2 * targets, np.inf),
        jacobians=model.jacobians,
        known=np.zeros(2 * targets),
        **units_of(targets),
    )


def allocation(given: PowerAllocationProblem, seed: int = 0, answered: bool = True) -> Allocation:
    """Return a random allocation of all the power, or one without answers."""
    generator = np.random.default_rng(seed)
    parts = generator.dirichlet(np.ones(given.users + given.streams), given.batch_shape)
    if not answered:
        parts = np.full_like(parts, np.nan)
    communication, sensing = parts[..., : given.users], parts[..., given.users :]
    return verify(given, Shares(communication=communication, sensing=sensing))


def signals(targets: int = 1, streams: int = 1, *, seed: int = 0, draws: int = 200) -> SignalDraws:
    """Return drawn signals of the first drop of the sample scenario at random shares of all the power.

    Parameters
    ----------
    targets, streams : int
        Numbers of targets T and of sensing streams S.
    seed : int
        Seed of the shares; draws are the same for all.
    draws : int
        Number of draws.
    """
    directions = tuple((one.azimuth_deg, one.elevation_deg) for one in DIRECTIONS[:streams])
    beam = Steered(directions_deg=directions)
    own = scenario(fading_channel(), beam=beam, targets=DIRECTIONS[:targets])
    parts = np.random.default_rng(seed).dirichlet(np.ones(3 + streams))
    return draw_signals(own, own.precoders[0], drop=0, shares=(parts[:3], parts[3:]), draws=draws)


def slice_allocation(given: Allocation, index: tuple[int, ...]) -> Allocation:
    """Return the allocation at an index of the batch."""
    return attrs.evolve(
        given, **{field.name: np.asarray(getattr(given, field.name)[index]) for field in attrs.fields(Allocation)}
    )
