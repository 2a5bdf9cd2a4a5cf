"""Comparisons: records, sweeps, parts that break down, and the same result whatever the order."""

from __future__ import annotations

import itertools
import json
import re
import tomllib
import warnings

import attrs
import numpy as np
import pytest

import isacfw
from isacfw import Execution, InputError, Shares, Status, compare, load_scenario
from isacfw.config.structure import structure
from isacfw.report.comparison import Comparison

KEYS = [
    "status",
    "feasible",
    "max_violation",
    "sum_rate",
    "rates",
    "crlb_azimuth_db",
    "crlb_elevation_db",
    "communication_power",
    "sensing_power",
    "gamma",
    "rho",
    "iterations",
    "seconds",
    "message",
]
NUMBERS = [
    "max_violation",
    "sum_rate",
    "crlb_azimuth_db",
    "crlb_elevation_db",
    "communication_power",
    "sensing_power",
    "rho",
]
INFEASIBLE = {"sensing.crlb_limit_db": -200}


@pytest.fixture(scope="module")
def run(variant, host_with):
    """Return a function that compares the allocators of a variation of the small scenario."""

    plain = host_with()

    def of(changes=None, host=plain, progress=None, **options) -> Comparison:
        execution = Execution(host=host, progress=progress)
        return compare(structure(variant(changes or {}), host), **options, execution=execution)

    return of


def allocator(name="odd", solve=None, **members):
    """Return an allocator class; by default one that gives a tenth of the power to each of three users."""

    def tenth(self, problem):
        shape = problem.batch_shape
        return Shares(communication=np.full((*shape, problem.users), 0.1), sensing=np.full(shape, 0.7))

    body = {"__doc__": "A part of the tests.", "name": name, "solve": solve or tenth, **members}
    return attrs.frozen(kw_only=True)(type("Part", (isacfw.Allocator,), body))


def metric(quantity, of):
    """Return a metric class that reports one quantity, a function of an allocation."""

    def evaluate(self, problem, allocation):
        return of(allocation)

    body = {"__doc__": "A part of the tests.", "name": "extra", "quantities": (quantity,), "evaluate": evaluate}
    return attrs.frozen(kw_only=True)(type("Part", (isacfw.Metric,), body))


def without_time(comparison):
    """Return the records as text without the wall time, which alone may differ between runs."""
    return [json.dumps(record | {"seconds": None}) for record in comparison.records()]


def test_the_keys_of_a_record_are_those_promised_and_one_per_swept_path(run):
    record = run().records()[0]
    assert list(record)[:3] == ["precoder", "allocator", "drop"]
    assert [key for key in record if key in KEYS] == KEYS
    assert set(KEYS) | {"precoder", "allocator", "drop"} <= set(record)
    swept = run({"sweep": {"snr_db": [0, 5], "sensing.crlb_limit_db": [-20]}}).records()[0]
    assert set(swept) == set(record) | {"snr_db", "sensing.crlb_limit_db"}
    assert list(swept)[3:5] == ["snr_db", "sensing.crlb_limit_db"]


def test_the_types_of_a_record(run):
    for record in run().records():
        assert type(record["drop"]) is int
        assert type(record["feasible"]) is bool
        assert type(record["iterations"]) is int
        assert type(record["seconds"]) is float
        assert record["status"] in {status.value for status in Status}
        assert isinstance(record["message"], str)
        assert [type(rate) for rate in record["rates"]] == [float] * 3
        assert [type(gamma) for gamma in record["gamma"]] == [float] * 3
        assert all(type(record[key]) is float for key in NUMBERS)


def test_a_row_for_every_combination_in_order(run):
    records = run({"sweep": {"snr_db": [5, 0], "sensing.crlb_limit_db": [-20, -30]}}).records()
    found = [
        (row["precoder"], row["allocator"], row["snr_db"], row["sensing.crlb_limit_db"], row["drop"])
        for row in records
    ]
    assert found == list(itertools.product(["mrt", "zf"], ["exact", "equal_com"], [5, 0], [-20, -30], [0, 1]))


def test_numbers_agree_with_each_other(run):
    for row in run().records():
        assert row["sum_rate"] == pytest.approx(sum(row["rates"]), rel=1e-12)
        assert row["communication_power"] + row["sensing_power"] == pytest.approx(10, rel=1e-6)
        assert row["rho"] == pytest.approx(row["sensing_power"] / 16, rel=1e-12)
        assert row["feasible"] == (row["max_violation"] <= 1e-6)


def test_a_limit_that_cannot_be_met_is_a_row_without_numbers(run):
    comparison = run(INFEASIBLE, allocators=["exact", "equal_com", "equal_cs"])
    for row in comparison.records():
        assert (row["status"], row["feasible"]) == ("infeasible", False)
        assert row["message"]
        assert "\n" not in row["message"]
        if row["allocator"] == "equal_cs":
            assert all(row[key] is not None for key in NUMBERS)
            assert row["max_violation"] > 1e-6
        else:
            assert all(row[key] is None for key in NUMBERS)
            assert row["rates"] == row["gamma"] == [None] * 3
            assert "at full power the CRLBs can be no smaller than" in row["message"]
    assert not comparison.failed


def test_the_json_is_strict(run):
    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    for changes in ({}, INFEASIBLE, {"sensing": {}}, {"channel.users": 16}):
        comparison = run(changes)
        assert json.loads(comparison.to_json(), parse_constant=refuse) == comparison.records()


def test_every_point_of_a_sweep_is_what_a_scenario_of_its_own_gives(run):
    sweep = {"snr_db": [0, 12], "sensing.crlb_limit_db": [-25, -28], "receive_array.vertical": [3, 4]}
    swept = run({"sweep": sweep}).records()
    for values in itertools.product(*sweep.values()):
        place = dict(zip(sweep, values, strict=True))
        alone = run(place).records()
        here = [row for row in swept if all(row[path] == value for path, value in place.items())]
        assert len(here) == len(alone) == 8
        for row, expected in zip(here, alone, strict=True):
            assert {key: row[key] for key in expected if key != "seconds"} == {
                key: value for key, value in expected.items() if key != "seconds"
            }


def test_a_sweep_over_the_number_of_users(run):
    comparison = run({"sweep": {"channel.users": [1, 4, 2]}})
    for row in comparison.records():
        users = row["channel.users"]
        assert len(row["rates"]) == len(row["gamma"]) == users
        assert None not in row["rates"]
    rates = comparison.dataset["rates"]
    assert rates.sizes["user"] == 4
    np.testing.assert_array_equal(
        np.isfinite(rates.isel({"precoder": 0, "allocator": 0, "drop": 0})).sum("user"), [1, 4, 2]
    )
    np.testing.assert_array_equal(comparison.dataset["users"], [1, 4, 2])


def test_a_sweep_over_given_fading_keeps_its_lists_in_the_records(run):
    lists = [[0.1, 0.2, 0.3], [0.3, 0.2, 0.1]]
    rows = run(
        {"sweep": {"channel.large_scale_fading": lists}}, precoders=["mrt"], allocators=["exact"]
    ).records()
    assert len({json.dumps(row["channel.large_scale_fading"]) for row in rows}) == 2
    assert len(rows) == 4


@pytest.mark.parametrize("path", ["transmit_array.horizontal", "channel.users"])
def test_a_precoder_that_does_not_exist_somewhere_is_skipped_there_only(path, run):
    sweep = {"transmit_array.horizontal": [1, 2, 4], "channel.users": [8, 7, 3]}[path]
    changes = {"transmit_array.vertical": 1, "transmit_array.horizontal": 8, "sweep": {path: sweep}}
    if path == "transmit_array.horizontal":
        changes["channel.users"] = 2
    comparison = run(changes | {"sensing": {}})
    for row in comparison.records():
        antennas = row.get("transmit_array.horizontal", 8)
        users = row.get("channel.users", 2)
        if row["precoder"] == "zf" and antennas <= users:
            assert (row["status"], row["feasible"], row["sum_rate"]) == ("skipped", False, None)
            assert f"got {antennas} antennas and {users} users" in row["message"]
        else:
            assert row["status"] in ("optimal", "feasible")
            assert row["sum_rate"] > 0
    assert "skipped" in comparison.dataset["status"]
    assert not comparison.failed


def test_the_same_seed_gives_the_same_result_whatever_the_order(run):
    sweep = {"sweep": {"snr_db": [0, 10]}}
    first = without_time(run(sweep))
    assert without_time(run(sweep)) == first
    assert without_time(run(sweep | {"seed": 1})) == first
    assert without_time(run(sweep | {"seed": 2})) != first
    other = run(sweep | {"allocators": ["equal_cs", "equal_com", "exact"], "precoders": ["zf", "mrt"]})
    assert set(first) < set(without_time(other))
    fewer = without_time(run(sweep | {"drops": 1}))
    assert set(fewer) < set(first)


def test_solvers_give_the_same_result_whatever_the_order(run):
    names = ["sca", "ipopt", "exact"]
    first = without_time(run({"allocators": names, "precoders": ["zf"], "drops": 2}))
    second = without_time(run({"allocators": names[::-1], "precoders": ["mrt", "zf"], "drops": 2}))
    assert set(first) < set(second)


@pytest.mark.parametrize("field", [field.name for field in attrs.fields(isacfw.PowerAllocationProblem)])
@pytest.mark.parametrize("vectorized", [False, True])
def test_an_allocator_that_writes_into_its_problem_changes_nobody_s_result(field, vectorized, run, host_with):
    def spoil(self, problem):
        getattr(problem, field)[...] *= 3
        return Shares.none(problem, Status.INFEASIBLE, "")

    host = host_with(register_allocators=lambda: [allocator("spoil", spoil, vectorized=vectorized)])
    sweep = {"sweep": {"snr_db": [9, 10]}}
    alone = set(without_time(run({"allocators": ["exact"], **sweep}, host)))
    beside = set(without_time(run({"allocators": ["spoil", "exact"], **sweep}, host)))
    assert alone < beside


def _boom(self, problem):
    raise RuntimeError("two\nlines")


def _shares(**changes):
    def solve(self, problem):
        shape = problem.batch_shape
        fields = {"communication": np.full((*shape, problem.users), 0.1), "sensing": np.full(shape, 0.7)}
        return Shares(**(fields | changes))

    return solve


def _nan(self, problem):
    shape = problem.batch_shape
    shares = np.full((*shape, problem.users), np.nan)
    return Shares(communication=shares, sensing=np.zeros(shape), status=Status.OPTIMAL)


def _exit(self, problem):
    raise SystemExit(0)


FAILURES = {
    "ends the process": (_exit, "SystemExit"),
    "raises": (_boom, "raised RuntimeError: two"),
    "returns nothing": (lambda *_: None, ""),
    "returns shares for another number of users": (_shares(communication=np.ones(7)), "shape"),
    "returns a sensing share for each user": (_shares(sensing=np.ones((2, 3))), "shape"),
    "returns NaN": (_nan, ""),
    "returns an unknown status": (_shares(status="great"), "great"),
    "returns too many statuses": (_shares(status=np.array(["optimal"] * 7)), ""),
    "returns no number of iterations": (_shares(iterations="many"), ""),
    "returns too many numbers of iterations": (_shares(iterations=np.arange(7)), ""),
    "returns a history of words": (_shares(history=("a", "b")), ""),
    "returns no history": (_shares(history=None), ""),
}


@pytest.mark.parametrize(
    ("failure", "vectorized"),
    # A vectorised allocator has no history.
    [(name, flag) for name in FAILURES for flag in (False, True) if not (flag and "history" in name)],
)
def test_an_allocator_that_breaks_down_costs_its_own_rows_only(failure, vectorized, run, host_with):
    solve, words = FAILURES[failure]
    host = host_with(register_allocators=lambda: [allocator("odd", solve, vectorized=vectorized)])
    comparison = run({"allocators": ["odd", "exact"]}, host)
    expected = run({"allocators": ["exact"]}).records()
    rows = comparison.records()
    stands = [{**row, "seconds": 0} for row in rows if row["allocator"] == "exact"]
    assert stands == [{**row, "seconds": 0} for row in expected]
    for row in rows:
        if row["allocator"] == "odd":
            assert (row["status"], row["feasible"], row["sum_rate"]) == ("failed", False, None)
            assert row["message"].strip()
            assert words in row["message"]
    assert comparison.failed
    json.loads(comparison.to_json())


def test_a_breakdown_on_one_drop_costs_that_drop_only(run, host_with):
    calls = []

    def solve(self, problem):
        calls.append(problem)
        if len(calls) == 2:
            raise RuntimeError("no")
        return Shares(communication=np.full(problem.users, 0.1), sensing=np.asarray(0.7))

    host = host_with(register_allocators=lambda: [allocator("odd", solve)])
    rows = run({"drops": 3}, host, precoders=["mrt"], allocators=["odd"]).records()
    assert [row["status"] for row in rows] == ["feasible", "failed", "feasible"]
    assert [problem.batch_shape for problem in calls] == [()] * 3


def test_messages_are_one_line(run, host_with):
    parts = [allocator("raises", _boom), allocator("says", _shares(message="two\nlines"))]
    host = host_with(register_allocators=lambda: parts)
    for row in run({"allocators": ["raises", "says"]}, host).records():
        assert "\n" not in row["message"]


@pytest.mark.parametrize("vectorized", [False, True])
def test_a_claim_that_does_not_hold_does_not_stand(vectorized, run, host_with):
    cheats = [
        allocator("greedy", _shares(sensing=np.asarray(0.9), status="optimal")),
        allocator("blind", _shares(sensing=np.asarray(0.0), status=Status.LOCALLY_OPTIMAL)),
        allocator("negative", _shares(communication=np.array([0.5, 0.5, -0.3]), sensing=np.asarray(0.3))),
    ]
    if vectorized:

        def greedy(self, problem):
            shape = problem.batch_shape
            return Shares(
                communication=np.ones((*shape, problem.users)), sensing=np.ones(shape), status=Status.OPTIMAL
            )

        cheats = [allocator("greedy", greedy, vectorized=True)]
    host = host_with(register_allocators=lambda: cheats)
    rows = run({"sensing.crlb_limit_db": -34, "allocators": [cheat.name for cheat in cheats]}, host).records()
    claims = {"greedy": "reported as optimal, but", "blind": "reported as locally optimal, but", "negative": ""}
    for row in rows:
        assert (row["status"], row["feasible"]) == ("infeasible", False)
        assert row["message"].startswith(claims[row["allocator"]])
        assert not claims[row["allocator"]] or "violates a constraint by" in row["message"]
        assert row["max_violation"] > 1e-6
    greedy = next(row for row in rows if row["allocator"] == "greedy")
    assert greedy["max_violation"] == pytest.approx(3.0 if vectorized else 0.2)


def test_an_allocator_s_own_objective_counts_for_nothing(run, host_with):
    boast = _shares(history=(1e9, 2e9), status="optimal", iterations=2)
    host = host_with(register_allocators=lambda: [allocator("boast", boast), allocator("plain", vectorized=True)])
    comparison = run({"allocators": ["boast", "plain"]}, host)
    rows = comparison.records()
    assert [row["sum_rate"] for row in rows if row["allocator"] == "boast"] == pytest.approx(
        [row["sum_rate"] for row in rows if row["allocator"] == "plain"]
    )
    assert {row["iterations"] for row in rows if row["allocator"] == "boast"} == {2}
    history = comparison.dataset["objective_history"].sel(allocator="boast")
    np.testing.assert_array_equal(history.isel({"precoder": 0, "drop": 0}), [1e9, 2e9])
    assert comparison.dataset["objective_history"].sel(allocator="plain").isnull().all()


def test_silence_of_an_allocator_is_filled_in_by_the_framework(run):
    loose = run({"sensing": {}, "allocators": ["equal_cs"]}).records()
    tight = run(INFEASIBLE | {"allocators": ["equal_cs"]}).records()
    assert {(row["status"], row["message"]) for row in loose} == {("feasible", "")}
    assert {(row["status"], row["message"]) for row in tight} == {
        ("infeasible", "the allocation violates a constraint")
    }


def test_an_allocator_that_does_not_fit_a_problem_is_skipped(run, host_with):
    def solve(self, problem):
        raise isacfw.IncompatibleError("needs exactly two users")

    host = host_with(register_allocators=lambda: [allocator("picky", solve)])
    comparison = run({"allocators": ["picky"]}, host)
    assert {(row["status"], row["message"]) for row in comparison.records()} == {
        ("skipped", "needs exactly two users")
    }
    assert not comparison.failed


@pytest.mark.parametrize(
    ("hook", "base", "members", "changes"),
    [
        ("register_precoders", isacfw.Precoder, ("weights", "link_statistics"), {"precoders": ["odd", "mrt"]}),
        ("register_arrays", isacfw.Array, ("positions",), {"transmit_array": "odd"}),
        ("register_arrays", isacfw.Array, ("positions",), {"receive_array": "odd"}),
        ("register_channels", isacfw.Channel, ("statistics", "draw"), {"channel": "odd"}),
    ],
)
def test_any_other_part_that_raises_is_no_traceback(hook, base, members, changes, run, host_with, attempt):
    def raising(*_arguments, **_options):
        raise RuntimeError("broken inside")

    body = {"__doc__": "Broken.", "name": "odd", **dict.fromkeys(members, raising)}
    part = attrs.frozen(kw_only=True)(type("Odd", (base,), body))
    host = host_with(**{hook: lambda: [part]})
    comparison, error = attempt(lambda: run(changes, host))
    if error is not None:
        assert "broken inside" in str(error)
    else:
        assert comparison.failed
        failed = [row for row in comparison.records() if row["status"] == "failed"]
        assert all("broken inside" in row["message"] for row in failed)
        assert all("odd" in row["message"] for row in failed)
        assert {row["precoder"] for row in failed} == ({"odd"} if "precoders" in changes else {"mrt", "zf"})


POSITIONS = {
    "one coordinate": (lambda: np.arange(16.0), "must return positions of shape (N, 2) or (N, 3), got (16,)"),
    "four coordinates": (
        lambda: np.ones((16, 4)),
        "must return positions of shape (N, 2) or (N, 3), got (16, 4)",
    ),
    "transposed": (lambda: np.ones((2, 16)), "must return positions of shape (N, 2) or (N, 3), got (2, 16)"),
    "an axis more": (
        lambda: np.ones((1, 16, 2)),
        "must return positions of shape (N, 2) or (N, 3), got (1, 16, 2)",
    ),
    "no elements": (lambda: np.ones((0, 2)), "must return positions of shape (N, 2) or (N, 3), got (0, 2)"),
    "nothing": (lambda: None, "must return positions of shape (N, 2) or (N, 3), got ()"),
    "words": (lambda: [["left", "right"]], "raised ValueError: could not convert string to float: 'left'"),
    "NaN": (lambda: np.full((16, 2), np.nan), "must return finite positions, got NaN or an infinite number"),
    "an infinity": (lambda: [[np.inf, 0.0]], "must return finite positions, got NaN or an infinite number"),
}


@pytest.mark.parametrize("side", ["transmit_array", "receive_array"])
@pytest.mark.parametrize("case", POSITIONS)
def test_positions_that_break_the_contract_are_one_sentence_that_names_the_array(case, side, run, host_with):
    positions, sentence = POSITIONS[case]
    body = {"__module__": __name__, "name": "odd", "positions": lambda self: positions()}
    part = attrs.frozen(kw_only=True)(type("Odd", (isacfw.Array,), body))
    comparison = run({side: "odd"}, host_with(register_arrays=lambda: [part]))
    told = {(row["status"], row["message"]) for row in comparison.records()}
    assert told == {("failed", f"array odd of {part.provider()} {sentence}")}


def test_as_many_positions_as_elements_are_asked_for(run, host_with):
    body = {"__module__": __name__, "name": "odd", "positions": lambda self: np.ones((5, 2)), "n_elements": 4}
    part = attrs.frozen(kw_only=True)(type("Odd", (isacfw.Array,), body))
    comparison = run({"receive_array": "odd"}, host_with(register_arrays=lambda: [part]))
    (message,) = {row["message"] for row in comparison.records()}
    assert message.endswith("must return positions of shape (4, 2) or (4, 3), got (5, 2)")


def test_a_number_without_memory_is_no_traceback(run):
    with pytest.raises(InputError, match=r"channel\.users"):
        run({"channel.users": 10**30})


@pytest.mark.parametrize(
    "changes",
    [
        {"channel": {"kind": "rayleigh", "large_scale_fading": [1e300, 1e300, 1e300]}},
        {"channel": {"kind": "rayleigh", "large_scale_fading": [1e-300, 1.0, 1e10]}},
        {"channel.cell_radius_m": 1e308},
        {"channel.shadowing_db": 1e5},
        {"channel.path_loss_exponent": 1e5},
        {"target.reflection_amplitude": 1e200},
        {"target.reflection_amplitude": ..., "target.distance_m": 1e-200},
        {"target.reflection_amplitude": 1e-200},
        {"sensing.frame_length": 10**30},
        {"snr_db": 300.0},
        {"snr_db": -300.0},
        {"channel.pilot_snr_db": 300.0},
        {"channel.pilot_snr_db": -300.0},
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_extreme_values_give_rows_or_one_sentence(changes, run, attempt):
    comparison, error = attempt(lambda: run(changes))
    if error is not None:
        assert isinstance(error, isacfw.PluginError) or error.key
    else:
        json.loads(comparison.to_json())
        for row in comparison.records():
            if row["status"] in ("optimal", "feasible"):
                assert row["sum_rate"] is not None


def test_parts_names_and_labels_in_place_of_the_scenario_s(run, host_with):
    changes = {"allocators": [{"kind": "sca", "label": "log", "surrogate": "logarithmic"}, "exact"]}
    changes |= {"precoders": ["mrt"], "drops": 1}
    exact = host_with().find("allocator", "exact").cls
    own = run(changes, allocators=["log"]).dataset
    assert list(own["allocator"].to_numpy()) == ["log"]
    assert 'surrogate = "logarithmic"' in own.attrs["scenario"]
    by_kind = run(changes, allocators=["sca"]).dataset
    assert 'surrogate = "logarithmic"' in by_kind.attrs["scenario"]
    mixed = run(
        changes, allocators=[exact(label="mine"), "equal_cs", "isacfw:equal_com"], precoders=["zf"]
    ).dataset
    assert list(mixed["allocator"].to_numpy()) == ["mine", "equal_cs", "equal_com"]
    assert list(mixed["precoder"].to_numpy()) == ["zf"]


@pytest.mark.parametrize(
    ("options", "key", "words"),
    [
        ({"allocators": "exact"}, "allocators", "must be a list, got the string 'exact'"),
        ({"allocators": 5}, "allocators", "must be a list"),
        ({"allocators": []}, "allocators", "nonempty"),
        ({"allocators": ["exct"]}, "allocators", "did you mean 'exact'?"),
        ({"allocators": [5]}, "allocators[0]", "must be an allocator, got 5"),
        ({"allocators": ["exact", "exact"]}, "allocators[1]", "already used"),
        ({"precoders": ["mtr"]}, "precoders", "did you mean 'mrt'?"),
        ({"precoders": ["exact"]}, "precoders", "a known precoder"),
        ({"drops": 0}, "drops", "at least 1, got 0"),
        ({"drops": True}, "drops", "got True"),
        ({"drops": "3"}, "drops", "got '3'"),
    ],
)
def test_an_argument_that_is_wrong(options, key, words, run):
    with pytest.raises(InputError) as caught:
        run(**options)
    assert caught.value.key == key
    assert words in caught.value.problem


def test_drops_in_place_of_the_scenario_s(run):
    comparison = run(drops=3)
    assert comparison.dataset.sizes["drop"] == 3
    assert without_time(comparison) == without_time(run({"drops": 3}))


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"seed": 5, "time_limit_s": 100.0}, "seed, time_limit_s: set the key of the scenario"),
        ({"plugins": ()}, "plugins: pass load_scenario(..., plugins=[...])"),
        ({"workers": 1, "executor": None}, "execution=isacfw.Execution(workers=..., executor=...)"),
        (
            {"progress": lambda _done, _total: None, "saving": None, "out": None, "host": None},
            "isacfw.Execution(",
        ),
    ],
    ids=lambda value: ", ".join(value) if isinstance(value, dict) else "",
)
def test_a_former_option_is_accepted_with_a_warning(options, hint, run, variant):
    with pytest.warns(DeprecationWarning, match=re.escape(hint)):
        found = compare(variant({"drops": 2}), **options)
    assert without_time(found) == without_time(run({"drops": 2} | ({"seed": 5} if "seed" in options else {})))


def test_a_former_option_is_checked_as_before(variant):
    with (
        pytest.warns(DeprecationWarning, match="fewer options"),
        pytest.raises(InputError, match="workers must be an integer"),
    ):
        compare(variant({}), workers=0)
    with (
        pytest.warns(DeprecationWarning, match="fewer options"),
        pytest.raises(InputError, match="seed must be an integer"),
    ):
        compare(variant({}), seed=-1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'worker'"):
        compare(variant({}), worker=2)


def test_whatever_a_scenario_comes_from(scenario_file, variant, run):
    expected = without_time(run())
    path = scenario_file()
    for source in (path, str(path), variant(), load_scenario(path), load_scenario(path).scenario):
        assert without_time(compare(source)) == expected
    with pytest.raises(InputError):
        compare(5)


def test_contradictions_that_only_a_point_shows_are_refused(run):
    with pytest.raises(InputError, match="pilot_length must be less than coherence_length"):
        run({"sweep": {"channel.pilot_length": [10, 90], "channel.coherence_length": [100, 50]}})


def test_a_metric_of_a_plugin_is_a_key_and_a_variable(run, host_with):
    quantity = isacfw.Quantity(name="least_rate", unit="bit/s/Hz", better="higher", description="Least user rate")
    least = metric(quantity, lambda allocation: {"least_rate": allocation.rates.min(axis=-1)})
    host = host_with(register_metrics=lambda: [least])
    comparison = run({"metrics": ["extra"], "sweep": {"channel.users": [2, 3]}}, host)
    for row in comparison.records():
        assert row["least_rate"] == min(row["rates"])
    assert comparison.dataset["least_rate"].attrs == {
        "units": "bit/s/Hz",
        "long_name": "Least user rate",
        "better": "higher",
        "role": "metric",
        "heading": "\nleast_rate\nbit/s/Hz",
        "group": "extra",
    }
    assert "least_rate" not in run({}, host).records()[0]


def test_a_metric_per_user(run, host_with):
    part = metric(
        isacfw.Quantity(name="value", per_user=True), lambda allocation: {"value": allocation.communication}
    )
    host = host_with(register_metrics=lambda: [part])
    comparison = run({"metrics": ["extra"], "sweep": {"channel.users": [2, 3]}}, host)
    assert comparison.dataset["value"].dims[-1] == "user"
    for row in comparison.records():
        assert len(row["value"]) == row["channel.users"]


def test_a_built_in_metric_may_be_named_too(run):
    assert without_time(run({"metrics": ["crlb", "sum_rate"]})) == without_time(run())


@pytest.mark.parametrize(
    "name", ["sum_rate", "status", "message", "iterations", "max_violation", "users", "objective_history", "drop"]
)
def test_a_metric_may_not_take_the_name_of_another_column(name, run, host_with):
    part = metric(isacfw.Quantity(name=name), lambda allocation: {name: allocation.sum_rate})
    host = host_with(register_metrics=lambda: [part])
    with pytest.raises((InputError, isacfw.PluginError), match=name):
        run({"metrics": ["extra"]}, host)


@pytest.mark.parametrize(
    "evaluate",
    [
        lambda _: 1 / 0,
        lambda _: {},
        lambda _: None,
        lambda _: {"value": np.ones(7)},
        lambda _: {"value": "word"},
    ],
)
def test_a_metric_that_breaks_down_costs_its_own_column_only(evaluate, run, host_with):
    host = host_with(register_metrics=lambda: [metric(isacfw.Quantity(name="value"), evaluate)])
    with pytest.warns(RuntimeWarning, match="metric extra"):
        comparison = run({"metrics": ["extra"]}, host)
    for row, plain in zip(comparison.records(), run().records(), strict=True):
        assert row.pop("value") is None
        assert row | {"seconds": 0} == plain | {"seconds": 0}


def test_progress_counts_to_the_end(run):
    calls = []
    changes = {"transmit_array.horizontal": 1, "sweep": {"channel.users": [2, 4]}, "sensing": {}}
    run(changes, progress=lambda done, total: calls.append((done, total)))
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
    assert {total for _, total in calls} == {2 * 2 * 2 * 2}
    assert calls[-1] == (16, 16)


def test_dimensions_units_and_provenance_of_the_data_set(run, variant):
    changes = {"sweep": {"snr_db": [0, 5], "sensing.crlb_limit_db": [-20, -25, -30]}}
    data = run(changes).dataset
    dims = ("precoder", "allocator", "snr_db", "sensing.crlb_limit_db", "drop")
    assert data["sum_rate"].dims == data["status"].dims == dims
    assert data["rates"].dims == data["gamma"].dims == (*dims, "user")
    assert dict(data.sizes) | {"iteration": 0} == {
        "precoder": 2,
        "allocator": 2,
        "snr_db": 2,
        "sensing.crlb_limit_db": 3,
        "drop": 2,
        "user": 3,
        "iteration": 0,
    }
    units = {"sum_rate": "bit/s/Hz", "rates": "bit/s/Hz", "crlb_azimuth_db": "dB rad^2"}
    for name, unit in units.items():
        assert data[name].attrs["units"] == unit
        assert data[name].attrs["long_name"]
    for angle in ("azimuth", "elevation"):
        np.testing.assert_allclose(data[f"crlb_{angle}_limit_db"], [[-20, -25, -30]] * 2)
        root = np.degrees(np.sqrt(10 ** (data[f"crlb_{angle}_db"] / 10)))
        np.testing.assert_allclose(data[f"root_crlb_{angle}_deg"], root)
    assert data.attrs["title"] == "small"
    assert data.attrs["seed"] == 1
    assert {"python", "isacfw", "numpy"} <= set(json.loads(data.attrs["versions"]))

    assert (
        load_scenario(tomllib.loads(data.attrs["scenario"])).scenario == load_scenario(variant(changes)).scenario
    )


def test_coordinates_are_the_swept_values(run):
    data = run({"sweep": {"snr_db": [5, 0, 2.5], "transmit_array.horizontal": [3, 2]}}).dataset
    np.testing.assert_array_equal(data["snr_db"], [5, 0, 2.5])
    assert data["transmit_array.horizontal"].dtype.kind == "i"
    np.testing.assert_array_equal(data["transmit_array.horizontal"], [3, 2])


EDGES = {
    "one user": {"channel.users": 1},
    "one row on the transmit side": {"transmit_array.vertical": 1},
    "one column on the transmit side": {"transmit_array.horizontal": 1},
    "one row on the receive side": {"receive_array.vertical": 1},
    "one antenna to receive": {"receive_array": {"kind": "upa", "horizontal": 1, "vertical": 1}},
    "a line to transmit": {"transmit_array": {"kind": "ula", "elements": 8}},
    "a line to receive": {"receive_array": {"kind": "ula", "elements": 8, "axis": "vertical"}},
    "a limit that never binds": {"sensing.crlb_limit_db": 200.0},
    "no limit": {"sensing": {}},
    "azimuth limited only": {"sensing": {"azimuth_crlb_limit_db": -20.0}},
    "elevation limited only": {"sensing": {"elevation_crlb_limit_db": -20.0}},
    "a beam that misses": {"sensing.beam_azimuth_deg": 24.0},
    "fewer pilots than users": {"channel.users": 5, "channel.pilot_length": 2},
    "a symbol per frame": {"sensing.frame_length": 1, "sensing.crlb_limit_db": -10.0},
    "one drop": {"drops": 1},
}


@pytest.mark.parametrize("edge", EDGES)
def test_values_at_the_edge_work(edge, run):
    limit = {} if any(key.startswith("sensing") for key in EDGES[edge]) else {"sensing.crlb_limit_db": -10.0}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        comparison = run(limit | EDGES[edge])
        str(comparison)
    for row in comparison.records():
        assert row["status"] == {"exact": "optimal", "equal_com": "feasible"}[row["allocator"]], row["message"]
        assert row["feasible"]
        assert row["sum_rate"] > 0


@pytest.mark.parametrize("changes", [{"sensing": {}}, {"sensing.crlb_limit_db": 200.0}])
def test_without_a_binding_limit_sensing_gets_nothing(changes, run):
    for row in run(changes).records():
        assert row["sensing_power"] == pytest.approx(0, abs=1e-12)


def test_zero_forcing_needs_more_antennas_than_users(run):
    rows = run({"transmit_array": {"kind": "ula", "elements": 3}, "sensing": {}}).records()
    assert {row["status"] for row in rows if row["precoder"] == "zf"} == {"skipped"}
    assert {row["status"] for row in rows if row["precoder"] == "mrt"} == {"optimal", "feasible"}


def test_a_blind_pair_of_lines_is_infeasible_and_not_an_error(run):
    line = {"kind": "ula", "elements": 8}
    rows = run({"transmit_array": line, "receive_array": line}).records()
    assert {row["status"] for row in rows} == {"infeasible"}
