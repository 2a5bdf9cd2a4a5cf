"""What beamforming on a scenario needs: its beamformers, its draws of the fading, and what it senses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from ..base.errors import InputError, short_repr
from ..base.numbers import ComplexArray
from ..base.part import display_name
from ..beamforming.beamformer import Beamformer
from ..beamforming.extended import ExtendedTarget
from ..beamforming.points import PointTargets
from ..beamforming.sensed import Sensed
from ..host.host import PluginHost
from ..scenario.labels import by_label
from ..scenario.scenario import Scenario
from ..scenario.sweep import sweep_axes
from ..signal.moments import drawn_channels
from .selection import select_parts

MOST_DRAWS = 10**6


def select_beamformers(wanted: Sequence[Any], host: PluginHost) -> dict[str, Beamformer]:
    """Return beamformers by their labels."""
    found = select_parts("beamformer", wanted, (), host)
    for position, one in enumerate(found):
        if not isinstance(one, Beamformer):
            raise InputError(f"beamformers[{position}]", f"must be a beamformer or a name, got {short_repr(one)}")
        if (reason := one.why_unavailable()) is not None:
            raise InputError(f"beamformers[{position}]", f"must be available, got {display_name(one)}: {reason}")
    if not found:
        raise InputError("beamformers", "must be a nonempty list, got []")
    titles = [one.title for one in found if isinstance(one, Beamformer)]
    if len({*titles}) < len(titles):
        raise InputError("beamformers", f"must have different labels, got {', '.join(titles)}")
    return {title: one for title, one in by_label(found).items() if isinstance(one, Beamformer)}


def check_draws(draws: object) -> None:
    """Check a number of draws."""
    if isinstance(draws, bool) or not isinstance(draws, int) or not 1 <= draws <= MOST_DRAWS:
        raise InputError("draws", f"must be an integer from 1 to {MOST_DRAWS}, got {short_repr(draws)}")


def without_sweep(scenario: Scenario) -> Scenario:
    """Return a scenario without its sweep, which may be one over requirements: beamforming has its own.

    Raises
    ------
    InputError
        If the sweep has a path that matters.
    """
    swept = [path for axis in sweep_axes(scenario.sweep) for path in axis]
    for path in swept:
        if not path.startswith("requirements."):
            problem = f"must have no path but those of requirements for beamforming, got {path}"
            raise InputError("sweep", problem)
    return next(point for _, point in scenario.points())


def counted(count: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def draw_blocks(scenario: Scenario, drop: int, draws: int) -> Iterator[tuple[ComplexArray, ComplexArray]]:
    """Yield channels and estimates of each draw of a drop, (N, K) each; fewer draws are the first of more."""
    statistics = scenario.statistics([drop])
    scene, fading = scenario.scene(statistics).of_drop(0), statistics.source
    # Statistics that are the same for all drops carry the number of the first one.
    generator = attrs.evolve(fading, drops=[drop]).simulation_generator(0)
    for _ in range(draws):
        channels, estimates = drawn_channels(fading.channel, scene, 1, generator)
        yield channels[0], estimates[0]


def sensed_by(scenario: Scenario, extended: bool = False) -> Sensed:
    """Return what a scenario senses.

    Parameters
    ----------
    scenario : Scenario
        Its targets, arrays, noise, and angles that count as known.
    extended : bool
        Whether to take the targets as an extended one.

    Raises
    ------
    InputError
        If the noise of the receiver is not that of an extended target's.
    """
    if not extended:
        model = scenario.echo_model
        return PointTargets(model=model, known=scenario.known_angles(model))
    noise = scenario.receiver_noise
    if noise.colour or noise.white != 1.0:
        raise InputError("sensing_noise", "must be left out for an extended target")
    receive = scenario.receive_array.n_elements
    return ExtendedTarget(receive_antennas=receive, frame_length=scenario.sensing.frame_length)
