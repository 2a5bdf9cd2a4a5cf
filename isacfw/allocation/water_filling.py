"""Water-filling, and the other splits of a total that have its closed form."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..base.numbers import FloatArray, sum_last

_LARGEST_INVERSE = 1e300
_SORTED_USERS = 256
_SAMPLED_USERS = 128
_NUMBERS_IN_CACHE = 2**15


def water_filling(
    gain: FloatArray, total: FloatArray, *, weight: FloatArray | None = None, least: FloatArray | None = None
) -> FloatArray:
    r"""Return the shares that maximise :math:`\sum_k w_k \log(1 + a_k x_k)` for a given total.

    Parameters
    ----------
    gain : ndarray, shape (..., K)
        Effective gains :math:`a_k`, nonnegative.
    total : ndarray, shape (...)
        Sum of the shares, nonnegative.
    weight : ndarray, shape (..., K), optional
        Weights :math:`w_k`, nonnegative; by default all equal. Only their ratios matter. If all weights of a
        problem are zero, they count as equal.
    least : ndarray, shape (..., K), optional
        Least shares :math:`s_k`, nonnegative; by default 0.

    Returns
    -------
    ndarray, shape (..., K)
        :math:`x_k = \max(w_k \mu - 1 / a_k, s_k)` with the water level :math:`\mu` at which they add up to the
        total; NaN for problems whose least shares exceed it.

    Notes
    -----
    With the inverse gains sorted, the best m users alone have the level
    :math:`\mu_m = (total + \sum_{i \le m} 1 / a_i) / m`. The next user lowers it if its inverse gain is below it,
    and raises it if not, as do all users after that one. So :math:`\mu` is the lowest of the levels. Least
    shares are a change of variables, :math:`x_k = s_k + (w_k \mu - (1 / a_k + s_k))^+`; for weights see
    :func:`fill`.
    """
    inverse = 1 / np.maximum(gain, 1 / _LARGEST_INVERSE)
    if weight is None and least is None:
        return fill(inverse, total)
    shapes = [np.shape(part) for part in (inverse, weight, least) if part is not None]
    batch = np.broadcast_shapes(np.shape(total), *(shape[:-1] for shape in shapes))
    users = inverse.shape[-1]
    inverse = np.broadcast_to(inverse, (*batch, users))
    total = np.broadcast_to(total, batch)
    weight = None if weight is None else np.broadcast_to(weight, (*batch, users))
    least = None if least is None else np.broadcast_to(least, (*batch, users))
    split = np.empty((*batch, users))
    for block in cache_blocks(batch, users):
        part = None if weight is None else weight[block]
        if least is None:
            split[block] = fill(inverse[block].copy(), total[block], part)
        else:
            split[block] = fill_above(inverse[block], total[block], least[block], part)
    return split


def fill_above(
    inverse: FloatArray, total: FloatArray, least: FloatArray, weight: FloatArray | None
) -> FloatArray:
    """Return the shares of water-filling above least shares."""
    least = np.ascontiguousarray(least)
    rest = np.asarray(total - sum_last(least))
    above = np.maximum(rest, 0.0)
    if weight is None:
        # Relative to the best user; otherwise large inverse gains absorb the least shares.
        inverse = inverse - _smallest(inverse)[..., None]
        inverse += least
        split = fill(inverse, above)
    else:
        split = _fill_weighted(inverse, above, weight, least)
    split += least
    if (rest < 0).any():
        split[rest < 0] = np.nan
    return split


def fill(inverse: FloatArray, total: FloatArray, weight: FloatArray | None = None) -> FloatArray:
    r"""Return :math:`z_k = (w_k \mu - i_k)^+` with the level :math:`\mu` at which they add up to a total.

    Splits with other objectives have this form too. With effective gains :math:`a_k` and least shares
    :math:`s_k`, the product of SINRs is largest at :math:`x_k = \max(\mu, s_k) = s_k + (\mu - s_k)^+`, the least
    SINR at :math:`x_k = \max(\mu / a_k, s_k) = s_k + (\mu / a_k - s_k)^+`.

    Parameters
    ----------
    inverse : ndarray, shape (..., K)
        Inverse gains :math:`i_k`, nonnegative. The function may overwrite them.
    total : ndarray, shape (...)
        Sum of the shares, nonnegative.
    weight : ndarray, shape (..., K), optional
        Weights :math:`w_k`, nonnegative; by default 1. Only their ratios matter. If all weights of a problem are
        zero, they count as equal.

    Returns
    -------
    ndarray, shape (..., K)
        The shares :math:`z_k`.

    Notes
    -----
    With weights, any set of users alone has the level :math:`(total + \sum i_k) / \sum w_k`, at least
    :math:`\mu`. From such a level, those whose :math:`i_k / w_k` is below it determine the next one, until it
    serves all of them: Newton's method for a convex, piecewise linear equation.
    """
    if weight is not None:
        return _fill_weighted(inverse, total, weight)
    # Relative to the best user; otherwise the level cancels against large inverse gains.
    if inverse.shape[-1] <= _SORTED_USERS:
        ordered = _sort(inverse)
        best = ordered[0].copy()
        ordered -= best
        inverse -= best[..., None]
        level = _lowest_level(ordered, total)
    else:
        inverse -= _smallest(inverse)[..., None]
        level = _level_of_many(inverse, total)
    np.subtract(level[..., None], inverse, out=inverse)
    return np.maximum(inverse, 0.0, out=inverse)


def _smallest(inverse: FloatArray) -> FloatArray:
    """Return minima over the last axis, faster than NumPy for few users."""
    if inverse.shape[-1] > _SORTED_USERS:
        return np.asarray(inverse.min(axis=-1))
    return np.asarray(in_columns(inverse, inverse.shape).min(axis=0).reshape(inverse.shape[:-1]))


def _sort(inverse: FloatArray) -> FloatArray:
    """Return inverse gains in ascending order, users first; (K, ...).

    Sums and minima over the users then run over long rows, even for few users.
    """
    return np.ascontiguousarray(np.moveaxis(np.sort(inverse, axis=-1), -1, 0))


def _lowest_level(ordered: FloatArray, total: FloatArray) -> FloatArray:
    """Return the water level as the lowest of those of the best users; overwrites the ordered gains."""
    np.cumsum(ordered, axis=0, out=ordered)
    ordered += total
    ordered /= np.arange(1, len(ordered) + 1).reshape(-1, *[1] * total.ndim)
    return np.asarray(ordered.min(axis=0))


def _level_of_many(inverse: FloatArray, total: FloatArray) -> FloatArray:
    """Return the water level, without sorting, for large K.

    The level for a sample of the users is an upper bound. Users above a level get no power, and the others alone
    determine the next level, until it serves all of them.
    """
    stride = -(-inverse.shape[-1] // _SAMPLED_USERS)
    served = inverse <= _lowest_level(_sort(inverse[..., ::stride]), total)[..., None]
    users, remaining = served.sum(axis=-1).ravel(), inverse[served]
    while True:
        first = np.cumsum(users) - users
        level = (total.ravel() + np.add.reduceat(remaining, first)) / users
        served = remaining <= np.repeat(level, users)
        if served.all():
            return np.asarray(level.reshape(total.shape))
        users, remaining = np.add.reduceat(served, first, dtype=np.int64), remaining[served]


def _fill_weighted(
    inverse: FloatArray, total: FloatArray, weight: FloatArray, least: FloatArray | None = None
) -> FloatArray:
    """Return the shares of water-filling with weights, beyond least shares if given."""
    shape = np.broadcast_shapes(inverse.shape, weight.shape, (*total.shape, 1))
    weight = in_columns(weight, shape)
    largest = weight.max(axis=0)
    weight /= np.where(largest > 0, largest, 1.0)
    weight[:, largest == 0] = 1.0
    total = np.broadcast_to(total, shape[:-1]).reshape(-1)
    # Relative to the best user, as in fill.
    height = _divide(in_columns(inverse, shape), weight)
    height -= height.min(axis=0)
    if least is not None:
        height += _divide(in_columns(least, shape), weight)
        height -= height.min(axis=0)
    level = _weighted_level(height, weight, total)
    weight *= height < level
    np.subtract(level, height, out=height)
    np.maximum(height, 0.0, out=height)
    height *= weight
    # The level cancels for users of large weight far above the best one; what is missing is theirs by weight.
    whole = sum_users(weight)
    weight *= (total - sum_users(height)) / np.where(whole > 0, whole, 1.0)
    height += weight
    np.maximum(height, 0.0, out=height)
    return np.ascontiguousarray(height.T).reshape(shape)


def in_columns(numbers: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Return a copy with users first, (K, N); sums and minima over the users then run over long rows."""
    return np.array(np.broadcast_to(numbers, shape).reshape(-1, shape[-1]).T, order="C")


def _divide(volume: FloatArray, weight: FloatArray) -> FloatArray:
    """Return heights, volume by weight, within the range of numbers; overwrites the volume."""
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        volume /= weight
    np.minimum(volume, _LARGEST_INVERSE, out=volume)
    if not weight.all():
        volume[weight == 0] = _LARGEST_INVERSE
    return volume


def _weighted_level(height: FloatArray, weight: FloatArray, total: FloatArray) -> FloatArray:
    """Return the water levels (N,) of problems with users first, (K, N)."""
    volume = height * weight
    level = (total + sum_users(volume)) / sum_users(weight)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        # Of each user alone; 0 / 0 is that of nothing for a user without weight.
        alone = total / weight
        alone += height
    np.fmin(level, np.fmin.reduce(alone, axis=0), out=level)
    found, open_ = level, np.arange(level.size)
    served, part = np.empty_like(height, dtype=bool), alone
    while True:
        np.less(height, level, out=served)
        whole = sum_users(np.multiply(weight, served, out=part))
        following = (total + sum_users(np.multiply(volume, served, out=part))) / np.where(whole > 0, whole, 1.0)
        lower = (following < level) & (whole > 0)
        np.minimum(level, following, out=level, where=lower)
        found[open_] = level
        count = int(lower.sum())
        if not count:
            return found
        if 2 * count < lower.size:
            open_, level, total = open_[lower], level[lower], total[lower]
            height, weight, volume = (np.ascontiguousarray(of[:, lower]) for of in (height, weight, volume))
            served, part = np.empty_like(height, dtype=bool), np.empty_like(height)


def sum_users(parts: FloatArray) -> FloatArray:
    """Return sums over the users of (K, N), in the order of the users for any N."""
    # NumPy sums a single column pairwise.
    return np.asarray(parts.sum(axis=0) if parts.shape[1] > 1 else np.cumsum(parts, axis=0)[-1])


def cache_blocks(shape: tuple[int, ...], users: int) -> Iterator[tuple[int | slice, ...]]:
    """Yield the indices of blocks of problems that make up a batch, each a view of its fields.

    Arrays of a block, with a number for each of the users, fit into the cache: several times faster.

    Parameters
    ----------
    shape : tuple of int
        Shape of the batch.
    users : int
        Users per problem, K.

    Yields
    ------
    tuple of int or slice
        Index into arrays of shape ``(*shape, K)`` or ``shape``.
    """
    size = _NUMBERS_IN_CACHE // users
    axis, inner = len(shape), 1
    while axis and inner * shape[axis - 1] <= size:
        axis -= 1
        inner *= shape[axis]
    if not axis:
        yield ()
        return
    step = max(size // inner, 1)
    for outer in np.ndindex(shape[: axis - 1]):
        for start in range(0, shape[axis - 1], step):
            yield (*outer, slice(start, start + step))
