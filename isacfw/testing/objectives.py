"""Checks of objectives."""

from __future__ import annotations

import warnings
from typing import cast

import attrs
import numpy as np

from ..allocation.least import LeastCRLB, LeastPower
from ..allocation.objective import Objective, Performance, Utility, checked_value
from ..allocation.quantity import Quantity
from ..allocation.setting import Setting
from ..base.errors import InputError
from ..base.numbers import FloatArray, read_only
from . import goals, problems
from .checks import CheckSkipped, check, require
from .runs import Numbers, SampleRun, sample_run

TOLERANCE = 1e-9
PRELOG = 0.9
_DRAWS = 50
_STEP = 1e-6


def _performance(objective: Objective, batch: tuple[int, ...] = (), seed: int = 0) -> Performance:
    """Return the performance of random allocations, for a number of users that an objective accepts."""
    problem = problems.problem(goals.accepted_users(objective), seed=seed, batch=batch)
    found = problems.allocation(problem, seed)
    return _frozen(problem.performance(found.communication, found.streams))


def _frozen(performance: Performance) -> Performance:
    fields = attrs.asdict(performance, recurse=False)
    return Performance(**{name: cast(FloatArray, read_only(value)) for name, value in fields.items()})


def _at_rates(like: Performance, rates: FloatArray) -> Performance:
    """Return a performance with other rates (..., K), and all else the same."""
    shape, angles = rates.shape[:-1], like.crlb.shape[-1]
    return _frozen(
        Performance(
            power=np.full(shape, 1.0),
            prelog=np.full(shape, PRELOG),
            sinr=np.expm1(rates / PRELOG * np.log(2)),
            rates=rates,
            crlb=np.broadcast_to(like.crlb, (*shape, angles)),
            crlb_limit=np.broadcast_to(like.crlb_limit, (*shape, angles)),
        )
    )


def _rates(like: Performance, seed: int) -> FloatArray:
    """Return random rates from 0.001 to 10 bit/s/Hz; (n, K)."""
    users = like.rates.shape[-1]
    return np.asarray(10 ** np.random.default_rng(seed).uniform(-3, 1, (_DRAWS, users)))


def _utility(objective: Objective) -> Utility:
    if not isinstance(objective, Utility):
        raise CheckSkipped("it is not a utility of the rates")
    return objective


def _not_below(values: FloatArray, others: FloatArray, objective: Objective) -> bool:
    scale = np.maximum(goals.scale_of(objective, values), goals.scale_of(objective, others))
    return bool((values >= others - TOLERANCE * scale).all())


@check("objective")
def objective_is_declared(part: Objective) -> None:
    """The quantity has a name, a unit, a description, a direction and the role of an objective."""
    for quantity in (type(part).quantity, part.reported()):
        require(isinstance(quantity, Quantity), f"quantity must be a Quantity object, got {quantity!r}")
        require(quantity.name.isidentifier(), f"the quantity's name must be an identifier, got {quantity.name!r}")
        require(isinstance(quantity.unit, str), f"the unit of {quantity.name} must be a string")
        require(quantity.description, f"{quantity.name} has no description")
        require(quantity.role == "objective", f"the role of {quantity.name} must be 'objective'")
        require(not (quantity.per_user or quantity.per_stream), f"{quantity.name} must be a single number")
        better = quantity.better
        require(better in ("higher", "lower"), f"better of {quantity.name} must be higher or lower, got {better}")
        require(better == "higher" or not isinstance(part, Utility), f"{quantity.name} must be better if higher")
        least = isinstance(part, (LeastPower, LeastCRLB))
        require(better == "lower" or not least, f"{quantity.name} must be better if lower")


@check("objective")
def settings_are_accepted_or_refused(part: Objective) -> None:
    """Any setting is accepted, or refused with an InputError that names an option; one is accepted."""
    accepted = [_accepts(part, title, setting) for title, setting in goals.settings().items()]
    require(any(accepted), "it refuses all settings")


def _accepts(part: Objective, title: str, setting: Setting) -> bool:
    keys = {field.name for field in attrs.fields(type(part))} | {"kind"}
    try:
        part.check(setting)
    except InputError as error:
        key = error.key.partition("[")[0]
        require(key in keys, f"with {title}, the key of its error is {error.key!r}, which is not an option")
        return False
    return True


@check("objective")
def value_has_the_batch_axes(part: Objective) -> None:
    """The value has the batch axes of the performance."""
    for batch in ((), (1,), (3,), (2, 3)):
        checked_value(part, _performance(part, batch))


@check("objective")
def batch_is_its_members(part: Objective) -> None:
    """The value of a batch equals the values of its members."""
    together = _performance(part, (2, 2))
    values = np.array(part.value(together))
    for index in np.ndindex(2, 2):
        fields = attrs.asdict(together, recurse=False)
        axes = {"power": 0, "prelog": 0}
        member = Performance(
            **{
                name: np.broadcast_to(value, (2, 2, *value.shape[value.ndim - axes.get(name, 1) :]))[index]
                for name, value in fields.items()
            }
        )
        alone = np.asarray(part.value(_frozen(member)))
        require(np.allclose(values[index], alone, rtol=1e-9), "its value differs in a batch")


@check("objective")
def no_answer_raises_nothing(part: Objective) -> None:
    """Without an allocation, nothing is raised and no warning is issued."""
    given = _performance(part, (2,))
    fields = attrs.asdict(given, recurse=False)
    missing = {name: np.full(fields[name].shape, np.nan) for name in ("power", "sinr", "rates", "crlb")}
    with np.errstate(invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("error")
        checked_value(part, _frozen(Performance(**{**fields, **missing})))


@check("objective")
def a_direction_means_a_difference(part: Objective) -> None:
    """The value differs between allocations."""
    # Shares of the power in use differ too.
    given = [_performance(part, seed=seed) for seed in range(4)]
    used = [attrs.evolve(one, power=one.power / (1 + number)) for number, one in enumerate(given)]
    values = np.array([part.value(_frozen(one)) for one in used])
    require(np.ptp(values) > 0, "its value is the same for all allocations")


@check("objective")
def utility_does_not_fall_with_rates(part: Objective) -> None:
    """A utility does not fall if the rate of any user rises."""
    like = _performance(_utility(part))
    rates = _rates(like, 0)
    before = np.array(part.value(_at_rates(like, rates)))
    for user in range(rates.shape[-1]):
        for factor in (1.001, 2.0):
            more = rates.copy()
            more[:, user] *= factor
            after = np.asarray(part.value(_at_rates(like, more)))
            require(_not_below(after, before, part), f"its value falls if the rate of user {user} rises")


@check("objective")
def utility_is_concave_in_rates(part: Objective) -> None:
    """A utility is concave in the rates, so that solvers may rely on it."""
    like = _performance(_utility(part))
    one, other = _rates(like, 1), _rates(like, 2)
    ends = [np.array(part.value(_at_rates(like, rates))) for rates in (one, other)]
    for weight in (0.1, 0.5, 0.9):
        between = np.asarray(part.value(_at_rates(like, weight * one + (1 - weight) * other)))
        chord = weight * ends[0] + (1 - weight) * ends[1]
        scale = np.maximum(np.abs(ends[0]), np.abs(ends[1]))
        require(
            (between >= chord - TOLERANCE * np.maximum(scale, 1)).all(), "its value is not concave in the rates"
        )


@check("objective")
def gradient_against_differences(part: Objective) -> None:
    """The gradient of a utility equals finite differences of its value with respect to the SINRs."""
    utility = _utility(part)
    like = _performance(part)
    sinr = np.expm1(_rates(like, 3) / PRELOG * np.log(2))
    gradient = np.array(utility.gradient(_at_sinr(like, sinr)))
    require(gradient.shape == sinr.shape, f"its gradient must have shape {sinr.shape}, got {gradient.shape}")
    for user in range(sinr.shape[-1]):
        step = np.zeros_like(sinr)
        step[:, user] = _STEP * sinr[:, user]
        above, below = (np.array(part.value(_at_sinr(like, sinr + sign * step))) for sign in (1, -1))
        difference = (above - below) / (2 * step[:, user])
        # Rounding of the value limits the accuracy of the difference.
        rounding = 1e-15 * np.maximum(np.abs(above), 1) / step[:, user]
        error = np.abs(gradient[:, user] - difference)
        good = error <= 1e-5 * np.abs(difference) + 10 * rounding
        require(
            good.all(),
            f"its gradient for user {user} departs from differences by {error[~good].max(initial=0):.3g}",
        )


def _at_sinr(like: Performance, sinr: FloatArray) -> Performance:
    return _at_rates(like, PRELOG * np.log1p(sinr) / np.log(2))


@attrs.frozen(kw_only=True, eq=False)
class _SplitCase:
    """Inverse gains (n, K), totals (n,) and least shares (n, K), or None, of users with constant gains."""

    inverse: FloatArray
    total: FloatArray
    least: FloatArray | None = None


def _split_cases(users: int) -> dict[str, _SplitCase]:
    generator = np.random.default_rng(4)
    inverse = 10 ** generator.uniform(-3, 1, (20, users))
    total = 10 ** generator.uniform(-2, 0, 20)
    shares = total[:, None] * generator.dirichlet(np.ones(users), 20)
    return {
        "no least shares": _SplitCase(inverse=inverse, total=total),
        "least shares": _SplitCase(inverse=inverse, total=total, least=0.7 * shares),
        "least shares of some users": _SplitCase(
            inverse=inverse, total=total, least=np.where(np.arange(users) % 2, 0.0, 0.9 * shares)
        ),
        "equal gains": _SplitCase(inverse=np.ones((20, users)), total=total),
    }


@check("objective")
def split_is_optimal(part: Objective) -> None:
    """The split of a utility adds up to the total, meets least shares, and no other split is better."""
    utility = _utility(part)
    like = _performance(part)
    for title, case in _split_cases(like.rates.shape[-1]).items():
        x = _split(utility, case)
        if x is None:
            raise CheckSkipped("it has no split, so `exact` refuses it")
        require(x.shape == case.inverse.shape, f"its split must have shape {case.inverse.shape}, got {x.shape}")
        floor = np.zeros_like(x) if case.least is None else case.least
        gap = np.abs(x.sum(axis=-1) / case.total - 1).max()
        require(gap <= TOLERANCE, f"with {title}, its split differs from the total by {gap:.3g} of it")
        lack = ((floor - x) / case.total[:, None]).max()
        require(lack <= TOLERANCE, f"with {title}, its split is below a least share by {lack:.3g} of the total")
        found = np.asarray(part.value(_at_sinr(like, x / case.inverse)))
        generator = np.random.default_rng(5)
        for step in (1e-3, 0.1, 1.0):
            for _ in range(_DRAWS):
                above = case.total - floor.sum(axis=-1)
                ends = floor + above[:, None] * generator.dirichlet(np.full(x.shape[-1], 0.5), len(x))
                other = np.asarray(part.value(_at_sinr(like, (x + step * (ends - x)) / case.inverse)))
                require(_not_below(found, other, part), f"with {title}, another split is better than its own")


def _split(part: Utility, case: _SplitCase) -> FloatArray | None:
    """Return a split of read-only inputs, except for the inverse gains, which may be overwritten."""
    total = cast(FloatArray, read_only(case.total))
    least = None if case.least is None else cast(FloatArray, read_only(case.least))
    found = part.split(np.array(case.inverse), total, least)
    return None if found is None else np.array(found)


@check("objective")
def split_of_a_batch_is_that_of_its_members(part: Objective) -> None:
    """The split of a batch has the same bits as those of its members."""
    utility = _utility(part)
    for title, case in _split_cases(goals.accepted_users(part)).items():
        together = _split(utility, case)
        if together is None:
            raise CheckSkipped("it has no split, so `exact` refuses it")
        for index in range(len(together)):
            least = None if case.least is None else case.least[index]
            alone = _split(utility, _SplitCase(inverse=case.inverse[index], total=case.total[index], least=least))
            require(
                alone is not None and np.array_equal(together[index], alone),
                f"with {title}, its split differs in a batch",
            )


@sample_run("objective")
def _of_objective(part: Objective, seed: int) -> SampleRun:
    performance = _performance(part, (2,), seed)
    inputs: Numbers = {"performance": performance}
    if isinstance(part, Utility):
        inputs |= {"total": np.full(2, 0.5), "least": np.full(performance.rates.shape, 1e-3)}
        inputs |= {"inverse": 1 / performance.sinr}
    inputs = {name: value if name == "performance" else read_only(value) for name, value in inputs.items()}

    def run(performance: Performance, **given: FloatArray) -> Numbers:
        found: Numbers = {"value": part.value(performance)}
        if isinstance(part, Utility):
            found["gradient"] = part.gradient(performance)
            split = part.split(np.array(given["inverse"]), given["total"], given["least"])
            found |= {} if split is None else {"split": split}
        return found

    return SampleRun(inputs=inputs, direct=run)
