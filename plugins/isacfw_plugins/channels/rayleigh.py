"""Independent Rayleigh fading with pilot reuse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal, Self, final

import attrs
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

import isacfw
from isacfw import (
    Array,
    ChannelStatistics,
    ComplexArray,
    Drop,
    Drops,
    FloatArray,
    InputError,
    LinkBudget,
    UserRegion,
    complex_normal,
)
from isacfw.validators import choice, each, integer, number, optional, real, reals

_CELL_KEYS = ("cell_radius_m", "min_distance_m", "path_loss_exponent", "shadowing_db", "path_loss_db")


@final
@attrs.frozen(kw_only=True)
class Rayleigh(isacfw.Channel):
    r"""Rayleigh fading, pilot reuse and MMSE estimation; random drops or given large-scale fading.

    Parameters
    ----------
    users : int, optional
        Number of users K; may be omitted if `large_scale_fading` is given.
    large_scale_fading : sequence of float, optional
        :math:`\beta_k`, the same in every drop. Without it, each drop places the users at random.
    cell_radius_m, min_distance_m : float
        Outer and inner radius of the annulus over whose area users are uniform, in metres.
    path_loss_exponent : float
        Exponent :math:`\nu` of the path loss.
    shadowing_db : float
        Standard deviation of the log-normal shadowing in dB.
    path_loss_db : float, optional
        With a link budget: path loss at `min_distance_m` in dB; that in free space by default.
    pilot_length, coherence_length : int
        :math:`\tau_p` and :math:`\tau_c` in symbols; user k uses pilot k mod :math:`\tau_p`.
    pilot_snr_db : float
        Pilot SNR :math:`p_p` in dB.
    estimates : {"independent", "physical", "perfect"}
        Whether estimates of users that share a pilot are independent, as in the paper's simulations, or
        collinear, as results from estimation with a shared pilot; or channels are known without error, from
        pilots that cost as much but whose SNR does not count.

    Notes
    -----
    :math:`\beta_k = z_k / (r_k / r_h)^\nu`, divided by the path loss at :math:`r_h` if there is one. With
    :math:`P_k` the users of user k's pilot (4)-(7),
    :math:`\xi_k = \tau_p p_p \beta_k^2 / (\tau_p p_p \sum_{j \in P_k} \beta_j + 1)`.
    Physical estimates are :math:`\hat h_k = \xi_k / \beta_k \cdot y` for the pilot signal
    :math:`y = \sum_{j \in P_k} h_j + n / \sqrt{\tau_p p_p}`, the same for all users of a pilot.
    Place and shadowing of user k of a drop are the same for any number of users.
    """

    name: ClassVar[str] = "rayleigh"

    users: int | None = attrs.field(default=None, validator=optional(integer(at_least=1, at_most=1_000_000)))
    large_scale_fading: tuple[float, ...] | None = attrs.field(
        default=None, converter=reals, validator=optional(each(number(above=0)))
    )
    cell_radius_m: float = attrs.field(default=1000.0, converter=real, validator=number(above=0))
    min_distance_m: float = attrs.field(default=100.0, converter=real, validator=number(above=0))
    path_loss_exponent: float = attrs.field(default=3.2, converter=real, validator=number(at_least=0))
    shadowing_db: float = attrs.field(default=7.0, converter=real, validator=number(at_least=0))
    path_loss_db: float | None = attrs.field(
        default=None, converter=real, validator=optional(number(at_least=-300, at_most=300))
    )
    pilot_length: int = attrs.field(default=10, validator=integer(at_least=1, at_most=10**9))
    coherence_length: int = attrs.field(default=100, validator=integer(at_least=2, at_most=10**9))
    pilot_snr_db: float = attrs.field(default=30.0, converter=real, validator=number(at_least=-300, at_most=300))

    estimates: Literal["independent", "physical", "perfect"] = attrs.field(
        default="independent", validator=choice("independent", "physical", "perfect")
    )

    def __attrs_post_init__(self) -> None:
        if self.pilot_length >= self.coherence_length:
            raise InputError(
                "pilot_length",
                f"must be less than coherence_length, which is {self.coherence_length}, got {self.pilot_length}",
            )
        if self.large_scale_fading is None:
            self._check_cell()
        else:
            self._check_given(self.large_scale_fading)

    def _check_cell(self) -> None:
        if self.users is None:
            raise InputError("users", "is required unless large_scale_fading is given", missing=True)
        if self.min_distance_m >= self.cell_radius_m:
            raise InputError(
                "min_distance_m",
                f"must be less than cell_radius_m, which is {self.cell_radius_m:g}, got {self.min_distance_m:g}",
            )

    def _check_given(self, fading: tuple[float, ...]) -> None:
        if self.users is not None and self.users != len(fading):
            raise InputError(
                "users",
                f"must agree with large_scale_fading, which has {len(fading)} entries, got {self.users}",
            )
        fields = attrs.fields_dict(type(self))
        for key in _CELL_KEYS:
            if getattr(self, key) != fields[key].default:
                raise InputError(
                    key,
                    f"has no effect when large_scale_fading is given, got {getattr(self, key)!r}",
                )

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return channels with random and with given fading, and with shared pilots."""
        return (
            cls(users=4),
            cls(large_scale_fading=(0.5, 2.0, 0.1), pilot_snr_db=0.0),
            cls(users=5, pilot_length=2, estimates="physical"),
            cls(users=3, estimates="perfect"),
        )

    def statistics(self, drops: Sequence[Drop], array: Array) -> ChannelStatistics:
        """Return large-scale fading (4) and estimation quality (6)-(7) of each drop; (D, K) or (1, K)."""
        if self.large_scale_fading is None:
            return self.estimate(self._random_fading(Drops.of(drops)))
        return self.estimate(np.array([self.large_scale_fading]))

    def estimate(self, beta: FloatArray) -> ChannelStatistics:
        """Return the statistics for large-scale fading, with estimation quality (6)-(7); (D, K)."""
        pilot = self._pilots(beta.shape[-1])
        sharing = None
        if self.estimates == "physical" and len(pilot) > self.pilot_length:
            sharing = np.equal.outer(pilot, pilot) & ~np.eye(len(pilot), dtype=np.bool_)
        pilot_energy = self._pilot_energy
        disturbance = pilot_energy * self._of_others(beta) + 1
        received = pilot_energy * beta + disturbance
        perfect = self.estimates == "perfect"
        return ChannelStatistics(
            beta=beta,
            xi=beta if perfect else pilot_energy * beta**2 / received,
            epsilon=np.zeros_like(beta) if perfect else beta * disturbance / received,
            prelog=(self.coherence_length - self.pilot_length) / self.coherence_length,
            collinear=sharing,
            isotropic=True,
        )

    def memory(self, array: Array) -> int:
        """Return about how many bytes the statistics of a drop take, pairs of users of a pilot included."""
        users = self.users or len(self.large_scale_fading or ())
        pairs = users**2 if self.estimates == "physical" and users > self.pilot_length else 0
        return 320 * users + 32 * pairs

    def with_link_budget(self, budget: LinkBudget) -> Self:
        """Return the channel with absolute path losses and pilots of given power."""
        channel = super().with_link_budget(budget)
        if self.large_scale_fading is not None or self.path_loss_db is not None:
            return channel
        return attrs.evolve(channel, path_loss_db=budget.free_space_loss_db(self.min_distance_m))

    def user_region(self) -> UserRegion | None:
        """Return the ring over which path losses are drawn; None for given fading."""
        if self.large_scale_fading is not None:
            return None
        return UserRegion(inner_m=self.min_distance_m, outer_m=self.cell_radius_m)

    @property
    def _pilot_energy(self) -> float:
        return float(self.pilot_length * 10 ** (self.pilot_snr_db / 10))

    def _of_others(self, beta: FloatArray) -> FloatArray:
        """Return the sums of the fading of all other users of each user's pilot; (..., K)."""
        users = beta.shape[-1]
        length = min(self.pilot_length, users)
        rounds = -(-users // length)
        padded = np.zeros((*beta.shape[:-1], rounds, length))
        padded.reshape(*beta.shape[:-1], -1)[..., :users] = beta
        # From both ends, in a fixed order: the bits of a product of matrices depend on the number of drops.
        # Cumulative sums over an axis that is not the last take several times as long.
        found, behind = np.zeros_like(padded), np.zeros_like(padded)
        for place in range(1, rounds):
            np.add(found[..., place - 1, :], padded[..., place - 1, :], out=found[..., place, :])
            np.add(behind[..., -place, :], padded[..., -place, :], out=behind[..., -place - 1, :])
        found += behind
        return np.asarray(found.reshape(*beta.shape[:-1], -1)[..., :users])

    def _pilots(self, users: int) -> NDArray[np.int64]:
        return np.arange(users) % self.pilot_length

    def _random_fading(self, drops: Drops) -> FloatArray:
        assert self.users is not None
        areas, shadows = drops.uniform(self.users), drops.normal(self.users)
        # Relative to the inner radius; uniform over the area means uniform in the squared distance.
        outer = np.float64(self.cell_radius_m / self.min_distance_m) ** 2
        squared_distance = 1 + areas * (outer - 1)
        # One exponential takes half the time of two powers.
        gain = self.shadowing_db * np.log(10) / 10 * shadows
        fading = np.exp(gain - self.path_loss_exponent / 2 * np.log(squared_distance))
        return np.asarray(fading if self.path_loss_db is None else fading * 10 ** (-self.path_loss_db / 10))

    def draw(
        self, statistics: ChannelStatistics, array: Array, draws: int, generator: Generator
    ) -> tuple[ComplexArray, ComplexArray]:
        """Draw channels and estimates, independent between users or from shared pilots; (M, ..., N, K)."""
        shape = (draws, *statistics.beta.shape[:-1], array.n_elements, statistics.users)
        if self.estimates == "physical":
            return self._draw_physical(statistics, shape, generator)
        estimates = complex_normal(shape, generator)
        estimates *= np.sqrt(statistics.xi)[..., None, :]
        channels = complex_normal(shape, generator)
        channels *= np.sqrt(statistics.epsilon)[..., None, :]
        channels += estimates
        return channels, estimates

    def _draw_physical(
        self, statistics: ChannelStatistics, shape: tuple[int, ...], generator: Generator
    ) -> tuple[ComplexArray, ComplexArray]:
        pilot = self._pilots(statistics.users)
        used = min(self.pilot_length, statistics.users)
        channels = np.sqrt(statistics.beta)[..., None, :] * complex_normal(shape, generator)
        received = complex_normal((*shape[:-1], used), generator) / np.sqrt(self._pilot_energy)
        received += channels @ np.equal.outer(pilot, np.arange(used)).astype(np.float64)
        estimates = received[..., pilot] * (statistics.xi / statistics.beta)[..., None, :]
        return channels, estimates


@isacfw.hookimpl
def register_channels() -> list[type[isacfw.Channel]]:
    """Register Rayleigh fading."""
    return [Rayleigh]
