"""The power-allocation problem of the uplink: users send while the base station's radar listens to its echoes."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

import attrs
import numpy as np
from numpy.typing import NDArray

from ..base.errors import InputError
from ..base.link import Link
from ..base.numbers import FloatArray
from .link_problem import LinkProblem, cores_of
from .number_fields import check_numbers, numbers
from .objective import Objective, Performance
from .sensing_problem import FEASIBILITY_TOLERANCE
from .uplink_certificate import uplink_certificate
from .uplink_least import RadarDemand
from .utilities import SumRate


@attrs.frozen(kw_only=True, eq=False)
class UplinkProblem(LinkProblem):
    r"""The best powers of users that send and of the radar whose echoes arrive at the same time.

    The unknowns are :math:`x_k \le 1`, the share of its own power :math:`P_u` that user k sends, and
    :math:`q \le 1`, that of the radar's power :math:`P_r`. Every field may have leading batch axes, which
    broadcast against those of the others.

    Parameters
    ----------
    gain, source_interference : ndarray, shape (..., K)
        :math:`g_k` and :math:`c_j` of :math:`SINR_k = g_k x_k / Y`, :math:`Y = \sum_j c_j x_j + b q + 1`.
        Interference depends on its source and is the same for every victim.
    sensing_interference : ndarray, shape (...)
        :math:`b = P_r (\sum_t |\alpha_t|^2 + \sigma_{si})`, of echoes and self-interference.
    prelog : ndarray, shape (...)
        Share of the coherence block that carries data.
    user_power, radar_power : ndarray, shape (...)
        :math:`P_u` of each user and :math:`P_r` in units of the noise.
    estimation_error : ndarray, shape (..., K)
        :math:`\epsilon_k`, the power of a user's channel that its estimate misses, per antenna. It stays at the
        radar after the users are decoded and taken away.
    self_interference : ndarray, shape (...)
        :math:`\sigma_{si}`, the power of the radar's own signal at an antenna, relative to its power.
    reflection_power : ndarray, shape (..., T)
        :math:`|\alpha_t|^2`.
    antennas, subcarriers, symbols : ndarray, shape (...)
        Numbers of receive antennas N, of subcarriers :math:`N_c` and of symbols :math:`M_s` of a radar image.
    minimum_rate : ndarray, shape (..., K), optional
        Least rate of each user in bit/s/Hz; 0 for none.
    linear_users, linear_streams : ndarray, shapes (..., R, K) and (..., R, 1), optional
        Coefficients of linear requirements :math:`\sum_k a_{rk} x_k + b_r q \ge r_r` on the radar. Those of the
        users are not positive: users disturb the radar.
    linear_least : ndarray, shape (..., R), optional
        :math:`r_r`, positive.
    bandwidth : ndarray, shape (...), optional
        Bandwidth in Hz; needed by metrics in bit/s.
    objective : Objective
        What to maximise or minimise, the sum rate by default.
    linear_quantities : tuple of LinearQuantity
        What each linear requirement is about, for messages.

    Notes
    -----
    The combiners are the precoders' weights, and :math:`g_k = \lambda_k P_u / (N \xi_{bf,k})`,
    :math:`c_j = \kappa_j P_u` their moments, transposed; see :class:`~isacfw.LinkStatistics`. An isotropic
    combiner receives the mean power per antenna of echoes whose directions it does not know.
    """

    link: ClassVar[Link] = "uplink"

    source_interference: FloatArray = numbers(1)
    sensing_interference: FloatArray = numbers(0)
    user_power: FloatArray = numbers(0)
    radar_power: FloatArray = numbers(0)
    estimation_error: FloatArray = numbers(1)
    self_interference: FloatArray = numbers(0)
    antennas: FloatArray = numbers(0)
    subcarriers: FloatArray = numbers(0)
    symbols: FloatArray = numbers(0)
    objective: Objective = SumRate()

    def __attrs_post_init__(self) -> None:
        if self.reflection_power is None:
            raise InputError("reflection_power", "must be given", missing=True)
        floors, users = self.linear_floors, self.users
        special = {
            "reflection_power": (self.targets,),
            "linear_users": (floors, users),
            "linear_streams": (floors, 1),
            "linear_least": (floors,),
        }
        for name, value, core in self._numbers():
            check_numbers(name, value, core, special.get(name, (users,) if core else ()))
            if not name.startswith("linear") and (value < 0).any():
                raise InputError(name, f"must not be negative, got {value.min()}")
        self._check_rows()
        try:
            _ = self.batch_shape
        except ValueError as error:
            raise InputError("the leading axes", f"must broadcast, got {error}") from None

    def _check_rows(self) -> None:
        if self.linear_least is None:
            return
        if (self.linear_least <= 0).any():
            raise InputError("linear_least", f"must be greater than 0, got {self.linear_least.min()}")
        for name in ("linear_users", "linear_streams"):
            if getattr(self, name) is None:
                raise InputError(name, "must be given with linear_least", missing=True)
        assert self.linear_users is not None
        if (self.linear_users > 0).any():
            problem = f"must not be positive, since users disturb the radar, got {self.linear_users.max()}"
            raise InputError("linear_users", problem)

    @property
    def streams(self) -> int:
        """Number of sensing streams: 1, the radar's."""
        return 1

    @property
    def targets(self) -> int:
        """Number of targets T."""
        assert self.reflection_power is not None
        return int(self.reflection_power.shape[-1])

    @property
    def layout(self) -> tuple[Any, ...]:
        """The properties that all problems of a batch must share."""
        optional = tuple(getattr(self, name) is None for name in cores_of(type(self)))
        return self.users, self.targets, self.linear_floors, self.linear_quantities, optional, self.objective

    def total_disturbance(self, x: FloatArray, q: FloatArray | float) -> FloatArray:
        """Return interference and noise Y for shares x (..., K) and q, (...) or (..., 1); (...)."""
        radar = self.stream_shares(x, q)[..., 0]
        return np.asarray((self.source_interference * x).sum(axis=-1) + self.sensing_interference * radar + 1)

    def disturbance(self, x: FloatArray, q: FloatArray | float) -> FloatArray:
        """Return :meth:`total_disturbance`, which all users share, for each of them; (..., K)."""
        total = self.total_disturbance(x, q)[..., None]
        return np.broadcast_to(total, (*total.shape[:-1], self.users))

    def residual(self, x: FloatArray, q: FloatArray | float) -> FloatArray:
        r"""Return what is left at the radar per antenna and resource element beside the echoes; (...).

        Notes
        -----
        :math:`n_r = \sum_j \epsilon_j x_j P_u + \sigma_{si} q P_r + 1`, after the users are taken away.
        """
        radar = self.stream_shares(x, q)[..., 0]
        users = self.user_power * (self.estimation_error * x).sum(axis=-1)
        return np.asarray(users + self.self_interference * self.radar_power * radar + 1)

    def radar_nmse(self, x: FloatArray, q: FloatArray | float) -> FloatArray:
        r"""Return the normalised mean square error of the radar channel after division by its symbols; (...).

        Notes
        -----
        :math:`n_r / (q P_r \sum_t |\alpha_t|^2)`, with n_r of :meth:`residual`.
        """
        assert self.reflection_power is not None
        echoes = self.radar_power * self.stream_shares(x, q)[..., 0] * self.reflection_power.sum(axis=-1)
        with np.errstate(divide="ignore"):
            return np.asarray(self.residual(x, q) / echoes)

    def image_sinr(self, x: FloatArray, q: FloatArray | float) -> FloatArray:
        r"""Return the SINR of each target's peak in the radar image; (..., T).

        Notes
        -----
        :math:`N N_c M_s q P_r |\alpha_t|^2 / n_r` for a target on the grid of delays and Doppler shifts.
        """
        assert self.reflection_power is not None
        processing = self.antennas * self.subcarriers * self.symbols
        echo = processing * self.radar_power * self.stream_shares(x, q)[..., 0] / self.residual(x, q)
        return np.asarray(echo[..., None] * self.reflection_power)

    def crlb(self, x: FloatArray, q: FloatArray | float) -> FloatArray:
        """Return NaN for both angles of each target, which the radar image does not estimate; (..., 2T)."""
        return np.full((*np.broadcast_shapes(self.batch_shape, x.shape[:-1]), 2 * self.targets), np.nan)

    def displaced_crlb(self, x: FloatArray, q: FloatArray | float) -> list[FloatArray]:
        """Return no CRLBs; see :meth:`crlb`."""
        return []

    def performance(self, x: FloatArray, q: FloatArray | float, crlb: FloatArray | None = None) -> Performance:
        """Return everything that an objective may depend on; its power is the sum of all shares."""
        sinr = self.sinr(x, q)
        return Performance(
            power=np.asarray(x.sum(axis=-1) + self.stream_shares(x, q)[..., 0]),
            prelog=self.prelog,
            sinr=sinr,
            rates=self.rates_of(sinr),
            crlb=self.crlb(x, q) if crlb is None else crlb,
            crlb_limit=np.full(2 * self.targets, np.inf),
        )

    def value(self, x: FloatArray, q: FloatArray | float) -> FloatArray:
        """Return the value of the objective for shares x (..., K) and q, (...) or (..., 1); (...)."""
        return self.objective.value(self.performance(x, q))

    def violation(
        self,
        x: FloatArray,
        q: FloatArray | float,
        crlb: FloatArray | None = None,
        rates: FloatArray | None = None,
    ) -> FloatArray:
        """Return the largest relative violation of any constraint; 0 if all hold; shape (...).

        Violations of budgets are relative to them, those of minimum rates and of linear requirements to what they
        need.
        """
        radar = self.stream_shares(x, q)[..., 0]
        worst = np.maximum(np.maximum(radar - 1, -radar), 0.0)
        worst = np.maximum(worst, np.maximum(x - 1, -x).max(axis=-1))
        return self.with_shortfalls(worst, x, q, rates)

    @cached_property
    def radar_demand(self) -> RadarDemand:
        """What the linear requirements demand of the radar."""
        shape = (*self.batch_shape, self.users)
        return RadarDemand.of_rows(
            np.broadcast_to(self.gain, shape),
            np.broadcast_to(self.source_interference, shape),
            np.broadcast_to(self.sensing_interference, self.batch_shape),
            users=self.linear_users,
            radar=self.linear_streams,
            least=self.linear_least,
        )

    @cached_property
    def infeasibility(self) -> NDArray[Any]:
        """The certificate of infeasibility as a message; empty for a feasible problem; (...)."""
        messages = np.full(self.batch_shape, "", dtype=object)
        x, q = self.radar_demand.least_shares(self.least_sinr)
        needed = np.maximum(x.max(axis=-1), q)
        for index in map(tuple, np.argwhere(~(needed <= 1 + FEASIBILITY_TOLERANCE))):
            unreachable = self._unreachable(index)
            others = self.linear_least is not None
            messages[index] = uplink_certificate(x[index], float(q[index]), unreachable, others=others)
        return messages

    @property
    def requirements_can_be_met(self) -> NDArray[np.bool_]:
        """Whether shares exist that meet all requirements: where :attr:`infeasibility` is empty; (...)."""
        return np.asarray(self.infeasibility == "")

    def _unreachable(self, index: tuple[int, ...]) -> list[str]:
        """Return what each linear requirement of one problem reaches at full radar power if users are silent."""
        one = self[index]
        reached = one.linear_ratios(np.zeros(self.users), np.ones(1))
        pairs = zip(self.linear_quantities, reached.tolist(), strict=False)
        return [quantity.explain(ratio) for quantity, ratio in pairs if ratio < 1 - FEASIBILITY_TOLERANCE]

    def communication_power(self, x: FloatArray) -> FloatArray:
        """Return the power of all users together in units of the noise; (...)."""
        return np.asarray(x.sum(axis=-1) * self.user_power)

    def sensing_power(self, q: FloatArray) -> FloatArray:
        """Return the radar's power in units of the noise; (...)."""
        return np.asarray(q * self.radar_power)

    def stream_powers(self, streams: FloatArray) -> FloatArray:
        """Return the radar's power in units of the noise; (..., 1)."""
        return np.asarray(streams * self.radar_power[..., None])

    def gamma(self, x: FloatArray) -> FloatArray:
        """Return the power of each user in units of the noise; (..., K)."""
        return np.asarray(x * self.user_power[..., None])

    def rho(self, q: FloatArray) -> FloatArray:
        """Return the radar's power in units of the noise; (...)."""
        return np.asarray(q * self.radar_power)
