"""The sizes and limits of a scenario, against which objectives and requirements are checked."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from ..base.numbers import FloatArray


@attrs.frozen(kw_only=True, eq=False)
class Setting:
    """What is known of a scenario before any problem is solved.

    Parameters
    ----------
    users : int or None
        Number K; None if it is not known yet.
    targets : int
        Number T.
    crlb_limit : ndarray, shape (2T,)
        Largest CRLBs of azimuth and elevation of each target in rad², infinite for none.
    known : ndarray, shape (2T,)
        1 for each angle that counts as known, 0 for the others.
    required : bool
        Whether there is any requirement.
    find_echo_energy : callable, optional
        Returns :attr:`echo_energy`.
    """

    users: int | None
    targets: int
    crlb_limit: FloatArray
    known: FloatArray
    required: bool
    find_echo_energy: Callable[[], FloatArray] | None = None

    @property
    def echo_energy(self) -> FloatArray:
        r"""Energy of each target's echo if all power goes to a signal of gain 1 towards it; (T,).

        :math:`L P_t |\alpha_t|^2\, b^H C^{-1} b` in units of the noise, with the response b of the receive array
        and the covariance C of its noise; :math:`b^H b = N_r` if that is thermal.

        Raises
        ------
        ValueError
            If the setting does not know it.
        """
        if self.find_echo_energy is None:
            raise ValueError("the setting has no echo energy")
        return self.find_echo_energy()
