"""Templates of single-file plugins: for each kind a part that works."""

from __future__ import annotations

from .beamformer_template import BEAMFORMER
from .goal_templates import OBJECTIVE, REQUIREMENT

HEAD = '''"""{title}: {what}.

Try it:    {command}
Check it:  isacfw check {name}.py
"""

import attrs
import numpy as np

import isacfw
{before}

@attrs.frozen(kw_only=True)
class {cls}(isacfw.{base}):
'''

TAIL = '''

@isacfw.hookimpl
def register_{kind}s():
    """Offer the {kind} to isacfw."""
    return [{cls}]


def test_it_keeps_its_contract():
    """Run by: python -m pytest {name}.py."""
    from isacfw.testing import check_part, examples_of

    for part in examples_of({cls}):
        check_part(part).assert_ok()
'''

_COMPARE = "isacfw compare --plugin {name}.py"

BODIES = {
    "array": (
        "an antenna array, given by its element positions",
        _COMPARE + " --set transmit_array.kind={name}",
        "from isacfw.validators import integer, number, real\n",
        '''    """A circle of antennas in the plane of the array.

    Parameters
    ----------
    elements : int
        Number of antennas.
    radius : float
        In half wavelengths.
    """

    name = "{name}"

    elements: int = attrs.field(default=60, validator=integer(at_least=3))
    radius: float = attrs.field(default=10.0, converter=real, validator=number(above=0))

    def positions(self):
        """Return the positions in half wavelengths; (N, 2), or (N, 3) with the normal axis."""
        angle = 2 * np.pi * np.arange(self.elements) / self.elements
        return self.radius * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
''',
    ),
    "channel": (
        "a channel, given by its statistics and its draws",
        _COMPARE + " --set channel.kind={name}",
        "from isacfw.validators import integer, number, real\n",
        '''    """Rayleigh fading with users at random distances from a road-side base station.

    Parameters
    ----------
    users : int
        Number of users K.
    strongest, weakest : float
        Largest and smallest large-scale fading beta relative to the noise; log-uniform between the two.
    pilot_energy : float
        Energy of a user's own pilot relative to the noise.
    """

    name = "{name}"

    users: int = attrs.field(default=8, validator=integer(at_least=1))
    strongest: float = attrs.field(default=1.0, converter=real, validator=number(above=0))
    weakest: float = attrs.field(default=0.01, converter=real, validator=number(above=0))
    pilot_energy: float = attrs.field(default=1000.0, converter=real, validator=number(above=0))

    def statistics(self, drops, array):
        """Return fading, quality of MMSE estimates and error of each drop; (D, K)."""
        place = drops.uniform(self.users)
        beta = self.strongest * (self.weakest / self.strongest) ** place
        heard = self.pilot_energy * beta + 1
        return isacfw.ChannelStatistics(
            beta=beta,
            xi=self.pilot_energy * beta**2 / heard,
            epsilon=beta / heard,
            prelog=0.9,
            # True of what draw gives; leave this out if it is not true of yours, and moments are sampled.
            isotropic=True,
        )

    def draw(self, statistics, array, draws, generator):
        """Draw channels and their estimates; (M, ..., N, K) each."""
        shape = (draws, *statistics.beta.shape[:-1], array.n_elements, statistics.users)
        estimates = np.sqrt(statistics.xi)[..., None, :] * isacfw.complex_normal(shape, generator)
        errors = np.sqrt(statistics.epsilon)[..., None, :] * isacfw.complex_normal(shape, generator)
        return estimates + errors, estimates
''',
    ),
    "precoder": (
        "a linear precoder, given by its weights",
        _COMPARE + " --precoders mrt,zf,{name} --allocators sca,ipopt --drops 1",
        "",
        '''    """Maximum-ratio transmission with beams of equal norm in every coherence block.

    Notes
    -----
    w_k is the estimate of user k's channel over its norm. Link statistics are sampled.
    """

    name = "{name}"

    # W(U H) = U W(H) for every unitary U; leave this out if it is not true of yours.
    turns_with_channel = True

    def weights(self, estimates):
        """Return the weights for estimates; both (..., N, K)."""
        return estimates / np.linalg.norm(estimates, axis=-2, keepdims=True)
''',
    ),
    "beam": (
        "a sensing beam, given by the weights of its streams",
        _COMPARE + ' --set \'beams=["steered", "{name}"]\' --set snr_db=0 --drops 1',
        "",
        '''    """The steered beam, less its part along the channel estimate of the strongest user.

    Notes
    -----
    v = a - h (h^H a) / (h^H h), with the steering vector a of the beam's direction and the estimate h of largest
    norm; a stream for each direction. Beam statistics are sampled.
    """

    name = "{name}"

    def weights(self, scene, estimates):
        """Return the weights for estimates (..., N, K); (..., N, S)."""
        steering = np.stack([scene.array.steering_vector(one) for one in scene.beams], axis=-1)
        strongest = np.linalg.norm(estimates, axis=-2, keepdims=True).argmax(axis=-1, keepdims=True)
        known = np.take_along_axis(estimates, strongest, axis=-1)
        known = known / np.linalg.norm(known, axis=-2, keepdims=True)
        return steering - known @ (np.swapaxes(known.conj(), -1, -2) @ steering)
''',
    ),
    "objective": OBJECTIVE,
    "requirement": REQUIREMENT,
    "metric": (
        "a number that comparisons report",
        _COMPARE + " --set 'metrics=[\"{name}\"]'",
        "",
        '''    """Jain's index of the users' rates, from 1/K (one user has all) to 1 (all have the same).

    Notes
    -----
    R. Jain, D.-M. Chiu and W. R. Hawe, "A quantitative measure of fairness and discrimination for resource
    allocation in shared computer systems", DEC Research Report TR-301 (1984).
    """

    name = "{name}"
    quantities = (isacfw.Quantity(name="{name}", better="higher", description="Fairness of the rates"),)

    def evaluate(self, problem, allocation):
        """Return the index; shape (...)."""
        rates = allocation.rates
        with np.errstate(invalid="ignore"):
            index = rates.sum(axis=-1) ** 2 / (rates**2).sum(axis=-1) / problem.users
        return {{"{name}": index}}
''',
    ),
    "allocator": (
        "a power allocator, given by the shares that it returns",
        _COMPARE + " --allocators exact,equal_com,{name}",
        "",
        '''    """Power in inverse proportion to the large-scale fading; as much for sensing as the limits ask."""

    name = "{name}"

    def solve(self, problem):
        """Return the shares of one problem; NaN where no split meets the limits."""
        share = problem.largest_communication_share
        weight = 1 / problem.sensing_interference
        return isacfw.Shares(communication=share * weight / weight.sum(), sensing=1 - share)
''',
    ),
    "beamformer": BEAMFORMER,
    "figure": (
        "a scenario, and the figure that is made for it",
        "isacfw figure {name} --plugin {name}.py",
        """
SCENARIO = {{
    "name": "{name}",
    "seed": 1,
    "drops": 3,
    "precoders": ["mrt", "zf"],
    "allocators": ["exact"],
    "snr_db": 10.0,
    "transmit_array": {{"kind": "upa", "horizontal": 6, "vertical": 6}},
    "receive_array": {{"kind": "upa", "horizontal": 5, "vertical": 5}},
    "target": {{"azimuth_deg": 22.5, "elevation_deg": 45.0, "reflection_amplitude": 0.25}},
    "sensing": {{"frame_length": 30, "crlb_limit_db": -40.0}},
    "channel": {{"kind": "rayleigh", "users": 4}},
    "sweep": {{"snr_db": [0.0, 5.0, 10.0, 15.0]}},
}}
""",
        '''    """Mean sum rate per user against the SNR, for each precoder."""

    name = "{name}"

    def collect(self, scenario, compare, progress):
        """Return all numbers: those of the comparison, and the sum rate per user."""
        data = compare(scenario, progress=progress).dataset
        per_user = data["sum_rate"] / data["users"]
        return data.assign(rate_per_user=per_user.assign_attrs(units="bit/s/Hz"))

    def draw(self, data):
        """Return the figure, of means over the drops."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(5, 3.2), layout="constrained")
        axes = figure.subplots()
        mean = data["rate_per_user"].sel(allocator="exact").mean("drop")
        for precoder in mean["precoder"].values:
            axes.plot(mean["snr_db"], mean.sel(precoder=precoder), marker="o", label=precoder)
        axes.set(xlabel="SNR [dB]", ylabel="Sum rate per user [bit/s/Hz]")
        axes.legend()
        return figure


@isacfw.hookimpl
def register_scenarios():
    """Offer the scenario by name."""
    return {{"{name}": SCENARIO}}
''',
    ),
}

BASES = {"objective": "Utility"}
"""Base classes of templates, where it is not that of the kind."""

NEW_KINDS = tuple(BODIES)
"""Kinds of parts that ``isacfw new`` writes."""
