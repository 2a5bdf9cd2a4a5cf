"""Sample inputs of the uplink for the checks, identical at every call."""

from __future__ import annotations

from typing import Any, cast

import attrs
import numpy as np

from ..allocation.allocation import Allocation, Shares
from ..allocation.objective import Objective
from ..allocation.uplink import UplinkProblem
from ..allocation.verdict import verify
from ..scenario.scenario import Scenario
from ..scenario.uplink import Uplink
from ..sensing.target import Target
from ..signal.precoder import Precoder
from . import problems


def uplink_problem(
    users: int = 4,
    *,
    targets: int = 1,
    seed: int = 0,
    batch: tuple[int, ...] = (),
    objective: Objective | None = None,
) -> UplinkProblem:
    """Return random problems of the uplink, with a requirement on the radar that shares can meet.

    Parameters
    ----------
    users, targets : int
        Numbers of users K and targets T.
    seed : int
        Seed of all numbers.
    batch : tuple of int
        Batch axes.
    objective : Objective, optional
        Their objective; the sum rate by default.
    """
    generator = np.random.default_rng(seed)
    shape = (*batch, users)
    beta = 10 ** generator.uniform(-2, 0, shape)
    error = beta * 10 ** generator.uniform(-2, -0.5, shape)
    power, radar, own = 30.0, 50.0, 1e-3
    reflection = np.geomspace(0.02, 0.005, targets)
    problem = UplinkProblem(
        gain=32 * power * (beta - error),
        source_interference=power * np.where(generator.random((*batch, 1)) < 0.5, beta, error),
        sensing_interference=np.array(radar * (reflection.sum() + own)),
        prelog=np.array(0.9),
        user_power=np.array(power),
        radar_power=np.array(radar),
        estimation_error=error,
        self_interference=np.array(own),
        reflection_power=reflection,
        antennas=np.array(32.0),
        subcarriers=np.array(64.0),
        symbols=np.array(14.0),
        linear_users=-power * error[..., None, :],
        linear_streams=np.full((*batch, 1, 1), 4.0 * power * users),
        linear_least=np.full((*batch, 1), 1.0),
    )
    return problem if objective is None else attrs.evolve(problem, objective=objective)


def uplink_allocation(given: UplinkProblem, seed: int = 0, answered: bool = True) -> Allocation:
    """Return a random allocation, or one without answers."""
    generator = np.random.default_rng(seed)
    x, q = (
        generator.uniform(0.1, 1, (*given.batch_shape, given.users)),
        generator.uniform(0.1, 1, given.batch_shape),
    )
    if not answered:
        x, q = np.full_like(x, np.nan), np.full_like(q, np.nan)
    return verify(given, Shares(communication=x, sensing=q))


def uplink_scenario(
    combiner: Precoder, fading: tuple[float, ...] = (2.0, 0.7, 0.3), **pilots: object
) -> Scenario:
    """Return a small scenario of the uplink with a combiner and given fading."""
    return Scenario(
        link="uplink",
        uplink=Uplink(user_snr_db=5.0, radar_snr_db=10.0, subcarriers=8, symbols=4),
        receive_array=problems.receive_array(),
        target=Target(azimuth_deg=20.0, elevation_deg=70.0, reflection_amplitude=0.3),
        channel=problems.fading_channel(fading, **pilots),
        precoders=[combiner],
        allocators=[cast(Any, problems.built_in("allocator", "exact"))],
    )
