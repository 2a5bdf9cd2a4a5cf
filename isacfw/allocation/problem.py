"""The power-allocation problem: the input of an allocator."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

import attrs
import numpy as np
from numpy.typing import NDArray

from ..base.link import Link
from ..base.numbers import FloatArray, sum_last
from ..sensing.splits import Splits
from .certificate import rate_certificate
from .information_limits import InformationLimits
from .limited_problem import LimitedProblem
from .objective import Objective, Performance
from .requirement import weighted_sum
from .sensing_problem import FEASIBILITY_TOLERANCE as FEASIBILITY_TOLERANCE
from .splits import best_splits, needed_power
from .utilities import SumRate
from .water_filling import cache_blocks


@attrs.frozen(kw_only=True, eq=False)
class PowerAllocationProblem(LimitedProblem):
    r"""Problem (54) in general: the best shares of power for an objective, subject to requirements.

    The unknowns are :math:`x_k`, the share of the power that goes to user k, and :math:`q_s`, the share that
    goes to sensing stream s; :math:`f = \sum_k x_k` and :math:`q = \sum_s q_s`. Every field may have leading
    batch axes, which broadcast against those of the others. If all users, or all streams, are alike, the fields
    that distinguish them are None.

    Parameters
    ----------
    gain, sensing_interference, common_interference : ndarray, shape (..., K)
        :math:`g_k`, :math:`b_k`, :math:`c_k` of
        :math:`SINR_k = g_k x_k / (b_k q + c_k f + 1)`, without coupling.
    prelog : ndarray, shape (...)
        Share of the coherence block that carries data; rates are ``prelog * log2(1 + SINR)`` in bit/s/Hz.
    fisher_communication, fisher_sensing : ndarray, shape (..., 4T, 4T)
        Fisher information of the T targets if all power goes to communication, and if all of it goes to sensing,
        in equal parts if users or streams differ. Four parameters per target: two coordinates of its direction,
        Re α, Im α.
    crlb_limit : ndarray, shape (..., 2T)
        Largest CRLB of azimuth and elevation of each target in rad²; infinite for no limit.
    power : ndarray, shape (...)
        Transmit power :math:`P_t` in units of the noise.
    weight_power : ndarray, shape (..., K)
        :math:`\xi_{bf,k}` of (17), which turns shares into the paper's :math:`\gamma_k`.
    antennas : ndarray, shape (...)
        Number of transmit antennas :math:`N_t`.
    coupling : ndarray, shape (..., K, K), optional
        Interference that is not common to all users: :math:`C_{kj} x_j`, summed over j, adds to the denominator
        of user k.
    stream_coupling : ndarray, shape (..., K, S), optional
        Interference that is not common to all streams: :math:`B_{ks} q_s`, summed over s, adds to it too.
    fisher_users : ndarray, shape (..., K, 4T, 4T), optional
        Fisher information of each user's signal, where they differ: :math:`J = \sum_k x_k J_k + \ldots`
    fisher_streams : ndarray, shape (..., S, 4T, 4T), optional
        Fisher information of each of S > 1 sensing streams.
    jacobians : ndarray, shape (..., T, 2, 2)
        Derivatives of each target's coordinates with respect to azimuth and elevation; the identity by default.
    known : ndarray, shape (..., 2T)
        1 if azimuth or elevation of a target is known, 0 if it is estimated, which is the default.
    minimum_rate : ndarray, shape (..., K), optional
        Least rate of each user in bit/s/Hz; 0 for none.
    crlb_sum_weights, crlb_sum_limit : ndarray, shapes (..., M, 2T) and (..., M), optional
        Limits on weighted sums of CRLBs, :math:`\sum_i w_{mi} [J^{-1}]_{ii} \le limit_m` in rad².
    displaced_communication, displaced_sensing : ndarray, shape (..., O, 4T, 4T), optional
        Fisher information as above if the targets are displaced from their directions in one of O ways, under
        each of which the limits hold too. Only if users and streams are alike.
    displaced_jacobians : ndarray, shape (..., O, T, 2, 2), optional
        Jacobians for the displaced targets.
    bandwidth : ndarray, shape (...), optional
        Bandwidth in Hz; needed by metrics in bit/s.
    squared_arcs : ndarray, shape (..., 2T), optional
        Squares of the displacements of each target in m² per rad² of azimuth and elevation; NaN for targets
        without a distance. Needed by metrics in metres.
    linear_users, linear_streams : ndarray, shapes (..., R, K) and (..., R, S), optional
        Coefficients of linear requirements :math:`\sum_k a_{rk} x_k + \sum_s b_{rs} q_s \ge r_r`. The same for
        all users, or streams, unless their Fisher information differs.
    linear_least : ndarray, shape (..., R), optional
        :math:`r_r`, nonnegative.
    linear_needed_users, linear_needed_streams : ndarray, shapes (..., R, K) and (..., R, S), optional
        The parts :math:`n \ge 0` of these coefficients that are needed: the requirement is the ratio of
        :math:`\sum (a + n) p` to :math:`\sum n p + r_r`. By default those of negative coefficients.
    region_users, region_streams : ndarray, shapes (..., K, M) and (..., S, M), optional
        Mean gains of the signals over :attr:`regions`.
    reflection_power : ndarray, shape (..., T), optional
        :math:`|\alpha_t|^2`; needed for the energy of the echoes.
    frame_length, receive_antennas : ndarray, shape (...), optional
        Numbers of symbols in a frame and of receive antennas; needed by metrics of detection.
    objective : Objective
        What to maximise or minimise, the sum rate by default.
    linear_quantities : tuple of LinearQuantity
        What each linear requirement is about, for messages.
    regions : tuple of AngularRegion
        The M regions of directions; none by default.
    """

    link: ClassVar[Link] = "downlink"

    objective: Objective = SumRate()

    @cached_property
    def layout(self) -> tuple[Any, ...]:
        """The properties that all problems of a batch must share."""
        return (*super().layout, self.objective)

    def performance(self, x: FloatArray, q: FloatArray | float, crlb: FloatArray | None = None) -> Performance:
        """Return everything that an objective may depend on, for shares of users and streams.

        Parameters
        ----------
        x, q
            See :meth:`fisher`.
        crlb : ndarray, shape (..., 2T), optional
            The CRLBs, if they are known already.
        """
        sinr = self.sinr(x, q)
        return Performance(
            power=np.asarray(x.sum(axis=-1) + self.stream_shares(x, q).sum(axis=-1)),
            prelog=self.prelog,
            sinr=sinr,
            rates=self.rates_of(sinr),
            crlb=self.crlb(x, q) if crlb is None else crlb,
            crlb_limit=self.crlb_limit,
        )

    def value(self, x: FloatArray, q: FloatArray | float) -> FloatArray:
        """Return the value of the objective for shares of users and streams, see :meth:`fisher`; (...)."""
        return self.objective.value(self.performance(x, q))

    def information_limits(self, wanted: FloatArray | None = None) -> InformationLimits | None:
        """Return all limits on CRLBs and on their sums in one system of coordinates, without batch axes.

        Parameters
        ----------
        wanted : ndarray, shape (2T,), optional
            Positive for angles whose CRLBs are needed without a limit as well.

        Returns
        -------
        InformationLimits or None
            None if one of these angles cannot be estimated at all.
        """
        return InformationLimits.of(self, wanted)

    def violation(
        self,
        x: FloatArray,
        q: FloatArray | float,
        crlb: FloatArray | None = None,
        rates: FloatArray | None = None,
    ) -> FloatArray:
        """Return the largest relative violation of any constraint; 0 if all hold; shape (...).

        Violations of limits and minimum rates are relative to them, those of linear requirements to what they
        need, and those of the power and of negative shares to the power budget. CRLBs (..., 2T) and rates
        (..., K) may be passed if they are known already.
        """
        streams = self.stream_shares(x, q)
        crlb = self.crlb(x, q) if crlb is None else crlb
        worst = np.maximum(x.sum(axis=-1) + streams.sum(axis=-1) - 1, 0.0)
        for other in (-streams.min(axis=-1), -x.min(axis=-1)):
            worst = np.maximum(worst, other)
        for each in (crlb, *self.displaced_crlb(x, q)):
            worst = self._with_excess(worst, each)
        return self.with_shortfalls(worst, x, streams, rates)

    @cached_property
    def splits(self) -> Splits:
        """The split of the power for the least power or the least CRLB, and the mix of the streams.

        Only without coupling, for users with the same Fisher information. One table of semidefinite programs for
        each distinct sensing problem, if several streams share the power; see
        :mod:`isacfw.sensing.tradeoff`.
        """
        return best_splits(self, self.objective)

    @cached_property
    def infeasibility(self) -> NDArray[Any]:
        """The certificate of infeasibility as a message; empty for a feasible problem; (...)."""
        messages = self.sensing_infeasibility
        if self.minimum_rate is None:
            return messages
        messages = np.array(np.broadcast_to(messages, self.batch_shape), dtype=object)
        where = messages == ""
        needed = needed_power(self, where)
        short = where & ~(needed <= 1 + FEASIBILITY_TOLERANCE)
        if short.any():
            short &= ~self._met_at_largest_share
        alone = needed
        if self.linear_least is not None and np.isinf(needed[short]).any():
            alone = needed_power(self.without_linear(), short & np.isinf(needed))
        others = self._others
        for index in map(tuple, np.argwhere(short)):
            messages[index] = rate_certificate(needed[index], "" if np.isinf(alone[index]) else others)
        return messages

    @cached_property
    def requirements_can_be_met(self) -> NDArray[np.bool_]:
        """Whether shares exist that meet all requirements: where :attr:`infeasibility` is empty; (...)."""
        if not self._on_a_line or self.coupled:
            return np.asarray(self.infeasibility == "")
        met = np.broadcast_to(~np.isnan(self.largest_communication_share), self.batch_shape)
        if self.minimum_rate is None:
            return met
        return met & (self._met_at_largest_share | (needed_power(self, met) <= 1 + FEASIBILITY_TOLERANCE))

    @property
    @np.errstate(invalid="ignore")  # Sums may be infinite.
    def _met_at_largest_share(self) -> NDArray[np.bool_]:
        """Where users have their minimum rates at the largest share for communication within the limits; (...).

        Evidence against a least power above 1, which does not depend on how that is found. False for problems in
        which more than the sums of powers matters.
        """
        if not self._on_a_line or self.coupled:
            return np.zeros(self.batch_shape, dtype=np.bool_)
        f = self.largest_communication_share
        A, B, C = self.user_sums
        return np.broadcast_to(f * (1 - C) >= A + B * (1 - f), self.batch_shape)

    @property
    def _others(self) -> str:
        """The requirements other than minimum rates, in words; empty if there are none."""
        named = {"the limits on CRLBs": self.limits_crlbs, self._linear_name: self.linear_least is not None}
        return " and ".join(name for name, given in named.items() if given)

    @property
    def _linear_name(self) -> str:
        """The linear requirements in words: what they are about, if that is one quantity."""
        names = {quantity.name for quantity in self.linear_quantities}
        return names.pop() if len(names) == 1 else "linear requirements"

    def least_split(self, f: FloatArray, q: FloatArray) -> FloatArray:
        """Return shares of sum f that give users their minimum rates, the rest with equal factors; (..., K).

        Parameters
        ----------
        f, q : ndarray, shape (...)
            Shares of communication and of sensing; f must suffice for the minimum rates.
        """
        shape = (*self.batch_shape, self.users)
        split = np.broadcast_to(self.equal_split, shape)
        least = self.least_sinr
        if least is None:
            return np.asarray(f[..., None] * split)
        least = np.broadcast_to(least, shape)
        fields = (self.gain, self.sensing_interference, self.common_interference)
        gain, sensing, common = (np.broadcast_to(field, shape) for field in fields)
        x = np.empty(shape)
        # In blocks, which fit into the cache.
        for block in cache_blocks(self.batch_shape, self.users):
            total = f[block]
            part = sensing[block] * q[block][..., None]
            part += common[block] * total[..., None]
            part += 1
            part *= least[block]
            part /= gain[block]
            rest = np.maximum(total - sum_last(part), 0.0)
            part += rest[..., None] * split[block]
            x[block] = part
        return x

    def _with_excess(self, worst: FloatArray, crlb: FloatArray) -> FloatArray:
        """Return the larger of a violation and those of the limits by CRLBs (..., 2T); (...)."""
        with np.errstate(invalid="ignore"):
            excess = crlb / self.crlb_limit - 1
        excess = np.where(np.isinf(self.crlb_limit), 0.0, excess)
        for other in np.moveaxis(excess, -1, 0):
            worst = np.maximum(worst, other)
        if self.crlb_sum_limit is not None and self.crlb_sum_weights is not None:
            sums = weighted_sum(crlb[..., None, :], self.crlb_sum_weights) / self.crlb_sum_limit - 1
            worst = np.maximum(worst, sums.max(axis=-1))
        return worst
