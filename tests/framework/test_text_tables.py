"""Tables in terminals: nothing is wider than a line, no number is cut, and names stay readable."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

import isacfw
from isacfw import Comparison
from isacfw.report.record_table import RecordTable, number_in
from isacfw.report.table import render
from isacfw.report.text_lines import fold_text

WIDTHS = (50, 60, 72, 80, 100, 120, 160, 200)
LABELS = [
    "exact",
    "successive convex approximation with the logarithmic surrogate",
    "a_label_without_any_space_that_is_rather_long_for_a_table",
    "ein Name mit Ümläuten, 漢字 und $x$",
    "[bold]b[/bold] \x1b[31m \u202e",
    "=1+1",
    *(f"allocator {number}" for number in range(6)),
]
NUMBER = re.compile(r"(?<![\w#])[+-]?\d+(?:\.\d+)?(?:e[+-]\d+)?(?![\w.])")


@pytest.fixture(scope="module")
def wide(variant: Any) -> Comparison:
    """Return twelve allocators, two beams, two targets and eight columns of requirements and metrics."""
    second = {"azimuth_deg": -32.5, "elevation_deg": 25.0, "reflection_amplitude": 0.2}
    changes = {
        "allocators": [{"kind": "equal_com", "label": label} for label in LABELS],
        "beams": ["steered", {"kind": "difference", "label": "difference of two halves of the whole array"}],
        "precoders": ["mrt"],
        "metrics": [{"kind": "rate_distribution", "draws": 4}],
        "requirements": {"service": {"kind": "user_rate", "minimum": 0.01}},
        "drops": 2,
    }
    document = variant(changes)
    document["targets"] = [document.pop("target"), second]
    return isacfw.compare(isacfw.load_scenario(document))


def tables(text: str) -> str:
    """Return a text without its notes, which are folded between any words."""
    return text.partition("★")[0] if text.startswith("★") else text.split("\n± ")[0]


@pytest.mark.parametrize("width", WIDTHS)
def test_tables_fit_a_width_and_lose_nothing(width: int, wide: Comparison) -> None:
    whole, folded = render(wide.dataset), render(wide.dataset, width=width)
    lines = folded.splitlines()
    assert max(map(cell_len, lines)) <= width
    assert "\x1b" not in folded
    assert "\u202e" not in folded
    cells = [re.split(r"\s{2,}|(?<=\S) (?=[-+\d])", line.strip()) for line in tables(whole).splitlines()]
    numbers = Counter(NUMBER.findall(" ".join(" ".join(row) for row in cells if row[0] not in LABELS)))
    found = Counter(NUMBER.findall(tables(folded)))
    lost = {number for number in numbers if number.count(".") and found[number] < numbers[number]}
    assert not lost
    # A name is whole, or goes on in lines that are indented further.
    for label in LABELS[:1] + LABELS[6:]:
        assert any(line.strip().startswith(label) for line in lines), label
    assert "difference of two halves of the whole array" in " ".join(folded.split())


@pytest.mark.parametrize("width", WIDTHS)
def test_long_names_go_on_in_further_lines(width: int) -> None:
    rows = [[label, "1.25", "3.5 ms"] for label in LABELS]
    text = RecordTable(title="t", headings=("name", "rate", "time"), rows=rows, words=(0,)).text(width)
    for label in LABELS:
        shown = label.replace("\x1b", "\\x1b").replace("\u202e", "\\u202e")
        pieces = [line.replace("1.25", "").replace("3.5 ms", "") for line in text.splitlines()]
        assert re.sub(r"\s", "", shown) in re.sub(r"\s", "", "".join(pieces))
    assert max(map(cell_len, text.splitlines())) <= width
    assert text.count("1.25") == text.count("3.5 ms") == len(LABELS)


def test_a_pipe_gets_whole_lines(wide: Comparison) -> None:
    text = str(wide)
    assert text == render(wide.dataset)
    assert any(LABELS[1] in line and "feasible" in line and line.endswith("s") for line in text.splitlines())


def test_a_number_wider_than_a_line_is_not_cut() -> None:
    number = "1" * 60
    text = RecordTable(title="t", headings=("name", "n"), rows=[["a name", number]], words=(0,)).text(50)
    assert number in text


def test_lines_of_text_are_folded_with_an_indent() -> None:
    assert fold_text("one two three\n  four five", 9) == "one two\n  three\n  four\n    five"
    assert fold_text("one two three", None) == "one two three"


@pytest.mark.parametrize(
    ("text", "number"),
    [("1.5†", 1.5), ("3/4", 0.75), ("2 ms", 0.002), ("≤ 1e-6", 1e-6), ("-", None), ("0/0", None), ("x", None)],
)
def test_cells_are_sorted_by_their_numbers(text: str, number: float | None) -> None:
    found = number_in(text)
    assert found == pytest.approx(number, nan_ok=True) if number is not None else found != found


COMMANDS = [
    ["plugins"],
    ["info", "sca"],
    ["info", "nguyen2025"],
    ["show", "{folder}"],
    ["diff", "{folder}", "{other}"],
    ["check", "exact"],
]


@pytest.mark.usefixtures("no_figures")
@pytest.mark.parametrize(
    "command",
    [
        pytest.param(one, marks=pytest.mark.slow if one[0] == "diff" else pytest.mark.nightly, id=" ".join(one))
        for one in COMMANDS
    ],
)
def test_commands_fit_any_terminal(command: list[str], wide: Comparison, variant: Any, tmp_path: Path) -> None:
    wide.save(tmp_path / "one")
    isacfw.compare(isacfw.load_scenario(variant())).save(tmp_path / "two")
    words = [one.format(folder=tmp_path / "one", other=tmp_path / "two") for one in command]
    for width, encoding in ((50, "ascii"), (80, "cp1252"), (200, "utf-8")):
        done = subprocess.run(
            [sys.executable, "-m", "isacfw", *words],
            env=os.environ | {"COLUMNS": str(width), "PYTHONIOENCODING": encoding},
            capture_output=True,
            check=False,
        )
        text = done.stdout.decode(encoding)
        assert done.returncode in (0, 1), done.stderr
        assert text
        assert max(map(cell_len, text.splitlines())) <= width, (width, encoding)
        assert "\x1b" not in text
