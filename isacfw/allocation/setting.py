"""The sizes and limits of a scenario, against which objectives and requirements are checked."""

from __future__ import annotations

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
    """

    users: int | None
    targets: int
    crlb_limit: FloatArray
    known: FloatArray
    required: bool
