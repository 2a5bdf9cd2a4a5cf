"""Text of others is text in every medium: terminal, figures, HTML, LaTeX, Markdown and CSV."""

from __future__ import annotations

import csv
import html
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import isacfw
from isacfw import Comparison
from isacfw.base.text import escape_controls, spreadsheet_cell
from isacfw.report.export import Grid, latex_text
from isacfw.report.html_table import Cell, Heading, HtmlTable
from isacfw.report.plain_figure import PlainFigure
from isacfw.report.records import write_records
from isacfw.report.text_lines import text_cell
from isacfw.report.text_table import align, write_parts

HOSTILE = [
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "a\rb\nc\td",
    "\u202eright to left\u2066\u200f",
    "\x9b31m",
    "[bold]b[/bold] [/x]",
    r"$\bm{\gamma}$ \input{/etc/passwd} % & # _ ^ ~ {",
    "<script>alert(1)</script> &amp; \" '",
    "=1+1",
    "+1",
    "-1",
    "@SUM(1)",
    "| a | b |",
    "*x* _y_ `z` [l](u) ![i](u) :smile: <br> https://x.org www.x.org",
]
TEXTS = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=30),
    st.text(alphabet="\x00\x1b\x7f\x85\u2028\u202e\u2066\ud800\ufeff[]<>&$\\=+-@|*_", max_size=12),
)
FORBIDDEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\u200e\u200f\ud800-\udfff]"
)


@settings(deadline=None)
@given(TEXTS)
def test_no_control_character_is_left(text: str) -> None:
    found = escape_controls(text)
    assert not FORBIDDEN.search(found)
    assert "\n" not in found
    assert escape_controls(found) == found
    assert escape_controls("a\nb\x1b", keep="\n") == "a\nb\\x1b"


def test_messages_are_a_line_without_control_characters() -> None:
    assert str(isacfw.InputError("a\x1b[1m", "must\nbe\u202e")) == "a\\x1b[1m must be\\u202e"


def test_spelling_is_left_alone() -> None:
    for text in ("ordinary", "Ümläute, 漢字, עברית, العربية", "می\u200cخواهم", "no\u00a0break", "👩\u200d🔬"):
        assert escape_controls(text) == text


@settings(max_examples=40, deadline=None)
@given(TEXTS, st.sampled_from([None, 20, 50]))
def test_terminals_get_text(text: str, width: int | None) -> None:
    parts = [text_cell(text), align((text, "n"), [(text, "1")], words=(0,))]
    found = write_parts(parts, width)
    assert not FORBIDDEN.search(found.replace("\n", ""))
    together = re.sub(r"\s", "", found)
    # Text within the cell is all there; nothing was taken for markup.
    assert re.sub(r"\s", "", escape_controls(text)) in together


@settings(max_examples=40, deadline=None)
@given(TEXTS)
def test_html_gets_text(text: str) -> None:
    table = HtmlTable(
        caption=text, headings=(Heading(text=text),), rows=((Cell(text=text),),), head=0, notes=(text,)
    )
    page = table.fragment()
    assert not FORBIDDEN.search(page)
    (cell,) = re.findall(r'<th scope="row"[^>]*>(.*?)</th>', page, re.DOTALL)
    assert "<" not in cell
    assert html.unescape(cell) == escape_controls(text, keep="\n\t")


@settings(deadline=None)
@given(TEXTS)
def test_csv_gets_text(text: str) -> None:
    cell = spreadsheet_cell(text)
    assert isinstance(cell, str)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert cell.removeprefix("'") == text.removeprefix("'")
    assert spreadsheet_cell(-1.5) == -1.5


def test_records_keep_numbers_and_mark_formulas(tmp_path: Path) -> None:
    path = tmp_path / "records.csv"
    write_records([{"=name": "=1+1", "x": -1.5, "list": [1, None], "none": None, "nan": float("nan")}], path)
    rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))
    assert rows == [["'=name", "x", "list", "none", "nan"], ["'=1+1", "-1.5", "[1, null]", "", ""]]


@settings(max_examples=40, deadline=None)
@given(TEXTS)
def test_latex_and_markdown_get_text(text: str) -> None:
    grid = Grid(title=text, headings=(text, "x"), rows=((text, "1"),), words=1)
    for found in (grid.latex(), grid.markdown()):
        assert not FORBIDDEN.search(found)
    # One line of the table per row, whatever is in its cells.
    assert len(grid.latex().splitlines()) == 8
    assert len(grid.markdown().splitlines()) == 3
    assert not re.search(r"(?<!\\)[|]", grid.markdown().splitlines()[2][1:-1].rpartition("|")[0])
    # No command but those of the table of characters.
    plain = re.sub(
        r"\\text(backslash|asciitilde|asciicircum|less|greater|bar)\{\}|\\[&%$#_{}]", "", latex_text(text)
    )
    assert "\\" not in re.sub(r"\$[^$]*\$", "", plain)


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("a_b", "a_b"),
        ("_a_", r"\_a\_"),
        ("[l](u)", r"\[l\](u)"),
        ("<br>", r"\<br\>"),
        ("https://x www.x", r"https\://x www\.x"),
        ("`x` *y* $z$", r"\`x\` \*y\* \$z\$"),
    ],
)
def test_markdown_has_no_markup(text: str, markdown: str) -> None:
    grid = Grid(title="t", headings=("a", "b"), rows=((text, "1"),), words=1)
    assert grid.markdown().splitlines()[2].split(" | ")[0].strip("| ") == markdown


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("latex"), reason="needs LaTeX")
def test_latex_accepts_any_ascii_text(tmp_path: Path) -> None:
    texts = [*HOSTILE, *map(chr, range(1, 127)), "[2pt] x", "* y", "^^M", "a--b"]
    texts = [text for text in texts if text.isascii()]
    grid = Grid(title="\n\\undefined", headings=("[x", "y"), rows=tuple((one, one) for one in texts), words=1)
    # The rules of booktabs are those of LaTeX here, which need no package.
    body = re.sub(r"\\(top|mid|bottom)rule", r"\\hline", grid.latex()).replace(r"\addlinespace", "")
    page = f"\\documentclass{{minimal}}\\begin{{document}}\n{body}\\end{{document}}\n"
    (tmp_path / "page.tex").write_text(page, encoding="utf-8")
    done = subprocess.run(
        ["latex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"],
        cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-800:]


@pytest.fixture(scope="module")
def named(variant: Any) -> Comparison:
    """Return a comparison all of whose names are hostile."""
    labels = [text for text in HOSTILE if "\n" not in text][:7]
    allocators = [{"kind": "equal_com", "label": label} for label in labels]
    found = isacfw.compare(
        isacfw.load_scenario(variant({"allocators": allocators, "precoders": ["mrt"], "name": "$\\x \x1b[1m"}))
    )
    found.dataset["sum_rate"].attrs |= {"units": "[/J]$", "long_name": "\x1b[2J rate"}
    return found


@pytest.mark.parametrize("setting", ["text.usetex", "axes.formatter.use_mathtext"])
def test_figures_get_text(setting: str, named: Comparison, tmp_path: Path) -> None:
    from matplotlib import rc_context

    with rc_context({setting: True}):
        figures = named.plot()
        for title, figure in figures.items():
            figure.savefig(tmp_path / f"{title}.svg")
    texts = [
        text for figure in figures.values() for text in figure.findobj(lambda one: hasattr(one, "get_usetex"))
    ]
    assert not any(text.get_usetex() or text.get_parse_math() for text in texts)
    shown = " ".join(text.get_text() for text in texts)
    assert not FORBIDDEN.search(shown.replace("\n", " "))
    for expected in ("\\x1b[31mred", "[bold]b[/bold] [/x]", "$\\x \\x1b[1m", "[/J]$"):
        assert expected.split()[0] in shown, expected


def test_logarithmic_axes_have_no_formulas() -> None:
    figure = PlainFigure()
    axes = figure.subplots()
    axes.plot([1e-5, 1.0, 3e4], [0.0, 1.0, 1e3])
    axes.set_xscale("log")
    axes.set_yscale("symlog", linthresh=1.0)
    figure.draw_without_rendering()
    labels = [text.get_text() for axis in (axes.xaxis, axes.yaxis) for text in axis.get_ticklabels()]
    assert "10⁻²" in labels
    assert "0" in labels
    assert not any("$" in one or "\\" in one for one in labels)


def test_the_report_and_the_notebook_have_no_control_characters(named: Comparison, tmp_path: Path) -> None:
    report = named.report(tmp_path / "report.html").read_text(encoding="utf-8")
    for page in (report, named._repr_html_(), str(named)):
        assert not FORBIDDEN.search(page)
        assert "\\x1b[31mred" in page
    assert "<script>alert" not in report + named._repr_html_()


def test_a_missing_backend_is_one_line(named: Comparison, tmp_path: Path) -> None:
    code = (
        "import sys, isacfw\n"
        "try:\n    isacfw.Comparison.load(sys.argv[1]).plot()\n"
        "except isacfw.InputError as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(_saved(named, tmp_path))],
        env=os.environ | {"MPLBACKEND": "nonsense"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == "MPLBACKEND must be a backend of Matplotlib, got 'nonsense'\n", done.stderr


def _saved(comparison: Comparison, folder: Path) -> Path:
    from isacfw.report.folder import save_numbers

    save_numbers(comparison.dataset, folder)
    return folder
