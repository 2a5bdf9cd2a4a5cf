"""Every check finds what it is for: a wrong part fails it for the right reason, and its right sibling passes."""

from __future__ import annotations

import contextlib
import itertools
import random
import time
from pathlib import Path

import attrs
import matplotlib.figure
import numpy as np
import pytest
import xarray

import isacfw
from isacfw import (
    AngleLimits,
    BeamStatistics,
    ChannelStatistics,
    IncompatibleError,
    InputError,
    LinearFloors,
    LinearQuantity,
    LinkStatistics,
    Quantity,
    RateFloors,
    Shares,
    Status,
)
from isacfw.signal.channel import complex_normal
from isacfw.testing import LineOfSight, Outcome, agreement, allocators, check_part, figures, problems
from isacfw.testing import checks as kit

EXACT = problems.built_in("allocator", "exact")
option = attrs.field(default=0.0, type=float)
part_of = attrs.frozen(kw_only=True)


@part_of
class RightArray(isacfw.Array):
    """Five antennas."""

    name = "array"

    def positions(self):
        return np.array([[0, 0], [1, 0], [0, 1.5], [-1, 1], [2, -1]])


@part_of
class RightChannel(isacfw.Channel):
    """Rayleigh fading of three users and its MMSE estimates."""

    name = "channel"

    def statistics(self, drops, array):
        beta = np.array([drop.generator.uniform(0.1, 1, 3) for drop in drops])
        return ChannelStatistics(beta=beta, xi=0.8 * beta, epsilon=0.2 * beta, prelog=0.9, isotropic=True)

    def draw(self, statistics, array, draws, generator):
        shape = (draws, *statistics.beta.shape[:-1], array.n_elements, statistics.users)
        estimates = np.sqrt(statistics.xi)[..., None, :] * complex_normal(shape, generator)
        errors = np.sqrt(statistics.epsilon)[..., None, :] * complex_normal(shape, generator)
        return estimates + errors, estimates


@part_of
class RightPrecoder(isacfw.Precoder):
    """Maximum-ratio transmission, for users with a pilot of their own."""

    name = "precoder"
    turns_with_channel = True

    def weights(self, estimates):
        return estimates

    def link_statistics(self, scene):
        if scene.statistics.collinear is not None:
            raise IncompatibleError("no collinear estimates")
        if not scene.statistics.isotropic:
            return super().link_statistics(scene)
        return isotropic_link(scene)


def isotropic_link(scene):
    """Return the moments of maximum-ratio transmission on isotropic fading."""
    channel = scene.statistics
    return LinkStatistics(
        signal_gain=(scene.antennas * channel.xi) ** 2,
        interference_gain=channel.beta,
        weight_power=channel.xi,
        isotropic=True,
    )


@part_of
class RightBeam(isacfw.Beam):
    """A steering vector to each target, and a second waveform a little beside it."""

    name = "beam"

    def weights(self, scene, estimates):
        targets = [scene.array.steering_vector(one) for one in scene.targets]
        beside = [scene.array.steering_vector(moved(one)) for one in scene.targets]
        return np.stack([np.stack(targets, axis=-1), 0.5 * np.stack(beside, axis=-1)], axis=-1)

    def beam_statistics(self, scene):
        if not scene.statistics.isotropic:
            return super().beam_statistics(scene)
        return isotropic_beam(self, scene)


def moved(direction):
    return attrs.evolve(direction, azimuth_deg=direction.azimuth_deg + 5)


def isotropic_beam(part, scene):
    """Return the moments of a beam that does not depend on the channel, on isotropic fading."""
    weights = RightBeam.weights(part, scene, None)
    power = (np.abs(weights) ** 2).sum(axis=(0, 2))
    seen = np.einsum("ni,nsr->sir", scene.basis.conj(), weights)
    forms = seen @ np.swapaxes(seen.conj(), -1, -2) / power[:, None, None]
    return BeamStatistics(interference=scene.statistics.beta, weight_power=power[None], forms=forms[None])


@part_of
class RightObjective(isacfw.Utility):
    """The sum of all rates, in a unit of its own."""

    name = "objective"
    quantity = Quantity(
        name="total", unit="kbit/s/kHz", better="higher", description="All rates", role="objective"
    )

    def value(self, performance):
        return performance.rates.sum(axis=-1)

    def gradient(self, performance):
        return performance.prelog[..., None] / np.log(2) / (1 + performance.sinr)

    def split(self, inverse, total, least=None):
        floor = np.zeros_like(inverse) if least is None else least
        return floor + isacfw.water_filling(1 / (inverse + floor), np.asarray(total - floor.sum(axis=-1)))


@part_of
class RightRequirement(isacfw.Requirement):
    """A least rate of all users but the first."""

    name = "requirement"

    least: float = 0.1

    def constraint(self, setting):
        return RateFloors(minimum=np.where(np.arange(setting.users) > 0, self.least, 0.0))


@part_of
class RightMetric(isacfw.Metric):
    """All rates, and each."""

    name = "metric"
    quantities = (
        Quantity(name="total", unit="bit/s/Hz", better="higher", description="All rates"),
        Quantity(name="single", unit="bit/s/Hz", per_user=True, description="Rate"),
    )

    def evaluate(self, problem, allocation):
        return {"total": allocation.sum_rate, "single": allocation.rates}


@part_of
class RightAllocator(isacfw.Allocator):
    """The optimum."""

    name = "allocator"

    def solve(self, problem):
        return solution(problem)


@part_of
class RightFigure(isacfw.Figure):
    """Sum rate of each allocator, and what each loses to the best."""

    name = "nguyen2025"

    def collect(self, scenario, compare, progress):
        data = compare(scenario, progress=progress).dataset
        rate = data["sum_rate"]
        loss = (rate.max("allocator") - rate).transpose(*rate.dims)
        return data.assign(loss=loss.assign_attrs(units="bit/s/Hz"))

    def draw(self, data):
        figure = matplotlib.figure.Figure()
        axes = figure.subplots()
        for name in ("sum_rate", "loss"):
            axes.plot(data[name].values.ravel(), "o")
        return figure


@part_of
class RightBeamformer(isacfw.Beamformer):
    """Zero forcing; what is left of the power goes where no user receives it."""

    name = "beamformer"

    def solve(self, problem):
        inverse = np.linalg.pinv(problem.channels).conj().T
        users = inverse * np.sqrt(np.maximum(problem.sinr, 0.01))
        left = problem.power - np.linalg.norm(users) ** 2
        seen = problem.sensed.directions()
        if left <= 0 or seen is None:
            return isacfw.Beams(weights=users, rest=max(left, 0))
        aims = seen / np.linalg.norm(seen, axis=0)
        aims = aims - inverse @ (problem.channels.conj().T @ aims)
        return isacfw.Beams(weights=users, sensing=aims * np.sqrt(left) / np.linalg.norm(aims))


RIGHT = {
    "array": RightArray,
    "channel": RightChannel,
    "precoder": RightPrecoder,
    "beam": RightBeam,
    "objective": RightObjective,
    "requirement": RightRequirement,
    "metric": RightMetric,
    "allocator": RightAllocator,
    "figure": RightFigure,
    "beamformer": RightBeamformer,
}


def solution(problem):
    """Return the optimum, with a history of one iteration."""
    shares = EXACT.solve(problem)
    history = (float(problem.value(shares.communication, shares.sensing)),)
    return attrs.evolve(shares, history=history)


def made(kind, decorate=part_of, doc="A part of the tests with a bias.", **members):
    """Return a part like the right one of its kind but for the given members."""
    return decorate(type("Wrong", (RIGHT[kind],), {"__doc__": doc, "__module__": __name__, **members}))()


CASES = []


def wrong(check, kind, title, reason, /, *, part=None, **members):
    """Add a wrong part, by its members or as it is: the check that it fails, what it does, and the message."""
    part = part or made(kind, **members)
    CASES.append(pytest.param(check, part, reason, id=f"{kind}-{check}-{title.replace(' ', '_')}"))


def only(check, kind, monkeypatch):
    """Leave no check but one of a kind or of all parts."""
    chosen = [one for one in kit.CHECKS if one.name == check and one.kind in ("", kind)]
    monkeypatch.setattr(kit, "CHECKS", chosen)


# Of all parts.


def mutable(cls):
    cls.__setattr__ = object.__setattr__
    return attrs.define(kw_only=True)(cls)


wrong("frozen", "allocator", "can be changed", "label can be set", decorate=mutable)
wrong(
    "frozen",
    "metric",
    "without options",
    "name can be set",
    decorate=attrs.define(slots=False),
    __setattr__=object.__setattr__,
)
wrong("frozen", "array", "an option", "bias can be set", decorate=mutable, bias=option)
wrong(
    "keyword_only", "allocator", "positional option", "bias can be positional", decorate=attrs.frozen, bias=option
)
wrong("documented", "allocator", "nothing", "has no docstring", doc=None)
wrong("documented", "metric", "empty", "has no docstring", doc=" \n ")
wrong("documented", "array", "no option", "mention the option bias", doc="An array.", bias=option)
wrong("documented", "array", "letter", "mention the option e", doc="Five antennas.", e=option)
wrong(
    "equal_and_hashable", "array", "list", "it has no hash (unhashable", bias=attrs.field(factory=list, type=list)
)
wrong(
    "equal_and_hashable",
    "metric",
    "identity",
    "is not equal to it",
    __eq__=lambda self, other: self is other,
    __hash__=object.__hash__,
)
wrong("equal_and_hashable", "metric", "hash of its own", "has another hash", __hash__=lambda self: id(self))
wrong(
    "pickle_round_trip",
    "allocator",
    "something else",
    "the unpickled part differs",
    __reduce_ex__=lambda self, protocol: (dict, ()),
)
wrong(
    "pickle_round_trip",
    "array",
    "unpicklable option",
    "pickle",
    bias=attrs.field(factory=lambda: lambda: None),
)
wrong(
    "toml_round_trip",
    "precoder",
    "another value",
    "what is read back is Wrong(label=None, bias=2.0)",
    bias=attrs.field(default=0.0, type=float, converter=lambda value: value + 1),
)
wrong("toml_round_trip", "array", "no value", "complex", bias=attrs.field(default=1j, type=complex))

COUNT = itertools.count(1)
wrong(
    "same_seed_same_bits",
    "metric",
    "counts",
    "a second run gives another total",
    evaluate=lambda self, problem, allocation: {
        "total": allocation.sum_rate + next(COUNT),
        "single": allocation.rates,
    },
)
wrong(
    "same_seed_same_bits",
    "channel",
    "entropy",
    "a second run gives another channels",
    draw=lambda self, statistics, array, draws, generator: RightChannel.draw(
        self, statistics, array, draws, np.random.default_rng()
    ),
)
for title, draw in (("numpy", np.random.random), ("random", random.random)):
    wrong(
        "global_generators_untouched",
        "precoder",
        title,
        "changes the state of a global generator",
        weights=lambda self, estimates, draw=draw: estimates * (1 + 0 * draw()),
    )
wrong(
    "finite_output",
    "metric",
    "nan",
    "single has NaN or infinite numbers",
    evaluate=lambda self, problem, allocation: {
        "total": allocation.sum_rate,
        "single": np.nan * allocation.rates,
    },
)
wrong(
    "finite_output",
    "array",
    "infinite",
    "second_moments has NaN or infinite numbers",
    second_moments=lambda self: np.full((2, 2), np.inf),
)
wrong(
    "finite_output",
    "allocator",
    "nan",
    "returned non-finite shares",
    solve=lambda self, problem: Shares(
        communication=np.full(problem.users, np.nan), sensing=np.array(np.nan), status=Status.FEASIBLE
    ),
)


def scribble(values):
    """Write to an array, and fail where that is impossible."""
    values *= 2
    return values


def scribbled(read, method, base):
    """Return a method that writes to an array of its inputs before it does what it should."""

    def scribbling(self, *given):
        scribble(read(*given))
        return getattr(base, method)(self, *given)

    return {method: scribbling}


def scene_scribbler(self, scene, estimates):
    scribble(scene.statistics.xi)
    return estimates


for kind, victim, members in (
    ("precoder", "estimates", {"weights": lambda self, estimates: scribble(estimates)}),
    ("precoder", "drop.statistics.xi", {"weights": scene_scribbler}),
    (
        "precoder",
        "scene.statistics.beta",
        scribbled(lambda scene: scene.statistics.beta, "link_statistics", RightPrecoder),
    ),
    ("beam", "estimates", scribbled(lambda scene, estimates: estimates, "weights", RightBeam)),
    (
        "beam",
        "scene.statistics.epsilon",
        scribbled(lambda scene: scene.statistics.epsilon, "beam_statistics", RightBeam),
    ),
    (
        "metric",
        "allocation.rates",
        scribbled(lambda problem, allocation: allocation.rates, "evaluate", RightMetric),
    ),
    (
        "metric",
        "problem.crlb_limit",
        scribbled(lambda problem, allocation: problem.crlb_limit, "evaluate", RightMetric),
    ),
    ("allocator", "problem.gain", scribbled(lambda problem: problem.gain, "solve", RightAllocator)),
    ("channel", "statistics.beta", scribbled(lambda statistics, *_: statistics.beta, "draw", RightChannel)),
):
    wrong("inputs_not_written_to", kind, victim, f"it writes to its input {victim}", **members)


def adding(self, statistics, array, draws, generator):
    statistics.extra["mine"] = np.zeros(3)
    return RightChannel.draw(self, statistics, array, draws, generator)


def same_again(self, estimates):
    estimates *= 1
    return estimates


def on_the_basis(self, scene, estimates):
    scene.basis[:] = 0
    return RightBeam.weights(self, scene, estimates)


def unlocking(self, problem):
    problem.gain.flags.writeable = True
    return solution(problem)


for kind, title, reason, members in (
    ("channel", "new entry", "it writes to its input statistics.extra.mine", {"draw": adding}),
    (
        "precoder",
        "same values",
        "it writes to its input (ValueError: output array is read-only)",
        {"weights": same_again},
    ),
    (
        "beam",
        "basis of the scene",
        "it writes to its input drop.basis",
        {"weights": on_the_basis},
    ),
    (
        "allocator",
        "flag",
        "it writes to its input (ValueError: cannot set WRITEABLE flag to True of this array)",
        {"solve": unlocking},
    ),
    (
        "metric",
        "field",
        "it writes to its input (FrozenInstanceError: ",
        {"evaluate": lambda self, problem, allocation: setattr(problem, "power", 0)},
    ),
):
    wrong("inputs_not_written_to", kind, title, reason, **members)

BUFFERS = {"positions": RightArray.positions(None), "answers": {}}


def remembered(self, problem):
    """Solve each problem once, and return the arrays of the first time from then on."""
    key = problem.gain.tobytes()
    if key not in BUFFERS["answers"]:
        BUFFERS["answers"][key] = solution(problem)
    return BUFFERS["answers"][key]


wrong(
    "returned_arrays_are_not_kept",
    "array",
    "one array",
    "writing to positions after it was returned changes the next positions",
    positions=lambda self: BUFFERS["positions"],
)
wrong(
    "returned_arrays_are_not_kept",
    "allocator",
    "cache",
    "writing to communication after it was returned changes the next communication",
    solve=remembered,
)


def adding_up(self, problem):
    """Fill one buffer without clearing it."""
    total = BUFFERS.setdefault(problem.users, np.zeros(problem.users))
    total += 1e-9 * solution(problem).communication
    return attrs.evolve(solution(problem), communication=solution(problem).communication - total)


wrong(
    "same_seed_same_bits", "allocator", "one buffer", "a second run gives another communication", solve=adding_up
)


# Of arrays.

wrong(
    "array_shapes",
    "array",
    "moments",
    "second_moments must have shape (2, 2), got (3, 3)",
    second_moments=lambda self: np.eye(3),
)
wrong(
    "array_shapes", "array", "count", "must return positions of shape (4, 2) or (4, 3), got (5, 2)", n_elements=4
)
wrong(
    "array_shapes",
    "array",
    "one coordinate",
    "array array of test_checks must return positions of shape (N, 2) or (N, 3), got (5,)",
    positions=lambda self: np.arange(5.0),
)
wrong(
    "array_shapes",
    "array",
    "nan",
    "array array of test_checks must return finite positions, got NaN",
    positions=lambda self: np.full((5, 2), np.nan),
)
wrong("array_shapes", "array", "fraction", "must be an integer of at least 1, got 5.0", n_elements=5.0)
wrong(
    "array_shapes",
    "array",
    "derivatives",
    "steering_derivatives must have shape (2, 5), got (5, 2)",
    steering_derivatives=lambda self, direction: RightArray.steering_derivatives(self, direction).T,
)
wrong(
    "unit_modulus",
    "array",
    "two",
    "moduli differ from one by up to 1",
    steering_vector=lambda self, direction: 2 * RightArray.steering_vector(self, direction),
)
wrong(
    "steering_follows_positions",
    "array",
    "conjugate",
    "steering vector and positions differ",
    steering_vector=lambda self, direction: RightArray.steering_vector(self, direction).conj(),
)
for row, angle in enumerate(("azimuth", "elevation")):
    wrong(
        "derivatives_against_differences",
        "array",
        f"sign of {angle}",
        f"the derivative with respect to {angle} is off",
        steering_derivatives=lambda self, direction, row=row: (
            RightArray.steering_derivatives(self, direction) * (1 - 2 * np.eye(2)[row, :, None])
        ),
    )
wrong(
    "closed_forms_against_positions",
    "array",
    "squared cosine",
    "second_moments differ",
    second_moments=lambda self: RightArray.second_moments(self) * np.cos(0.4) ** 2,
)


def mirrored(self, first, second):
    return RightArray.inner_products(self, first, second).conj()


def aside(self, target, beam):
    amplitude, slopes = RightArray.beam_response(self, target, beam)
    return amplitude, slopes.conj()


def in_space(self):
    """Five antennas in three dimensions."""
    return np.array([[0, 0, 0], [1, 0, 1], [0, 1.5, -1], [-1, 1, 0.5], [2, -1, 0]])


def flattened(self, first, second):
    """Return the inner products as if all antennas were in the plane of the first two axes."""
    bases = [RightArray.steering_basis(RightArray(), one) for one in (first, second)]
    return bases[0].conj().T @ bases[1]


wrong("closed_forms_against_positions", "array", "conjugate", "inner_products differ by", inner_products=mirrored)
wrong("closed_forms_against_positions", "array", "conjugate slopes", "beam_response differs", beam_response=aside)
wrong(
    "closed_forms_against_positions",
    "array",
    "two dimensions of three",
    "inner_products differ by",
    positions=in_space,
    inner_products=flattened,
)
wrong(
    "planar_is_true",
    "array",
    "in three dimensions",
    "planar is True, but its positions say False",
    positions=in_space,
    planar=True,
)
wrong("planar_is_true", "array", "flat", "planar is False, but its positions say True", planar=False)
wrong(
    "fisher_information_is_valid",
    "array",
    "negative",
    "a Fisher matrix has the eigenvalue -",
    second_moments=lambda self: -RightArray.second_moments(self),
)


# Of channels.


def channel(change):
    """Return a method that changes channels and estimates after they were drawn."""
    return {
        "draw": lambda self, statistics, array, draws, generator: change(
            statistics, *RightChannel.draw(self, statistics, array, draws, generator)
        )
    }


def fading(change):
    """Return a method that changes statistics."""
    return {"statistics": lambda self, drops, array: change(RightChannel.statistics(self, drops, array))}


wrong(
    "channel_shapes",
    "channel",
    "transposed",
    "draw must give estimates of shape (5, 2, 4, 3), got (5, 2, 3, 4)",
    **channel(lambda statistics, h, e: (h, np.swapaxes(e, -1, -2))),
)
wrong(
    "channel_shapes",
    "channel",
    "axis kept",
    "draw must give channels of shape (5, 4, 3), got (5, 1, 4, 3)",
    **channel(lambda statistics, h, e: (h, e) if h.ndim == 4 else (h[:, None], e[:, None])),
)
wrong(
    "variances_add_up",
    "channel",
    "error too large",
    "beta differs from xi + epsilon",
    **fading(lambda found: attrs.evolve(found, epsilon=2 * found.epsilon)),
)
wrong(
    "drops_do_not_depend_on_each_other",
    "channel",
    "first generator",
    "beta of a drop depends on the other drops that are asked for",
    statistics=lambda self, drops, array: RightChannel.statistics(self, [drops[0]] * len(drops), array),
)
wrong(
    "drops_do_not_depend_on_each_other",
    "channel",
    "no generator",
    "drops with different generators are the same",
    statistics=lambda self, drops, array: RightChannel.statistics(
        self, [isacfw.Drop(seed=0, number=0) for _ in drops], array
    ),
)
wrong(
    "drops_do_not_depend_on_each_other",
    "channel",
    "place in the batch",
    "extra['place'] of a drop depends on the other drops that are asked for",
    **fading(lambda found: attrs.evolve(found, extra={"place": np.arange(len(found.beta))})),
)
for title, change in (
    ("channels", lambda statistics, h, e: (np.sqrt(1.1) * h, e)),
    ("estimates", lambda statistics, h, e: (h, np.sqrt(1.1) * e)),
    ("estimation errors", lambda statistics, h, e: (h, h + np.sqrt(1.1) * (e - h))),
):
    wrong("power_normalisation", "channel", title, f"the power of the {title} of user", **channel(change))
wrong(
    "errors_uncorrelated_with_estimates",
    "channel",
    "scaled estimates",
    "estimate and error of user 0 are correlated",
    **channel(lambda statistics, h, e: (h, 0.8 * h)),
)


def stubborn(self, statistics, array, draws, generator):
    return RightChannel.draw(self, statistics, array, draws, np.random.default_rng(0))


def restless(self, statistics, array, draws, generator):
    return RightChannel.draw(self, statistics, array, draws, np.random.default_rng())


def shared(self, statistics, array, draws, generator):
    pairs = zip(
        stubborn(self, statistics, array, draws, generator),
        RightChannel.draw(self, statistics, array, draws, generator),
        strict=True,
    )
    return tuple((first + second) / np.sqrt(2) for first, second in pairs)


for method, reason in (
    (stubborn, "different generators give the same draws"),
    (restless, "equal generators give different draws"),
    (shared, "draws from different generators are correlated"),
):
    wrong("independence_over_seeds", "channel", method.__name__, reason, draw=method)
wrong(
    "collinear_estimates_are_declared",
    "channel",
    "claimed",
    "the collinear pairs of users differ",
    **fading(lambda found: attrs.evolve(found, collinear=~np.eye(3, dtype=bool))),
)
wrong(
    "collinear_estimates_are_declared",
    "channel",
    "hidden",
    "the collinear pairs of users differ",
    **channel(lambda statistics, h, e: (h, e[..., [0, 0, 2]])),
)


def of_first_drop(self, statistics, array, draws, generator):
    if statistics.beta.ndim > 1:
        first = {
            name: np.broadcast_to(getattr(statistics, name)[:1], statistics.beta.shape)
            for name in ("xi", "epsilon")
        }
        statistics = attrs.evolve(statistics, **first)
    return RightChannel.draw(self, statistics, array, draws, generator)


def wave(statistics, h, e):
    """Half of the estimates' power from a line of sight that is the same at all antennas."""
    seen = np.sqrt(0.5) * (e + e[..., :1, :] / np.abs(e[..., :1, :]) * np.sqrt(statistics.xi)[..., None, :])
    return seen + h - e, seen


def alike(statistics, h, e):
    """Antennas in pairs with the same estimates."""
    seen = np.repeat(e[..., ::2, :], 2, axis=-2)
    return seen + h - e, seen


def unequal(statistics, h, e):
    """Half of the antennas with three times the power of the others."""
    seen = e * np.sqrt(np.where(np.arange(e.shape[-2]) % 2, 0.5, 1.5))[:, None]
    return seen + h - e, seen


def common(statistics, h, e):
    """Estimates of the first two users with a common part."""
    scale = np.sqrt(statistics.xi)[..., None, :]
    seen = e / scale
    seen[..., 1] = 0.8 * seen[..., 1] + 0.6 * seen[..., 0]
    return scale * seen + h - e, scale * seen


def of_estimates(statistics, h, e):
    """Errors that are uncorrelated with the estimates, and a function of them all the same."""
    return e + np.sqrt(statistics.epsilon / statistics.xi)[..., None, :] * np.abs(e) * np.sign((h - e).real), e


for change in (wave, alike, unequal, common, of_estimates):
    wrong(
        "isotropic_claim_against_sampled_moments",
        "channel",
        change.__name__,
        "the statistics say isotropic, but with maximum-ratio transmission",
        **channel(change),
    )


@part_of
class Sighted(isacfw.Channel):
    """Users on a line of sight, with the claim that their fading is isotropic."""

    name = "sighted"

    of: isacfw.Channel = LineOfSight()

    def statistics(self, drops, array):
        return attrs.evolve(self.of.statistics(drops, array), isotropic=True)

    def draw(self, statistics, array, draws, generator):
        return self.of.draw(statistics, array, draws, generator)


wrong(
    "isotropic_claim_against_sampled_moments",
    "channel",
    "line of sight",
    "the statistics say isotropic, but with maximum-ratio transmission interference is up to",
    part=Sighted(),
)
wrong(
    "model_agrees_with_simulation",
    "channel",
    "line of sight",
    "of mrt with all power for the users, the rate of user 0 is",
    part=Sighted(),
)


@part_of
class RightGaussian(problems.Correlated):
    """Correlated fading about known means, two users with the same pilot."""

    name = "gaussian"

    correlation: float = 0.5
    k_factor: float = 1.0
    shared: bool = True


def gaussian(change):
    """Return a part whose statistics are those of Gaussian fading, changed."""

    def statistics(self, drops, array):
        return change(RightGaussian.statistics(self, drops, array))

    def draw(self, given, array, draws, generator):
        true = RightGaussian.statistics(self, [isacfw.Drop(seed=0, number=0)], array).of_drop(0)
        return true.second_order.draw(draws, generator)

    return part_of(
        type("Wrong", (RightGaussian,), {"statistics": statistics, "draw": draw, "__doc__": "Wrong."})
    )()


def evolved(**changes):
    """Return a change of statistics: of each field by a function."""
    return lambda found: attrs.evolve(
        found, **{name: change(getattr(found, name)) for name, change in changes.items()}
    )


def real_part(covariances):
    return np.asarray(np.diag(np.ones(covariances.shape[-1])) * covariances)


for title, change, reason in (
    ("mean", evolved(means=np.conj), "the mean of the channels of user 0 differs from what the statistics say"),
    (
        "covariance",
        evolved(covariances=real_part),
        "the covariance of user 0 differs from what the statistics say",
    ),
    (
        "pilot energy",
        evolved(pilot_energy=lambda energy: energy / 5),
        "the covariance of the estimates of user 0 differs from what the statistics say",
    ),
    (
        "independent estimates",
        evolved(independent_estimates=lambda _: True),
        "the mean of user 1's channel on user 2's estimate differs from what the statistics say",
    ),
):
    wrong("means_and_covariances_against_draws", "channel", title, reason, part=gaussian(change))
for title, change, reason in (
    ("beta", evolved(beta=lambda beta: 1.01 * beta), "beta differs from what the covariances say"),
    (
        "epsilon",
        evolved(epsilon=lambda epsilon: 1.01 * epsilon),
        "epsilon differs from what the covariances say",
    ),
):
    wrong("variances_against_covariances", "channel", title, reason, part=gaussian(change))
wrong(
    "channel_shapes",
    "channel",
    "not Hermitian",
    "must return Hermitian covariances, got another for user 0 of drop 0",
    part=gaussian(evolved(covariances=np.triu)),
)
wrong(
    "channel_shapes",
    "channel",
    "negative covariance",
    "must return positive semidefinite covariances, got another for user 0 of drop 0",
    part=gaussian(evolved(covariances=np.negative)),
)
for title, inputs, reason in (
    ("list", lambda self: ["here"], "inputs must return a tuple of paths, got list"),
    ("words", lambda self: ("here",), "inputs must return paths, got 'here'"),
    (
        "missing",
        lambda self: (Path("/nowhere/at all"),),
        "inputs names a file that does not exist: /nowhere/at all",
    ),
):
    wrong("inputs_are_files", "channel", title, reason, inputs=inputs)
wrong("batch_of_drops", "channel", "first drop", "a batch of drops is not that of each", draw=of_first_drop)


# Of precoders.


def link(change):
    """Return a method that changes the link statistics."""
    return {"link_statistics": lambda self, scene: change(RightPrecoder.link_statistics(self, scene))}


def scaled(name, factor):
    return lambda found: attrs.evolve(found, **{name: getattr(found, name) * factor})


SAMPLED = {"link_statistics": isacfw.Precoder.link_statistics}
MOMENTS = ("signal_gain", "interference_gain", "weight_power")
wrong(
    "weights_shape",
    "precoder",
    "axis added",
    "for estimates of shape (16, 3) must have it too, got (1, 16, 3)",
    weights=lambda self, estimates: np.array(estimates, ndmin=3),
)
wrong(
    "weights_shape",
    "precoder",
    "axis lost",
    "for estimates of shape (1, 16, 3) must have it too, got (16, 3)",
    weights=lambda self, estimates: np.squeeze(estimates),
)
wrong(
    "leading_axes_are_independent",
    "precoder",
    "one norm",
    "a batch's weights differ from its members'",
    weights=lambda self, estimates: estimates / np.linalg.norm(estimates),
)
wrong(
    "permuting_users_permutes_weights",
    "precoder",
    "numbered",
    "the weights of a user depend on its number",
    weights=lambda self, estimates: estimates * (1 + np.arange(estimates.shape[-1])),
)
for name in MOMENTS:
    wrong(
        "permuting_users_permutes_statistics",
        "precoder",
        name,
        f"the {name.replace('_gain', '') if 'inter' in name else name} of a user depends on its number",
        **link(scaled(name, np.array([1.0, 1.0, 1.001]))),
    )
    for factor in (0.95, 1.05):
        wrong(
            "statistics_against_sampled_moments",
            "precoder",
            f"{name} {factor}",
            "standard errors from the sampled moments",
            **link(scaled(name, factor)),
        )
wrong(
    "permuting_users_permutes_statistics",
    "precoder",
    "sampled",
    "of a user depends on its number",
    weights=lambda self, estimates: estimates * (1 + np.arange(estimates.shape[-1])),
    **SAMPLED,
)


def refuse(*given):
    raise IncompatibleError("not today")


def regardless(self, scene):
    """Return a closed form that is one for isotropic fading, whatever the fading is."""
    return isotropic_link(attrs.evolve(scene, statistics=attrs.evolve(scene.statistics, collinear=None)))


def half_of_them(self, estimates):
    """Return maximum-ratio transmission from half of the antennas."""
    weights = np.array(estimates)
    weights[..., weights.shape[-2] // 2 :, :] = 0
    return weights


def of_half(self, scene):
    """Return the closed form for half of the antennas, with the claim that its signals are isotropic."""
    if not scene.statistics.isotropic or scene.statistics.collinear is not None:
        return isacfw.Precoder.link_statistics(self, scene)
    channel = scene.statistics
    return LinkStatistics(
        signal_gain=(scene.antennas / 2 * channel.xi) ** 2,
        interference_gain=channel.beta,
        weight_power=channel.xi / 2,
        isotropic=True,
    )


def unseen(found):
    """Return link statistics whose forms, where there are some, are those of half the power."""
    return found if found.forms is None else attrs.evolve(found, forms=found.forms / 2)


HALF = {"weights": half_of_them, "link_statistics": of_half, "turns_with_channel": False}
wrong(
    "turns_with_channel_is_true",
    "precoder",
    "half of the antennas",
    "turns_with_channel is True, but W(U H) differs from U W(H)",
    weights=half_of_them,
)
wrong(
    "statistics_against_sampled_moments",
    "precoder",
    "half of the antennas",
    "with Rayleigh fading, what the targets see of its signals is up to",
    **HALF,
)
wrong(
    "model_agrees_with_simulation",
    "precoder",
    "half of the antennas",
    "over Rayleigh fading with all power for the users, entry (0, 3) of the Fisher information is 0, simulated",
    **HALF,
)
wrong(
    "statistics_against_sampled_moments",
    "precoder",
    "collinear estimates",
    "with collinear estimates, interference is up to",
    link_statistics=regardless,
)
wrong(
    "model_agrees_with_simulation",
    "precoder",
    "collinear estimates",
    "over collinear estimates with all power for the users, the rate of user 0 is",
    link_statistics=regardless,
)
wrong(
    "statistics_against_sampled_moments",
    "precoder",
    "forms",
    "with a line of sight, what the targets see of its signals is up to",
    **link(unseen),
)
wrong("statistics_against_sampled_moments", "precoder", "none", "it exists for no channel", **link(refuse))
wrong(
    "uplink_agrees_with_simulation",
    "precoder",
    "another gain",
    "a SINR of the uplink is off by",
    **link(lambda found: attrs.evolve(found, signal_gain=1.5 * found.signal_gain)),
)
wrong("degenerate_inputs", "precoder", "none", "it does not exist for one user", **link(refuse))
wrong(
    "degenerate_inputs",
    "precoder",
    "weak user",
    "with a very weak user, a weight has no power",
    **link(lambda found: attrs.evolve(found, weight_power=found.weight_power * (found.weight_power > 1e-6))),
)
wrong(
    "degenerate_inputs",
    "precoder",
    "weak user sampled",
    "must give every user a weight, got one without",
    weights=lambda self, estimates: estimates * (np.abs(estimates).max(axis=-2, keepdims=True) > 1e-6),
    **SAMPLED,
)
wrong(
    "degenerate_inputs",
    "precoder",
    "single user",
    "interference_gain with finite, nonnegative entries, got others",
    **link(
        lambda found: (
            found
            if found.weight_power.shape[-1] > 1
            else attrs.evolve(found, interference_gain=found.interference_gain * np.nan)
        )
    ),
)
wrong(
    "signal_gain_is_positive",
    "precoder",
    "constant weights",
    "the mean signal of a user is zero",
    weights=lambda self, estimates: np.ones_like(estimates),
    **SAMPLED,
)
wrong(
    "signal_gain_is_positive",
    "precoder",
    "zero",
    "the mean signal of a user is zero",
    **link(scaled("signal_gain", 0)),
)


# Of beams.


def beam(change):
    """Return a method that changes the beam statistics, where they are closed forms."""

    def beam_statistics(self, scene):
        found = RightBeam.beam_statistics(self, scene)
        return change(found) if found.standard_error is None else found

    return {"beam_statistics": beam_statistics}


def forgetful(self, scene):
    """Return the closed form of a beam that never meets a user's line of sight."""
    return isotropic_beam(self, scene)


def away_from_first(self, scene, estimates):
    """Return the steered beam, projected away from the estimate of the first user."""
    first = estimates[..., :1] / np.linalg.norm(estimates[..., :1], axis=-2, keepdims=True)
    steering = np.stack([scene.array.steering_vector(one) for one in scene.targets], axis=-1)
    return steering - first @ (np.swapaxes(first.conj(), -1, -2) @ steering)


def of_first_draw(self, scene, estimates):
    """Return the beam projected away from the estimates of the first draw."""
    found = away_from_first(self, scene, estimates.reshape(-1, *estimates.shape[-2:])[0])
    return np.broadcast_to(found, (*estimates.shape[:-2], *found.shape))


BEAM_SAMPLED = {"beam_statistics": isacfw.Beam.beam_statistics}
wrong(
    "beam_shapes",
    "beam",
    "axis added",
    "weights for estimates of shape (16, 3) must have shape (16, 1), or one more axis, got (1, 1, 16, 1, 2)",
    weights=lambda self, scene, estimates: RightBeam.weights(self, scene, estimates)[None, None],
)
wrong(
    "beam_shapes",
    "beam",
    "antennas last",
    "must have shape (16, 1), or one more axis, got (2, 1, 16)",
    weights=lambda self, scene, estimates: RightBeam.weights(self, scene, estimates).T,
)
wrong(
    "leading_axes_are_independent",
    "beam",
    "first draw",
    "a batch's weights differ from its members'",
    weights=of_first_draw,
)
wrong(
    "the_order_of_users_does_not_matter",
    "beam",
    "first user",
    "the weights depend on the numbers of the users",
    weights=away_from_first,
)
for name, title in (
    ("weight_power", "weight_power"),
    ("interference", "the interference to a user"),
    ("forms", "what the targets see"),
):
    wrong(
        "statistics_against_sampled_moments",
        "beam",
        name,
        f"with Rayleigh fading and two targets, {title} is up to",
        **beam(lambda found, name=name: attrs.evolve(found, **{name: getattr(found, name) * 1.2})),
    )
wrong(
    "statistics_against_sampled_moments",
    "beam",
    "line of sight",
    "with a line of sight and two targets, the interference to a user is up to",
    beam_statistics=forgetful,
)
wrong(
    "model_agrees_with_simulation",
    "beam",
    "line of sight",
    "over a line of sight with half, the rate of user",
    beam_statistics=forgetful,
)
wrong(
    "model_agrees_with_simulation",
    "beam",
    "forms",
    "of the Fisher information is",
    **beam(lambda found: attrs.evolve(found, forms=found.forms / 2)),
)
wrong("statistics_against_sampled_moments", "beam", "none", "it exists for no channel", beam_statistics=refuse)
wrong("degenerate_inputs", "beam", "none", "it does not exist for one user", beam_statistics=refuse)
wrong(
    "degenerate_inputs",
    "beam",
    "no power",
    "with one user, a stream has no power",
    **beam(lambda found: attrs.evolve(found, weight_power=0 * found.weight_power)),
)
wrong(
    "degenerate_inputs",
    "beam",
    "no weights",
    "must give every stream a weight, got one without",
    weights=lambda self, scene, estimates: np.zeros((scene.antennas, 1)),
    **BEAM_SAMPLED,
)


# Of objectives.


def declared(**changes):
    """Return another quantity."""
    return {"quantity": attrs.evolve(RightObjective.quantity, **changes)}


def valued(change):
    """Return a method that gives another value of a performance."""
    return {"value": lambda self, performance: change(performance)}


def refused(key):
    """Return a check that refuses every setting."""

    def check(self, setting):
        raise InputError(key, "must not be")

    return {"check": check}


def graded(change):
    """Return a method that changes the gradient."""
    return {"gradient": lambda self, performance: change(RightObjective.gradient(self, performance))}


def divided(change):
    """Return a method that changes the split; it gets the inverse gains, the total and the least shares."""

    def split(self, inverse, total, least=None):
        return change(RightObjective.split(self, inverse, total, least), total, least)

    return {"split": split}


def alarmed(performance):
    if np.isnan(performance.rates).any():
        raise RuntimeError("no rates")
    return performance.rates.sum(axis=-1)


def averaging(x, total, least):
    """Change the last bits of the split by those of the other problems."""
    return x * (1 + 1e-15 * np.sum(total))


for check, title, reason, members in (
    ("objective_is_declared", "no quantity", "must be a Quantity object, got 'total'", {"quantity": "total"}),
    ("objective_is_declared", "no direction", "better of total must be higher or", declared(better="neither")),
    ("objective_is_declared", "lower", "total must be better if higher", declared(better="lower")),
    ("objective_is_declared", "role", "the role of total must be 'objective'", declared(role="detail")),
    ("objective_is_declared", "no description", "total has no description", declared(description="")),
    ("objective_is_declared", "no unit", "the unit of total must be a string", declared(unit=None)),
    ("objective_is_declared", "per user", "total must be a single number", declared(per_user=True)),
    (
        "objective_is_declared",
        "reported",
        "must be an identifier, got 'two words'",
        {"reported": lambda self: attrs.evolve(self.quantity, name="two words")},
    ),
    ("settings_are_accepted_or_refused", "refused", "it refuses all settings", refused("kind")),
    (
        "settings_are_accepted_or_refused",
        "no option",
        "with one target, the key of its error is 'wieghts', which is not an option",
        refused("wieghts"),
    ),
    (
        "value_has_the_batch_axes",
        "all",
        "must return a value of shape (1,), got ()",
        valued(lambda performance: performance.rates.sum()),
    ),
    (
        "batch_is_its_members",
        "part of all",
        "its value differs in a batch",
        valued(lambda performance: performance.rates.sum(axis=-1) / performance.rates.sum()),
    ),
    ("no_answer_raises_nothing", "raises", "RuntimeError: no rates", valued(alarmed)),
    (
        "no_answer_raises_nothing",
        "warns",
        "divide by zero",
        valued(lambda performance: 1 / np.nan_to_num(performance.rates).sum(axis=-1)),
    ),
    (
        "a_direction_means_a_difference",
        "constant",
        "its value is the same for all allocations",
        valued(lambda performance: np.ones_like(performance.power)),
    ),
    (
        "utility_does_not_fall_with_rates",
        "difference",
        "its value falls if the rate of user 2 rises",
        valued(lambda performance: performance.rates[..., 0] - performance.rates[..., 2]),
    ),
    (
        "utility_is_concave_in_rates",
        "squares",
        "its value is not concave in the rates",
        valued(lambda performance: (performance.rates**2).sum(axis=-1)),
    ),
    (
        "gradient_against_differences",
        "one percent",
        "its gradient for user 0 departs from differences by",
        graded(lambda gradient: 1.01 * gradient),
    ),
    (
        "gradient_against_differences",
        "sum",
        "its gradient must have shape (50, 3), got (50,)",
        graded(lambda gradient: gradient.sum(axis=-1)),
    ),
    (
        "split_is_optimal",
        "equal",
        "with no least shares, another split is better than its own",
        divided(lambda x, total, least: x if least is not None else (0 * x.T + total / x.shape[-1]).T),
    ),
    (
        "split_is_optimal",
        "too much",
        "with no least shares, its split differs from the total by 0.01",
        divided(lambda x, total, least: 1.01 * x),
    ),
    (
        "split_is_optimal",
        "without least shares",
        "with least shares, its split is below a least share by",
        {"split": lambda self, inverse, total, least=None: isacfw.water_filling(1 / inverse, total)},
    ),
    (
        "split_is_optimal",
        "shape",
        "its split must have shape (20, 3), got (20,)",
        divided(lambda x, total, least: x.sum(axis=-1)),
    ),
    (
        "split_of_a_batch_is_that_of_its_members",
        "others",
        "with no least shares, its split differs in a batch",
        divided(averaging),
    ),
):
    wrong(check, "objective", title, reason, **members)


# Of requirements.


def constrained(change):
    """Return a method that gives another constraint for a setting."""
    return {"constraint": lambda self, setting: change(self, setting)}


def floors(change):
    """Return a method that gives other least rates; it gets the option and the numbers of the users."""
    return constrained(
        lambda self, setting: RateFloors(minimum=change(self.least, np.arange(float(setting.users))))
    )


class Silent(LinearQuantity):
    """A quantity without an explanation."""

    def explain(self, ratio):
        return None


def rows(**changes):
    """Return a method that gives a linear requirement on the first target with other fields."""
    fields = {"target": (0,), "communication": [1.0], "sensing": [1.0], "quantity": (LinearQuantity(),)}
    return constrained(lambda self, setting: LinearFloors(**{**fields, "least": [self.least], **changes}))


for check, title, reason, members in (
    ("settings_are_accepted_or_refused", "refused", "it refuses all settings", refused("least")),
    (
        "settings_are_accepted_or_refused",
        "no option",
        "with one target, the key of its error is 'most', which is not an option",
        refused("most"),
    ),
    (
        "constraint_fits_the_setting",
        "a user more",
        "must give each of 3 users a finite, nonnegative rate",
        constrained(lambda self, setting: RateFloors(minimum=np.ones(setting.users + 1))),
    ),
    (
        "constraint_fits_the_setting",
        "negative",
        "must give each of 3 users a finite, nonnegative rate",
        floors(lambda least, user: -least - user),
    ),
    (
        "constraint_fits_the_setting",
        "a number",
        "must return a constraint, got 0.1",
        constrained(lambda self, setting: self.least),
    ),
    (
        "constraint_fits_the_setting",
        "undeclared",
        "must return AngleLimits if and only if its class sets limits_angles",
        constrained(lambda self, setting: AngleLimits(limit=np.ones(2 * setting.targets))),
    ),
    (
        "constraint_fits_the_setting",
        "a target more",
        "must give each row one of 1 targets, three numbers and a quantity",
        rows(target=(7,)),
    ),
    (
        "constraint_fits_the_setting",
        "a least value of zero",
        "must give each row finite numbers and a positive least value",
        rows(least=[0.0]),
    ),
    (
        "constraint_fits_the_setting",
        "no explanation",
        "a quantity must explain itself by a string, got None",
        rows(quantity=(Silent(),)),
    ),
    (
        "constraint_fits_the_setting",
        "lines",
        "has more than one line",
        rows(quantity=(LinearQuantity(name="a\nb"),)),
    ),
    (
        "something_is_limited",
        "nothing",
        "its constraint never limits anything",
        floors(lambda least, user: 0 * user),
    ),
    (
        "options_tighten_or_loosen",
        "both",
        "raising least tightens the constraint in one place and loosens it in another",
        floors(lambda least, user: np.where(user > 0, least, 1 - least)),
    ),
):
    wrong(check, "requirement", title, reason, **members)


# Of metrics.


def quantities(**changes):
    total, single = RightMetric.quantities
    return {"quantities": (attrs.evolve(total, **changes), single)}


def metric(change):
    """Return a method that changes the total."""

    def evaluate(self, problem, allocation):
        values = RightMetric.evaluate(self, problem, allocation)
        return {**values, "total": change(values["total"])}

    return {"evaluate": evaluate}


for title, members, reason in (
    ("none", {"quantities": ()}, "quantities must be a nonempty tuple"),
    ("a list", {"quantities": list(RightMetric.quantities)}, "quantities must be a nonempty tuple"),
    ("words", {"quantities": ("total", "single")}, "must hold Quantity objects, got 'total'"),
    ("no direction", quantities(better="up"), "better of total must be one of higher, lower, neither"),
    ("no unit", quantities(unit=None), "the unit of total must be a string"),
    ("no description", quantities(description=""), "total has no description"),
    ("no name", quantities(name="two words"), "must be an identifier, got 'two words'"),
    ("same name", quantities(name="single"), "two quantities have the same name"),
):
    wrong("quantities_are_declared", "metric", title, reason, **members)
wrong("metric_shapes", "metric", "sum", "total of shape (1,), got ()", **metric(np.sum))
wrong("metric_shapes", "metric", "axis added", "total of shape (), got (1,)", **metric(np.atleast_1d))
wrong(
    "metric_shapes",
    "metric",
    "undeclared",
    "it must return 'totl', got 'total', 'single'",
    **quantities(name="totl"),
)
wrong(
    "metric_shapes",
    "metric",
    "one stream",
    "streams of shape (2,), got (1,)",
    quantities=(Quantity(name="streams", per_stream=True, description="Power of a stream"),),
    evaluate=lambda self, problem, allocation: {"streams": allocation.sensing[..., None]},
)
wrong(
    "quantities_are_declared",
    "metric",
    "of several streams",
    "two quantities have the same name",
    quantities_of=lambda self, targets, streams: RightMetric.quantities[:1] * streams,
)
wrong(
    "batch_is_its_members",
    "metric",
    "share of all",
    "total differs in a batch",
    **metric(lambda v: v / np.sum(v)),
)
wrong("no_answer_is_no_number", "metric", "zero", "total is a number where there is no", **metric(np.nan_to_num))
wrong(
    "both_links_are_served",
    "metric",
    "another shape",
    "it must return total of shape",
    links=("downlink", "uplink"),
    **metric(lambda v: v[..., None]),
)
wrong(
    "a_direction_means_a_difference",
    "metric",
    "constant",
    "total is better higher, but the same",
    **metric(np.ones_like),
)


# Of allocators.


def allocator(change):
    """Return a method that changes the optimum; it gets the problem and the shares."""
    return {"solve": lambda self, problem: change(problem, solution(problem))}


def in_the_uplink(share, status):
    """Return a method with the optimum of the downlink, and one share of users and radar in the uplink."""

    def solve(self, problem):
        if problem.link == "downlink":
            return solution(problem)
        x = np.full((*problem.batch_shape, problem.users), share)
        return isacfw.Shares(communication=x, sensing=np.full(problem.batch_shape, share), status=status)

    return {"solve": solve, "links": ("downlink", "uplink")}


wrong(
    "answers_ordinary_problems",
    "allocator",
    "beyond budgets of the uplink",
    "in the uplink, it says feasible, but violates a limit",
    **in_the_uplink(1.1, isacfw.Status.FEASIBLE),
)
wrong(
    "answers_ordinary_problems",
    "allocator",
    "no optimum of the uplink",
    "in the uplink, its claimed optimum",
    **in_the_uplink(0.9, isacfw.Status.OPTIMAL),
)


def claiming(problem, x, q, status, **fields):
    return Shares(communication=x, sensing=np.asarray(q), status=status, **fields)


def refusing(problem, shares=None):
    return Shares.none(problem, Status.INFEASIBLE, "no")


def collapse(problem, shares):
    raise RuntimeError("out of luck")


def everything(problem, shares):
    """Give all power to the users, in equal parts, and call that feasible."""
    return claiming(problem, np.full(problem.users, 1 / problem.users), 0.0, Status.FEASIBLE)


def equal(problem, shares):
    f = problem.largest_communication_share
    return claiming(problem, f * problem.equal_split, 1 - f, Status.OPTIMAL)


def a_bit_less(problem, shares):
    return claiming(problem, 0.99 * shares.communication, shares.sensing, Status.OPTIMAL)


def half(problem, shares):
    x = 0.5 * shares.communication
    return claiming(problem, x, 1 - x.sum(), Status.LOCALLY_OPTIMAL)


def when(condition, change):
    """Return a change for problems for which a condition holds."""
    return lambda problem, shares: change(problem, shares) if condition(problem) else shares


def alone(problem):
    return problem.users == 1


def crowded(problem):
    return problem.users > 50


def infeasible(problem):
    return bool(np.isnan(problem.largest_communication_share))


def sensing_only(problem, shares):
    return claiming(problem, np.zeros(problem.users), 1.0, Status.OPTIMAL)


def excess(problem, shares):
    return attrs.evolve(shares, communication=2 * shares.communication)


def debt(problem, shares):
    x = shares.communication.copy()
    x[0] = -0.1
    return attrs.evolve(shares, communication=x)


def optimistic(problem, shares):
    return attrs.evolve(shares, history=(*shares.history, 1.01 * shares.history[-1]))


def timid(problem, shares):
    """Give half of the power, and call a little more a bound."""
    x, q = 0.5 * shares.communication, np.asarray(1 - 0.5 * shares.communication.sum())
    bound = 1.01 * float(problem.value(x, q))
    return claiming(problem, x, q, Status.FEASIBLE, bound=bound)


def required(problem):
    return problem.minimum_rate is not None


def unmet(problem, shares):
    """Ignore minimum rates."""
    return claiming(problem, problem.largest_communication_share * problem.equal_split, 0.0, Status.FEASIBLE)


def has_rows(problem):
    return problem.linear_least is not None


def without_rows(problem, shares):
    """Ignore linear requirements."""
    found = EXACT.allocate(problem.without_linear())
    return claiming(problem, found.communication, found.streams[..., 0], Status.FEASIBLE)


def hopeless(problem, shares):
    """Call an infeasible problem solved, and leave the others alone."""
    infeasible = str(np.asarray(shares.status)) == Status.INFEASIBLE
    return unmet(problem, shares) if infeasible else shares


for check, title, change, reason in (
    ("claims_are_not_beaten", "one percent", a_bit_less, "with an aligned beam, it says optimal with"),
    ("claims_are_not_beaten", "bound", timid, "with an aligned beam, its bound is"),
    (
        "requirements_are_met_or_refused",
        "ignored",
        when(required, unmet),
        "and minimum rates, it says feasible, but violates a requirement by",
    ),
    (
        "requirements_are_met_or_refused",
        "rows ignored",
        when(has_rows, without_rows),
        "linear requirements, it says feasible, but violates a requirement by",
    ),
    (
        "requirements_are_met_or_refused",
        "called infeasible",
        when(required, refusing),
        "and minimum rates, no; reported as infeasible, but the requirements can be met",
    ),
    (
        "requirements_are_met_or_refused",
        "called feasible",
        hopeless,
        "minimum rates that cannot be met, it says feasible, not infeasible",
    ),
    ("answers_ordinary_problems", "infeasible", refusing, "with an aligned beam, no; reported as infeasible"),
    (
        "answers_ordinary_problems",
        "answer called infeasible",
        lambda problem, shares: attrs.evolve(shares, status=Status.INFEASIBLE),
        "with an aligned beam, it calls a feasible problem infeasible",
    ),
    (
        "answers_ordinary_problems",
        "misaligned",
        when(lambda problem: not problem.aligned, refusing),
        "with a misaligned beam, no; reported as infeasible",
    ),
    (
        "answers_ordinary_problems",
        "no limits",
        when(lambda problem: np.isinf(problem.crlb_limit).all(), collapse),
        "with no limits, allocator of test_checks raised RuntimeError: out of luck",
    ),
    ("shares_are_powers", "twice", excess, "with an aligned beam, shares add up to 1.6"),
    ("shares_are_powers", "negative", debt, "with an aligned beam, a share is -0.1"),
    ("claimed_answers_are_feasible", "no sensing", everything, "it says feasible, but violates a limit by"),
    ("objective_agrees", "history", optimistic, "its history's last"),
    ("optimum_is_not_below_a_uniform_split", "half", half, "that of a uniform split"),
    ("claimed_optimum_against_exact", "equal_com", equal, "it says optimal with"),
    ("claimed_optimum_against_exact", "one percent", a_bit_less, "it says optimal with"),
    ("claimed_optimum_against_exact", "one user", when(alone, a_bit_less), "with 1 users, it says optimal with"),
    ("infeasible_is_reported", "optimal", when(infeasible, sensing_only), "it says optimal, not infeasible"),
    ("infeasible_is_reported", "raises", when(infeasible, collapse), "raised RuntimeError: out of luck"),
    ("one_user", "raises", when(alone, collapse), "with one user, allocator of"),
    ("one_user", "no answer", when(alone, refusing), "with one user, no; reported as infeasible"),
    ("many_users", "raises", when(crowded, collapse), "with 100 users, allocator of"),
    ("many_users", "no answer", when(crowded, refusing), "with 100 users, no; reported as infeasible"),
    ("many_users", "no sensing", when(crowded, everything), "its answer violates a limit"),
    ("returns_shares", "a pair", lambda problem, shares: (1, 2), "solve must return Shares, got tuple"),
    (
        "returns_shares",
        "an axis",
        lambda problem, shares: attrs.evolve(shares, communication=shares.communication[None]),
        "for a problem with batch axes (), shares have shapes ((1, 3), ())",
    ),
):
    wrong(check, "allocator", title, reason, **allocator(change))


def averaged(self, problem):
    shares = EXACT.solve(problem)
    x = np.broadcast_to(
        shares.communication.mean(axis=tuple(range(shares.sensing.ndim))), shares.communication.shape
    )
    return attrs.evolve(shares, communication=x)


wrong(
    "batch_is_its_members",
    "allocator",
    "mean",
    "in a batch of shape (2, 3), shares differ by",
    vectorized=True,
    solve=averaged,
)

wrong(
    "other_problems_do_not_matter",
    "allocator",
    "state",
    "its answers change",
    **allocator(
        lambda problem, shares: attrs.evolve(
            shares, communication=shares.communication * (1 - next(COUNT) * 1e-12)
        )
    ),
)


def blind(self, problem):
    """Solve a problem as if no interference coupled its users."""
    return solution(attrs.evolve(problem, coupling=None))


def coupled(change):
    return {
        "solve": lambda self, problem: (
            blind(self, problem) if problem.coupling is None else change(problem, blind(self, problem))
        )
    }


def differing(change):
    """Return a method that changes the answers to problems whose users differ in their Fisher information."""
    return {
        "solve": lambda self, problem: (
            solution(problem) if problem.fisher_users is None else change(problem, None)
        )
    }


def cautious(problem, shares):
    """Give almost all of the power, and call that a local optimum."""
    q = np.full(problem.streams, 0.6 / problem.streams)
    return claiming(problem, 0.39 * problem.equal_split, q, Status.LOCALLY_OPTIMAL)


def no_sensing(problem, shares):
    """Give all power to the users, and call that feasible."""
    return claiming(problem, problem.equal_split, np.zeros(problem.streams), Status.FEASIBLE)


wrong(
    "differing_signals_are_solved_or_refused",
    "allocator",
    "no sensing",
    "stream(s) whose signals differ, it says feasible, but its answer violates a limit",
    **differing(no_sensing),
)
wrong(
    "differing_signals_are_solved_or_refused",
    "allocator",
    "cautious",
    "with 1 target(s) and 1 stream(s) whose signals differ, its claimed optimum is not optimal",
    **differing(cautious),
)
wrong(
    "coupling_is_solved_or_refused",
    "allocator",
    "ignored",
    "with coupling, its claimed optimum is not optimal",
    solve=blind,
)
wrong(
    "coupling_is_solved_or_refused",
    "allocator",
    "no sensing",
    "with coupling, its answer violates a limit",
    **coupled(everything),
)
wrong("coupling_is_solved_or_refused", "allocator", "raises", "out of luck", **coupled(collapse))


def deaf(self, problem):
    """Take half a second despite interrupts."""
    for _ in range(5):
        with contextlib.suppress(BaseException):
            time.sleep(0.1)
    return solution(problem)


def touchy(self, problem):
    """Turn an interruption into an error."""
    try:
        time.sleep(0.1)
    except BaseException:
        raise RuntimeError("do not disturb") from None
    return solution(problem)


def endless(*given):
    while True:
        time.sleep(0.01)


@part_of
class Endless(RightAllocator):
    """Never returns."""

    solve = endless


@part_of
class EndlessForMany(RightAllocator):
    """Never returns with as many users as a check has."""

    def solve(self, problem):
        return when(crowded, endless)(problem, solution(problem))


RUN = {
    "same_seed_same_bits",
    "global_generators_untouched",
    "finite_output",
    "inputs_not_written_to",
    "returned_arrays_are_not_kept",
}
RUNNING = [one.name for one in kit.checks_of(Endless()) if one.kind or one.name in RUN]


@pytest.mark.parametrize("vectorized", [False, True])
@pytest.mark.parametrize("check", sorted({*RUNNING} - {"time_limit_is_honoured"}))
def test_an_allocator_that_never_returns_fails_every_check_that_runs_it(check, vectorized, monkeypatch):
    part = made("allocator", solve=endless, vectorized=vectorized)
    only(check, "allocator", monkeypatch)
    (result,) = check_part(part, time_limit_s=0.05).results
    assert (result.check, result.outcome) == (check, Outcome.FAILED)
    assert result.message.endswith("allocator of test_checks was stopped at its time limit of 0.05 s")


def test_an_allocator_that_was_stopped_is_not_run_again():
    report = check_part(Endless(), time_limit_s=0.05)
    (failure,) = report.failures
    assert failure.check == RUNNING[0]
    skipped = {result.check: result.message for result in report.results if result.outcome is Outcome.SKIPPED}
    reason = f"not run: {failure.check} exceeded its time limit"
    assert skipped == dict.fromkeys(RUNNING[1:], reason)


def test_checks_go_on_after_an_expected_stop():
    report = check_part(EndlessForMany(), expected_failures={"many_users": "it is slow"}, time_limit_s=3.0)
    outcomes = {result.check: result.outcome for result in report.results}
    assert outcomes.pop("many_users") is Outcome.EXPECTED
    assert set(outcomes.values()) == {Outcome.PASSED}


def test_there_is_a_time_limit_without_being_asked(monkeypatch):
    seen = []
    allocate = isacfw.Allocator.allocate

    def watched(self, problem, progress=None, time_limit_s=None):
        if isinstance(self, RightAllocator):
            seen.append(time_limit_s)
        return allocate(self, problem, progress, time_limit_s)

    monkeypatch.setattr(isacfw.Allocator, "allocate", watched)
    assert check_part(RightAllocator()).ok
    assert set(seen) == {60.0, 0.01}


@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf"), "long"])
def test_a_time_limit_of_checks_is_a_number_greater_than_0(value):
    with pytest.raises(isacfw.InputError, match="time_limit_s must be a number greater than 0"):
        check_part(RightAllocator(), time_limit_s=value)


wrong("time_limit_is_honoured", "allocator", "deaf", "with a limit of 0.01 s it took 0.", solve=deaf)
wrong("time_limit_is_honoured", "allocator", "touchy", "RuntimeError: do not disturb", solve=touchy)


# Of figures.


def collecting(change):
    """Return a method that changes the data after they were collected."""
    return {
        "collect": lambda self, scenario, compare, progress: change(
            RightFigure.collect(self, scenario, compare, progress)
        )
    }


def stepping(*steps):
    """Return a method that calls progress with these steps, and nothing else."""

    def collect(self, scenario, compare, progress):
        for step in steps:
            progress(*step)
        return RightFigure.collect(self, scenario, compare, None)

    return {"collect": collect}


def drawing(change):
    """Return a method that does something with the data before they are drawn."""
    return {"draw": lambda self, data: (change(data), RightFigure.draw(self, data))[1]}


def with_loss(data, factor):
    return data.assign(loss=data["loss"] * factor)


def without_units(data):
    return data.assign(sum_rate=10 * np.log10(data["sum_rate"].drop_attrs()))


def alone_without_units(self, scenario, compare, progress):
    return xarray.Dataset({"power": 10 ** (scenario.snr_db / 10)})


def by_name(self, scenario, compare, progress):
    return compare(scenario.name).dataset


def kept(self, scenario, compare, progress):
    if "figure" not in BUFFERS:
        BUFFERS["figure"] = RightFigure.collect(self, scenario, compare, progress)
    return BUFFERS["figure"]


def empty_axes(self, data):
    figure = matplotlib.figure.Figure()
    figure.subplots()
    return figure


def counting(self, data):
    return RightFigure.draw(self, with_loss(data, next(COUNT)))


for check, title, reason, members in (
    (
        "same_seed_same_bits",
        "counts",
        "a second run gives another loss",
        collecting(lambda data: with_loss(data, next(COUNT))),
    ),
    (
        "global_generators_untouched",
        "jitter",
        "changes the state of a global generator",
        drawing(lambda data: random.random()),
    ),
    (
        "finite_output",
        "nan",
        "loss has NaN or infinite numbers",
        collecting(lambda data: with_loss(data, np.nan)),
    ),
    (
        "inputs_not_written_to",
        "data",
        "it writes to its input data.loss",
        drawing(lambda data: scribble(data["loss"].values)),
    ),
    ("returned_arrays_are_not_kept", "cache", "after it was returned changes the next", {"collect": kept}),
    (
        "data_are_numbers",
        "list",
        "collect must return an xarray.Dataset, got list",
        collecting(lambda data: [data]),
    ),
    ("data_are_numbers", "words", "collect returns no numbers", collecting(lambda data: data[["status"]])),
    ("data_are_numbers", "name", "compare must be given a Scenario, got 'nguyen2025'", {"collect": by_name}),
    ("progress_ends_at_its_total", "silent", "progress is never called", stepping()),
    ("progress_ends_at_its_total", "half", "progress ends at 1 of 2", stepping((1, 2))),
    ("progress_ends_at_its_total", "beyond", "progress is called with (3, 2)", stepping((3, 2), (2, 2))),
    ("progress_ends_at_its_total", "fraction", "progress is called with (0.5, 1)", stepping((0.5, 1), (1, 1))),
    (
        "numbers_have_units",
        "lost",
        "sum_rate has units None, but 'bit/s/Hz' in the comparison",
        collecting(without_units),
    ),
    ("numbers_have_units", "none", "power has no attribute units", {"collect": alone_without_units}),
    (
        "data_can_be_saved",
        "attribute",
        "the data cannot be saved: TypeError: ",
        collecting(lambda data: data.assign_attrs(scenario={"drops": 1})),
    ),
    (
        "something_is_drawn",
        "nothing",
        "draw must return a Figure of Matplotlib, got NoneType",
        {"draw": lambda self, data: None},
    ),
    (
        "something_is_drawn",
        "no axes",
        "the figure has no axes",
        {"draw": lambda self, data: matplotlib.figure.Figure()},
    ),
    ("something_is_drawn", "empty axes", "all axes of the figure are empty", {"draw": empty_axes}),
    (
        "drawing_changes_no_data",
        "new variable",
        "draw changes the data",
        drawing(lambda data: data.update({"mean": data["sum_rate"].mean("drop")})),
    ),
    (
        "drawing_changes_no_data",
        "attribute",
        "draw changes the data",
        drawing(lambda data: data["sum_rate"].attrs.pop("units", None)),
    ),
    ("same_data_same_picture", "counts", "repeated draws differ", {"draw": counting}),
):
    wrong(check, "figure", title, reason, **members)


def test_a_figure_without_a_scenario_is_not_run():
    report = check_part(made("figure", name="elsewhere"), expected_failures={"pickle_round_trip": "made here"})
    assert report.ok, str(report)
    skipped = {result.check: result.message for result in report.results if result.outcome is Outcome.SKIPPED}
    own = RUN | {one.name for one in kit.checks_of(RightFigure()) if one.kind}
    assert skipped == dict.fromkeys(own, "no scenario is named elsewhere")


def test_gaps_of_a_comparison_may_be_gaps_of_the_data(monkeypatch):
    scenario = isacfw.load_scenario("nguyen2025", overrides=["sensing.crlb_limit_db = -90"])
    monkeypatch.setattr(figures, "load_scenario", lambda *_, **__: scenario)
    only("finite_output", "figure", monkeypatch)
    assert check_part(RightFigure()).ok


# Of beamformers.


def beams_by(change):
    """Return the members of a beamformer whose beams are changed."""
    return {"solve": lambda self, problem: change(RightBeamformer.solve(self, problem), problem)}


def louder(beams, factor):
    """Return beams whose amplitudes are multiplied."""
    sensing = None if beams.sensing is None else factor * beams.sensing
    return attrs.evolve(beams, weights=factor * beams.weights, sensing=sensing, rest=factor**2 * beams.rest)


def refuse_the_impossible(beams, problem):
    if problem.sinr.max() > 1e6:
        raise ArithmeticError("no such beams")
    return beams


def look_at_the_second_user(beams, problem):
    assert problem.channels[:, 1].any()
    return beams


CALLS = itertools.count()
wrong(
    "beams_meet_targets_and_power",
    "beamformer",
    "too weak",
    "the beams violate a target or the power by",
    **beams_by(lambda beams, _: attrs.evolve(beams, weights=0.5 * beams.weights)),
)
wrong(
    "claims_hold",
    "beamformer",
    "optimal by its own account",
    "reported as optimal, but the certified gap is",
    **beams_by(lambda beams, _: attrs.evolve(beams, status=Status.OPTIMAL)),
)
wrong(
    "no_crb_is_below_the_bound",
    "beamformer",
    "ten times the amplitude",
    "with a target, the CRB is below the bound by",
    **beams_by(lambda beams, _: louder(beams, 10.0)),
)
wrong(
    "impossible_targets_are_infeasible",
    "beamformer",
    "an exception",
    "with a target and impossible SINRs",
    **beams_by(refuse_the_impossible),
)
wrong(
    "phases_and_order_of_users_do_not_matter",
    "beamformer",
    "more for the first user",
    "depends on phases or order of the users",
    **beams_by(lambda beams, _: attrs.evolve(beams, weights=beams.weights * [1.5, 1.0, 1.0])),
)
wrong(
    "a_batch_is_its_members",
    "beamformer",
    "another phase at each call",
    "a batch differs",
    **beams_by(lambda beams, _: attrs.evolve(beams, weights=beams.weights * np.exp(1j * next(CALLS)))),
)
wrong(
    "degenerate_inputs",
    "beamformer",
    "two users at least",
    "with a target and one user",
    **beams_by(look_at_the_second_user),
)


@pytest.mark.parametrize(("check", "part", "reason"), CASES)
def test_a_wrong_part_fails_for_the_right_reason(check, part, reason, monkeypatch):
    monkeypatch.setattr(allocators, "GRACE_S", 0.2)
    only(check, kit.kind_of(part), monkeypatch)
    (result,) = check_part(part).results
    assert (result.check, result.outcome) == (check, Outcome.FAILED)
    assert reason in result.message
    assert "\n" not in result.message


def test_every_check_has_a_wrong_part():
    covered = {(case.values[0], kit.kind_of(case.values[1])) for case in CASES}
    names = {name for name, _ in covered}
    missing = [
        (one.kind, one.name)
        for one in kit.CHECKS
        if (one.name, one.kind) not in covered and (one.kind or one.name not in names)
    ]
    assert missing == []
    assert names == {one.name for one in kit.CHECKS}


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.slow) if kind == "precoder" else kind for kind in RIGHT]
)
def test_the_right_sibling_passes_every_check(kind):
    report = check_part(RIGHT[kind]())
    outcomes = {result.check: result.outcome for result in report.results}
    skipped = {check for check, outcome in outcomes.items() if outcome is Outcome.SKIPPED}
    assert skipped == (SECOND_ORDER if kind == "channel" else set()), str(report)
    assert set(outcomes.values()) <= {Outcome.PASSED, Outcome.SKIPPED}, str(report)


SECOND_ORDER = {"means_and_covariances_against_draws", "variances_against_covariances"}


def test_a_gaussian_channel_with_means_and_covariances_passes():
    report = check_part(RightGaussian())
    assert report.ok, str(report)
    skipped = {result.check for result in report.results if result.outcome is Outcome.SKIPPED}
    assert skipped == {"isotropic_claim_against_sampled_moments"}


@pytest.mark.parametrize("part", LineOfSight.examples(), ids=["random phase", "known phase", "weak"])
def test_a_line_of_sight_passes(part):
    report = check_part(part)
    assert report.ok, str(report)


@pytest.mark.parametrize("key", ["azimuth_deg", "elevation_deg"])
def test_a_line_of_sight_needs_a_direction_for_each_user(key):
    with pytest.raises(
        isacfw.InputError, match=f"{key} must have as many entries as large_scale_fading, 3, got 1"
    ):
        LineOfSight(**{key: (10.0,)})


def test_the_mean_of_a_line_of_sight_is_known_with_its_phase_only():
    array, drops = problems.transmit_array(), [isacfw.Drop(seed=0, number=0)]
    assert LineOfSight().statistics(drops, array).means is None
    fixed = LineOfSight(random_phase=False, k_factor=3.0)
    means = fixed.statistics(drops, array).means[0]
    assert np.allclose(np.abs(means) ** 2, 0.75 * np.array(fixed.large_scale_fading)[:, None])


class Buffer:
    """Arrays that are filled again and again."""

    def __init__(self):
        self.arrays = {}

    def __call__(self, name, value):
        value = np.asarray(value)
        key = name, value.shape, value.dtype
        if key not in self.arrays:
            self.arrays[key] = np.empty(value.shape, value.dtype)
        self.arrays[key][...] = value
        return self.arrays[key]


BUFFER = Buffer()


def buffered_solve(self, problem):
    shares = solution(problem)
    return attrs.evolve(
        shares, communication=BUFFER("x", shares.communication), sensing=BUFFER("q", shares.sensing)
    )


def buffered_draw(self, statistics, array, draws, generator):
    pair = RightChannel.draw(self, statistics, array, draws, generator)
    return tuple(BUFFER(name, value) for name, value in zip(("channels", "estimates"), pair, strict=True))


def buffered_evaluate(self, problem, allocation):
    found = RightMetric.evaluate(self, problem, allocation)
    return {name: BUFFER(name, value) for name, value in found.items()}


@pytest.mark.parametrize(
    "part",
    [
        made("allocator", solve=buffered_solve),
        made(
            "allocator",
            solve=lambda self, problem: attrs.evolve(
                buffered_solve(self, problem), sensing=BUFFER("q", EXACT.solve(problem).sensing)
            ),
            vectorized=False,
        ),
        made("channel", draw=buffered_draw),
        pytest.param(
            made("precoder", weights=lambda self, estimates: BUFFER("w", estimates)), marks=pytest.mark.slow
        ),
        pytest.param(
            made(
                "beam",
                weights=lambda self, scene, estimates: BUFFER("v", RightBeam.weights(self, scene, estimates)),
            ),
            marks=pytest.mark.slow,
        ),
        made("array", positions=lambda self: BUFFER("p", RightArray.positions(self))),
        made("metric", evaluate=buffered_evaluate),
    ],
    ids=["allocator", "allocator of one by one", "channel", "precoder", "beam", "array", "metric"],
)
def test_a_part_that_fills_the_same_arrays_again_passes(part):
    # A class that was made here cannot be pickled, which has nothing to do with its arrays.
    report = check_part(part, expected_failures={"pickle_round_trip": "it is made by a function"})
    assert report.ok, str(report)


def test_a_buffer_that_is_filled_again_gives_the_results_of_new_arrays():
    problem = problems.problem(3, batch=(4,))
    expected = RightAllocator().allocate(problem)
    found = made("allocator", solve=buffered_solve).allocate(problem)
    assert np.array_equal(found.communication, expected.communication)
    for kind, members in (
        ("channel", {"draw": buffered_draw}),
        ("precoder", {"weights": lambda self, estimates: BUFFER("w", estimates), **SAMPLED}),
    ):
        right, part = RIGHT[kind](), made(kind, **members)
        pairs = [
            (one, right if kind == "precoder" else RightPrecoder(), one if kind == "channel" else RightChannel())
            for one in (right, part)
        ]
        first, second = (
            isacfw.Precoder.link_statistics(
                one if kind == "precoder" else precoder, problems.scene(channel, accuracy=0.05)
            )
            for one, precoder, channel in pairs
        )
        assert np.array_equal(first.signal_gain, second.signal_gain)
        assert np.array_equal(first.interference, second.interference)


@part_of
class BlindZF(isacfw.Precoder):
    """Zero forcing that takes every channel for an isotropic one."""

    name = "blind_zf"

    def weights(self, estimates):
        return estimates @ np.linalg.inv(np.swapaxes(estimates.conj(), -1, -2) @ estimates)

    def link_statistics(self, scene):
        channel, antennas = scene.statistics, scene.antennas
        return LinkStatistics(
            signal_gain=np.ones_like(channel.xi),
            interference_gain=channel.epsilon,
            weight_power=1 / (antennas * (antennas - channel.users) * channel.xi),
            isotropic=True,
        )


def departs(channel, precoder, beam=None, targets=problems.DIRECTIONS[:1]):
    """Return where a problem and its simulation disagree."""
    scenario = problems.scenario(channel, accuracy=0.02, beam=beam, targets=targets)
    return agreement.disagreement(agreement.Model.of(scenario, precoder))


def test_zero_forcing_over_correlated_fading_is_found():
    channel, zf = problems.Correlated(correlation=0.9), problems.built_in("precoder", "zf")
    assert departs(channel, zf) == ""
    assert "the weight power of user" in departs(channel, BlindZF())


def test_a_beam_on_a_users_line_of_sight_is_found():
    channel, mrt = LineOfSight(k_factor=10.0), problems.built_in("precoder", "mrt")
    near = (isacfw.Direction(azimuth_deg=-6.0, elevation_deg=90.0),)
    assert departs(channel, mrt, targets=near) == ""
    forgetful_beam = made("beam", beam_statistics=forgetful)
    assert "the rate of user 0 is" in departs(channel, mrt, beam=forgetful_beam, targets=near)


def test_half_of_the_antennas_are_found():
    channel = problems.fading_channel()
    assert (
        departs(channel, made("precoder", **(HALF | {"link_statistics": isacfw.Precoder.link_statistics}))) == ""
    )
    assert "of the Fisher information is" in departs(channel, made("precoder", **HALF))


def test_a_true_optimum_with_coupling_passes(monkeypatch):
    best = problems.built_in("allocator", "ipopt")
    part = made("allocator", solve=lambda self, problem: attrs.evolve(best.solve(problem), status=Status.OPTIMAL))
    only("coupling_is_solved_or_refused", "allocator", monkeypatch)
    (result,) = check_part(part).results
    assert (result.outcome, result.message) == (Outcome.PASSED, "")


def test_a_long_array_passes(monkeypatch):
    only("derivatives_against_differences", "array", monkeypatch)
    assert check_part(problems.built_in("array", "ula", elements=4096)).failures == ()


def test_a_check_that_says_nothing_is_skipped(monkeypatch):
    alone = made(
        "channel",
        **fading(
            lambda found: attrs.evolve(
                found, **{name: getattr(found, name)[:, :1] for name in ("beta", "xi", "epsilon")}
            )
        ),
    )
    silent = made("allocator", **allocator(lambda problem, shares: attrs.evolve(shares, status=None)))
    for check, part, reason in (
        ("collinear_estimates_are_declared", alone, "it has a single user"),
        (
            "statistics_against_sampled_moments",
            made("precoder", **SAMPLED),
            "its link statistics are the sampled moments",
        ),
        (
            "statistics_against_sampled_moments",
            made("beam", **BEAM_SAMPLED),
            "its beam statistics are the sampled moments",
        ),
        (
            "turns_with_channel_is_true",
            made("precoder", turns_with_channel=False),
            "it does not say that it turns with the channel",
        ),
        (
            "isotropic_claim_against_sampled_moments",
            LineOfSight(),
            "it does not say that its fading is isotropic, so moments are sampled",
        ),
        ("variances_against_covariances", LineOfSight(), "its statistics have no covariances"),
        ("optimum_is_not_below_a_uniform_split", silent, "it claims no optimum"),
        ("claimed_optimum_against_exact", silent, "it claims no global optimum"),
        ("one_user", made("allocator", **allocator(refuse)), "not today"),
        ("finite_output", made("allocator", **allocator(refuse)), "not today"),
        ("returns_shares", made("allocator", **allocator(refuse)), "not today"),
    ):
        with monkeypatch.context() as patch:
            only(check, kit.kind_of(part), patch)
            (result,) = check_part(part).results
        assert (result.outcome, result.message) == (Outcome.SKIPPED, reason), check
