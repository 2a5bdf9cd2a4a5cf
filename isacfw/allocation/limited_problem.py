"""What the limits on CRLBs allow: certificates, and semidefinite programs in the shares of single signals."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Self

import attrs
import numpy as np
from numpy.typing import NDArray

from ..base.numbers import FloatArray
from ..sensing.domain import LinearLimits
from ..sensing.inequalities import MatrixInequalities
from ..sensing.program import ShareProgram
from .certificate import certificate, joint_certificate, linear_certificate
from .linear import LinearQuantity, largest_ratios
from .sensing_problem import FEASIBILITY_TOLERANCE, SensingProblem, mix_of
from .share_programs import compiled

_SENSING_FIELDS = (
    "fisher_communication",
    "fisher_sensing",
    "fisher_users",
    "fisher_streams",
    "displaced_communication",
    "displaced_sensing",
    "jacobians",
    "displaced_jacobians",
    "crlb_limit",
    "known",
    "crlb_sum_weights",
    "crlb_sum_limit",
    "linear_users",
    "linear_streams",
    "linear_least",
)


@attrs.frozen(kw_only=True, eq=False)
class LimitedProblem(SensingProblem):
    """What limits on sensing allow; see :class:`~isacfw.PowerAllocationProblem`."""

    @property
    def limited(self) -> bool:
        """Whether any problem of the batch has a requirement on sensing: a limit on CRLBs, or a linear one."""
        return self.linear_least is not None or self.limits_crlbs

    @property
    def limits_crlbs(self) -> bool:
        """Whether any problem of the batch has a limit on a CRLB, or on a sum."""
        sums = self.crlb_sum_limit is not None and bool(np.isfinite(self.crlb_sum_limit).any())
        return sums or bool(np.isfinite(self.crlb_limit).any())

    @property
    def best_mix(self) -> tuple[FloatArray, FloatArray]:
        """The largest share for communication at full power over all mixes of the streams, and that mix.

        Only if all users have the same Fisher information, so that their shares do not affect the limits.

        Returns
        -------
        share : ndarray, shape (...)
            NaN if the limits are infeasible.
        mix : ndarray, shape (..., S)
            Parts of the sensing power, with sum one.
        """
        return self._certified_mix[:2]

    @property
    def largest_share_bound(self) -> FloatArray:
        """A share for communication at full power that no mix of the streams exceeds within the limits; (...).

        NaN if the limits are infeasible. Only where :attr:`best_mix` is, whose share it is in closed forms.
        """
        return self._certified_mix[2]

    @cached_property
    def _certified_mix(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """The share and the mix of :attr:`best_mix`, and the bound on the share."""
        if self.fisher_users is not None:
            raise ValueError("the users' signals differ, so their shares matter to the limits")
        if self.fisher_streams is None:
            share = self.largest_communication_share
            return share, np.full((*share.shape, self.streams), 1 / self.streams), share
        # One semidefinite program for each distinct sensing problem, however many drops share it.
        shape = np.broadcast_shapes(self.line.shape, self.fisher_streams.shape[:-3])
        found, mixes = np.full(shape, np.nan), np.full((*shape, self.streams), 1 / self.streams)
        bounds = np.full(shape, np.nan)
        for index in np.ndindex(shape):
            found[index], mixes[index], bounds[index] = self._at_line(index, shape)._best_mix()
        return found, mixes, bounds

    def _best_mix(self) -> tuple[float, FloatArray, float]:
        """Return :attr:`best_mix` for a problem without batch axes, and :attr:`largest_share_bound`."""
        equal = np.full(self.streams, 1 / self.streams)
        program = self.share_program()
        if program is None:
            return np.nan, equal, np.nan
        bound = 1.0
        # The shares of the program are less accurate than a line along their mix. Close to infeasibility, that
        # mix may just violate the limits, while the one with the smallest excess meets them.
        for closest in (False, True):
            found = program.smallest_excess() if closest else program.largest(np.eye(1, 1 + self.streams)[0])
            if found is None:
                continue
            bound = bound if closest else min(bound, found.bound)
            streams = np.maximum(found.shares[1:], 0.0)
            mix = streams / streams.sum() if streams.sum() > 0 else equal
            sensing = mix_of(mix, self.fisher_sensing, self.fisher_streams)
            linear = self.line.linear
            if linear is not None:
                linear = attrs.evolve(linear, second=self.linear_streams @ mix)
            share = float(attrs.evolve(self.line, sensing=sensing, linear=linear).largest_share())
            if not np.isnan(share):
                return share, mix, max(share, bound)
        return np.nan, equal, np.nan

    def without_linear(self) -> Self:
        """Return the problem without linear requirements."""
        names = "users", "streams", "least", "needed_users", "needed_streams"
        none: dict[str, Any] = {f"linear_{name}": None for name in names}
        return attrs.evolve(self, **none, linear_quantities=())

    @cached_property
    def smallest_crlb(self) -> FloatArray:
        """Smallest CRLB of each angle at full power, in rad²: a certificate of infeasibility; (..., 2T).

        Of the dual bound where users or streams differ, which no shares fall below.
        """
        if self._on_a_line:
            return self.line.smallest_crlb()
        found = np.full((*self.batch_shape, 2 * self.targets), np.inf)
        guess = np.broadcast_to(self.line.smallest_crlb(), found.shape)
        for index in np.ndindex(self.batch_shape):
            for angle, bound in enumerate(guess[index]):
                limit = np.full(2 * self.targets, np.inf)
                limit[angle] = bound if np.isfinite(bound) else 1.0
                alone = self[index].without_linear()
                alone = attrs.evolve(alone, crlb_limit=limit, crlb_sum_weights=None, crlb_sum_limit=None)
                found[(*index, angle)] = limit[angle] * alone._least_excess()
        return found

    def smallest_sums(self) -> list[tuple[FloatArray, float, float]]:
        """Return weights, smallest value at full power and limit of each limited sum of CRLBs, in rad².

        For a problem without batch axes. The value is infinite if an angle of the sum cannot be estimated.
        """
        if self.crlb_sum_weights is None or self.crlb_sum_limit is None:
            return []
        found = []
        unlimited = np.full(2 * self.targets, np.inf)
        for weights, limit in zip(self.crlb_sum_weights, self.crlb_sum_limit, strict=True):
            counted = np.where(self.known > 0, 0.0, weights)
            if counted.any():
                only = {"crlb_sum_weights": weights[None], "crlb_sum_limit": np.array([limit])}
                alone = attrs.evolve(self.without_linear(), crlb_limit=unlimited, **only)
                found.append((counted, limit * alone._least_excess(), float(limit)))
        return found

    def share_program(self, *, single: bool = False, objective: FloatArray | None = None) -> ShareProgram | None:
        """Return the limits of a problem without batch axes as semidefinite programs in shares of its signals.

        Parameters
        ----------
        single : bool
            Whether each user and each stream is a signal of its own, K + S in all. If not, users that are alike
            count as one signal, and so do streams.
        objective : ndarray, shape (2T,), optional
            Weights of CRLBs to be minimised.

        Returns
        -------
        ShareProgram or None
            None if an angle in a limit, or in the objective, cannot be estimated at all.
        """
        given = {name: getattr(self, name) for name in _SENSING_FIELDS} | {"objective": objective}
        content = tuple(
            (name, value.shape, value.tobytes()) for name, value in given.items() if value is not None
        )
        counts = (self.users, self.streams) if single else None
        return compiled(content, counts)

    def matrix_inequalities(self) -> MatrixInequalities | None:
        """Return the limits on the signals of :meth:`share_program` as linear matrix inequalities."""
        program = self.share_program()
        return None if program is None else program.cones.inequalities[0]

    def feasible_shares(self) -> tuple[FloatArray, FloatArray, float]:
        """Return shares, at full power, that minimise the largest ratio of CRLB to limit, and that ratio.

        For a problem without batch axes. The ratio is above 1 if and only if the problem is infeasible.

        Returns
        -------
        x, q : ndarray, shapes (K,) and (S,)
            Shares; equal among users, or streams, with the same Fisher information.
        ratio : float
            Infinite if a limited angle cannot be estimated.
        """
        program = self.share_program()
        if program is None:
            return np.full(self.users, np.nan), np.full(self.streams, np.nan), np.inf
        best = program.smallest_excess()
        shares, ratio = best.shares, best.value
        users = 1 if self.fisher_users is None else self.users
        x = self.equal_split * shares[0] if users == 1 else shares[:users]
        rest = shares[users:]
        return x, (rest if len(rest) == self.streams else np.full(self.streams, rest[0] / self.streams)), ratio

    def rate_limits(self, least_sinr: FloatArray) -> LinearLimits:
        r"""Return SINRs that users must reach as linear limits on all shares of a problem without batch axes.

        The shares are those of :meth:`share_program` with single signals, K + S.

        Parameters
        ----------
        least_sinr : ndarray, shape (K,)
            :math:`\Gamma_k`.

        Notes
        -----
        :math:`x_k - \Gamma_k / g_k (\sum_j (c_k + C_{kj}) x_j + \sum_s (b_k + B_{ks}) q_s) \ge \Gamma_k / g_k`.
        """
        users = self.users
        rows = np.empty((users, users + self.streams))
        rows[:, :users], rows[:, users:] = self.common_interference[:, None], self.sensing_interference[:, None]
        if self.coupling is not None:
            rows[:, :users] += self.coupling
        if self.stream_coupling is not None:
            rows[:, users:] += self.stream_coupling
        # In units of each user's gain, so that no row is out of proportion.
        ratio = least_sinr / self.gain
        rows *= -ratio[:, None]
        rows.flat[:: rows.shape[1] + 1] += 1.0
        return LinearLimits(rows=rows, least=ratio)

    @cached_property
    def sensing_infeasibility(self) -> NDArray[Any]:
        """The certificate that no shares meet the requirements on sensing, a message; empty if some do; (...)."""
        none = np.isnan(self.largest_communication_share)
        messages = np.full(none.shape, "", dtype=object)
        if none.ndim and self._on_a_line and self.linear_least is None and self.crlb_sum_limit is None:
            messages[none] = self._certificates(none)
            return np.broadcast_to(messages, self.batch_shape)
        for index in map(tuple, np.argwhere(none)):
            if self._on_a_line or none.shape != self.batch_shape:
                own = self._at_line(index, none.shape)
            else:
                own = self[index]
            messages[index] = own._unreachable or own._certificate()
        return np.broadcast_to(messages, self.batch_shape)

    def _certificates(self, none: NDArray[np.bool_]) -> list[str]:
        """Return the messages on those problems of the line whose limits on single CRLBs are infeasible."""
        each, count = self._at_line(tuple(np.nonzero(none)), none.shape), int(none.sum())
        excess = np.broadcast_to(each.line.smallest_excess(), count)
        fields = each.smallest_crlb, each.crlb_limit
        reachable, limit = (np.broadcast_to(one, (count, 2 * self.targets)) for one in fields)
        return [certificate(*one) for one in zip(reachable, limit, excess.tolist(), strict=True)]

    @property
    def _unreachable(self) -> str:
        """The message on linear requirements that no shares meet, without batch axes; empty if there are none."""
        if self.linear_least is None:
            return ""
        reached = largest_ratios(self.linear_rows, self.linear_least, self.linear_needed)
        pairs = zip(self.linear_quantities or (LinearQuantity(),) * len(reached), reached.tolist(), strict=True)
        clauses = [quantity.explain(ratio) for quantity, ratio in pairs if ratio < 1 - FEASIBILITY_TOLERANCE]
        return linear_certificate(clauses) if clauses else ""

    def _least_excess(self) -> float:
        """Return a ratio of the worst to its limit below which no shares are, for a problem without batch axes.

        The smallest ratio itself on a line, elsewhere its dual bound: what a program attains is no evidence
        against other shares.
        """
        if self._on_a_line:
            return float(self.line.smallest_excess())
        program = self.share_program()
        if program is None:
            return np.inf
        best = program.smallest_excess()
        return max(0.0, min(best.value, best.bound))

    def _certificate(self) -> str:
        """Return the message on a problem without batch axes; empty if shares beside its line are feasible."""
        excess = self._least_excess()
        if not self._on_a_line and not excess > 1 + FEASIBILITY_TOLERANCE:
            return ""
        if self.linear_least is None:
            return certificate(self.smallest_crlb, self.crlb_limit, excess, self.smallest_sums())
        alone = self.without_linear()
        if alone.limited and alone._least_excess() > 1 + FEASIBILITY_TOLERANCE:
            return alone._certificate()
        return joint_certificate(excess, limits_crlbs=self.limits_crlbs)
