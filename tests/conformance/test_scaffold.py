"""New parts: what ``isacfw new`` writes works as it is, and travels to other processes."""

from __future__ import annotations

import itertools
import keyword
import multiprocessing
import os
import pickle
import re
import shlex
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import attrs
import numpy as np
import pytest
import xarray

import isacfw
from isacfw import InputError, PluginHost
from isacfw.cli.new import new_part, source
from isacfw.cli.templates import NEW_KINDS
from isacfw.host.kinds import KINDS
from isacfw.signal.statistics import drops_of
from isacfw.testing import beamformers, figures, goals, problems

ROOT = Path(__file__).parents[2]
NAMES = ("a", "my_zf", "x1", "_lead", "_1", "CamelCase")
SMALL = ("--drops", "1", "--set", "channel.users=3")
SMALLER = (*SMALL, "--set", "transmit_array.horizontal=4", "--set", "transmit_array.vertical=4")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Return an empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words, **options):
    return subprocess.run(
        [sys.executable, *map(str, words)], capture_output=True, text=True, check=False, **options
    )


def command(path):
    """Return the words of the command at the head of a file."""
    (line,) = re.findall(r"^Try it: +isacfw (.*)$", path.read_text(), re.MULTILINE)
    return shlex.split(line)


def test_every_kind_can_be_new(cli):
    assert tuple(KINDS) == NEW_KINDS
    _, out, _ = cli("new", "--help")
    assert f"KIND {', '.join(NEW_KINDS[:-1])} or {NEW_KINDS[-1]} NAME" in " ".join(out.split())


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=pytest.mark.slow) if kind in {"beam", "precoder"} else kind for kind in NEW_KINDS],
)
def test_a_new_part_passes_as_written(cli, here, kind):
    path = here / f"my_{kind}.py"
    advice = f"Next: run `isacfw check my_{kind}.py`, then try the commands at the top of the file."
    told = f"wrote my_{kind}.py\n{advice}\n"
    assert cli("new", kind, f"my_{kind}") == (0, told, "")
    assert f"Check it:  isacfw check {path.name}\n" in path.read_text()
    status, out, err = cli("check", path.name)
    assert (status, err) == (0, "")
    assert re.match(rf"{kind} my_{kind} of my_{kind}: \d+ passed", out)
    skipped = re.findall(r"^  skipped  (\w+)", out, re.MULTILINE)
    assert skipped == {
        "channel": ["means_and_covariances_against_draws", "variances_against_covariances"],
        "precoder": ["statistics_against_sampled_moments"],
        "beam": ["statistics_against_sampled_moments"],
        "allocator": [
            "optimum_is_not_below_a_uniform_split",
            "claimed_optimum_against_exact",
            "claims_are_not_beaten",
        ],
    }.get(kind, [])
    assert "failed" not in out


@pytest.mark.slow
def test_the_tests_in_the_files_pass(here):
    for kind in NEW_KINDS:
        new_part(kind, f"my_{kind}", here)
    done = run(
        "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", *sorted(here.glob("*.py")), cwd=here
    )
    assert done.returncode == 0, done.stdout
    assert re.search(rf"^{len(NEW_KINDS)} passed", done.stdout, re.MULTILINE)


def test_a_test_in_a_file_fails_for_a_wrong_part(here):
    path = new_part("metric", "mine", here)
    text = path.read_text()
    path.write_text(text.replace('"mine": index', '"mine": index * np.nan'))
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", path, cwd=here)
    assert done.returncode == 1
    assert "failed   finite_output: mine has NaN or infinite numbers" in done.stdout


def test_ruff_has_nothing_to_say(here):
    pytest.importorskip("ruff")
    for kind, name in itertools.product(NEW_KINDS, NAMES):
        new_part(kind, name, here / kind)
    settings = ("--no-cache", "--config", ROOT / "pyproject.toml", here)
    for words in (("check",), ("format", "--diff")):
        done = run("-m", "ruff", *words, *settings)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        pytest.param("array", (*SMALL, "--out", "results"), marks=pytest.mark.slow),
        pytest.param("channel", (*SMALL, "--out", "results"), marks=pytest.mark.slow),
        ("precoder", (*SMALLER, "--set", "sampling_accuracy=0.1")),
        ("beam", (*SMALLER, "--set", "sampling_accuracy=0.1")),
        ("objective", SMALLER),
        ("requirement", SMALLER),
        ("metric", SMALLER),
        ("allocator", SMALLER),
    ],
)
def test_a_comparison_at_the_head_runs(cli, here, kind, options):
    words = command(new_part(kind, "my_part", here))
    assert words[:3] == ["compare", "--plugin", "my_part.py"]
    status, out, err = cli(*words, *options)
    assert (status, err.count("isacfw:")) == (0, 0), err
    # What has neither row nor column of its own is in the scenario.
    for path in Path("results").glob("*.toml"):
        out += path.read_text()
    assert re.search(r"\bmy_part\b", out)
    assert "skipped" not in out
    assert "failed" not in out


def test_the_command_at_the_head_of_a_beamformer_runs(cli, here):
    words = command(new_part("beamformer", "my_part", here))
    assert words[:3] == ["beamform", "--plugin", "my_part.py"]
    status, out, err = cli(*words, "--draws", "1")
    assert (status, err.count("isacfw:")) == (0, 0), err
    assert re.search(r"^ +my_part .* 1/1 ", out, re.MULTILINE)


def test_the_command_at_the_head_of_a_figure_runs(cli, here):
    words = command(new_part("figure", "my_part", here))
    assert words == ["figure", "my_part", "--plugin", "my_part.py"]
    wrote = "".join(f"wrote my_part.{suffix}\n" for suffix in ("nc", "png", "pdf"))
    assert cli(*words) == (0, "", wrote)
    assert {path.name for path in here.glob("my_part.*")} == {f"my_part.{s}" for s in ("py", "nc", "png", "pdf")}


@pytest.mark.parametrize("kind", NEW_KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_a_word(cli, here, kind, name):
    path = new_part(kind, name, here)
    assert path == here / f"{name}.py"
    part = PluginHost([path], discover=False).find(kind, f"{name}:{name}")
    assert part.cls.__name__.isidentifier()
    assert re.fullmatch("[A-Z][A-Za-z0-9]*", part.cls.__name__)
    assert part.cls.examples()
    assert path.read_text() == source(kind, name)


@pytest.mark.parametrize("name", ["a-b", "1a", "", "a b", "a.py", "../a", "ä", "class", "None", "a\nb"])
def test_what_is_no_name_is_a_mistake(cli, here, name):
    status, out, err = cli("new", "metric", name)
    assert (status, out) == (2, "")
    assert err == f"isacfw: name must be a word of letters, digits and underscores, got {name!r}\n"
    assert list(here.iterdir()) == []


def test_no_keyword_is_a_name(here):
    for word in keyword.kwlist:
        with pytest.raises(InputError, match="must be a word"):
            new_part("metric", word, here)


@pytest.mark.parametrize("imported", [False, True], ids=["isacfw", "python -m isacfw"])
def test_a_file_is_not_overwritten(cli, here, monkeypatch, imported):
    if imported:
        monkeypatch.syspath_prepend(here)
    path = here / "mine.py"
    path.write_text("precious")
    assert cli("new", "metric", "mine") == (
        2,
        "",
        "isacfw: name must be that of a new file, got mine.py, which exists\n",
    )
    assert path.read_text() == "precious"


def test_a_folder_is_made(cli, here):
    status, out, _ = cli("new", "metric", "mine", "--out", "some/where")
    assert status == 0
    assert out.startswith("wrote some/where/mine.py\nNext: run `isacfw check some/where/mine.py`,")
    assert cli("check", "some/where/mine.py")[0] == 0


@pytest.mark.parametrize("folder", ["file", "file/folder", "/dev/null/folder"])
def test_a_folder_that_cannot_be_written_is_a_mistake(cli, here, folder):
    (here / "file").write_text("precious")
    status, out, err = cli("new", "metric", "mine", "--out", folder)
    assert (status, out) == (2, "")
    assert re.fullmatch(f"isacfw: the output folder must be writable, got '{folder}': [A-Z].*\n", err)


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_of_others_is_a_mistake(cli, here):
    (here / "locked").mkdir(mode=0o500)
    status, _, err = cli("new", "metric", "mine", "--out", "locked")
    assert (status, err) == (
        2,
        "isacfw: the output folder must be writable, got 'locked': Permission denied\n",
    )


@pytest.mark.parametrize(
    ("kind", "hint"),
    [
        ("allocater", "; did you mean 'allocator'?"),
        (
            "table",
            "; known: allocator, array, beam, beamformer, channel, figure, metric, objective, precoder,"
            " requirement",
        ),
    ],
)
def test_an_unknown_kind_is_a_mistake(cli, here, kind, hint):
    said = f"isacfw: unknown kind {kind!r}{hint}\n"
    assert cli("new", kind, "mine") == (2, "", said)
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("name", ["numpy", "isacfw", "__main__"])
def test_a_name_does_not_hide_what_the_file_imports(here, monkeypatch, name):
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)  # As in a console script.
    try:
        path = new_part("metric", name, here)
    except InputError:
        return
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", path, cwd=here)
    assert done.returncode == 0, done.stdout


OPTIONAL = '''
import attrs
import isacfw


@attrs.frozen(kw_only=True)
class Odd(isacfw.Array):
    """Antennas in a line, with a _hidden option and one of another name."""

    name = "odd"

    _hidden: float = 1.0
    spread: float = attrs.field(default=1.0, alias="width")
    half: float = attrs.field(init=False)

    @half.default
    def _(self):
        return self.spread / 2

    def positions(self):
        return [[0.0, 0.0], [self._hidden, self.half]]


@isacfw.hookimpl
def register_arrays():
    return [Odd]
'''


@pytest.fixture
def loaded(tmp_path):
    """Return a function that loads a new part from a file, which is then deleted, and returns the part."""

    def load(kind, name="", text=""):
        path = tmp_path / f"{name or kind}.py"
        path.write_text(text or source(kind, name or kind))
        (info,) = [one for one in PluginHost([path], discover=False).parts(kind) if one.provider == path.stem]
        path.unlink()
        return info.cls.examples()[0]

    return load


def calls(loaded):
    """Return a call of a method of a part of each kind."""
    problem, scene = problems.problem(3), problems.scene().of_drop(0)
    performance = problem.performance(problem.equal_split / 2, 0.5)
    scenario = problems.scenario(problems.fading_channel())
    return {
        "array": (loaded("array").positions,),
        "channel": (loaded("channel").statistics, drops_of(0, range(2)), scene.array),
        "precoder": (loaded("precoder").weights, problems.estimates((4, 2))),
        "beam": (loaded("beam").weights, scene, problems.estimates((2, problems.ANTENNAS, 3))),
        "objective": (loaded("objective").value, performance),
        "requirement": (loaded("requirement").constraint, goals.setting()),
        "metric": (loaded("metric").evaluate, problem, problems.allocation(problem)),
        "allocator": (loaded("allocator").solve, problem),
        "beamformer": (loaded("beamformer").solve, beamformers.problem(beamformers.sensed()["a target"])),
        # Any function of two numbers will do as progress, as long as it can be pickled.
        "figure": (loaded("figure").collect, scenario, figures.compare_without_times, divmod),
    }


def same(first, second):
    """Compare arrays, and what holds arrays, bit by bit."""
    if attrs.has(type(first)):
        first, second = (attrs.asdict(one, recurse=False) for one in (first, second))
    if isinstance(first, xarray.Dataset):
        return first.identical(second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    return np.asarray(first).tobytes() == np.asarray(second).tobytes()


WORKER = """
import pickle, sys
calls = pickle.load(sys.stdin.buffer)
found = {kind: (call[0](*call[1:]), call[0].__self__) for kind, call in calls.items()}
pickle.dump(found, sys.stdout.buffer)
"""


def test_a_part_of_a_deleted_file_works_in_a_fresh_process(loaded, tmp_path):
    given = calls(loaded)
    assert list(tmp_path.glob("*.py")) == []
    done = subprocess.run(
        [sys.executable, "-c", WORKER], input=pickle.dumps(given), capture_output=True, cwd=tmp_path, check=True
    )
    found = pickle.loads(done.stdout)
    assert found.keys() == set(NEW_KINDS)
    for kind, (method, *arguments) in calls(loaded).items():
        answer, part = found[kind]
        assert part == given[kind][0].__self__
        assert type(part) is type(given[kind][0].__self__)
        assert same(answer, method(*arguments)), kind


def test_a_part_of_a_deleted_file_works_in_a_spawned_worker(loaded, tmp_path):
    given = calls(loaded)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        waiting = {kind: pool.submit(*call) for kind, call in given.items()}
        found = {kind: future.result(60) for kind, future in waiting.items()}
    for kind, (method, *arguments) in calls(loaded).items():
        assert same(found[kind], method(*arguments)), kind


def test_options_travel_with_the_part(loaded):
    part = attrs.evolve(loaded("array"), elements=7, radius=2.5)
    copied = pickle.loads(pickle.dumps(part))
    assert copied == part
    assert (copied.elements, copied.radius) == (7, 2.5)
    assert hash(copied) == hash(part)


def test_so_do_private_renamed_and_computed_ones(loaded):
    part = attrs.evolve(loaded("array", "odd", OPTIONAL), hidden=3.0, width=4.0)
    copied = pickle.loads(pickle.dumps(part))
    assert copied == part
    assert copied.positions() == [[0.0, 0.0], [3.0, 2.0]]


def test_a_changed_file_gives_a_new_class(loaded):
    text = source("array", "ring")
    before, same_file = loaded("array", "ring"), loaded("array", "ring")
    after = loaded("array", "ring", text.replace("default=60", "default=6"))
    assert type(before) is type(same_file)
    assert type(after) is not type(before)
    assert (before.n_elements, after.n_elements) == (60, 6)
    assert before != after
    for part in (before, after):
        copied = pickle.loads(pickle.dumps(part))
        assert type(copied) is type(part)
        assert copied.n_elements == part.n_elements
        assert isinstance(copied, isacfw.Array)
