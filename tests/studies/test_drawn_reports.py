"""Results on drawn channels in notebooks, files and reports: complete, readable, and from files of any origin."""

from __future__ import annotations

import attrs
import h5py
import numpy as np
import pytest
import small
import xarray
from html_pages import Page

import isacfw
from isacfw import BeamformingResults, InputError, RegimeResults
from isacfw.report.drawn_page import render_drawn_page

MARKUP = "</code><script>alert(1)</script>"
SMALL = small.SMALL | {"name": MARKUP}


@attrs.frozen(kw_only=True)
class Refusing(isacfw.Beamformer):
    """Fails on every channel."""

    name = "refusing"

    def solve(self, problem):
        raise ValueError(f"not today {MARKUP}")


@pytest.fixture(scope="module")
def regimes():
    return isacfw.compare_regimes(SMALL, ["fixed_beams", Refusing()], rates=(1.0, 2.0), draws=2)


@pytest.fixture(scope="module")
def beams():
    return isacfw.beamform(SMALL, ["fixed_beams"], sinr_db=(0.0, 5.0), draws=2)


@pytest.fixture
def without_figures(monkeypatch):
    """Leave figures out, which take most of the time."""
    monkeypatch.setattr("isacfw.study.report._TITLES", {})


def texts(path):
    page = Page(path.read_text(encoding="utf-8"))
    page.check()
    assert "<script>alert" not in path.read_text(encoding="utf-8")
    return page.texts


def test_a_report_has_all_that_explains_regimes(regimes, without_figures, tmp_path):
    found = texts(regimes.report(tmp_path / "report.html"))
    assert found["h1"] == [f"{MARKUP}: 2 draws of 2 drops, seed 0"]
    assert found["h2"] == ["Verdict", "Table", "Figures", "Without a result", "Scenario and versions", "Citing"]
    first, _, failures = found["p"][:3]
    best = min(
        (one for one in regimes.records() if one["target"] == 1.0 and one["solved"]),
        key=lambda one: one["root_crb_deg"],
    )
    assert first == (
        f"For least rates of 1 bit/s/Hz, the least root CRB is {best['root_crb_deg']:.5g}°, of"
        f" {best['title']} ({best['knows']})."
    )
    assert failures == "Without a result: 16 of 40."
    assert f"raised ValueError: not today {MARKUP}" in "\n".join(found["td"])
    assert [text for text in found["code"] if text.startswith("isacfw.compare_regimes('scenario.toml', [Fixed")]
    assert regimes.dataset.attrs["scenario"] in found["code"]
    assert "numpy" in found["th"]


def test_the_command_of_a_report_gives_the_same(beams, regimes, without_figures, cli, tmp_path, monkeypatch):
    (command,) = [one for one in texts(beams.report(tmp_path / "a.html"))["code"] if one.startswith("isacfw ")]
    assert command == (
        "isacfw beamform scenario.toml --sinr-db=0.0,5.0 --draws 2 --beamformers=fixed_beams --out results"
    )
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenario.toml").write_text(beams.dataset.attrs["scenario"], encoding="utf-8")
    assert cli(*command.split()[1:])[0] == 0
    again = BeamformingResults.load(tmp_path / "results")
    xarray.testing.assert_equal(again.dataset.drop_vars("seconds"), beams.dataset.drop_vars("seconds"))
    assert again.dataset.attrs == beams.dataset.attrs
    status, _, err = cli("report", "results", "-o", "b.html")
    assert (status, err) == (0, "wrote b.html\n")
    assert "the least root CRB is" in (tmp_path / "b.html").read_text(encoding="utf-8")
    regimes.save(tmp_path / "other")
    status, _, err = cli("report", "results", "other")
    assert status == 2
    assert err == "isacfw: results must be comparisons if they are several, got one of isacfw beamforming\n"


def test_given_channels_have_no_scenario(tmp_path):
    problem = isacfw.BeamformingProblem(
        channels=np.eye(4, 2, dtype=complex),
        power=10.0,
        sinr=np.asarray(1.0),
        sensed=isacfw.ExtendedTarget(receive_antennas=4, frame_length=20),
    )
    found = isacfw.beamform(problem, ["fixed_beams"])
    read = texts(found.report(tmp_path / "report.html"))
    assert "The channels were given, not drawn for a scenario." in read["p"]
    assert "scenario.toml" not in read.get("summary", [])


def test_tables_of_notebooks_are_those_of_reports(regimes, beams):
    for found in (regimes, beams):
        page = render_drawn_page(found, {}, ())
        cells = Page(found._repr_html_()).texts["td"]
        assert cells
        assert [text for text in Page(page).texts["td"] if text in cells][: len(cells)] == cells


def test_legends_are_whole(regimes):
    names = [f"a beamformer with a rather long label, number {number}" for number in range(9)]
    data = regimes.dataset.isel(design=np.arange(9) % 3)
    data = data.assign_coords(design=names, title=("design", names), knows=("design", ["statistics"] * 9))
    figure = RegimeResults(dataset=data).plot()
    figure.draw_without_rendering()
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1 + 1
    assert box.y0 >= -1
    assert not any(box.overlaps(axes.get_tightbbox()) for axes in figure.axes)
    assert min(axes.get_window_extent().height for axes in figure.axes) > 1.5 * figure.dpi


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda file: file.attrs.__setitem__("kind", "beamforming"), "got: other results"),
        (lambda file: file.__delitem__("planned_crb"), "planned_crb must be a variable over design, rate, drop"),
        (lambda file: file.attrs.__setitem__("title", 3), "title must be text, got int64"),
    ],
)
def test_files_of_other_content_are_refused(regimes, change, words, tmp_path):
    file, *_ = regimes.save(tmp_path)
    assert RegimeResults.load(tmp_path).records()[0]["title"] == "zf"
    with h5py.File(file, "r+") as content:
        change(content)
    with pytest.raises(InputError, match=words):
        RegimeResults.load(file)


def test_a_damaged_file_is_refused_in_one_line(cli, tmp_path):
    file = tmp_path / "regimes.nc"
    file.write_bytes(b"\x89HDF\r\n\x1a\nnothing")
    status, _, err = cli("report", str(tmp_path))
    assert status == 2
    assert err.count("\n") == 1
