"""Templates of objectives and requirements."""

from __future__ import annotations

_COMPARE = "isacfw compare --plugin {name}.py --allocators exact"

OBJECTIVE = (
    "an objective, given by its value",
    _COMPARE + " --set objective.kind={name}",
    "from isacfw.validators import number, real\n",
    '''    """Throughput of all users in a given bandwidth.

    Parameters
    ----------
    bandwidth_mhz : float
        Bandwidth B in MHz.

    Notes
    -----
    B times the sum of the rates in bit/s/Hz.
    """

    name = "{name}"
    quantity = isacfw.Quantity(
        name="{name}", unit="Mbit/s", better="higher", description="Throughput", role="objective"
    )

    bandwidth_mhz: float = attrs.field(default=20.0, converter=real, validator=number(above=0))

    def value(self, performance):
        """Return the throughput in Mbit/s; (...)."""
        return self.bandwidth_mhz * performance.rates.sum(axis=-1)

    def gradient(self, performance):
        """Return the derivatives with respect to the SINRs; (..., K)."""
        return self.bandwidth_mhz * performance.prelog[..., None] / np.log(2) / (1 + performance.sinr)

    def split(self, inverse, total, least=None):
        """Return the best shares x of users with SINRs x / inverse; leave this out if you know no formula."""
        floor = np.zeros_like(inverse) if least is None else least
        above = np.maximum(total - floor.sum(axis=-1), 0)
        return floor + isacfw.water_filling(1 / (inverse + floor), above)
''',
)

REQUIREMENT = (
    "a requirement, given as a constraint",
    _COMPARE + " --set requirements.{name}.kind={name}",
    "from isacfw.validators import number, real\n",
    '''    """A limit on the root-mean-square error bound of all angles that are not known.

    Parameters
    ----------
    limit_deg : float
        Largest bound in degrees.

    Notes
    -----
    The mean of the CRLBs of n angles is at most the square of the limit in radians, so their sum is at most n
    times as large.
    """

    name = "{name}"

    limit_deg: float = attrs.field(default=1.0, converter=real, validator=number(above=0))

    def check(self, setting):
        """Refuse a scenario in which all angles are known."""
        if setting.known.all():
            raise isacfw.InputError("limit_deg", "requires an angle that is not known, got none")

    def constraint(self, setting):
        """Return the limit on the sum of the CRLBs."""
        unknown = 1 - setting.known
        return isacfw.SumLimit(weights=unknown, limit=unknown.sum() * np.radians(self.limit_deg) ** 2)
''',
)
