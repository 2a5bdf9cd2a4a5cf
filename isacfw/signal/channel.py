"""Communication channels: random drops of users, and the quality of their channel estimates."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any, Self

import attrs
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ..base.errors import InputError, PluginError, short_repr
from ..base.guard import guard
from ..base.numbers import ComplexArray, read_only
from ..base.part import Part, display_name
from .array import Array
from .drops import Drop, Drops
from .gaussian import complex_normal
from .link_budget import LinkBudget
from .statistics import ChannelStatistics, FadingSource, drops_of
from .user_region import UserRegion

__all__ = ["Channel", "ChannelStatistics", "Drop", "Drops", "complex_normal"]


@attrs.frozen(kw_only=True)
class Channel(Part):
    """Abstract base class of channels: statistics of random drops, and draws of small-scale fading."""

    @abstractmethod
    def statistics(self, drops: Drops, array: Array) -> ChannelStatistics:
        """Return the statistics of drops.

        Parameters
        ----------
        drops : Drops
            Source of randomness, for all drops at once or for each. With either, a drop does not depend on the
            others drawn with it.
        array : Array
            The transmit array.

        Returns
        -------
        ChannelStatistics
            With leading axis (D,), or (1,) when all drops are the same.
        """

    @abstractmethod
    def draw(
        self, statistics: ChannelStatistics, array: Array, draws: int, generator: Generator
    ) -> tuple[ComplexArray, ComplexArray]:
        """Draw small-scale fading and its estimates.

        Parameters
        ----------
        statistics : ChannelStatistics
            Statistics of one drop, (K,), or of several, (D, K). Costly results per drop belong in its `extra`.
        array : Array
            The transmit array, of N elements.
        draws : int
            Number of draws M.
        generator : numpy.random.Generator
            Source of randomness.

        Returns
        -------
        channels, estimates : ndarray of complex, shape (M, ..., N, K)
            The columns are the users' channels and their MMSE estimates at the base station. Where the
            statistics are `isotropic` or `correlated`, they are conditional means of the channels.
        """

    def with_link_budget(self, budget: LinkBudget) -> Self:
        """Return the channel with pilots, and path losses if it computes them, by a link budget.

        By default, the budget determines the field `pilot_snr_db` of a channel that has one, and nothing else:
        large-scale fading, means and covariances then are path gains. A channel that places its users should
        replace its relative path loss by an absolute one.

        Raises
        ------
        InputError
            If the channel contradicts the budget.
        """
        field = attrs.fields_dict(type(self)).get("pilot_snr_db")
        if field is None:
            return self
        given = getattr(self, field.name)
        if given != field.default:
            raise InputError(field.name, f"cannot be combined with link_budget.pilot_power_dbm, got {given!r}")
        changes: dict[str, Any] = {field.name: budget.pilot_snr_db}
        return attrs.evolve(self, **changes)

    def user_region(self) -> UserRegion | None:
        """Return where users are placed at random, to be drawn; None, the default, if there is no such place."""
        return None

    def memory(self, array: Array) -> int:
        """Return about how many bytes the statistics of a drop take, to refuse what does not fit into memory.

        By default, 40 numbers for each of the users in the field `users`, if there is one. A channel with
        matrices of users or antennas should count them.
        """
        users = getattr(self, "users", None)
        return 320 * users if isinstance(users, int) else 0

    def inputs(self) -> tuple[Path, ...]:
        """Return the files that the channel reads; results depend on their content."""
        return ()


def validate_statistics(
    statistics: object, channel: Channel, drops: int, array: Array | None = None
) -> ChannelStatistics:
    """Validate statistics returned by a channel, and return copies; all of shape (D, K) or all of (1, K).

    Raises
    ------
    PluginError
        If they break the contract of a channel.
    """
    who = f"channel {display_name(channel)}"
    if not isinstance(statistics, ChannelStatistics):
        raise PluginError(f"{who} must return ChannelStatistics, got {short_repr(statistics)}")
    values: dict[str, NDArray[Any]] = {}
    for name, value in statistics._per_drop():
        kind: Any = np.complex128 if name in ("means", "covariances") else np.float64
        values[name] = np.array(value, dtype=kind)
    _check_variances(values, who, drops)
    shape = values["beta"].shape
    if not 0 < statistics.prelog <= 1:
        raise PluginError(f"{who} must return a prelog within (0, 1], got {short_repr(statistics.prelog)}")
    if not isinstance(statistics.isotropic, (bool, np.bool_)):
        raise PluginError(f"{who} must return isotropic as True or False, got {short_repr(statistics.isotropic)}")
    _check_second_order(values, who, array)
    for name, value in statistics.extra.items():
        if np.shape(value)[:1] != shape[:1]:
            raise PluginError(
                f"{who} must return extra[{name!r}] with first axis {shape[0]}, got {np.shape(value)}"
            )
    pilots, collinear = statistics.pilots, statistics.collinear
    if pilots is not None and np.shape(pilots) != shape[1:]:
        raise PluginError(f"{who} must return pilots of shape {shape[1:]}, got {np.shape(pilots)}")
    frozen: dict[str, Any] = {name: read_only(value) for name, value in values.items()}
    return attrs.evolve(
        statistics,
        **frozen,
        extra={name: read_only(np.array(value)) for name, value in statistics.extra.items()},
        pilots=None if pilots is None else read_only(np.array(pilots, dtype=np.int64)),
        collinear=None if collinear is None else read_only(np.array(collinear, dtype=np.bool_)),
    )


def _check_variances(values: dict[str, NDArray[Any]], who: str, drops: int) -> None:
    """Check shapes and signs of beta, xi and epsilon."""
    shape = values["beta"].shape
    if len(shape) != 2 or shape[0] not in (1, drops) or not shape[1]:
        raise PluginError(f"{who} must return beta of shape (1, K) or ({drops}, K), got {shape}")
    for name in ("beta", "xi", "epsilon"):
        value = values[name]
        if value.shape != shape:
            raise PluginError(f"{who} must return {name} of the same shape as beta, {shape}, got {value.shape}")
        if not (np.isfinite(value) & (value >= 0)).all():
            raise PluginError(f"{who} must return {name} with finite, nonnegative entries, got others")


def _check_second_order(values: dict[str, NDArray[Any]], who: str, array: Array | None) -> None:
    """Check shapes, symmetry and sign of positions, means and covariances."""
    shape = values["beta"].shape
    for name, axes in (("positions", 0), ("means", 1), ("covariances", 2)):
        value = values.get(name)
        if value is None:
            continue
        # Use the array only where its size matters: a faulty array must fail rows, not the comparison.
        size = value.shape[-1] if array is None or not axes else array.n_elements
        wanted = (*shape, *([size] * axes or [3]))
        if value.shape != wanted:
            raise PluginError(f"{who} must return {name} of shape {wanted}, got {value.shape}")
        if not np.isfinite(value.sum()):
            raise PluginError(f"{who} must return finite {name}, got NaN or an infinite number")
    if (covariances := values.get("covariances")) is None:
        return
    scale = np.abs(covariances).max(axis=(-2, -1))
    skew = np.abs(covariances - np.swapaxes(covariances.conj(), -1, -2)).max(axis=(-2, -1))
    if (skew > 1e-9 * scale).any():
        drop, user = np.argwhere(skew > 1e-9 * scale)[0]
        raise PluginError(f"{who} must return Hermitian covariances, got another for user {user} of drop {drop}")
    values["covariances"] = (covariances + np.swapaxes(covariances.conj(), -1, -2)) / 2
    size = covariances.shape[-1]
    # A Cholesky factor exists where no eigenvalue is below rounding, at a fraction of the cost of computing all
    # of them.
    for place in np.ndindex(*shape):
        try:
            np.linalg.cholesky(values["covariances"][place] + 1e-9 * (scale[place] + 1e-300) * np.eye(size))
        except np.linalg.LinAlgError:
            raise PluginError(
                f"{who} must return positive semidefinite covariances, got another for user {place[1]} of drop"
                f" {place[0]}"
            ) from None


def channel_statistics(channel: Channel, array: Array, fading: FadingSource) -> ChannelStatistics:
    """Return the validated statistics of a channel for the drops of a source of fading; (D, K) or (1, K).

    If all drops are the same, their fading is that of drop 0.
    """
    numbers = fading.drops
    # Two drops, since one cannot reveal whether all are the same; of the same number, since no other may exist.
    asked = numbers if len(numbers) > 1 else (numbers[0], numbers[0])
    with guard(f"channel {display_name(channel)}", channel, array, drops=len(asked)):
        given = channel.statistics(drops_of(fading.seed, asked), array)
        found = validate_statistics(given, channel, len(asked), array)
    if len(found.beta) == 1:
        return attrs.evolve(found, fading=attrs.evolve(fading, drops=(0,)))
    return attrs.evolve(found.first(1) if len(numbers) == 1 else found, fading=fading)
