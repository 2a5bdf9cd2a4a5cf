"""Statistics of the channels of random drops, and the source of their small-scale fading."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import attrs
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ..base.errors import NoFadingError
from ..base.numbers import ComplexArray, FloatArray
from ..base.part import Part
from .drops import Drops, fading_generator, simulation_generator
from .gaussian import SecondOrder


def drops_of(seed: int, numbers: Sequence[int]) -> Drops:
    """Return the drops of a study with the given numbers."""
    return Drops(seed=seed, numbers=numbers)


@attrs.frozen(kw_only=True, eq=False)
class ChannelStatistics:
    r"""Large-scale fading of all users and the quality of their channel estimates, for a batch of drops.

    Parameters
    ----------
    beta : ndarray, shape (..., K)
        Large-scale fading :math:`\beta_k` relative to the noise.
    xi : ndarray, shape (..., K)
        Variance :math:`\xi_k` of the channel estimate per antenna, (6).
    epsilon : ndarray, shape (..., K)
        Variance :math:`\epsilon_k = \beta_k - \xi_k` of the estimation error, (7); given in addition to the other
        two, since the difference cancels for good estimates.
    collinear : ndarray of bool, shape (K, K), optional
        Which pairs of different users have collinear estimates, because they share a pilot. None if the estimates
        of all users are independent.
    fading : FadingSource, optional
        Source of the small-scale fading of these drops; set by the scenario.
    prelog : float
        Share :math:`\bar\tau = (\tau_c - \tau_p) / \tau_c` of the coherence block that carries data.
    isotropic : bool
        Whether estimates and their errors are independent of each other, and each circularly symmetric complex
        Gaussian, independent and of equal variance at all antennas, and estimates independent between users that
        are not `collinear`. Closed forms for independent Rayleigh fading hold only in this case; otherwise those
        for means and covariances, or sampled moments, are used instead.
    positions : ndarray, shape (..., K, 3), optional
        Positions of the users, in metres along the horizontal, the vertical and the normal axis.
    means : ndarray of complex, shape (..., K, N), optional
        Means of the channels, known to the base station with their phases.
    covariances : ndarray of complex, shape (..., K, N, N), optional
        Covariances of the channels about their means. If `pilots` and `pilot_energy` are given too, channels are
        Gaussian, with the estimates of :class:`~isacfw.signal.gaussian.SecondOrder`.
    pilots : ndarray of int, shape (K,), optional
        Number of each user's pilot.
    pilot_energy : float, optional
        Energy of a pilot relative to the noise.
    independent_estimates : bool
        Whether estimates of users that share a pilot are nevertheless independent.
    extra : dict of str to ndarray
        Further arrays with the same leading axis for :meth:`Channel.draw`: costly results that should be computed
        once per drop and not once per chunk of draws.
    """

    beta: FloatArray
    xi: FloatArray
    epsilon: FloatArray
    prelog: float
    collinear: NDArray[np.bool_] | None = None
    fading: FadingSource | None = None
    isotropic: bool = False
    positions: FloatArray | None = None
    means: ComplexArray | None = None
    covariances: ComplexArray | None = None
    pilots: NDArray[np.int64] | None = None
    pilot_energy: float | None = None
    independent_estimates: bool = False
    extra: dict[str, NDArray[Any]] = attrs.field(factory=dict)

    @property
    def users(self) -> int:
        """Number of users K."""
        return int(self.beta.shape[-1])

    @property
    def source(self) -> FadingSource:
        """The source of fading, for whatever is sampled.

        Raises
        ------
        InputError
            If there is none.
        """
        if self.fading is None:
            raise NoFadingError
        return self.fading

    def of_drop(self, position: int) -> ChannelStatistics:
        """Return the statistics of the drop at a position of the first axis, without that axis."""
        values: dict[str, Any] = {name: value[position] for name, value in self._per_drop()}
        extra = {name: value[position] for name, value in self.extra.items()}
        return attrs.evolve(self, **values, extra=extra)

    def first(self, count: int) -> ChannelStatistics:
        """Return the statistics of the first drops."""
        return self._slice(slice(count))

    def only(self, position: int) -> ChannelStatistics:
        """Return the statistics of the drop at a position of the first axis, of length 1."""
        return self._slice(slice(position, position + 1))

    def _slice(self, drops: slice) -> ChannelStatistics:
        values: dict[str, Any] = {name: value[drops] for name, value in self._per_drop()}
        return attrs.evolve(self, **values, extra={name: value[drops] for name, value in self.extra.items()})

    def _per_drop(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """Yield name and values of each field with an axis over the drops."""
        for name in _PER_DROP:
            value = getattr(self, name)
            if value is not None:
                yield name, value

    @property
    def correlated(self) -> bool:
        """Whether means and covariances describe Gaussian channels and their estimates completely."""
        return self.covariances is not None and self.pilots is not None and self.pilot_energy is not None

    @cached_property
    def second_order(self) -> SecondOrder:
        """Means, covariances and estimation of one drop; only where :attr:`correlated`, without batch axes."""
        assert self.covariances is not None
        assert self.pilots is not None
        assert self.pilot_energy is not None
        means = np.zeros(self.covariances.shape[:-1]) if self.means is None else self.means
        return SecondOrder(
            means=np.asarray(means, dtype=np.complex128),
            covariances=self.covariances,
            pilots=self.pilots,
            pilot_energy=self.pilot_energy,
            independent=self.independent_estimates,
        )

    @classmethod
    def of_covariances(
        cls,
        covariances: ComplexArray,
        *,
        means: ComplexArray | None = None,
        pilots: NDArray[np.int64],
        pilot_energy: float,
        prelog: float,
        independent_estimates: bool = False,
        positions: FloatArray | None = None,
    ) -> ChannelStatistics:
        """Return the statistics of Gaussian channels with given means and covariances, estimated from pilots.

        Parameters
        ----------
        covariances, means, pilots, pilot_energy, independent_estimates, positions
            See the fields of the same names; with leading axis (D,) or (1,).
        prelog : float
            See the field.
        """
        antennas = covariances.shape[-1]
        found = cls(
            beta=np.zeros(covariances.shape[:2]),
            xi=np.zeros(covariances.shape[:2]),
            epsilon=np.zeros(covariances.shape[:2]),
            prelog=prelog,
            positions=positions,
            means=means,
            covariances=covariances,
            pilots=pilots,
            pilot_energy=pilot_energy,
            independent_estimates=independent_estimates,
        )
        each = [found.of_drop(drop).second_order for drop in range(len(covariances))]
        beta = np.einsum("dknn->dk", covariances).real / antennas
        # The difference of beta and epsilon cancels for poor estimates; rounding may leave traces below 0.
        xi = np.array([np.einsum("kab,kba->k", one.filters, one.covariances).real for one in each]) / antennas
        epsilon = np.array([np.einsum("knn->k", one.error_covariances).real for one in each]) / antennas
        if means is not None:
            power = (np.abs(means) ** 2).mean(axis=-1)
            beta, xi = beta + power, xi + power
        return attrs.evolve(found, beta=beta, xi=np.maximum(xi, 0), epsilon=np.maximum(epsilon, 0))


_PER_DROP = ("beta", "xi", "epsilon", "positions", "means", "covariances")


@attrs.frozen(kw_only=True)
class FadingSource:
    """Source of the small-scale fading of a batch of drops.

    Parameters
    ----------
    channel : Part
        The channel that draws the fading.
    seed : int
        Seed; together with the number of a drop, it determines the draws.
    drops : sequence of int
        Numbers of the drops.
    accuracy : float
        Required relative standard error of sampled moments.
    time_limit_s : float, optional
        Longest time in seconds for the weights of a chunk of draws.
    """

    channel: Part
    seed: int
    drops: Sequence[int]
    accuracy: float
    time_limit_s: float | None = None

    def generator(self, position: int) -> Generator:
        """Return a new generator for the drop at a position, the same at every call."""
        return fading_generator(self.seed, self.drops[position])

    def simulation_generator(self, position: int) -> Generator:
        """Return a new generator for simulations of the drop at a position, the same at every call."""
        return simulation_generator(self.seed, self.drops[position])
