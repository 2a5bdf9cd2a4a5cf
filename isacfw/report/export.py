"""Results for other programs: tables in LaTeX and Markdown, tidy CSV, and MATLAB files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from ..base.errors import InputError
from ..base.files import atomic_write
from ..base.text import escape_controls
from .kept import count_drops, summary
from .places import labels_of, swept_paths
from .records import list_records, write_records
from .summary import Columns, blocks_of

if TYPE_CHECKING:
    import xarray

_LATEX = {
    "\\": r"\textbackslash{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
    # After the end of a row, LaTeX would take these for options of it.
    **{character: f"{{{character}}}" for character in "[]*"},
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "°": r"$^\circ$",
    "µ": r"$\mu$",
    "−": "$-$",
    "²": "$^2$",
    "α": r"$\alpha$",
}


@attrs.frozen(kw_only=True)
class Grid:
    """A table of text.

    Parameters
    ----------
    title : str
        What it shows.
    headings : tuple of str
        Headings of its columns.
    rows : tuple of tuple of str
        Its cells.
    words : int
        Number of first columns, whose cells are words and not numbers.
    """

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int

    def markdown(self) -> str:
        """Return the table in Markdown, with aligned columns."""
        cells = [[_markdown(cell) for cell in row] for row in (self.headings, *self.rows)]
        widths = [max(3, *(len(row[column]) for row in cells)) for column in range(len(self.headings))]

        def line(row: Sequence[str]) -> str:
            aligned = [
                f"{cell:{'<' if column < self.words else '>'}{width}}"
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            return f"| {' | '.join(aligned)} |"

        rule = [
            "-" * width if column < self.words else "-" * (width - 1) + ":" for column, width in enumerate(widths)
        ]
        return "\n".join([line(cells[0]), line(rule), *map(line, cells[1:])]) + "\n"

    def latex(self) -> str:
        """Return the table as a ``tabular`` of the package booktabs; a word is repeated only where it changes."""
        alignment = "l" * self.words + "r" * (len(self.headings) - self.words)
        lines = [
            f"% {_one_line(self.title)}",
            rf"\begin{{tabular}}{{{alignment}}}",
            r"\toprule",
            _line(map(latex_text, self.headings)),
        ]
        lines.append(r"\midrule")
        above: tuple[str, ...] = ()
        for row in self.rows:
            same = 0
            while same < self.words - 1 and above[: same + 1] == row[: same + 1]:
                same += 1
            if above and same == 0 and self.words > 1:
                lines.append(r"\addlinespace")
            words, numbers = row[same : self.words], row[self.words :]
            lines.append(_line([*[""] * same, *map(latex_text, words), *map(_latex_number, numbers)]))
            above = row
        return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


_MARKDOWN = re.compile(r"[\\`*\[\]<>|~$&!#:@]|(?<!\w)_|_(?!\w)|(?<=www)\.", re.IGNORECASE)
"""Characters that GitHub's Markdown may take for markup; an underscore within a word is none."""


def _markdown(cell: str) -> str:
    """Return text for a cell in Markdown, without markup."""
    return _MARKDOWN.sub(lambda found: f"\\{found.group()}", _one_line(cell))


def _one_line(text: str) -> str:
    return escape_controls(" ".join(text.split()))


def latex_text(text: str) -> str:
    """Return text for LaTeX in one line, without commands."""
    return "".join(_LATEX.get(one, one) for one in _one_line(text)).replace("--", "-{}-")


def _latex_number(text: str) -> str:
    """Return the text of a number for LaTeX, with a sign where it begins with a hyphen."""
    return re.sub(r"^-(?=\d)", "$-$", latex_text(text))


def _line(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def grid_of(dataset: xarray.Dataset) -> Grid:
    """Return the summary over the drops: a row per sweep point, precoder, beam (if several) and allocator."""
    frame, columns = summary(dataset), Columns.of(dataset)
    sweep, labels = swept_paths(dataset), labels_of(dataset)
    words = [*sweep, *blocks_of(dataset), "allocator"]
    shown = (columns.objective, *columns.requirements, *columns.metrics)
    headings = [*words, *(columns.headings[name] for name in shown), "to best %", "within limits", "status"]
    rows = []
    for index, row in frame.iterrows():
        names = index if isinstance(index, tuple) else (index,)
        cells = [
            str(labels.get(word, {}).get(value, value)) if word in sweep else str(value)
            for word, value in zip(words, names, strict=True)
        ]
        half = row[f"{columns.objective}_ci95"]
        interval = f" ± {half:.2g}" if np.isfinite(half) else ""
        cells.append(f"{row[columns.objective]:#.5g}{interval}" if row["answered"] else "-")
        cells += [_number(row[name]) for name in shown[1:]]
        cells += [_number(row["distance_to_best_percent"], ".3f"), f"{row['within_limits']}/{row['drops']}"]
        rows.append((*cells, str(row["status"])))
    title = f"{dataset.attrs['title']}: {count_drops(dataset)} drops, seed {dataset.attrs['seed']}"
    return Grid(title=title, headings=tuple(map(_one_line, headings)), rows=tuple(rows), words=len(words))


def _number(value: float, digits: str = "#.5g") -> str:
    return format(value + 0.0, digits) if np.isfinite(value) else "-"


def tidy(dataset: xarray.Dataset) -> Iterator[dict[str, Any]]:
    """Yield a row per allocation with one number in each cell: lists over users or streams get a column each."""
    records = list_records(dataset)
    lengths: dict[str, int] = {}
    for record in records:
        for key, value in record.items():
            length = len(value) if isinstance(value, list) else 0
            lengths[key] = max(lengths.get(key, 0), length)
    for record in records:
        row: dict[str, Any] = {}
        for key, length in lengths.items():
            value = record.get(key)
            if not length:
                row[key] = value
                continue
            values = value if isinstance(value, list) else []
            row |= {f"{key}_{number + 1}": (values[number : number + 1] or [None])[0] for number in range(length)}
        yield row


def _write_matlab(dataset: xarray.Dataset, path: Path) -> None:
    """Write variables, coordinates, the names of their axes and units, and the scenario for MATLAB."""
    from scipy.io import savemat

    content: dict[str, Any] = {"scenario": dataset.attrs["scenario"]}
    dimensions, units = {}, {}
    for name, variable in dataset.variables.items():
        key = _matlab_name(str(name))
        values = np.asarray(variable.to_numpy())
        content[key] = values.astype(object) if values.dtype.kind in "OU" else values
        dimensions[key] = np.array([str(axis) for axis in variable.dims], dtype=object)
        units[key] = str(variable.attrs.get("units", ""))
    content |= {"dimensions": dimensions, "units": units}
    savemat(path, content, appendmat=False, long_field_names=True, oned_as="column")


def _matlab_name(name: str) -> str:
    """Return a name that MATLAB allows, of at most 63 characters."""
    return "".join(one if one.isalnum() and one.isascii() else "_" for one in name)[:63]


def _write_text(text: str, path: Path) -> None:
    path.write_text(text, encoding="utf-8")


_WRITERS = {
    ".tex": lambda dataset, path: _write_text(grid_of(dataset).latex(), path),
    ".md": lambda dataset, path: _write_text(grid_of(dataset).markdown(), path),
    ".csv": lambda dataset, path: write_records(tidy(dataset), path),
    ".mat": _write_matlab,
}


def export(dataset: xarray.Dataset, path: Path) -> Path:
    """Write a comparison as ``.tex``, ``.md``, ``.csv`` or ``.mat``, by the name of the file; return its path.

    Raises
    ------
    InputError
        If the name ends in none of them, or the file cannot be written.
    """
    writer = _WRITERS.get(path.suffix.lower())
    if writer is None:
        raise InputError(str(path), f"must be a file whose name ends in {' or '.join(_WRITERS)}")
    with atomic_write(path) as new:
        writer(dataset, new)
    return path
