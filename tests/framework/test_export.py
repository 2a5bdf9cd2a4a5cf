"""Results in LaTeX, Markdown, CSV and MATLAB files."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat

import isacfw
from isacfw import Comparison, InputError
from isacfw.cli import main
from isacfw.report.export import Grid, grid_of


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    scenario = isacfw.load_scenario(
        "nguyen2025", overrides=["drops = 3", 'sweep = { "channel.users" = [2, 3], "snr_db" = [5.0, 20.0] }']
    )
    return isacfw.compare(scenario, precoders=["mrt", "zf"], allocators=["exact", "equal_cs"])


def test_latex_has_a_row_for_each_mean(comparison: Comparison) -> None:
    lines = grid_of(comparison.dataset).latex().splitlines()
    assert lines[0] == r"% nguyen2025: 3 drops, seed 1"
    (alignment,) = re.findall(r"\\begin\{tabular\}\{(\w+)\}", lines[1])
    rows = [line for line in lines if line.endswith(r"\\")]
    assert all(row.count("&") == len(alignment) - 1 for row in rows)
    assert len(rows) == 1 + 2 * 2 * 2 * 2
    assert alignment.startswith("llll")
    assert lines.count(r"\addlinespace") == 1
    assert (lines[2], lines[4], lines[-2:]) == (
        r"\toprule",
        r"\midrule",
        [r"\bottomrule", r"\end{tabular}"],
    )
    assert r"$\pm$" in rows[1]
    mean = comparison.table()["sum_rate"].iloc[0]
    assert f"{mean:.5g}" in rows[1]


def test_special_characters_are_text() -> None:
    grid = Grid(title="50 %", headings=("a_b", "c|d"), rows=(("{x} & y", "#1 $ ~ ^ \\"),), words=1)
    assert grid.latex().splitlines()[3:6] == [
        r"a\_b & c\textbar{}d \\",
        r"\midrule",
        r"\{x\} \& y & \#1 \$ \textasciitilde{} \textasciicircum{} \textbackslash{} \\",
    ]
    assert grid.markdown().splitlines() == [
        r"| a_b      |           c\|d |",
        r"| -------- | -------------: |",
        r"| {x} \& y | \#1 \$ \~ ^ \\ |",
    ]


def test_markdown_has_equal_columns(comparison: Comparison) -> None:
    lines = grid_of(comparison.dataset).markdown().splitlines()
    assert len({len(line) for line in lines}) == 1
    assert len(lines) == 2 + 16
    assert lines[2].startswith("| 2 ")


def test_csv_has_one_number_in_each_cell(comparison: Comparison, tmp_path: Path) -> None:
    path = comparison.export(tmp_path / "all.csv")
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == comparison.dataset["status"].size
    for row, record in zip(rows, comparison.records(), strict=True):
        rates = [row[f"rates_{number}"] for number in (1, 2, 3)]
        assert [float(rate) for rate in rates if rate] == record["rates"]
        assert "[" not in "".join(value for key, value in row.items() if key != "message")


def test_matlab_reads_all_variables(comparison: Comparison, tmp_path: Path) -> None:
    found = loadmat(comparison.export(tmp_path / "all.mat"), simplify_cells=True)
    data = comparison.dataset
    np.testing.assert_array_equal(found["sum_rate"], data["sum_rate"].to_numpy())
    np.testing.assert_array_equal(found["channel_users"], [2, 3])
    assert found["precoder"].tolist() == ["mrt", "zf"]
    assert found["dimensions"]["sum_rate"].tolist() == [*data["sum_rate"].dims]
    assert found["units"]["sum_rate"] == data["sum_rate"].attrs["units"]
    assert found["scenario"] == data.attrs["scenario"]


def test_unknown_format_is_one_line(comparison: Comparison, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        comparison.export(tmp_path / "table.xlsx")
    assert str(caught.value) == (
        f"{tmp_path / 'table.xlsx'} must be a file whose name ends in .tex or .md or .csv or .mat"
    )


def test_command_writes_all_files(
    comparison: Comparison, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    comparison.save(tmp_path / "results")
    files = [tmp_path / "new" / name for name in ("a.tex", "a.md", "a.csv", "a.mat")]
    capsys.readouterr()
    assert main(["export", str(tmp_path / "results"), *map(str, files)]) == 0
    assert all(file.stat().st_size for file in files)
    assert capsys.readouterr().err.splitlines() == [f"wrote {file}" for file in files]
