"""Notebooks: what cells show, in a real kernel."""

from __future__ import annotations

import json
from typing import Any

import pytest

from isacfw.report.notebook_progress import NotebookBar, show_progress

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")
pytest.importorskip("ipykernel")

pytestmark = pytest.mark.filterwarnings("default")

SHOWN = {
    "comparison": "text/html",
    "comparison.plot()": "text/html",
    "comparison.plot()['sum_rate']": "image/png",
    "import matplotlib.pyplot; comparison.plot()['sum_rate']": "image/png",
    "comparison.table()": "text/html",
    "comparison.difference(comparison)": "text/plain",
    "front": "text/html",
    "front.plot()": "image/png",
    "beams": "text/html",
    "beams.plot()": "image/png",
    "regimes": "text/html",
    "regimes.plot()": "image/png",
    "front.figures()": "text/html",
    "comparison.statistics()": "text/html",
    "isacfw.compare(document, drops=1, execution=isacfw.Execution(progress=False))": "text/html",
}
"""What cells show, and in which form."""


@pytest.fixture(scope="module")
def outputs(variant: Any) -> dict[str, list[Any]]:
    """Return the outputs of cells by their code."""
    document = variant(
        {"drops": 2, "precoders": ["mrt"], "allocators": ["exact", "equal_com"], "name": "<b>n</b>"}
    )
    setup = (
        f"import json, isacfw\ndocument = json.loads({json.dumps(json.dumps(document))})\n"
        "from isacfw.report import notebook_progress\n"
        "notebook_progress._DELAY_S = 3600.0\n"
        "comparison = isacfw.compare(document)\n"
        "front = isacfw.pareto(document, points=2)\n"
        "beams = isacfw.beamform(document, ['fixed_beams'], sinr_db=[0.0], draws=1)\n"
        "regimes = isacfw.compare_regimes(document, ['fixed_beams'], rates=[0.1], draws=1)\n"
    )
    bar = "notebook_progress._DELAY_S = notebook_progress._PERIOD_S = 0.0\nslow = isacfw.compare(document)"
    cells = [setup, "print(comparison)", *SHOWN, bar]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(one) for one in cells])
    nbclient.NotebookClient(notebook, timeout=300).execute()
    return {cell.source: cell.outputs for cell in notebook.cells} | {"bar": notebook.cells[-1].outputs}


def test_a_computation_shorter_than_the_delay_shows_nothing(outputs: dict[str, list[Any]]) -> None:
    assert [one for code, found in outputs.items() if code.startswith("import json") for one in found] == []


def test_each_cell_has_one_output(outputs: dict[str, list[Any]]) -> None:
    for code, form in SHOWN.items():
        (only,) = outputs[code]
        assert only.output_type == "execute_result", code
        assert form in only.data, code
        assert "text/plain" in only.data


def test_text_is_that_of_any_other_python(outputs: dict[str, list[Any]]) -> None:
    (printed,) = outputs["print(comparison)"]
    assert printed.output_type == "stream"
    assert printed.text.startswith("<b>n</b>: 2 drops, seed 1\n")
    assert "exact ★" in printed.text
    assert outputs["comparison"][0].data["text/plain"] == printed.text.rstrip("\n")


def test_figures_are_shown_once_each(outputs: dict[str, list[Any]]) -> None:
    page = outputs["comparison.plot()"][0].data["text/html"]
    assert page.count("<img") == 2
    assert page.count("data:image/png;base64,") == 2


def test_results_can_be_explored(outputs: dict[str, list[Any]]) -> None:
    page = outputs["comparison"][0].data["text/html"]
    assert page.count("<details>") == 2
    assert "<code>sum_rate</code>" in page
    assert "[receive_array]" in page
    assert "&lt;b&gt;n&lt;/b&gt;: 2 drops" in page
    assert "<b>" not in page


def test_a_bar_leaves_a_line(outputs: dict[str, list[Any]]) -> None:
    (line,) = outputs["bar"]
    assert line.output_type == "display_data"
    assert line.data["text/plain"].startswith("4 of 4 allocations, ")
    assert "<progress" not in line.data["text/html"]


class Frontend:
    """A frontend that keeps what is displayed."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def display(self, content: dict[str, str], **_options: Any) -> Frontend:
        self.shown.append(content["text/plain"])
        return self

    update = display


def test_a_bar_counts_what_remains(monkeypatch: pytest.MonkeyPatch) -> None:
    frontend, now = Frontend(), [0.0]
    monkeypatch.setattr("IPython.display.display", frontend.display)
    bar = NotebookBar("rows", clock=lambda: now[0])
    for now[0], done in ((0.5, 10), (1.5, 20), (1.6, 21), (2.5, 30)):
        bar(done, 50)
    bar.close()
    # Ten of the steps were there already.
    assert frontend.shown == ["20 of 50 rows, 3 s left", "30 of 50 rows, 2 s left", "30 of 50 rows, 2.5 s"]


def test_only_notebooks_show_bars() -> None:
    with show_progress("rows", None) as progress:
        assert progress is None
    with show_progress("rows", False) as progress:
        assert progress is None
