"""Drawn effective channels of a drop: what users and targets receive of each signal per unit of its power."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..base.errors import IncompatibleError
from ..base.guard import Deadline
from ..base.numbers import ComplexArray, FloatArray, read_only
from ..sensing.beam_statistics import BeamStatistics
from ..signal.link import LinkStatistics
from ..signal.moments import BYTES_AT_ONCE, LARGEST_DRAW, WeightedPart, drawn_channels
from ..signal.scene import Scene

LARGEST_BLOCK = 256
"""Largest number of draws in a block: the last block is completed, whatever the number of draws."""
LARGEST_HELD = 2**27
"""Size in bytes up to which effective channels are kept; larger ones are drawn again at each use."""


class EffectiveChannels:
    r"""Drawn effective channels of one drop, for a precoder and a beam.

    Parameters
    ----------
    precoder, beam : Precoder, Beam
        Compute the weights W and V from drawn channel estimates.
    scene : Scene
        Scene of a batch of drops, (D, K), with their source of fading.
    position : int
        Position of the drop in the batch.
    moments : tuple of LinkStatistics and BeamStatistics
        Moments of the batch, with the powers :math:`E\|w_k\|^2` and :math:`E\|v_s\|^2`.
    draws : int
        Number of draws M.

    Notes
    -----
    :math:`H^H F` and :math:`P^H F` with :math:`F = [w_k / \sqrt{E\|w_k\|^2}, v_s / \sqrt{E\|v_s\|^2}]`: K + SR
    columns for streams of R waveforms each. They do not depend on the shares of the power, so all allocators
    share them. The generator depends on the seed and the number of the drop alone, and the size of a block on N
    and K alone, so fewer draws are the first of more.
    """

    def __init__(
        self,
        precoder: WeightedPart,
        beam: WeightedPart,
        *,
        scene: Scene,
        position: int,
        moments: tuple[LinkStatistics, BeamStatistics],
        draws: int,
    ) -> None:
        self.precoder, self.beam, self.draws = precoder, beam, draws
        self.scene, self.position = scene.of_drop(position), position
        link, streams = moments
        self.user_power = self.scene.antennas * _at(link.weight_power, position)
        self.stream_power = _at(streams.weight_power, position)
        self._held: tuple[tuple[ComplexArray, ComplexArray], ...] = ()

    def hold(self) -> None:
        """Draw, and keep the results for all calls of :meth:`blocks` unless they are large.

        Raises
        ------
        IncompatibleError
            If a single draw is too large.
        InputError
            If the statistics carry no source of fading.
        PluginError
            If channels or weights break their contract.
        """
        blocks = self._draw()
        first = next(blocks)
        if self._count() * sum(array.nbytes for array in first) <= LARGEST_HELD:
            self._held = (first, *blocks)

    def blocks(self) -> Iterator[tuple[ComplexArray, ComplexArray]]:
        """Yield blocks of m draws: what users receive, (m, K, K + SR), and targets, (m, 3T, K + SR); read-only.

        All blocks have the same size, so the last may exceed the number of draws.
        """
        return iter(self._held) if self._held else self._draw()

    @property
    def _size(self) -> int:
        """Number of draws in a block, which fits the cache."""
        users = self.scene.users
        return min(LARGEST_BLOCK, max(1, BYTES_AT_ONCE // (16 * users * (2 * self.scene.antennas + users))))

    def _count(self) -> int:
        return math.ceil(self.draws / self._size)

    def _draw(self) -> Iterator[tuple[ComplexArray, ComplexArray]]:
        scene, fading = self.scene, self.scene.statistics.source
        if (size := 2 * 16 * scene.antennas * scene.users) > LARGEST_DRAW:
            raise IncompatibleError(
                f"one draw for {scene.antennas} antennas and {scene.users} users takes {size / 2**30:.1f} GiB"
            )
        generator, basis = fading.simulation_generator(self.position), scene.basis.conj().T
        limit = fading.time_limit_s
        deadline = Deadline(f"draws of {self.precoder.title} and {self.beam.title}", limit)
        for number in range(self._count()):
            if number:
                deadline.check(f"{number * self._size} of {self.draws} draws")
            channels, estimates = drawn_channels(fading.channel, scene, self._size, generator, seconds=limit)
            weights = self.precoder.checked_weights(scene, estimates, limit)
            beams = self.beam.checked_weights(scene, estimates, limit)
            users = weights / np.sqrt(self.user_power)
            streams = (beams / np.sqrt(self.stream_power)[:, None]).reshape(*beams.shape[:2], -1)
            signals = np.concatenate([users, streams], axis=-1)
            yield read_only(np.swapaxes(channels.conj(), -1, -2) @ signals), read_only(basis @ signals)


def _at(value: FloatArray, position: int) -> FloatArray:
    """Return the numbers of a drop; those of a single one hold for all."""
    each = np.atleast_2d(value)
    return np.asarray(each[position if len(each) > 1 else 0])
