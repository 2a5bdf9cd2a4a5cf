"""New single-file plugins, ready to be changed: what ``isacfw new`` writes."""

from __future__ import annotations

import importlib.util
import keyword
import sys
from pathlib import Path

from ..base.errors import InputError, short_repr
from ..base.files import ensure_writable, not_writable_error
from ..host.kinds import KINDS

_HEAD = '''"""{title}: {what}.

Try it:    {command}
Check it:  isacfw check {name}.py
"""

import attrs
import numpy as np

import isacfw
{imports}

@attrs.frozen(kw_only=True)
class {cls}(isacfw.{base}):
'''

_TAIL = '''

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

_BODIES = {
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
        place = np.array([drop.generator.random(self.users) for drop in drops])
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
}

NEW_KINDS = tuple(_BODIES)


def new_part(kind: str, name: str, folder: Path) -> Path:
    """Write a plugin file with a part that works as it is, and return its path.

    Parameters
    ----------
    kind : {"array", "channel", "precoder", "beam", "metric", "allocator"}
        Kind of the part.
    name : str
        Name of the part, and of the file.
    folder : Path
        Where the file goes.

    Raises
    ------
    InputError
        If the name is invalid, or the file exists or cannot be written.
    """
    if not (name.isascii() and name.isidentifier()) or keyword.iskeyword(name):
        raise InputError("name", f"must be a word of letters, digits and underscores, got {short_repr(name)}")
    path = folder / f"{name}.py"
    if not path.exists() and (name in sys.modules or importlib.util.find_spec(name) is not None):
        raise InputError("name", f"must not be that of a module, which the file would hide, got {name!r}")
    ensure_writable(folder)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(source(kind, name))
    except FileExistsError:
        raise InputError("name", f"must be that of a new file, got {path}, which exists") from None
    except OSError as error:
        raise not_writable_error(folder, error) from None
    return path


def source(kind: str, name: str) -> str:
    """Return the text of a plugin file with a part of a kind."""
    what, command, imports, body = _BODIES[kind]
    words = [word for word in name.split("_") if word]
    cls = "".join(word[:1].upper() + word[1:] for word in words) or name
    if not cls.isidentifier():
        cls = f"My{cls}"
    filled = {
        "name": name,
        "cls": cls,
        "kind": kind,
        "base": KINDS[kind].__name__,
        "title": " ".join(words).capitalize() or name,
        "what": what,
        "command": command.format(name=name),
        "imports": imports,
    }
    text = _HEAD.format(**filled) + body.format(**filled) + _TAIL.format(**filled)
    return text if "np." in body else text.replace("import numpy as np\n", "")
