"""The sizes and limits of a scenario, against which objectives and requirements are checked."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from ..base.numbers import FloatArray


@attrs.frozen(kw_only=True, eq=False)
class Echoes:
    r"""The echoes that the sensing receiver gets in a frame.

    Parameters
    ----------
    energy : ndarray, shape (T,)
        Energy of each target's echo if all power goes to a signal of gain 1 towards it, in units of the noise:
        :math:`L P_t |\alpha_t|^2\, b^H C^{-1} b`, with the response b of the receive array and the covariance C
        of its noise; :math:`b^H b = N_r` if that is thermal.
    frame_length : int
        Number L of symbols in the frame.
    antennas : int
        Number :math:`N_r` of receive antennas.
    """

    energy: FloatArray
    frame_length: int
    antennas: int


@attrs.frozen(kw_only=True, eq=False)
class Radar:
    r"""The radar of the uplink, which listens after the users are taken away.

    Parameters
    ----------
    power : float
        Its power :math:`P_r` in units of the noise.
    self_interference : float
        Power of its own signal at an antenna relative to its power, :math:`\sigma_{si}`.
    reflection_power : ndarray, shape (T,)
        :math:`|\alpha_t|^2`.
    elements : int
        Number :math:`N N_c M_s` of antennas, subcarriers and symbols that a radar image adds up.
    """

    power: float
    self_interference: float
    reflection_power: FloatArray
    elements: int


@attrs.frozen(kw_only=True, eq=False)
class Setting:
    r"""What is known of a scenario before any problem is solved.

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
    find_echoes : callable, optional
        Returns :attr:`echoes`.
    prelog : float
        Share of the coherence block that carries data, with which rates are :math:`\tau \log_2(1 + SINR)`; 1 as
        long as users are not known.
    find_radar : callable, optional
        Returns :attr:`radar`.
    """

    users: int | None
    targets: int
    crlb_limit: FloatArray
    known: FloatArray
    required: bool
    find_echoes: Callable[[], Echoes] | None = None
    prelog: float = 1.0
    find_radar: Callable[[], Radar] | None = None

    @property
    def echoes(self) -> Echoes:
        """The echoes of the targets.

        Raises
        ------
        ValueError
            If the setting does not know them.
        """
        if self.find_echoes is None:
            raise ValueError("the setting knows no echoes")
        return self.find_echoes()

    @property
    def radar(self) -> Radar:
        """The radar of the uplink.

        Raises
        ------
        ValueError
            If the setting does not know it.
        """
        if self.find_radar is None:
            raise ValueError("the setting knows no radar")
        return self.find_radar()
