"""Parts that break down, loop or sleep: they cost their own rows, and the message says whose part it was.

All plugins here are files, as a user's own would be; a file's stem is the provider of its parts.
"""

from __future__ import annotations

import json
import textwrap

import pytest

from isacfw import InputError, compare, load_scenario

HEAD = """
import sys, time
import attrs
import numpy as np
import isacfw
from isacfw import Shares
"""

ALLOCATOR = """
@attrs.frozen(kw_only=True)
class Part(isacfw.Allocator):
    '''A part of the tests.'''

    name = "bad"
    vectorized = VECTORIZED

    def solve(self, problem):
        shape = problem.batch_shape
        good = Shares(communication=np.full((*shape, problem.users), 0.1), sensing=np.full(shape, 0.7))
        return break_down(problem, good)


@isacfw.hookimpl
def register_allocators():
    return [Part]
"""

PRECODER = """
@attrs.frozen(kw_only=True)
class Part(isacfw.Precoder):
    '''A part of the tests.'''

    name = "bad"

    def weights(self, estimates):
        return break_down(estimates)


@isacfw.hookimpl
def register_precoders():
    return [Part]
"""

METRIC = """
@attrs.frozen(kw_only=True)
class Part(isacfw.Metric):
    '''A part of the tests.'''

    name = "bad"
    quantities = (isacfw.Quantity(name="first"), isacfw.Quantity(name="second"))

    def evaluate(self, problem, allocation):
        return break_down(allocation)


@isacfw.hookimpl
def register_metrics():
    return [Part]
"""

OBSERVER = """
@isacfw.hookimpl
def HOOK(allocator):
    return break_down(allocator)
"""

LIMIT = 0.2


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a plugin whose part does what the body of `break_down` says."""

    def to_file(template, body, argument="problem, good", **words):
        for word, value in words.items():
            template = template.replace(word, str(value))
        path = tmp_path / "stem.py"
        function = f"def break_down({argument}):\n{textwrap.indent(body, '    ')}\n\n"
        path.write_text(HEAD + function + template)
        return path

    return to_file


@pytest.fixture
def rows(cli, scenario_file):
    """Return a function that runs the command line with --json: exit status, records without time, error."""

    def of(changes, *options):
        status, out, err = cli("compare", scenario_file(changes), "--json", *options)
        records = json.loads(out)
        for record in records:
            record.pop("seconds")
        return status, records, err

    return of


def split(records, key="allocator", name="bad"):
    """Return the rows of the part and those of all others."""
    return [row for row in records if row[key] == name], [row for row in records if row[key] != name]


def limit_for(words):
    """Return a short time limit for what only that ends, and else one that a busy machine does not reach."""
    return LIMIT if "time limit" in words else 60.0


FAILURES = {
    "NaN": ("return attrs.evolve(good, communication=good.communication * np.nan)", "non-finite shares"),
    "wrong shape": ("return attrs.evolve(good, communication=np.ones(7))", "shapes (7,)"),
    "an error": ("raise RuntimeError('one\\ntwo')", "raised RuntimeError: one two"),
    "an error without words": ("raise KeyError()", "raised KeyError:"),
    "an exit": ("sys.exit(3)", "raised SystemExit: 3"),
    "a panic": ("raise type('PanicException', (BaseException,), {})('boom')", "raised PanicException: boom"),
    "a loop": ("while True: pass", "was stopped at its time limit of 0.2 s"),
    "a loop that catches exceptions": (
        "while True:\n    try:\n        time.sleep(1)\n    except Exception:\n        pass",
        "was stopped at its time limit of 0.2 s",
    ),
    "a sleep": ("time.sleep(60)", "was stopped at its time limit of 0.2 s"),
    "nothing": ("return None", "must return Shares, got None"),
}


@pytest.mark.parametrize("vectorized", [False, True], ids=["one by one", "vectorised"])
@pytest.mark.parametrize("failure", FAILURES)
def test_an_allocator_that_breaks_down_costs_its_own_rows_and_is_named(failure, vectorized, rows, write):
    body, words = FAILURES[failure]
    plugin = write(ALLOCATOR, body, VECTORIZED=vectorized)
    changes = {
        "precoders": ["mrt"],
        "drops": 2,
        "allocators": ["exact", "bad", "equal_com"],
        "time_limit_s": limit_for(words),
    }
    status, records, err = rows(changes, "--plugin", plugin)
    bad, others = split(records)
    assert (status, err) == (1, "")
    assert len(bad) == 2
    broken = "timed_out" if "time limit" in words else "failed"
    for row in bad:
        assert (row["status"], row["feasible"], row["sum_rate"]) == (broken, False, None)
        assert row["message"].startswith("bad of stem ")
        assert words in row["message"].replace("\n", " ")
        assert "\n" not in row["message"]
    expected = rows({**changes, "allocators": ["exact", "equal_com"]})
    assert others == expected[1]
    assert expected[0] == 0


CULPRITS = {
    "raises": ("raise RuntimeError('this one')", "raised RuntimeError: this one"),
    "hangs": ("while True: pass", "was stopped at its time limit"),
    "sleeps": ("time.sleep(60)", "was stopped at its time limit"),
    "returns a wrong shape": ("return attrs.evolve(good, sensing=np.ones(9))", "shapes"),
    "returns None": ("return None", "must return Shares"),
}


@pytest.mark.parametrize("culprit", CULPRITS)
@pytest.mark.parametrize("vectorized", [False, True], ids=["one by one", "vectorised"])
def test_a_breakdown_on_one_problem_of_a_batch_costs_that_row_only(culprit, vectorized, rows, write):
    body, words = CULPRITS[culprit]
    condition = "if np.isclose(problem.power, 10 ** 0.5).any():\n"
    plugin = write(ALLOCATOR, f"{condition}{textwrap.indent(body, '    ')}\nreturn good", VECTORIZED=vectorized)
    changes = {"precoders": ["mrt"], "drops": 1, "allocators": ["bad"], "sweep": {"snr_db": [0.0, 5.0, 10.0]}}
    options = ("--plugin", plugin, "--time-limit", LIMIT)
    status, records, _ = rows(changes, *options)
    assert status == 1
    broken = "timed_out" if "time limit" in words else "failed"
    assert [row["status"] == broken for row in records] == [False, True, False]
    assert records[1]["message"].startswith("bad of stem ")
    assert words in records[1]["message"]
    # The others are what they are without the one that breaks down.
    healthy = rows({**changes, "sweep": {"snr_db": [0.0, 10.0]}}, *options)[1]
    assert [records[0], records[2]] == healthy
    assert all(row["sum_rate"] > 0 for row in healthy)


@pytest.mark.parametrize("debug", [False, True], ids=["plain", "debug"])
@pytest.mark.parametrize(
    ("template", "argument", "changes"),
    [
        (ALLOCATOR, "problem, good", {"allocators": ["bad", "exact"]}),
        (PRECODER, "estimates", {"precoders": ["bad", "mrt"]}),
        (METRIC, "allocation", {"metrics": ["bad"]}),
        (OBSERVER, "allocator", {}),
    ],
    ids=["allocator", "precoder", "metric", "observer"],
)
def test_debug_shows_each_traceback_once_and_keeps_the_json(debug, template, argument, changes, rows, write):
    plugin = write(template, "raise RuntimeError('boom')", argument, VECTORIZED=True, HOOK="allocation_started")
    changes = {"drops": 2, "precoders": ["mrt"], "allocators": ["exact"]} | changes
    _, records, err = rows(changes, "--plugin", plugin, *(["--debug"] if debug else []))
    assert len(records) == 2 * len(changes["precoders"]) * len(changes["allocators"])
    assert err.count("Traceback") == int(debug)
    assert err.count("in break_down\n") == int(debug)
    assert err.count(f'File "{plugin}", line') == (2 if debug else 0)  # the part, and the function it calls


def test_debug_shows_where_a_part_was_stopped(rows, write):
    plugin = write(ALLOCATOR, "while True: pass", VECTORIZED=False)
    changes = {"drops": 2, "precoders": ["mrt"], "allocators": ["bad"], "time_limit_s": LIMIT}
    _, records, err = rows(changes, "--plugin", plugin, "--debug")
    assert [row["status"] for row in records] == ["timed_out"] * 2
    assert "bad of stem was stopped at its time limit" in err
    assert "in break_down" in err


def test_debug_tells_different_tracebacks_apart(rows, write):
    body = "if problem.power > 4:\n    raise RuntimeError('strong')\nraise RuntimeError('weak')"
    plugin = write(ALLOCATOR, body, VECTORIZED=False)
    changes = {"precoders": ["mrt", "zf"], "allocators": ["bad"], "sweep": {"snr_db": [0.0, 10.0]}}
    _, _, err = rows(changes, "--plugin", plugin, "--debug")
    assert err.count("Traceback") == 2
    assert err.count("RuntimeError: strong\n") >= 1
    assert err.count("RuntimeError: weak\n") >= 1


@pytest.mark.parametrize("way", ["option", "key", "argument", "argument over key"])
def test_a_time_limit_may_be_an_option_a_key_or_an_argument(way, rows, write, scenario_file):
    plugin = write(ALLOCATOR, "while True: pass", VECTORIZED=False)
    changes = {"drops": 1, "precoders": ["mrt"], "allocators": ["bad"]}
    keys = {"key": LIMIT, "argument over key": 100.0}
    changes |= {"time_limit_s": keys[way]} if way in keys else {}
    if way.startswith("argument"):
        loaded = load_scenario(scenario_file(changes), plugins=[plugin], overrides=[f"time_limit_s = {LIMIT}"])
        records = compare(loaded).records()
    else:
        options = ("--time-limit", "0.2") if way == "option" else ()
        records = rows(changes, "--plugin", plugin, *options)[1]
    assert [row["message"] for row in records] == ["bad of stem was stopped at its time limit of 0.2 s"]


@pytest.mark.parametrize("value", ["x", "0", "-1", "nan", "inf", ""])
def test_a_time_limit_that_is_none_is_one_sentence(value, cli, scenario_file):
    status, out, err = cli("compare", scenario_file(), f"--time-limit={value}")
    assert (status, out) == (2, "")
    # What does not read as a number is argparse's to refuse, with the usage before its sentence.
    sentence = err.splitlines()[-1]
    assert "time" in sentence
    assert "must be a" in sentence
    assert "Traceback" not in err
    if value not in ("x", ""):
        assert err.count("\n") == 1
        assert value in sentence


@pytest.mark.parametrize("value", [0, -1, "x", True])
def test_a_time_limit_in_a_file_that_is_none_names_its_key(value, scenario_file):
    with pytest.raises(InputError, match="time_limit_s"):
        load_scenario(scenario_file({"time_limit_s": value}))


PRECODER_FAILURES = {
    "an error": ("raise RuntimeError('boom')", "raised RuntimeError: boom"),
    "an exit": ("sys.exit(3)", "raised SystemExit: 3"),
    "a loop": ("while True: pass", "was stopped at its time limit of 0.2 s"),
    "a sleep": ("time.sleep(60)", "was stopped at its time limit of 0.2 s"),
    "NaN": ("return estimates * np.nan", "finite weights"),
    "a wrong shape": ("return estimates[..., 0]", "must return weights of shape"),
    "nothing": ("return None", ""),
}


@pytest.mark.parametrize("failure", PRECODER_FAILURES)
def test_a_precoder_that_breaks_down_costs_its_own_rows_and_is_named(failure, rows, write):
    body, words = PRECODER_FAILURES[failure]
    plugin = write(PRECODER, body, "estimates")
    changes = {"precoders": ["bad", "mrt"], "time_limit_s": limit_for(words)}
    status, records, err = rows(changes, "--plugin", plugin)
    bad, others = split(records, "precoder")
    assert (status, err) == (1, "")
    assert len(bad) == 4
    broken = "timed_out" if "time limit" in words else "failed"
    for row in bad:
        assert (row["status"], row["sum_rate"]) == (broken, None)
        assert row["message"].startswith("precoder bad of stem ")
        assert words in row["message"]
    assert others == rows({**changes, "precoders": ["mrt"]})[1]


METRIC_FAILURES = {
    "an error": ("raise RuntimeError('one\\ntwo')", "raised RuntimeError: one two", True),
    "an exit": ("sys.exit(3)", "SystemExit", True),
    "nothing": ("return None", "", True),
    "a quantity short": ("return {'first': allocation.sum_rate}", "'second'", False),
    "a wrong shape": ("return {'first': allocation.sum_rate, 'second': np.ones(9)}", "second of shape", False),
    "words": ("return {'first': allocation.sum_rate, 'second': 'high'}", "", False),
}


@pytest.mark.parametrize("failure", METRIC_FAILURES)
def test_a_metric_that_breaks_down_is_a_warning_and_a_column_without_numbers(failure, rows, write):
    body, words, both = METRIC_FAILURES[failure]
    plugin = write(METRIC, body, "allocation")
    plain = {"precoders": ["mrt"], "allocators": ["exact"]}
    status, records, err = rows({**plain, "metrics": ["bad"]}, "--plugin", plugin)
    assert status == 0
    assert err.startswith("isacfw: metric bad of stem ")
    assert words in err
    assert err.count("\n") == 1
    for row in records:
        assert row.pop("second") is None
        assert (row.pop("first") is None) == both
    assert records == rows(plain)[1]


@pytest.mark.parametrize("hook", ["allocation_started", "allocation_finished"])
def test_an_observer_that_breaks_down_is_a_warning_that_names_its_file(hook, rows, write):
    plugin = write(OBSERVER, "raise RuntimeError('boom')", "allocator", HOOK=hook)
    plain = {"precoders": ["mrt"], "allocators": ["exact"]}
    status, records, err = rows(plain, "--plugin", plugin)
    assert status == 0
    assert err == f"isacfw: {hook} of plugin {plugin} raised RuntimeError: boom\n"
    assert records == rows(plain)[1]


@pytest.mark.parametrize("template", [METRIC, OBSERVER], ids=["metric", "observer"])
def test_the_same_warning_stands_once_however_often_it_occurs(template, rows, write):
    argument = "allocation" if template is METRIC else "allocator"
    plugin = write(template, "raise RuntimeError('boom')", argument, HOOK="allocation_started")
    changes = {"precoders": ["mrt", "zf"], "allocators": ["exact", "equal_com"]}
    _, _, err = rows(changes | ({"metrics": ["bad"]} if template is METRIC else {}), "--plugin", plugin)
    assert err.count("\n") == 1, err


def test_labelled_parts_appear_by_label_and_provider(scenario_file, tmp_path, write):
    plugin = write(ALLOCATOR, "raise RuntimeError('boom')", VECTORIZED=False)
    parts = [{"kind": "bad", "label": name} for name in ("one", "two")]
    records = compare(
        load_scenario(scenario_file({"allocators": parts, "precoders": ["mrt"], "drops": 1}), plugins=[plugin])
    )
    messages = {row["allocator"]: row["message"] for row in records.records()}
    assert messages == {name: f"{name} of stem raised RuntimeError: boom" for name in ("one", "two")}
    plugin = write(PRECODER, "raise RuntimeError('boom')", "estimates")
    parts = [{"kind": "bad", "label": name} for name in ("one", "two")]
    records = compare(
        load_scenario(scenario_file({"precoders": parts, "allocators": ["exact"], "drops": 1}), plugins=[plugin])
    )
    messages = {row["precoder"]: row["message"] for row in records.records()}
    assert messages == {name: f"precoder {name} of stem raised RuntimeError: boom" for name in ("one", "two")}


def test_an_error_that_cannot_say_what_it_is_costs_its_own_rows_too(rows, write):
    body = "class Odd(Exception):\n    def __str__(self):\n        raise ValueError('no words')\nraise Odd"
    plugin = write(ALLOCATOR, body, VECTORIZED=False)
    changes = {"precoders": ["mrt"], "allocators": ["bad", "exact"], "drops": 1}
    _, records, _ = rows(changes, "--plugin", plugin)
    assert [row["status"] for row in records] == ["failed", "optimal"]


REFUSALS = {
    "a reason": ("return 'not today'", "skipped", "not today"),
    "none": ("return None", "feasible", ""),
    "incompatible": ("raise isacfw.IncompatibleError('not today')", "skipped", "not today"),
    "false": (
        "return False",
        "failed",
        "bad of stem raised TypeError: its refusal must be a nonempty string or None",
    ),
    "empty": (
        "return ''",
        "failed",
        "bad of stem raised TypeError: its refusal must be a nonempty string or None",
    ),
    "raises": ("raise RuntimeError('boom')", "failed", "bad of stem raised RuntimeError: boom"),
    "hangs": ("while True: pass", "timed_out", "bad of stem was stopped at its time limit of 0.2 s"),
}


@pytest.mark.parametrize("case", REFUSALS)
@pytest.mark.parametrize("vectorized", [False, True], ids=["one by one", "vectorised"])
def test_a_refusal_is_asked_for_first_and_checked(case, vectorized, rows, write):
    body, status, message = REFUSALS[case]
    plugin = write(ALLOCATOR, "return good", VECTORIZED=vectorized)
    text = plugin.read_text(encoding="utf-8")
    method = f"    def refusal(self, problem):\n        {body}\n\n    def solve("
    plugin.write_text(text.replace("    def solve(", method, 1), encoding="utf-8")
    changes = {"precoders": ["mrt"], "allocators": ["bad"], "drops": 2, "time_limit_s": LIMIT}
    _, records, _ = rows(changes, "--plugin", plugin)
    assert {row["status"] for row in records} == {status}
    for row in records:
        assert row["message"].startswith(message)
