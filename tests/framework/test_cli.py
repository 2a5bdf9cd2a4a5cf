"""The command line: exit status, what is on which stream, and one sentence for a mistake."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys

import pytest
import tomli_w

from isacfw import compare, load_scenario

PLUGIN = """
import attrs
import numpy as np
import isacfw


@attrs.frozen(kw_only=True)
class Broken(isacfw.Allocator):
    '''It does not work.'''

    name = "broken"

    def solve(self, problem):
        raise RuntimeError("it does not work")


@attrs.frozen(kw_only=True)
class Absent(isacfw.Allocator):
    '''Shares within [a, b] by [/fancy].'''

    name = "absent"

    @classmethod
    def unavailable(cls):
        return "needs fancy: python -m pip install 'fancy[solver]'"

    def solve(self, problem):
        import fancy


@attrs.frozen(kw_only=True)
class Odd(isacfw.Allocator):
    '''Shares within [a, b] by [/fancy].'''

    name = "odd"

    def solve(self, problem):
        return isacfw.Shares(communication=np.full(problem.users, 0.1), sensing=np.asarray(0.5))


@isacfw.hookimpl
def register_allocators():
    return [Broken, Absent, Odd]
"""


HOOK = "import isacfw\n@isacfw.hookimpl\ndef "


@pytest.fixture
def plugin(tmp_path):
    path = tmp_path / "extra.py"
    path.write_text(PLUGIN)
    return path


@pytest.fixture
def mistake(cli, tmp_path, monkeypatch):
    """Return a function that runs a command in an empty folder and gives its only line on standard error."""
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def of(*arguments) -> str:
        status, out, err = cli(*arguments)
        assert (status, out) == (2, "")
        assert err.startswith("isacfw: ")
        assert err.endswith("\n")
        assert err.count("\n") == 1, err
        assert "Traceback" not in err
        assert list(folder.iterdir()) == []
        return err.removeprefix("isacfw: ").removesuffix("\n")

    return of


def test_a_comparison_prints_its_table(cli, scenario_file):
    status, out, err = cli("compare", scenario_file())
    assert (status, err) == (0, "")
    assert out.splitlines()[0] == "small: 2 drops, seed 1"
    for word in ("exact ★", "equal_com", "mrt", "zf", "optimal", "feasible"):
        assert word in out
    assert "\x1b" not in out


def test_json_is_all_there_is_on_standard_output(cli, scenario_file):
    path = scenario_file({"sweep": {"snr_db": [0, 5]}})
    status, out, err = cli("compare", path, "--json")
    assert (status, err) == (0, "")
    records = json.loads(out)
    expected = compare(path).records()
    for record in (*records, *expected):
        record.pop("seconds")
    assert records == expected


def test_json_is_not_disturbed_by_a_part_that_prints(cli, scenario_file, tmp_path):
    path = tmp_path / "loud.py"
    path.write_text(
        PLUGIN.replace("        return isacfw.Shares", "        print('hello')\n        return isacfw.Shares")
    )
    status, out, _ = cli("compare", scenario_file(), "--plugin", path, "--allocators", "odd,exact", "--json")
    assert status == 0
    assert len(json.loads(out)) == 8


def test_options_take_the_place_of_the_scenario_s_own(cli, scenario_file):
    options = ("--precoders", "zf", "--allocators", "equal_cs, exact", "--drops", "3", "--seed", "9")
    status, out, _ = cli("compare", scenario_file(), *options, "--json")
    assert status == 0
    records = json.loads(out)
    assert [(row["precoder"], row["allocator"], row["drop"]) for row in records] == [
        ("zf", allocator, drop) for allocator in ("equal_cs", "exact") for drop in range(3)
    ]
    again = json.loads(cli("compare", scenario_file({"seed": 9, "drops": 3}), "--json")[1])
    rates = {row["drop"]: row["rates"] for row in again if (row["precoder"], row["allocator"]) == ("zf", "exact")}
    assert rates == {row["drop"]: row["rates"] for row in records if row["allocator"] == "exact"}


def test_labels_select_the_scenario_s_own_parts(cli, scenario_file):
    entries = [{"kind": "sca", "label": "log", "surrogate": "logarithmic"}, "exact"]
    status, out, _ = cli("compare", scenario_file({"allocators": entries}), "--allocators", "exact", "--json")
    assert {row["allocator"] for row in json.loads(out)} == {"exact"}
    assert status == 0


def test_set_changes_keys(cli, scenario_file):
    options = (
        "--set",
        "snr_db=20",
        "--set",
        'sweep."sensing.crlb_limit_db"=[-30, -35]',
        "--set",
        "name=loud and clear",
    )
    status, out, _ = cli("compare", scenario_file(), *options, "--json")
    assert status == 0
    records = json.loads(out)
    assert {row["sensing.crlb_limit_db"] for row in records} == {-30, -35}
    assert all(row["communication_power"] + row["sensing_power"] == pytest.approx(100) for row in records)
    assert cli("compare", scenario_file(), *options)[1].startswith("loud and clear: 2 drops")


def test_the_registered_scenario_is_the_default(cli):
    options = ("--allocators", "exact", "--drops", "1", "--json")
    default, named = cli("compare", *options), cli("compare", "nguyen2025", *options)
    assert default[0] == named[0] == 0
    assert [{**row, "seconds": 0} for row in json.loads(default[1])] == [
        {**row, "seconds": 0} for row in json.loads(named[1])
    ]
    assert {row["precoder"] for row in json.loads(default[1])} == {"mrt", "zf"}
    assert cli("compare", *options[:-1])[1].startswith("nguyen2025: 1 drop, seed 1")


def test_out_writes_the_files(cli, scenario_file, tmp_path):
    folder = tmp_path / "new" / "folder"
    status, out, err = cli("compare", scenario_file(), "--drops", "1", "--out", folder)
    assert status == 0
    assert out.startswith("small: 1 drop")
    written = [line.removeprefix("wrote ") for line in err.splitlines()]
    assert sorted(written) == sorted(str(path) for path in folder.iterdir() if path.name != "chunks")
    assert {"results.nc", "results.csv", "scenario.toml"} <= {path.name for path in folder.iterdir()}
    assert load_scenario(folder / "scenario.toml").scenario.drops == 1


def test_out_with_json_keeps_standard_output_clean(cli, scenario_file, tmp_path, no_figures):
    status, out, _ = cli("compare", scenario_file(), "--out", tmp_path / "folder", "--json")
    assert status == 0
    assert len(json.loads(out)) == 8


def test_a_saved_scenario_gives_the_same_rows_again(cli, scenario_file, tmp_path, no_figures):
    path = scenario_file({"sweep": {"snr_db": [0, 5]}})
    first = json.loads(cli("compare", path, "--seed", 4, "--out", tmp_path / "folder", "--json")[1])
    status, out, err = cli("compare", tmp_path / "folder" / "scenario.toml", "--json")
    assert (status, err) == (0, "")
    assert [{**row, "seconds": 0} for row in json.loads(out)] == [{**row, "seconds": 0} for row in first]


def test_infeasible_is_a_result(cli, scenario_file):
    status, out, err = cli("compare", scenario_file({"sensing.crlb_limit_db": -200}))
    assert (status, err) == (0, "")
    assert "infeasible" in out


def test_skipped_is_a_result(cli, scenario_file, plugin):
    options = ("--plugin", plugin, "--allocators", "absent,exact", "--json")
    status, out, err = cli("compare", scenario_file({"channel.users": 16}), *options)
    assert (status, err) == (0, "")
    reasons = {row["message"] for row in json.loads(out) if row["status"] == "skipped"}
    assert "needs fancy: python -m pip install 'fancy[solver]'" in reasons


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_row_that_failed_is_status_1_and_all_rows_are_there(form, cli, scenario_file, plugin):
    options = ("--plugin", plugin, "--allocators", "broken,exact,equal_cs", *form)
    status, out, err = cli("compare", scenario_file(), *options)
    assert status == 1
    assert "Traceback" not in err
    if form:
        statuses = [(row["allocator"], row["status"]) for row in json.loads(out)]
        assert len(statuses) == 12
        assert all((status == "failed") == (name == "broken") for name, status in statuses)
    else:
        for word in ("broken", "exact", "equal_cs", "failed", "RuntimeError: it does not work"):
            assert word in " ".join(out.split())


MISTAKES = {
    "an unknown key": ({"snr": 3}, (), "snr is not a known key; did you mean 'snr_db'?"),
    "an unknown key in a table": (
        {"channel.user": 3},
        (),
        "channel.user is not a known key; did you mean 'users'?",
    ),
    "a missing key": ({"target.azimuth_deg": ...}, (), "target.azimuth_deg must be given"),
    "a missing table": ({"target": ...}, (), "target must be given"),
    "an unknown part": ({"channel.kind": "raylegh"}, (), "channel.kind must name a known channel"),
    "a wrong type": ({"channel.users": "3"}, (), "channel.users must be an integer, got '3'"),
    "a table for a list": ({"precoders": {"a": 1}}, (), "precoders must be a list"),
    "zero antennas": (
        {"transmit_array.vertical": 0},
        (),
        "transmit_array.vertical must be an integer at least 1",
    ),
    "a negative distance": (
        {"target.reflection_amplitude": ..., "target.distance_m": -4},
        (),
        "target.distance_m must be a finite number greater than 0, got -4",
    ),
    "NaN": ({"snr_db": float("nan")}, (), "snr_db must be a finite number"),
    "infinity": ({"sensing.crlb_limit_db": float("inf")}, (), "sensing.crlb_limit_db must be a finite number"),
    "two forms of a limit": (
        {"sensing.azimuth_crlb_limit_db": -30},
        (),
        "sensing.azimuth_crlb_limit_db cannot be combined with crlb_limit_db",
    ),
    "users that disagree": ({"channel.large_scale_fading": [0.1]}, (), "channel.users must agree with"),
    "a sweep of nothing": ({"sweep": {"snr_db": []}}, (), "sweep.snr_db must be a nonempty list"),
    "a sweep of an unknown path": ({"sweep": {"snr": [1]}}, (), "sweep.snr must be a key of the scenario"),
    "a sweep that is no table": ({"sweep": 5}, (), "sweep must be a table"),
    "a sweep out of range": ({"sweep": {"channel.users": [2, 0]}}, (), "sweep.channel.users must be an integer"),
    "points that contradict": (
        {"sweep": {"channel.pilot_length": [10, 90], "channel.coherence_length": [100, 50]}},
        (),
        "sweep.channel.pilot_length must be less than coherence_length",
    ),
    "a choice that is none": (
        {"receive_array": {"kind": "ula", "elements": 3, "axis": "up"}},
        (),
        "receive_array.axis must be one of 'horizontal', 'vertical', got 'up'",
    ),
    "a number beyond all floats": ({}, ("--set", f"channel.users={10**400}"), "channel.users must be"),
    "a number beyond all memory": ({}, ("--set", f"channel.users={10**30}"), "channel.users must be"),
    "an allocator twice": ({"allocators": ["exact", "exact"]}, (), "allocators[1] needs a unique label"),
    "a plugin that is absent": ({"plugins": ["absent.py"]}, (), "absent.py must be a Python file"),
    "an option twice": ({}, ("--allocators", "exact,exact"), "allocators[1] needs a unique label"),
    "an unknown allocator": ({}, ("--allocators", "exct"), "allocators must name a known allocator, got 'exct'"),
    "no allocator": ({}, ("--allocators", ""), "allocators must be a nonempty list"),
    "an unknown precoder": ({}, ("--precoders", "mrt,sf"), "precoders must name a known precoder, got 'sf'"),
    "no drops": ({}, ("--drops", "0"), "drops must be an integer at least 1, got 0"),
    "a negative seed": ({}, ("--seed", "-1"), "seed must be an integer at least 0, got -1"),
    "a set without value": ({}, ("--set", "snr_db"), "--set must be key=value, got 'snr_db'"),
    "a set of an unknown key": ({}, ("--set", "snr=3"), "snr is not a known key"),
    "a set of a wrong type": ({}, ("--set", "snr_db=loud"), "snr_db must be a number, got 'loud'"),
    "a set of an unquoted path": (
        {},
        ("--set", "sweep.channel.users=2"),
        "sweep.channel.users must be a list, got 2",
    ),
    "a plugin option that is absent": ({}, ("--plugin", "absent.py"), "absent.py must be a Python file"),
    "a module that is absent": ({}, ("--plugin", "absent_module"), "No module named 'absent_module'"),
    "an empty plugin": ({}, ("--plugin", ""), "plugin"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_sentence_that_names_the_key(case, mistake, scenario_file):
    changes, options, words = MISTAKES[case]
    assert words in mistake("compare", scenario_file(changes), *options)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("bad.toml", b"a = = 1", "bad.toml is not valid TOML"),
        ("bad.toml", b"\xff\xfe\x00", "bad.toml is not a UTF-8 text file"),
        ("empty.toml", b"", "must be given"),
        ("absent.toml", None, "absent.toml must be a file that can be read, got: No such file"),
        ("", None, "must be a file that can be read"),
    ],
)
def test_a_file_that_is_no_scenario(name, content, words, mistake, tmp_path):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert words in mistake("compare", tmp_path / name)


def test_an_unknown_scenario(mistake):
    line = mistake("compare", "nguyen2024")
    assert (
        line == "scenario must be a file or the name of a scenario, got 'nguyen2024'; did you mean 'nguyen2025'?"
    )


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("raise RuntimeError('one\\ntwo')", "extra.py raised RuntimeError (line 1): one two"),
        ("def f(:", "extra.py raised SyntaxError"),
        ("raise SystemExit(0)", "extra.py raised SystemExit"),
        ("x = 1", "extra.py implements no hook"),
        (
            "import isacfw\n@isacfw.hookimpl\ndef register_alocators(): return []",
            "did you mean 'register_allocators'",
        ),
        (
            "import isacfw\n@isacfw.hookimpl\ndef register_allocators(): return 5",
            "must return a list of classes, got 5",
        ),
    ],
)
@pytest.mark.parametrize("command", [("compare",), ("plugins",)])
def test_a_broken_plugin(command, source, words, mistake, plugin):
    plugin.write_text(source)
    assert words in mistake(*command, "--plugin", plugin)


def test_a_named_scenario_that_is_none(mistake, plugin):
    plugin.write_text(HOOK + "register_scenarios(): return {'mine': 5}")
    mistake("compare", "mine", "--plugin", plugin)


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_an_output_folder_that_cannot_be_written_is_noticed_before_the_work(
    name, mistake, scenario_file, tmp_path, monkeypatch
):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(
        sys.modules["isacfw.study.compare"], "compare", lambda *_, **__: pytest.fail("the work was begun")
    )
    line = mistake("compare", scenario_file(), "--out", tmp_path / name)
    assert str(tmp_path / name) in line
    assert "must be writable" in line


COMMANDS = (
    "; known: beamform, check, compare, diff, export, figure, info, new, plot, plugins, regimes, report, schema,"
    " show"
)
COMMAND_LINES = {
    "compare nguyen2025 --drops x": "--drops must be an integer, got 'x'",
    "compare --time-limit soon": "--time-limit must be a number of seconds, got 'soon'",
    "compare --drops": "--drops requires a value",
    "compare --json=3": "--json takes no value, got '3'",
    "compare --se 3": "ambiguous option --se: it could be --seed, --set",
    "compare --dropz 3": "unknown option '--dropz' for isacfw compare; did you mean '--drops'?",
    "compare --dropz=3": "unknown option '--dropz' for isacfw compare; did you mean '--drops'?",
    "plugins --bogus": "unknown option '--bogus' for isacfw plugins; known: --debug, --help, --plugin",
    "--verson": "unknown option '--verson' for isacfw; did you mean '--version'?",
    "compare a b": "unexpected argument 'b' for isacfw compare",
    "plugins x": "unexpected argument 'x' for isacfw plugins",
    "compar": "unknown command 'compar'; did you mean 'compare'?",
    "bogus": f"unknown command 'bogus'{COMMANDS}",
    "check": "NAME|FILE is required",
    "new array": "NAME is required",
    "new": "KIND, NAME is required",
}


@pytest.mark.parametrize("line", COMMAND_LINES)
def test_a_mistake_in_the_command_line_is_a_sentence(line, cli):
    assert cli(*line.split()) == (2, "", f"isacfw: {COMMAND_LINES[line]}\n")


def test_plugins_lists_every_part(cli):
    status, out, err = cli("plugins")
    assert (status, err) == (0, "")
    version = importlib.metadata.version("isacfw")
    lines = out.splitlines()
    for kind, name in [
        ("array", "upa"),
        ("array", "ula"),
        ("channel", "rayleigh"),
        ("precoder", "mrt"),
        ("precoder", "zf"),
        ("metric", "sum_rate"),
        ("metric", "user_rates"),
        ("metric", "crlb"),
        ("metric", "powers"),
        ("allocator", "exact"),
        ("allocator", "sca"),
        ("allocator", "ipopt"),
        ("allocator", "equal_com"),
        ("allocator", "equal_cs"),
    ]:
        line = next(line.split() for line in lines if line.split()[:2] == [kind, name])
        assert line[2:5] == ["isacfw", version, "yes"]
        assert len(line) > 6
    assert any(line.split()[:3] == ["scenario", "nguyen2025", "isacfw"] for line in lines)


def test_plugins_shows_a_plugin_s_parts_and_what_they_lack(cli, plugin):
    status, out, err = cli("plugins", "--plugin", plugin)
    assert (status, err) == (0, "")
    lines = {line.split()[1]: " ".join(line.split()) for line in out.splitlines() if "allocator" in line}
    assert lines["broken"] == "allocator broken extra - yes It does not work."
    assert lines["absent"] == ("allocator absent extra - no needs fancy: python -m pip install 'fancy[solver]'")
    assert lines["odd"] == "allocator odd extra - yes Shares within [a, b] by [/fancy]."


@pytest.fixture
def discovered(monkeypatch):
    """A broken plugin that looks installed."""
    import types

    from isacfw.host.host import default_host

    def load():
        raise ImportError("cannot\nimport")

    entry = types.SimpleNamespace(
        name="entry",
        value="broken.plugin",
        module="broken.plugin",
        dist=types.SimpleNamespace(name="broken-dist", version="1"),
        load=load,
    )
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: [entry])
    default_host.cache_clear()
    yield
    default_host.cache_clear()


@pytest.mark.usefixtures("discovered")
def test_a_broken_installed_plugin_is_a_line_and_the_work_goes_on(cli, scenario_file):
    for arguments in (("compare", scenario_file(), "--json"), ("plugins",)):
        status, out, err = cli(*arguments)
        assert status == 0
        assert err.startswith("isacfw: ")
        assert err.count("\n") == 1
        assert "broken-dist" in err
        assert "cannot import" in err
        assert "exact" in out


def test_an_observer_that_raises_is_a_line_and_no_result_is_lost(cli, scenario_file, plugin):
    plugin.write_text(HOOK + "allocation_started(): raise RuntimeError('one\\ntwo')")
    options = ("--plugin", plugin, "--precoders", "mrt", "--allocators", "exact", "--json")
    status, out, err = cli("compare", scenario_file(), *options)
    assert status == 0
    assert len(json.loads(out)) == 2
    assert err.count("\n") == 1
    assert "allocation_started" in err
    assert "RuntimeError: one two" in err


def test_version(cli):
    assert cli("--version") == (0, f"isacfw {importlib.metadata.version('isacfw')}\n", "")


@pytest.mark.parametrize("arguments", [("--help",), ()])
def test_help(arguments, cli):
    status, out, err = cli(*arguments)
    assert (status, err) == (0, "")
    assert "usage: isacfw" in out
    assert "compare" in out
    assert "plugins" in out


def test_the_help_of_compare_names_every_option(cli):
    status, out, _ = cli("compare", "--help")
    assert status == 0
    for option in ("--precoders", "--allocators", "--drops", "--seed", "--set", "--plugin", "--out", "--json"):
        assert option in out
    assert "Exit status: 0" in " ".join(out.split())


def _process(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "isacfw", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"COLUMNS": "100"},
        check=False,
        **options,
    )


def test_a_process_of_its_own(scenario_file):
    done = _process("compare", scenario_file(), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(json.loads(done.stdout)) == 8
    done = _process("compare", scenario_file({"snr": 1}))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "isacfw: snr is not a known key; did you mean 'snr_db'?\n"


def test_a_reader_that_goes_away(tmp_path, scenario_file):
    path = scenario_file({"sweep": {"snr_db": list(range(60))}})
    command = f'"{sys.executable}" -m isacfw compare "{path}" --json | head -n 1'
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[\n", "")


def test_the_console_script_is_this_command():
    scripts = importlib.metadata.entry_points(group="console_scripts", name="isacfw")
    assert [script.value for script in scripts] == ["isacfw.cli:run"]


def test_a_written_document_is_what_the_tests_think(scenario_file, variant):
    assert scenario_file().read_text() == tomli_w.dumps(variant())
