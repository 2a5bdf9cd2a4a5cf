"""Scenarios for the comparison of models with simulations."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..scenario.scenario import Scenario
from ..signal.array import Direction
from ..signal.drops import fading_generator
from ..signal.moments import drawn_channels
from . import problems

SEED = 20_240_607
"""Seed of the draws that are compared with models."""


def towards_a_user(scenario: Scenario) -> Direction:
    """Return the direction on a grid in which the first user of a scenario receives the most power."""
    scene = scenario.scene(scenario.statistics([0])).of_drop(0)
    channels, _ = drawn_channels(scenario.channel, scene, 200, fading_generator(SEED, 0))
    grid = [
        Direction(azimuth_deg=azimuth, elevation_deg=elevation)
        for azimuth in range(-60, 61, 4)
        for elevation in range(40, 141, 10)
    ]
    steering = np.stack([scene.array.steering_vector(one) for one in grid], axis=-1)
    gains = (np.abs(channels[:, :, 0].conj() @ steering) ** 2).mean(axis=0)
    return grid[int(gains.argmax())]


def scenes(scenario: Scenario) -> Iterator[tuple[str, Scenario]]:
    """Yield a scenario with its own target, and with two targets, one of them in the direction of a user."""
    yield "", scenario
    near = towards_a_user(scenario)
    yield (
        ", and a target in the direction of a user,",
        problems.scenario(
            scenario.channel,
            accuracy=scenario.sampling_accuracy,
            beam=scenario.beams[0] if scenario.beams else None,
            targets=(near, problems.DIRECTIONS[1]),
        ),
    )
