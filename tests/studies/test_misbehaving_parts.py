"""Parts that do what no part should: their own rows fail, or one line says so; all else is as without them.

The table crosses the kinds of parts with what they do. A part of the tests, `bad`, stands beside a good one of
its kind, whose rows must be the same bits as without it.
"""

from __future__ import annotations

import json
import locale
import os
import random
import signal
import subprocess
import sys
import textwrap

import pytest

HEAD = """
import asyncio, ctypes, locale, os, random, signal, sys, time, warnings
import attrs
import numpy as np
import isacfw
from isacfw import Shares

class Own(BaseException):
    pass

class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no words")

class Endless(Exception):
    def __str__(self):
        time.sleep(100)

class Strange(isacfw.IncompatibleError):
    def __str__(self):
        raise RuntimeError("no words")

def misbehave(good):
BODY

def once_good(good):
    found = misbehave(good)
    return good if found is None else found
"""

KINDS = {
    "allocator": '''
@attrs.frozen(kw_only=True)
class Part(isacfw.Allocator):
    """A part of the tests."""

    name = "bad"
    options: list = attrs.field(factory=list)

    def solve(self, problem):
        f = problem.largest_communication_share
        return once_good(Shares(communication=f * problem.equal_split, sensing=1 - f))
''',
    "precoder": '''
@attrs.frozen(kw_only=True)
class Part(isacfw.Precoder):
    """A part of the tests."""

    name = "bad"
    options: list = attrs.field(factory=list)

    def weights(self, estimates):
        return once_good(np.array(estimates))
''',
    "beam": '''
@attrs.frozen(kw_only=True)
class Part(isacfw.Beam):
    """A part of the tests."""

    name = "bad"
    options: list = attrs.field(factory=list)

    def weights(self, scene, estimates):
        return once_good(np.ones((scene.antennas, 1), dtype=complex))
''',
    "metric": '''
@attrs.frozen(kw_only=True)
class Part(isacfw.Metric):
    """A part of the tests."""

    name = "bad"
    quantities = (isacfw.Quantity(name="extra", description="Extra"),)
    options: list = attrs.field(factory=list)

    def evaluate(self, problem, allocation):
        return {"extra": once_good(np.array(allocation.sum_rate))}
''',
    "channel": '''
@attrs.frozen(kw_only=True)
class Part(isacfw.Channel):
    """A part of the tests."""

    name = "bad"
    users: int = 3
    options: list = attrs.field(factory=list)

    def statistics(self, drops, array):
        beta = np.ones((len(drops), self.users))
        return once_good(
            isacfw.ChannelStatistics(beta=beta, xi=beta / 2, epsilon=beta / 2, prelog=0.9, isotropic=True)
            if hasattr(isacfw, "ChannelStatistics") else None
        )

    def draw(self, statistics, array, draws, generator):
        raise NotImplementedError
''',
    "array": '''
@attrs.frozen(kw_only=True)
class Part(isacfw.Array):
    """A part of the tests."""

    name = "bad"
    options: list = attrs.field(factory=list)

    def positions(self):
        grid = np.arange(4.0)
        return once_good(np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2))
''',
    "observer": """
@isacfw.hookimpl
def allocation_started(allocator, problem):
    once_good(0.0)
""",
}

DEEDS = {
    "GeneratorExit": "raise GeneratorExit",
    "CancelledError": "raise asyncio.CancelledError",
    "StopIteration": "raise StopIteration",
    "an exception of its own": "raise Own('mine')",
    "an exception that cannot be printed": "raise Mute",
    "an exception that never ends to describe itself": "raise Endless",
    "an error of the framework that cannot be printed": "raise Strange",
    "an exception of a megabyte": "raise ValueError('x' * 10**6)",
    "words without an encoding": "raise ValueError('\\ud800 and \\0')",
    "exit": "sys.exit(0)",
    "a wrong type": "return object()",
    "a wrong shape": "return np.ones((7, 7, 7))",
    "a loop": "while True: pass",
    "a sleep": "time.sleep(100)",
}
"""What makes the part's own rows fail."""

HARMLESS = {
    "prints": "print('x' * 10**6)",
    "prints by number": "os.write(1, b'written by number\\n')",
    "prints from C": "ctypes.CDLL(None).puts(b'from C'); ctypes.CDLL(None).fflush(None)",
    "changes the folder": "os.chdir('/')",
    "changes the locale": "locale.setlocale(locale.LC_ALL, 'C')",
    "changes the random state": "random.seed(1); np.random.seed(1)",
    "changes filters of warnings": "warnings.simplefilter('error')",
    "changes NumPy's error state": "np.seterr(all='raise')",
    "changes standard output": "sys.stdout = sys.stderr = None",
    "ignores Ctrl-C": "signal.signal(signal.SIGINT, signal.SIG_IGN)",
}
"""What changes the process, and must change no number."""

BASE = {"precoders": ["mrt"], "allocators": ["exact"], "drops": 2}
SETTINGS = {
    "allocator": ({"allocators": ["bad", "exact"]}, "allocator"),
    "precoder": ({"precoders": ["bad", "mrt"]}, "precoder"),
    "beam": ({"beams": ["bad", "steered"]}, "beam"),
    "metric": ({"metrics": ["bad"]}, None),
    "channel": ({"sweep": {"channel": [{"kind": "bad"}, {"kind": "rayleigh", "users": 3}]}}, "channel"),
    "array": (
        {"sweep": {"receive_array": [{"kind": "bad"}, {"kind": "upa", "horizontal": 4, "vertical": 4}]}},
        "receive_array",
    ),
    "observer": ({}, None),
}
GOOD = {
    "beam": {"beams": ["steered"]},
    "channel": {"sweep": {"channel": [{"kind": "rayleigh", "users": 3}]}},
    "array": {"sweep": {"receive_array": [{"kind": "upa", "horizontal": 4, "vertical": 4}]}},
}


@pytest.fixture
def plugin(tmp_path):
    """Return a function that writes a plugin with a part of a kind that does a deed."""

    def write(kind, body):
        path = tmp_path / "stem.py"
        text = HEAD.replace("BODY", textwrap.indent(body, "    "), 1) + KINDS[kind]
        if kind != "observer":
            text += f"\n\n@isacfw.hookimpl\ndef register_{kind}s():\n    return [Part]\n"
        path.write_text(text)
        return path

    return write


@pytest.fixture
def rows(cli, scenario_file):
    """Return a function that runs the command line with --json: exit status, records without time, error."""

    def of(changes, *options):
        status, out, err = cli("compare", scenario_file(changes), "--json", *options)
        if status == 2:
            return status, [], err
        records = json.loads(out)
        for record in records:
            record.pop("seconds")
        return status, records, err

    return of


def others_of(kind, records):
    """Return the rows that do not depend on the part, without what the sweep and the metric add to them."""
    key = SETTINGS[kind][1]
    drop = {"extra", "channel", "receive_array", "beam"}
    kept = [row for row in records if key is None or "bad" not in str(row.get(key))]
    return [{name: value for name, value in row.items() if name not in drop} for row in kept]


def check_table(kind, body, plugin, rows):
    path = plugin(kind, body)
    changes, key = SETTINGS[kind]
    folder = os.getcwd()
    status, records, err = rows({**BASE, **changes, "time_limit_s": 1.0}, "--plugin", path)
    assert os.getcwd() == folder
    assert "Traceback" not in err
    expected = rows({**BASE, **GOOD.get(kind, {}), "time_limit_s": 1.0})[1]
    own = [row for row in records if key is not None and "bad" in str(row[key])]
    assert others_of(kind, records) == others_of(kind, expected), err
    return status, own, records, err


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_part_that_breaks_down_costs_its_own_rows_alone(kind, deed, plugin, rows):
    if (kind, deed) in {("observer", "a wrong type"), ("observer", "a wrong shape")}:
        pytest.skip("what an observer returns is not used")
    status, own, records, err = check_table(kind, DEEDS[deed], plugin, rows)
    if kind in ("metric", "observer"):
        assert (status, err.count("\n")) == (0, 1), err
        assert "stem" in err
        assert [row["extra"] for row in records if "extra" in row] == [None] * (2 * (kind == "metric"))
        return
    assert own
    for row in own:
        assert row["status"] in ("failed", "timed_out", "skipped"), row
        assert row["sum_rate"] is None
        assert "bad" in row["message"]
        assert len(row["message"]) < 2500
        row["message"].encode()


@pytest.mark.parametrize("deed", HARMLESS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_part_that_changes_the_process_changes_nothing_else(kind, deed, plugin, rows):
    if deed in ("prints from C", "prints by number"):
        pytest.skip("the number of standard output is diverted in a process of its own")
    before = locale.setlocale(locale.LC_ALL), signal.getsignal(signal.SIGINT), random.getstate()
    _, own, _, _ = check_table(kind, HARMLESS[deed], plugin, rows)
    for row in own:
        assert row["status"] not in ("failed", "timed_out"), row["message"]
    assert (locale.setlocale(locale.LC_ALL), signal.getsignal(signal.SIGINT), random.getstate()) == before


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_with_a_list_among_its_options_is_like_any_other(kind, plugin, rows):
    status, own, _, err = check_table(kind, "pass", plugin, rows)
    assert (status, err) == (0, "")
    for row in own:
        # The pairs of the precoder couple, for which there is no exact solution.
        assert row["status"] in ("optimal", "feasible", "infeasible", "skipped"), row["message"]
        assert row["status"] != "skipped" or "couple in pairs" in row["message"]


def run_command(tmp_path, path, document, *options):
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "isacfw", "compare", document, "--plugin", path, "--json", *options],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"MPLBACKEND": "agg"},
    )


@pytest.mark.parametrize("deed", ["prints from C", pytest.param("prints by number", marks=pytest.mark.slow)])
def test_what_is_written_to_the_number_of_standard_output_stays_out_of_json(
    deed, plugin, scenario_file, tmp_path
):
    path = plugin("allocator", HARMLESS[deed])
    done = run_command(tmp_path, path, scenario_file({**BASE, "allocators": ["bad"]}))
    assert len(json.loads(done.stdout)) == 2, done.stderr
    assert ("from C" in done.stderr) or ("by number" in done.stderr)


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        ("os._exit(0)", "ended its process"),
        pytest.param("ctypes.string_at(0)", "SIGSEGV", marks=pytest.mark.slow),
        pytest.param("ctypes.PyDLL(None).sleep(100)", "time limit of 0.5 s", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize(
    "kind",
    ["allocator", *(pytest.param(kind, marks=pytest.mark.nightly) for kind in ("precoder", "beam", "channel"))],
)
def test_a_part_that_ends_a_worker_costs_its_own_rows_alone(
    kind, deed, words, plugin, scenario_file, tmp_path, rows
):
    changes, key = SETTINGS[kind]
    path = plugin(kind, deed)
    document = scenario_file({**BASE, **changes, "time_limit_s": 0.5})
    done = run_command(tmp_path, path, document, "--workers", "2")
    records = json.loads(done.stdout)
    for record in records:
        record.pop("seconds")
    own = [row for row in records if "bad" in str(row[key])]
    assert own
    assert all(words in row["message"] or "is not called again" in row["message"] for row in own)
    assert {row["status"] for row in own} <= {"failed", "timed_out"}
    expected = rows({**BASE, **GOOD.get(kind, {})})[1]
    assert others_of(kind, records) == others_of(kind, expected)


@pytest.mark.parametrize(
    "content",
    [
        "import isacfw\n__all__ = ['nothing']\n@isacfw.hookimpl\ndef register_metrics(): return []\n",
        "import isacfw\nraise GeneratorExit\n",
        "import sys\nsys.exit(0)\n",
        "import isacfw\n@isacfw.hookimpl\ndef register_metrics(): raise SystemExit(0)\n",
        "import isacfw\n@isacfw.hookimpl\ndef register_metrics(): return object()\n",
        "import isacfw\ndef __getattr__(name): raise RuntimeError\ndef __dir__(): return ['x']\n",
    ],
    ids=["__all__", "GeneratorExit", "exit", "hook exits", "hook returns an object", "attribute"],
)
def test_a_plugin_that_cannot_be_loaded_is_one_line(content, tmp_path, cli, scenario_file):
    path = tmp_path / "stem.py"
    path.write_text(content)
    status, out, err = cli("compare", scenario_file(BASE), "--plugin", path)
    assert (status, out, err.count("\n")) == (2, "", 1), err
    assert "stem" in err


OTHERS = {
    "objective": '''
@attrs.frozen(kw_only=True)
class Part(isacfw.Objective):
    """A part of the tests."""

    name = "bad"
    quantity = isacfw.Quantity(name="bad_value", better="higher")

    def value(self, performance):
        return once_good(performance.rates.sum(axis=-1))
''',
    "requirement": '''
@attrs.frozen(kw_only=True)
class Part(isacfw.Requirement):
    """A part of the tests."""

    name = "bad"

    def constraint(self, setting):
        return once_good(isacfw.RateFloors(minimum=np.zeros(setting.users or 1)))
''',
    "figure": '''
@attrs.frozen(kw_only=True)
class Part(isacfw.Figure):
    """A part of the tests."""

    name = "small"

    def collect(self, scenario, compare, progress):
        return once_good(None)

    def draw(self, data):
        return once_good(None)
''',
    "beamformer": '''
@attrs.frozen(kw_only=True)
class Part(isacfw.Beamformer):
    """A part of the tests."""

    name = "bad"

    def solve(self, problem):
        return once_good(isacfw.Beams(weights=np.zeros((problem.antennas, problem.users))))
''',
}


def arguments_of(kind, scenario_file, folder):
    changes = {**BASE, "time_limit_s": 1.0}
    if kind == "figure":
        return "figure", scenario_file(changes), "--out", folder
    if kind == "beamformer":
        return "beamform", scenario_file(changes), "--beamformers", "bad", "--sinr-db", "3", "--draws", "1"
    changes |= {"objective": "bad"} if kind == "objective" else {"requirements": {"own": {"kind": "bad"}}}
    return "compare", scenario_file(changes), "--json"


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("kind", OTHERS)
def test_a_part_on_which_all_rows_depend_fails_them_or_is_one_line(kind, deed, tmp_path, cli, scenario_file):
    if kind == "figure" and deed in ("a loop", "a sleep"):
        pytest.skip("figures have no time limit: they run whole studies")
    path = tmp_path / "stem.py"
    text = HEAD.replace("BODY", textwrap.indent(DEEDS[deed], "    "), 1) + OTHERS[kind]
    path.write_text(f"{text}\n\n@isacfw.hookimpl\ndef register_{kind}s():\n    return [Part]\n")
    status, out, err = cli(*arguments_of(kind, scenario_file, tmp_path / "out"), "--plugin", path)
    assert "Traceback" not in err
    assert status in ((0, 1, 2) if deed.startswith("an error of the framework") else (1, 2)), out
    assert len(err.splitlines()) == (status == 2), err
    assert "bad" in (err or out) or "small" in err
