"""Statistics of channels, and moments of precoders and beams, checked."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from ..base.errors import blamed, shown
from ..base.part import described
from ..sensing.beam import Beam, SteeringBeam
from ..sensing.beam_statistics import BeamStatistics
from ..signal.array import Array
from ..signal.channel import Channel, checked
from ..signal.link import LinkStatistics
from ..signal.moments import drawn_channels
from ..signal.precoder import Precoder, sampled_forms
from ..signal.scene import Scene
from ..signal.statistics import ChannelStatistics, drops_of, fading_generator


def channel_statistics(channel: Channel, array: Array, seed: int, numbers: Sequence[int]) -> ChannelStatistics:
    """Return the checked statistics of a channel for drops with the given numbers; (D, K) or (1, K)."""
    # Two drops, since one cannot reveal whether all are the same, and so have the same draws of the fading.
    asked = numbers if len(numbers) > 1 else (numbers[0], numbers[0] + 1)
    with blamed(f"channel {described(channel)}"):
        given = channel.statistics(drops_of(seed, asked), array)
        found = checked(given, channel, len(asked), array)
    return found.first(1) if len(numbers) == 1 and len(found.beta) > 1 else found


def link_statistics(precoder: Precoder, scene: Scene) -> LinkStatistics:
    """Return the checked moments of a precoder; what the targets see is sampled where it is not known."""
    with blamed(f"transmit array {described(scene.array)}"):
        _ = scene.antennas
    with blamed(f"precoder {described(precoder)}"):
        link = precoder.link_statistics(scene)
        if not isinstance(link, LinkStatistics):
            raise TypeError(f"it must return LinkStatistics, got {shown(link)}")
        if link.forms is None and not (link.isotropic and scene.statistics.isotropic):
            link = attrs.evolve(link, forms=sampled_forms(precoder, scene))
    return link.check(precoder, scene.users, len(scene.targets))


def beam_statistics(beam: Beam, scene: Scene) -> BeamStatistics:
    """Return the checked moments of a beam."""
    with blamed(f"beam {described(beam)}"):
        found = beam.beam_statistics(scene)
        if not isinstance(found, BeamStatistics):
            raise TypeError(f"it must return BeamStatistics, got {shown(found)}")
    return found.check(beam, scene.users, len(scene.targets))


def count_streams(beam: Beam, scene: Scene, time_limit_s: float | None) -> int:
    """Return the number of streams of a beam, from the weights of a few draws where nothing else tells."""
    own = scene.of_drop(0)
    if isinstance(beam, SteeringBeam):
        with blamed(f"beam {described(beam)}"):
            return int(beam.coefficients(own).shape[1])
    fading = scene.statistics.fading
    assert fading is not None
    _, estimates = drawn_channels(fading.channel, own, 2, fading_generator(fading.seed, 0))
    return int(beam.checked_weights(own, estimates, time_limit_s).shape[2])
