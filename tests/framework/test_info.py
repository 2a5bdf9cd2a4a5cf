"""Descriptions of parts, the command info, and the JSON Schema of scenario files."""

from __future__ import annotations

import copy
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import jsonschema
import pytest

import isacfw
from isacfw.cli import main
from isacfw.cli.commands import COMMANDS
from isacfw.cli.draw_commands import DRAW_COMMANDS
from isacfw.cli.part_commands import PART_COMMANDS
from isacfw.config.json_schema import json_schema
from isacfw.host.describe import describe, plain, shown

ROOT = Path(__file__).parents[2]
HOST = isacfw.PluginHost(discover=False)
SCENARIOS = sorted(
    [*(ROOT / "examples" / "scenarios").glob("*.toml"), *(ROOT / "plugins").rglob("scenarios/*.toml")]
)


def described() -> Iterator[type[Any]]:
    """Yield the classes of all parts, and of all tables in scenario files."""
    found: dict[type[Any], None] = {}
    waiting = [isacfw.Scenario, *(part.cls for part in HOST.parts())]
    while waiting:
        cls = waiting.pop()
        if cls not in found:
            found[cls] = None
            waiting += describe(cls).tables
    yield from found


@pytest.mark.parametrize("cls", list(described()), ids=lambda cls: f"{cls.__module__}.{cls.__name__}")
def test_every_option_has_a_type_and_a_meaning(cls: type[Any]) -> None:
    description = describe(cls)
    assert {one.name for one in description.options} == {field.name for field in attrs.fields(cls) if field.init}
    for option in description.options:
        assert option.type, option
        assert option.meaning, option
        assert "`" not in option.type + option.meaning, option
    assert description.summary


def test_defaults_are_those_of_the_part() -> None:
    found = {one.name: one for one in describe(HOST.find("allocator", "sca").cls).options}
    part: Any = HOST.find("allocator", "sca").cls()
    for name in ("surrogate", "initial", "tolerance", "max_iterations"):
        assert tomllib.loads(f"value = {found[name].default}")["value"] == getattr(part, name)
    assert not found["tolerance"].required
    assert describe(HOST.find("array", "upa").cls).options[0].required


def test_values_and_text_are_plain() -> None:
    value = {"a": [True, 1.5, "x"], "b": isacfw.Steered()}
    assert shown(value) == '{ a = [true, 1.5, "x"], b = "steered" }'
    assert plain(":math:`\\tau_p` of :class:`~isacfw.Direction`,\n  ``code`` and `name`") == (
        "τ_p of Direction, code and name"
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("masr", ["requirement masr", "metric masr", "least_db", "required", "table AngularBox", "[90, 90]"]),
        ("allocator:exact", ["allocator exact", "label"]),
        ("isacfw:max_min", ["no options"]),
        ("scenario", ["sampling_accuracy", "0.01", "table Target"]),
        ("liu2022", ["Scenario liu2022 of isacfw", "[transmit_array]"]),
    ],
)
def test_info_shows_options_and_files(name: str, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", name]) == 0
    printed = capsys.readouterr().out
    assert all(word in printed for word in words)
    assert max(map(len, printed.splitlines())) <= 140


@pytest.mark.parametrize("width", [50, 80])
def test_options_are_a_list_where_a_table_would_be_narrow(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert main(["info", "allocator:sca"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert " max_iterations: int, default 200" in lines
    assert "     Stop after this many iterations, with the" in lines or width > 50
    own = lines[next(number for number, line in enumerate(lines) if line.startswith(" surrogate")) :]
    assert all(line.startswith(("     ", " ")) for line in own if line)
    assert len(max(own, key=len)) <= width
    assert "ln(x + y)" in " ".join(lines).replace("  ", " ")
    assert not any("\\" in line for line in lines)


def test_info_on_nothing_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "exat"]) == 2
    assert capsys.readouterr().err == "isacfw: nothing is named 'exat'; did you mean 'exact'?\n"


# The schema


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    found = json_schema(HOST)
    jsonschema.Draft202012Validator.check_schema(found)
    return found


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_every_scenario_is_valid(path: Path, schema: dict[str, Any]) -> None:
    jsonschema.validate(tomllib.loads(path.read_text(encoding="utf-8")), schema)


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("snr_db",), "loud"),
        (("snr",), 10.0),
        (("channel", "kind"), "raileigh"),
        (("channel", "user"), 3),
        (("transmit_array", "horizontal"), 1.5),
        (("precoders",), ["mtr"]),
        (("allocators",), [{"kind": "sca", "surrogate": "quadratic"}]),
        (("target", "azimuth_deg"), [1.0]),
        (("requirements",), {"a": {"kind": "masr", "mainlobe": [{"azimut_deg": [0, 1]}]}}),
        (("sensing", "frame_lenght"), 3),
    ],
)
def test_mistakes_are_found(keys: tuple[str, ...], value: Any, schema: dict[str, Any]) -> None:
    path = ROOT / "plugins" / "isacfw_plugins" / "scenarios" / "nguyen2025.toml"
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    changed = copy.deepcopy(document)
    table = changed
    for key in keys[:-1]:
        table = table.setdefault(key, {})
    table[keys[-1]] = value
    jsonschema.validate(document, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(changed, schema)


def test_schema_holds_parts_of_plugins(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "precoder", "mine", "--out", str(tmp_path)]) == 0
    capsys.readouterr()
    assert main(["schema", "--plugin", str(tmp_path / "mine.py")]) == 0
    assert '"mine:mine"' in capsys.readouterr().out


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completions_name_all_commands(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--completion", shell]) == 0
    printed = capsys.readouterr().out
    assert all(command in printed for command in COMMANDS | DRAW_COMMANDS | PART_COMMANDS)
    assert "--time-limit" in printed


def test_bash_completes_a_command_and_an_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--completion", "bash"]) == 0
    script = capsys.readouterr().out
    function = re.search(r"^complete .*-F (\w+) isacfw", script, re.MULTILINE)
    assert function is not None
    for words, expected in ((["isacfw", "comp"], "compare"), (["isacfw", "compare", "--work"], "--workers")):
        line = " ".join(f'"{word}"' for word in words)
        lines = (
            script,
            f"COMP_WORDS=({line})",
            f"COMP_CWORD={len(words) - 1}",
            function[1],
            'echo "${COMPREPLY[@]}"',
        )
        done = subprocess.run(["bash", "-c", "\n".join(lines)], capture_output=True, text=True, check=True)
        assert expected in done.stdout.split()


def test_unknown_shell_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--completion", "fish"])
    assert capsys.readouterr().err == "isacfw: --completion must be one of bash, zsh, got 'fish'\n"


def test_a_scenario_in_a_file_is_the_scenario(capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert main(["info", "nguyen2025"]) == 0
    document = tomllib.loads(capsys.readouterr().out)
    assert isacfw.load_scenario(document).scenario == isacfw.load_scenario("nguyen2025").scenario
    monkeypatch.setenv("COLUMNS", "60")
    assert main(["info", "nguyen2025"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 60
