"""Inputs of any size and shape: one line and status 2, also with --debug; nothing large is taken first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import isacfw
from isacfw.base.file_names import file_name, file_names
from isacfw.base.toml import MOST_LEVELS, parse_toml

DOCUMENT = Path(__file__).with_name("base.toml")


def assert_refused(cli: Any, *arguments: str) -> str:
    """Check that a command is refused in one line, with and without --debug; return the line."""
    for debug in ([], ["--debug"]):
        status, out, err = cli(*arguments, *debug)
        assert (status, out) == (2, ""), err
        assert err.startswith("isacfw: ")
        assert err.count("\n") == 1
    return str(err)


TEXTS = {
    "lists in lists": "x = " + "[" * 3000 + "]" * 3000,
    "an open list": "x = " + "[" * 3000,
    "tables in tables": "x = " + "{a = " * 3000 + "1" + "}" * 3000,
    "dotted keys": ".".join(["a"] * 3000) + " = 1",
    "a dotted table": "[" + ".".join(["a"] * 3000) + "]\nb = 1",
    "a dotted path of a sweep": "[sweep]\n'" + ".".join(["a"] * 3000) + "' = [1]",
    "a long integer": "seed = " + "9" * 5000,
    "a long hexadecimal integer": "seed = 0x" + "f" * 9000,
    "a long integer in a list": "[sweep]\nsnr_db = [1, 0x" + "f" * 9000 + "]",
    "a null byte": "name = 'a\0b'",
    "an escaped null": 'name = "a\\u0000b"',
}


@pytest.mark.parametrize("text", TEXTS)
def test_toml_without_bounds_is_one_line(text: str, tmp_path: Path, cli: Any) -> None:
    path = tmp_path / "scenario.toml"
    kept = [
        line for line in DOCUMENT.read_text().splitlines() if not TEXTS[text].startswith(line.split(" ")[0] + " ")
    ]
    own = TEXTS[text] + "\n"
    first = own.startswith("[")
    path.write_text("\n".join(kept) + "\n" + own if first else own + "\n".join(kept) + "\n")
    assert_refused(cli, "compare", str(path))


@pytest.mark.parametrize(
    "assignment",
    [".".join(["a"] * 3000) + "=1", "seed=" + "9" * 5000, "x=" + "[" * 3000, "sweep.'" + "a." * 3000 + "a'=[1]"],
)
def test_assignments_without_bounds_are_one_line(assignment: str, cli: Any) -> None:
    assert len(assert_refused(cli, "compare", str(DOCUMENT), "--set", assignment)) < 500


@pytest.mark.parametrize("content", [b"\xff\xfea\x00", b"\xef\xbb\xbf\xff", b"\x80", b"\0" * 100])
def test_files_that_are_not_text_are_one_line(content: bytes, tmp_path: Path, cli: Any) -> None:
    path = tmp_path / "scenario.toml"
    path.write_bytes(content)
    assert_refused(cli, "compare", str(path))


def test_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "scenario.toml"
    path.write_bytes(b"\xef\xbb\xbf" + DOCUMENT.read_bytes())
    assert isacfw.load_scenario(path) == isacfw.load_scenario(DOCUMENT)


NAMES = ["a" * 5000, "a/" * 3000, "a\udcff.toml", "."]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("command", ["compare", "show", "report", "export", "diff", "figure", "plot"])
def test_file_names_of_any_length(command: str, name: str, cli: Any) -> None:
    more = {"export": ["x.md"], "diff": [name]}.get(command, [])
    status, out, err = cli(command, name, *more)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert "Traceback" not in err


LARGE: dict[str, tuple[list[str], str]] = {
    "workers": (["--workers", "1000000"], "workers must be an integer at most"),
    "drops": (["--drops", "1000000000"], "mostly for results"),
    "antennas": (
        ["--set", "transmit_array.horizontal=1000000", "--set", "transmit_array.vertical=1000000"],
        "mostly for the transmit array",
    ),
    "pairs of users": (
        ["--set", "channel.users=1000000", "--set", "channel.estimates='physical'"],
        "mostly for the channel",
    ),
    "covariances": (
        ["--set", "channel.kind='correlated'", "--set", "channel.users=1000000"],
        "mostly for the channel",
    ),
    "points": (
        [
            one
            for path in ("snr_db", "'sensing.crlb_limit_db'", "'target.azimuth_deg'")
            for one in ("--set", f"sweep.{path}={[n / 20 for n in range(1000)]}")
        ],
        "1000000000 points (1000 x 1000 x 1000)",
    ),
}


@pytest.mark.parametrize("size", LARGE)
def test_sizes_are_estimated_before_they_are_taken(size: str, cli: Any) -> None:
    options, words = LARGE[size]
    assert words in assert_refused(cli, "compare", str(DOCUMENT), *options)


def test_limits_of_size_can_be_set(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISACFW_MAX_POINTS", "2")
    assert "3 points, more than the limit of 2" in assert_refused(
        cli, "compare", str(DOCUMENT), "--set", "sweep.snr_db=[1, 2, 3]"
    )
    monkeypatch.setenv("ISACFW_MAX_MEMORY", "20M")
    assert "limit of 20 MiB" in assert_refused(cli, "compare", str(DOCUMENT), "--drops", "100000")
    monkeypatch.setenv("ISACFW_MAX_MEMORY", "much")
    assert "ISACFW_MAX_MEMORY must be" in assert_refused(cli, "compare", str(DOCUMENT), "--drops", "100000")


def test_a_million_users_share_pilots_without_a_matrix() -> None:
    channel = isacfw.load_scenario(DOCUMENT, overrides=["channel.users = 1000000"]).scenario.statistics([0])
    assert channel.beta.shape == (1, 1_000_000)
    assert channel.collinear is None


@pytest.mark.parametrize("seed", [2**63, 2**128 - 1])
def test_seeds_beyond_64_bits_are_stored(seed: int, tmp_path: Path) -> None:
    loaded = isacfw.load_scenario(DOCUMENT, overrides=[f"seed = {seed}"])
    isacfw.compare(loaded, drops=1, execution=isacfw.Execution(out=tmp_path))
    again = isacfw.Comparison.load(tmp_path)
    assert str(again.dataset.attrs["seed"]) == str(seed)
    assert isacfw.load_scenario(tmp_path / "results.nc").scenario.seed == seed


@pytest.mark.usefixtures("no_figures")
def test_results_do_not_overwrite_a_scenario_of_the_user(
    tmp_path: Path, cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = "# mine\n" + DOCUMENT.read_text()
    Path("scenario.toml").write_text(text)
    assert "is not from an earlier run" in assert_refused(cli, "compare", "scenario.toml", "--out", ".")
    assert [path.name for path in tmp_path.iterdir()] == ["scenario.toml"]
    assert Path("scenario.toml").read_text() == text
    # That of an earlier run is written again, also if it is from before such files had a mark.
    assert cli("compare", "scenario.toml", "--drops", "1", "--out", "out")[0] == 0
    assert cli("compare", "out/scenario.toml", "--out", "out")[0] == 0
    earlier = Path("out/scenario.toml")
    earlier.write_text(earlier.read_text().partition("\n")[2])
    assert cli("compare", "scenario.toml", "--drops", "1", "--out", "out")[0] == 0
    assert earlier.read_text().startswith("# Written by isacfw")
    earlier.write_text("# mine\n" + earlier.read_text().partition("\n")[2])
    assert "move or rename it" in assert_refused(cli, "compare", "scenario.toml", "--out", "out")


def test_results_do_not_overwrite_an_input(tmp_path: Path, cli: Any) -> None:
    fading = tmp_path / "results.csv"
    fading.write_text("1, 2, 3\n")
    options = [
        "--set",
        "channel={kind='file', path='" + str(fading) + "'}",
        "--drops",
        "1",
        "--out",
        str(tmp_path),
    ]
    assert "whose results.csv is an input" in assert_refused(cli, "compare", str(DOCUMENT), *options)


@given(st.text(max_size=300))
@example("a" * 99 + " a")
@example("0" * 98 + "..x")
@example("con." + "x" * 200)
@settings(max_examples=300, derandomize=True, deadline=None, database=None)
def test_names_never_become_paths(name: str) -> None:
    stem = file_name(name)
    assert stem
    assert stem == Path(stem).name
    assert stem not in (".", "..")
    assert len(stem.encode()) <= 100
    assert not set(stem) & set('/\\:*?"<>|\0\n')
    assert file_name(stem) == stem


@pytest.mark.parametrize(
    "name", ["../x", "/etc/passwd", "..", ".", "a\0b", "CON", "nul.txt", "a" * 300, "a\\b", "\u202ex", ""]
)
def test_a_figure_is_written_in_its_folder(name: str, tmp_path: Path) -> None:
    from matplotlib.figure import Figure

    from isacfw.report.files import save_figures

    out = tmp_path / "out"
    out.mkdir()
    (file,) = save_figures({name: Figure()}, out, formats=["svg"])
    assert [file] == list(out.iterdir())
    assert list(tmp_path.iterdir()) == [out]


def test_names_that_become_the_same_stay_apart() -> None:
    assert len(set(file_names(["a/b", "a_b", "A_B", "a\\b"]).values())) == 4
    assert file_name("sum_rate") == "sum_rate"
    assert file_name("nguyen2025-fig5") == "nguyen2025-fig5"


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
values = st.recursive(
    scalars.filter(lambda one: one is not None),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
keys = st.sampled_from(
    [
        "name",
        "seed",
        "drops",
        "snr_db",
        "precoders",
        "allocators",
        "channel",
        "sweep",
        "target",
        "targets",
        "plugins",
        "objective",
        "requirements",
        "metrics",
        "link",
        "beams",
        "sensing",
        "transmit_array",
    ]
)


@given(st.dictionaries(keys, values, min_size=1, max_size=3))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_documents_of_any_content_load_or_are_refused(changes: dict[str, Any]) -> None:
    document = parse_toml(DOCUMENT.read_text()) | changes
    document.pop("plugins", None)
    try:
        text = tomli_w.dumps(document)
        isacfw.load_scenario(parse_toml(text))
    except UnicodeEncodeError:
        return
    except isacfw.IsacError:
        return


def test_the_depth_of_a_document_is_that_of_its_levels() -> None:
    assert parse_toml("x = " + "[" * MOST_LEVELS + "]" * MOST_LEVELS)
    with pytest.raises(ValueError, match="nested more than"):
        parse_toml("x = " + "[" * (MOST_LEVELS + 1) + "]" * (MOST_LEVELS + 1))
