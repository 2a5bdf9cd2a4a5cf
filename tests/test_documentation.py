"""README and pages: their code runs, their numbers are what the commands print, their links lead somewhere."""

from __future__ import annotations

import json
import math
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import matplotlib.image
import numpy as np
import pytest

import isacfw
from isacfw.cli import main
from isacfw.host import hookspecs
from isacfw.report.comparison import Comparison
from isacfw.report.figures import KINDS
from isacfw.report.files import FORMATS, NUMBERS
from isacfw.report.folder import save_numbers
from isacfw.report.style import STYLES

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    """Return the fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def without_times(table: str) -> list[str]:
    """Return the words of each line but the time at the end of an allocator's row."""
    rows = [re.sub(r"\S+ (ns|µs|ms|s)$", "", line.rstrip()).split() for line in table.strip().splitlines()]
    return [" ".join(row) for row in rows if not set("".join(row)) <= {"─"}]


def same(shown: str, printed: str) -> bool:
    """Compare texts word by word, numbers up to a little in their last digit: solvers differ by version."""
    words, others = shown.split(), printed.split()
    return len(words) == len(others) and all(map(same_word, words, others))


def same_word(word: str, other: str) -> bool:
    try:
        difference = abs(float(word) - float(other))
    except ValueError:
        return word == other
    digits = len(word.partition(".")[2])
    return difference <= 2.5 * 10.0**-digits * (digits > 0)


def test_readme_shows_what_compare_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare"]) == 0
    shown, printed = blocks(PAGES[0], "text")[0], capsys.readouterr().out
    assert same("\n".join(without_times(shown)), "\n".join(without_times(printed)))


def test_another_number_is_noticed() -> None:
    assert same("a 1.0000 2", "a 1.0002 2")
    assert not same("a 1.0000", "a 1.0005")
    assert not same("5", "6")
    assert not same("a b", "a")


TOUR = ROOT / "docs" / "tour.md"
CODE = [
    block for page in (PAGES[0], TOUR, ROOT / "docs" / "api" / "README.md") for block in blocks(page, "python")
]


@pytest.mark.parametrize("number", range(len(CODE)))
def test_code_of_readme_tour_and_api_runs(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(CODE[number], "page", "exec"), {"__name__": "page"})


@pytest.mark.slow
def test_picture_of_the_readme_is_made_by_its_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    (command,) = (block for block in blocks(PAGES[0], "console") if "report" in block)
    for part in command.split("&&"):
        assert main(shlex.split(part)[1:]) == 0
    assert (tmp_path / "report.html").exists()
    made, kept = (
        matplotlib.image.imread(path)
        for path in (Path("results/sum_rate.png"), ROOT / "docs/figures/overview.png")
    )
    assert made.shape == kept.shape


def test_plugin_of_the_tour_is_the_example() -> None:
    source = (ROOT / "examples" / "single_file_plugin.py").read_text(encoding="utf-8")
    shown = next(block for block in blocks(TOUR, "python") if "hookimpl" in block)
    missing = [line for line in shown.splitlines() if line.strip() and line not in source]
    assert not [line for line in missing if not line.startswith("import")]


def test_link_budget_page_shows_its_scenario_and_what_compare_prints(capsys: pytest.CaptureFixture[str]) -> None:
    page, scenario = ROOT / "docs" / "link_budget.md", ROOT / "examples" / "scenarios" / "mid_band.toml"
    assert all(part in scenario.read_text(encoding="utf-8") for part in blocks(page, "toml")[0].split("\n\n"))
    assert main(["compare", str(scenario)]) == 0
    shown, printed = blocks(page, "text")[0], capsys.readouterr().out
    assert same("\n".join(without_times(shown)), "\n".join(without_times(printed)))


ALL_PEERS = sorted((ROOT / "docs" / "peers").glob("*.md"))
PEERS = [page for page in ALL_PEERS if page.stem in {"buzzi2019", "topal2024"}]
"""Pages with comparisons alone; the others run with the pages of docs/extending."""
SLOW_PEERS = {"topal2024"}


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=pytest.mark.slow) if page.stem in SLOW_PEERS else page for page in PEERS],
    ids=lambda page: page.stem,
)
def test_page_of_a_peer_shows_what_its_commands_print(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    printing = ("isacfw compare", "isacfw beamform")
    commands = [command for command in blocks(page, "console") if command.startswith(printing)]
    assert len(commands) == len(blocks(page, "text"))
    for command, shown in zip(commands, blocks(page, "text"), strict=True):
        assert main(shlex.split(command)[1:]) == 0
        printed = capsys.readouterr().out
        assert same("\n".join(without_times(shown)), "\n".join(without_times(printed)))


@pytest.fixture
def printed_by(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[str], str]:
    """Return a function that runs a script of examples/ without arguments and returns what it prints."""

    def run(example: str) -> str:
        script = str(ROOT / "examples" / f"{example}.py")
        monkeypatch.setattr(sys, "argv", [script])
        capsys.readouterr()
        runpy.run_path(script, run_name="__main__")
        return capsys.readouterr().out

    return run


def test_code_of_the_page_of_the_uplink_prints_its_comments(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = blocks(ROOT / "docs" / "peers" / "temiz2022.md", "python")
    exec(compile(code, "temiz2022.md", "exec"), {"__name__": "temiz2022"})
    assert same("\n".join(re.findall("^# (.*)$", code, re.MULTILINE)), capsys.readouterr().out)


@pytest.fixture(scope="module")
def readings() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "examples" / "readings.py"))


def test_reproduction_page_shows_readings_of_the_set_up(printed_by: Callable[[str], str]) -> None:
    assert same(blocks(ROOT / "docs" / "reproduction.md", "text")[1], printed_by("readings"))


def test_gain_of_a_reading_is_that_of_all_channels(readings: dict[str, Any]) -> None:
    found = readings["sum_rates"](7, 12, 10, 3)
    document = tomllib.loads(isacfw.to_toml(isacfw.load_scenario("nguyen2025").scenario))
    document |= {"snr_db": 20.0, "drops": 3, "channel": {**document["channel"], "pilot_length": 12}}
    beta = 10 * isacfw.load_scenario(document).scenario.statistics().beta
    for drop in range(3):
        channel = {"kind": "rayleigh", "large_scale_fading": beta[drop].tolist(), "pilot_length": 12}
        scenario = isacfw.load_scenario(document | {"drops": 1, "channel": channel})
        rate = isacfw.compare(scenario, precoders=["zf"], allocators=list(found)).dataset["sum_rate"]
        np.testing.assert_allclose([rates[drop] for rates in found.values()], rate.squeeze(), rtol=1e-9)


def test_reading_is_marked_if_the_percentages_of_the_paper_are_in_all_ranges(readings: dict[str, Any]) -> None:
    factors = np.repeat([1.0, 3.0], readings["DROPS_PER_SET"])
    rates = {"exact": 4 * factors, "equal_com": 2 * factors, "equal_cs": np.ones(20)}
    text, among = readings["row"](rates, (500.0, 100.0, 300.0))
    assert among
    assert text.split()[:4] == ["700.0", "340.0", "to", "1060.0"]
    assert not readings["row"](rates, (500.0, 101.0, 300.0))[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["reproduction", "designed_beam"])
def test_page_shows_what_its_script_prints(name: str, printed_by: Callable[[str], str]) -> None:
    assert same(blocks(ROOT / "docs" / f"{name}.md", "text")[0], printed_by(name))


@pytest.mark.slow
def test_page_on_allocators_shows_what_its_script_prints_but_the_times(printed_by: Callable[[str], str]) -> None:
    shown, printed = blocks(ROOT / "docs" / "which_allocator.md", "text")[0], printed_by("which_allocator")
    assert re.sub(r"[\d.]+ ms", "ms", shown).split() == re.sub(r"[\d.]+ ms", "ms", printed).split()


def front_table() -> str:
    """Return the table of docs/fronts.md."""
    loaded = isacfw.load_scenario("pareto", overrides=['sweep = { "sensing.crlb_limit_db" = [-59.5, -52.0] }'])
    front = isacfw.pareto(attrs.evolve(loaded.scenario, allocators=loaded.scenario.allocators[:1]))
    rates = front.dataset["sum_rate"].mean("drop").isel(allocator=0)
    lines = ["precoder beam -59.5 -52"]
    for precoder in rates["precoder"].to_numpy():
        for beam in rates["beam"].to_numpy():
            numbers = " ".join(f"{rate:.2f}" for rate in rates.sel(precoder=precoder, beam=beam).to_numpy())
            lines.append(f"{precoder} {beam} {numbers}")
    return "\n".join(lines)


def test_page_of_fronts_shows_the_rates_of_its_figure() -> None:
    assert same(blocks(ROOT / "docs" / "fronts.md", "text")[0], front_table())


def test_code_of_the_page_of_fronts_runs() -> None:
    (code,) = blocks(ROOT / "docs" / "fronts.md", "python")
    exec(compile(code, "fronts.md", "exec"), {"__name__": "fronts"})


REPORT = ROOT / "docs" / "report.md"


@pytest.mark.slow
def test_commands_and_code_of_the_page_of_reports_write_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "figures").mkdir()
    lines = [line for block in blocks(REPORT, "console") for line in block.splitlines()]
    for command in lines:
        name, *words = shlex.split(command)
        if name == "isacfw":
            fast = ["--drops", "2", "--allocators", "equal_com"] if words[0] == "compare" else []
            assert main([*words, *fast]) == 0
        elif browser := shutil.which(name):
            subprocess.run([browser, "--no-sandbox", *words], check=True, capture_output=True, timeout=120)
            made, kept = (
                matplotlib.image.imread(folder / "figures" / "report.png") for folder in (tmp_path, ROOT / "docs")
            )
            assert made.shape == kept.shape
            assert made[..., :3].std() > 0
            # The figures of the others take most of the time.
            monkeypatch.setattr("isacfw.report.page._drawings", lambda *_: iter(()))
            monkeypatch.setattr("isacfw.study.report._TITLES", {})
    (code,) = blocks(REPORT, "python")
    exec(compile(code, "report.md", "exec"), {"__name__": "report"})
    written = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.glob("*.html")}
    assert set(written) == {"report.html", "both.html", "fewer-drops.html", "mixed.html", "regimes.html"}
    assert {name for name, text in written.items() if "Side by side" in text} == {"both.html", "mixed.html"}


SWEEPS = ROOT / "docs" / "sweeps.md"


@pytest.mark.parametrize(("block", "points"), list(enumerate((6, 16, 6))))
def test_sweeps_of_the_page_have_the_points_that_it_counts(block: int, points: int) -> None:
    document = tomllib.loads(isacfw.to_toml(isacfw.load_scenario("nguyen2025").scenario))
    shown = blocks(SWEEPS, "toml")[block]
    scenario = isacfw.load_scenario(document | tomllib.loads(shown)).scenario
    assert len(list(scenario.points())) == points


@pytest.mark.parametrize(
    "command", re.findall("^isacfw compare (.*)$", blocks(SWEEPS, "console")[0], re.MULTILINE)
)
def test_commands_of_the_page_of_sweeps_run(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    fast = ["--drops", "1", "--allocators", "equal_com", "--json"]
    assert main(["compare", *shlex.split(command), *fast]) == 0
    assert json.loads(capsys.readouterr().out)


def test_code_of_the_page_of_sweeps_runs() -> None:
    (code,) = blocks(SWEEPS, "python")
    exec(compile(code, "sweeps.md", "exec"), {"__name__": "sweeps"})


def test_page_of_sweeps_shows_its_errors(capsys: pytest.CaptureFixture[str]) -> None:
    sweeps = (
        "{snr_db=[10, 10.0]}",
        "[{snr_db=[0, 5, 10], 'channel.users'=[2, 3]}]",
        "[{snr_db=[0]}, {transmit_array=[{kind='upq'}]}]",
    )
    assert [main(["compare", "--set", f"sweep={sweep}"]) for sweep in sweeps] == [2, 2, 2]
    assert blocks(SWEEPS, "text")[0] == capsys.readouterr().err


def test_page_on_correlated_channels_shows_what_its_commands_print(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = ROOT / "docs" / "channels" / "correlated.md"
    (scenario,) = blocks(page, "toml")
    commands = [block.replace("\\\n", " ") for block in blocks(page, "console")]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "street.toml").write_text(scenario, encoding="utf-8")
    for command, shown in zip(commands, blocks(page, "text"), strict=False):
        assert main(shlex.split(command)[1:]) == 0
        printed = capsys.readouterr().out
        assert same("\n".join(without_times(shown)), "\n".join(without_times(printed)))
    assert len(commands) == 3
    # The command of the figure, with fewer values.
    words = [re.sub(r"\[.*\]", "[1, 2]", word) for word in shlex.split(commands[-1])]
    assert main(words[1:]) == 0
    assert (tmp_path / "results" / "sum_rate.png").exists()


REGIMES = ROOT / "docs" / "regimes.md"


def without_durations(text: str) -> str:
    """Return a text without any times."""
    return re.sub(r"\S+ (ns|µs|ms|s)\b", "time", "\n".join(without_times(text)))


@pytest.mark.slow
def test_page_of_regimes_shows_what_its_commands_print(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table, _, own = (block.replace("\\\n", " ") for block in blocks(REGIMES, "console"))
    assert main(shlex.split(table)[1:]) == 0
    shown, printed = blocks(REGIMES, "text")[0], capsys.readouterr().out
    assert same(without_durations(shown), without_durations(printed))
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(own)[1:]) == 0
    assert {path.name for path in (tmp_path / "results").iterdir()} >= {"regimes.nc", "regimes.csv"}


def test_code_of_the_page_of_regimes_runs() -> None:
    (code,) = blocks(REGIMES, "python")
    exec(compile(code, "regimes.md", "exec"), {"__name__": "regimes"})


def test_page_of_regimes_states_the_numbers_of_its_table() -> None:
    row = re.compile(r"^ *(\d*)  +(\S.*?)  +(statistics|estimates|channels) (.*)$", re.MULTILINE)
    roots, planned, rate = {}, {}, ""
    for found in row.finditer(blocks(REGIMES, "text")[0]):
        rate, numbers = found[1] or rate, found[4].split()
        roots[rate, found[2], found[3]] = float(numbers[3])
        planned[rate, found[2]] = numbers[5]
    loss = {}
    for target in ("1", "3"):
        allocated = [root for (rate, _, knows), root in roots.items() if (rate, knows) == (target, "statistics")]
        loss[target] = 100 * (min(allocated) / roots[target, "crb_beams", "channels"] - 1)
    text = " ".join(REGIMES.read_text(encoding="utf-8").split())
    assert f"gains {loss['1']:.0f} % at 1 bit/s/Hz, and {loss['3']:.0f} % at 3 bit/s/Hz" in text
    above = roots["1", "zf, difference", "statistics"] / float(planned["1", "zf, difference"])
    assert f"the mean root CRB is {100 * (above - 1):.0f} % above that of the mean covariance" in text


TR38901 = ROOT / "docs" / "channels" / "tr38901.md"
URBAN_MACRO = ROOT / "examples" / "scenarios" / "urban_macro.toml"


def command_of_the_page_of_tr38901(number: int) -> list[str]:
    block = blocks(TR38901, "console")[number].replace("\\\n", " ")
    return shlex.split(block.replace("examples/scenarios/urban_macro.toml", shlex.quote(str(URBAN_MACRO))))[1:]


@pytest.mark.parametrize(("command", "table"), [(0, 0), pytest.param(2, 1, marks=pytest.mark.slow)])
def test_page_on_tr38901_shows_what_its_commands_print(
    command: int, table: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command_of_the_page_of_tr38901(command)) == 0
    shown, printed = blocks(TR38901, "text")[table], capsys.readouterr().out
    assert same("\n".join(without_times(shown)), "\n".join(without_times(printed)))


@pytest.mark.slow
def test_figure_of_the_page_on_tr38901_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    fewer = [re.sub(r"\[1,.*?\]", "[1, 2]", word) for word in command_of_the_page_of_tr38901(1)]
    assert main([*fewer, "--drops", "2"]) == 0
    assert (tmp_path / "results" / "sum_rate.png").exists()


def test_page_on_tr38901_shows_its_scenario_and_what_its_code_prints(capsys: pytest.CaptureFixture[str]) -> None:
    scenario = URBAN_MACRO.read_text(encoding="utf-8")
    assert all(part in scenario for part in blocks(TR38901, "toml")[0].split("\n\n"))
    exec(compile(blocks(TR38901, "python")[0], "tr38901.md", "exec"), {"__name__": "tr38901"})
    assert same(blocks(TR38901, "text")[2], capsys.readouterr().out)


PLOTS = ROOT / "docs" / "plots.md"


def test_commands_of_the_page_of_plots_make_its_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (scenario,) = blocks(PLOTS, "toml")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plots.toml").write_text(scenario, encoding="utf-8")
    for command in blocks(PLOTS, "console"):
        fast = ["--draws", "20", "--set", "sampling_accuracy=0.2"]
        assert main([*shlex.split(command)[1:], *fast]) == 0
        assert all(line.startswith("wrote figures/") for line in capsys.readouterr().err.splitlines())
    shown = re.findall(r"\]\((figures/\S+)\)", PLOTS.read_text(encoding="utf-8"))
    assert len(shown) == 5
    for figure in shown:
        assert (PLOTS.parent / figure).exists()
        made, kept = (matplotlib.image.imread(folder / figure).shape for folder in (tmp_path, PLOTS.parent))
        assert made == kept


def test_code_of_the_page_of_plots_runs() -> None:
    (code,) = blocks(PLOTS, "python")
    exec(compile(code, "plots.md", "exec"), {"__name__": "plots"})


def test_page_of_plots_states_the_gain_of_its_steered_beam() -> None:
    (scenario,) = blocks(PLOTS, "toml")
    array = isacfw.load_scenario(tomllib.loads(scenario)).scenario.transmit_array
    assert f"{10 * math.log10(array.n_elements):.1f} dB here" in PLOTS.read_text(encoding="utf-8")


COMPARISON_FIGURES = ROOT / "docs" / "comparison_figures.md"


def test_commands_of_the_page_of_comparisons_make_its_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    # Of fewer drops, and with the figures of isacfw show alone.
    monkeypatch.setattr(Comparison, "save", lambda self, out, **_: save_numbers(self.dataset, out))
    lines = "".join(blocks(COMPARISON_FIGURES, "console")).replace("\\\n", " ").splitlines()
    for line in lines:
        words = shlex.split(line)[1:]
        assert main([*words, *(["--drops", "2"] if words[0] == "compare" else ["--format", "png"])]) == 0
    shown = re.findall(r"\]\((figures/comparison-(\w+)\.png)\)", COMPARISON_FIGURES.read_text(encoding="utf-8"))
    assert len(shown) == len(lines) - 1 == 4
    for kept, kind in shown:
        (made,) = (tmp_path / "figures" / kind).iterdir()
        widths = {matplotlib.image.imread(path).shape[1] for path in (made, COMPARISON_FIGURES.parent / kept)}
        assert widths == {round(7.16 * 200)}


def test_code_of_the_page_of_comparisons_runs() -> None:
    (code,) = blocks(COMPARISON_FIGURES, "python")
    exec(compile(code, "comparison_figures.md", "exec"), {"__name__": "comparison_figures"})


def test_page_of_comparisons_lists_kinds_styles_and_formats() -> None:
    text = COMPARISON_FIGURES.read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `--(\w+)` \|(.*)\|$", text, re.MULTILINE))
    for option, known in (("kind", KINDS), ("style", STYLES), ("format", (*FORMATS, *NUMBERS))):
        assert all(f"`{name}`" in rows[option] for name in known)


@pytest.mark.parametrize("example", ["single_file_plugin", "compose_in_python"])
def test_example_runs(example: str, printed_by: Callable[[str], str]) -> None:
    assert "★" in printed_by(example)


def test_every_example_is_run() -> None:
    """The last three are run by tests of statistics and errata, and when the site is built."""
    run = {"single_file_plugin", "compose_in_python", "readings", "reproduction", "designed_beam"}
    run |= {"which_allocator", "paired_intervals", "errata", "validation"}
    assert {path.stem for path in (ROOT / "examples").glob("*.py")} == run


@pytest.mark.parametrize(
    "scenario", sorted((ROOT / "examples" / "scenarios").glob("*.toml")), ids=lambda path: path.stem
)
def test_example_of_a_scenario_runs(scenario: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(scenario), "--drops", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / link).exists(), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_anchors_exist(page: Path) -> None:
    for path, anchor in re.findall(r"\]\(([^)#:\s]*)#([^)]*)\)", page.read_text(encoding="utf-8")):
        target = page.parent / path if path else page
        headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
        slugs = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
        assert anchor in slugs


def test_every_hook_is_documented() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    hooks = [name for name in vars(hookspecs) if hasattr(getattr(hookspecs, name), "isacfw_spec")]
    assert hooks
    assert not [name for name in hooks if f"`{name}`" not in page]


EQUATION_OR_SOURCE = re.compile(
    r":math:|\.\. math::|\(\d+[a-z]?\)|Fig\. \d|Algorithm \d|Nguyen et al|the paper's", re.IGNORECASE
)
WITHOUT_MATHEMATICS = {
    *(
        "Allocation",
        "Allocator",
        "Beam",
        "Beamformer",
        "BeamformingResults",
        "Channel",
        "Comparison",
        "Drop",
        "Execution",
        "Figure",
        "LabelledPart",
        "LoadedScenario",
        "Metric",
        "Objective",
        "Part",
        "Performance",
        "PluginHost",
        "PointedBeam",
    ),
    *("Precoder", "Quantity", "Requirement", "Scenario", "Setting", "Shares", "Status"),
}


def test_every_public_class_has_its_equation_or_source() -> None:
    public = [getattr(isacfw, name) for name in isacfw.__all__]
    classes = {cls for cls in public if isinstance(cls, type) and not issubclass(cls, Exception)}
    classes |= {info.cls for info in isacfw.PluginHost(discover=False).parts()}
    assert {cls.__name__ for cls in classes} >= WITHOUT_MATHEMATICS
    for cls in classes:
        text = vars(cls).get("__doc__") or ""
        assert text.strip(), cls
        if cls.__name__ not in WITHOUT_MATHEMATICS:
            assert EQUATION_OR_SOURCE.search(text), f"{cls.__name__} has no equation and no source"


def test_version_is_the_same_everywhere() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"version: {isacfw.__version__}" in citation


def test_page_of_keys_has_every_key_with_its_default() -> None:
    page = (ROOT / "docs" / "scenario.md").read_text(encoding="utf-8")
    sections = re.split(r"^## .*$", page, flags=re.MULTILINE)[1:]
    classes = (
        *(isacfw.Scenario, isacfw.Target, isacfw.Sensing),
        *(isacfw.LinkBudget, isacfw.SensingNoise, isacfw.Uplink),
    )
    described = {"beams": '["steered"]', "objective": '"sum_rate"', "reflection_amplitude": "0.0625"}
    described["reference_distance_m"] = "100"
    for section, cls in zip(sections, classes, strict=True):
        rows = [line.split("|")[1:] for line in section.splitlines() if line.startswith("| `")]
        shown = {name: row[1].strip(" `") for row in rows for name in re.findall(r"`(\w+)`", row[0])}
        assert set(shown) == {field.name for field in attrs.fields(cls)}
        for field in attrs.fields(cls):
            default = {} if isinstance(field.default, attrs.Factory) else field.default  # type: ignore[arg-type]
            wanted = f"{default:g}" if isinstance(default, float) else ""
            if not wanted and default not in (attrs.NOTHING, None):
                wanted = json.dumps(default)
            assert shown[field.name] == described.get(field.name, wanted), field.name
