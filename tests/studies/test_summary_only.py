"""Studies that keep statistics alone: those of their drops, and the same bits however a study is cut."""

from __future__ import annotations

import json
import random
import signal
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import h5py
import numpy as np
import pytest

import isacfw
from isacfw import Comparison, Execution, compare
from isacfw.cli.main import main
from isacfw.results.chunk import Chunk
from isacfw.study.tally_store import TallyStore, cut_chunk, segment_of

DROPS = 130
CHANGES = {
    "precoders": ["mrt", "zf"],
    "allocators": ["exact", "equal_com", "equal_cs"],
    "metrics": ["detection"],
    "drops": DROPS,
    "sweep": {"snr_db": [0.0, 10.0], "sensing.crlb_limit_db": [-30, -45]},
}
ONLY = {"summary_only": True}
TOLERANCE = {"q05": 1e-3, "median": 1e-3, "q95": 1e-3, "seconds_median": 1e9}


def bits(dataset, drop=("seconds",)):
    """Return the bits of all variables but times, by name."""
    found = {}
    for name, one in dataset.load().variables.items():
        if name in drop or str(name).startswith("sketch_"):
            continue
        values = one.to_numpy()
        found[str(name)] = (one.dims, values.tolist() if values.dtype.kind in "OU" else values.tobytes())
    return found


def buckets(dataset, name="sum_rate"):
    """Return the buckets of a quantity."""
    own = dataset.sel(sketched=name)
    first, size = own["sketch_first"].to_numpy().ravel(), own["sketch_size"].to_numpy().ravel()
    return [
        [dataset[one].to_numpy()[a : a + n].tolist() for one in ("sketch_buckets", "sketch_counts")]
        for a, n in zip(first, size, strict=True)
    ]


@pytest.fixture(scope="module")
def whole(variant):
    return compare(variant(CHANGES))


@pytest.fixture(scope="module")
def only(variant):
    return compare(variant(CHANGES | ONLY))


def close(found, expected):
    """Check that tables are equal up to rounding and the accuracy of quantiles."""
    assert list(found.columns) == list(expected.columns)
    assert found.index.equals(expected.index)
    for name in found:
        if found[name].dtype.kind in "fi":
            rtol = TOLERANCE.get(name, 1e-9)
            np.testing.assert_allclose(found[name], expected[name], rtol=rtol, atol=1e-9, err_msg=name)
        else:
            assert list(found[name]) == list(expected[name]), name


def test_statistics_are_those_of_the_drops(whole, only):
    found, expected = only.table(), whole.table()
    assert found["seconds_median"].notna().all()
    close(found, expected)
    assert "infeasible" in set(found["status"])
    for options in ({}, {"below": 5.0}, {"quantity": "crlb_azimuth_db", "below": -31.0}):
        close(only.statistics(**options), whole.statistics(**options))
    for reference in (None, "equal_cs"):
        close(only.paired(reference), whole.paired(reference))
    for name in ("max_violation", "margin_sensing", "echo_energy_db", "rho"):
        values = whole.dataset[name].to_numpy()
        own = only.dataset[name].sel(statistic=["mean", "std", "min", "max", "count"]).to_numpy()
        for index in np.ndindex(values.shape[:-1]):
            known = values[index][np.isfinite(values[index])]
            few = len(known) < 2
            expected = [np.nan] * 4 if few else [known.mean(), known.std(ddof=1), known.min(), known.max()]
            np.testing.assert_allclose(own[index], [*expected, len(known)], rtol=1e-9, atol=1e-13)
    counts = only.dataset["status_count"].sum("status_name")
    assert (counts == DROPS).all()


def test_the_table_and_the_verdict_are_of_the_same_kind(whole, only):
    from isacfw.report.kept import summary
    from isacfw.report.verdict import verdict

    first, second = (str(one).splitlines() for one in (only, whole))
    note = "no drops were kept: medians and other quantiles are accurate to 0.1 %, means to the last digit"
    assert note in first
    shared = [
        # A rule is as long as times are wide.
        [line for line in lines if line != note and not line.startswith(("median time", " ─"))]
        for lines in (first, second)
    ]
    strip = [[line.rsplit("  ", 1)[0].rstrip() for line in lines] for lines in shared]
    assert strip[0] == strip[1]
    assert verdict(only.dataset, summary(only.dataset)) == verdict(whole.dataset, summary(whole.dataset))
    assert not only.failed


CUTS = [(11, 4), (1, 4), (7, 2), (64, 1), (1000, 4)]


@pytest.mark.parametrize(
    "cut",
    [
        CUTS[0],
        pytest.param(CUTS[-1], marks=pytest.mark.slow),
        *(pytest.param(one, marks=pytest.mark.nightly) for one in CUTS[1:-1]),
    ],
)
def test_the_bits_depend_on_no_chunk(variant, only, chunk_size, cut):
    chunk_size(*cut)
    found = compare(variant(CHANGES | ONLY)).dataset
    assert bits(found) == bits(only.dataset)
    assert buckets(found) == buckets(only.dataset)


@pytest.mark.parametrize("workers", [pytest.param(2, marks=pytest.mark.slow), None])
def test_the_bits_depend_on_no_executor(variant, only, chunk_size, workers):
    chunk_size(40, 4)
    with ThreadPoolExecutor(3) as executor:
        execution = Execution(executor=executor) if workers is None else Execution(workers=workers)
        found = compare(variant(CHANGES | ONLY), execution=execution).dataset
    assert bits(found) == bits(only.dataset)


def test_more_and_fewer_drops_resume_and_have_the_same_bits(bed, out, chunk_size):
    """Statistics are used again up to the cuts at 100, 200, … drops."""
    chunk_size(30)
    for drops, calls in ((240, 240), (310, 70), (200, 0), (130, 30)):
        document = bed.document(ONLY | {"drops": drops})
        before = bed.count()
        found = compare(document, execution=Execution(out=out)).dataset.load()
        assert bed.count() - before == calls, drops
        before = bed.count()
        expected = compare(document).dataset
        assert bed.count() - before == drops
        assert bits(found) == bits(expected)
        with Comparison.load(out).dataset as read:
            assert bits(read) == bits(expected)
    files = list((out / "chunks").rglob("*.npz"))
    assert len(files) < 12
    assert sum(path.stat().st_size for path in files) < 60_000


KILLED = """
import json, os, signal, sys
from pathlib import Path
import isacfw
document, out, numbers = json.loads(sys.argv[1])

def killed(number):
    '''Make the n-th step of writing a file end the process.'''
    steps, replace = 0, Path.replace
    def counting(self, target):
        nonlocal steps
        steps += 1
        if 2 * steps == number + 1:
            os.kill(os.getpid(), signal.SIGKILL)
        found = replace(self, target)
        if 2 * steps == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return found
    Path.replace = counting

statuses = []
for number in numbers:
    if (child := os.fork()) == 0:
        killed(number)
        isacfw.compare(document, execution=isacfw.Execution(out=out))
        os._exit(0)
    statuses.append(os.waitpid(child, 0)[1])
print(json.dumps(statuses))
"""


@pytest.mark.slow
def test_a_study_that_is_killed_has_the_same_bits_and_loses_a_chunk_at_most(bed, out, launched):
    document = bed.document(ONLY | {"drops": 350})
    process = launched("-c", KILLED, json.dumps([document, str(out), [2, 5, 4, 3]]))
    printed, error = process.communicate(timeout=120)
    assert (process.returncode, error) == (0, "")
    killed = json.loads(printed).count(signal.SIGKILL)
    found = compare(document, execution=Execution(out=out)).dataset
    assert killed >= 3
    assert bed.count() <= 350 + 128 * killed
    assert bits(found) == bits(compare(document).dataset)
    assert not [path for path in (out / "chunks").rglob(".*") if path.is_file()]


def test_rows_that_failed_are_tried_again_with_their_chunk(bed, out, chunk_size):
    chunk_size(20)
    document = bed.document(ONLY | {"drops": 90, "time_limit_s": 0.5})
    bed.told("misbehave")
    first = compare(document, execution=Execution(out=out))
    assert first.failed
    assert "failed" in str(first)
    bed.told("")
    found = compare(document, execution=Execution(out=out)).dataset
    assert bits(found) == bits(compare(document).dataset)
    calls = bed.count()
    chunk_size(7)
    compare(document, execution=Execution(out=out))
    assert bed.count() == calls
    assert {path.stem for path in (out / "chunks").rglob("*.npz")} == {
        "points-0-1-drops-0-80",
        "points-0-1-drops-80-90",
    }


SLOW_DAMAGES = ["truncated", "empty", "of another study", "misnamed"]


@pytest.mark.parametrize(
    "damage", ["another byte", *(pytest.param(one, marks=pytest.mark.slow) for one in SLOW_DAMAGES)]
)
def test_damaged_statistics_are_computed_again(bed, out, damage, chunk_size):
    chunk_size(50)
    document = bed.document(ONLY | {"drops": 200})
    expected = compare(document, execution=Execution(out=out)).dataset.load()
    path = next((out / "chunks").rglob("points-0-1-drops-100-200.npz"))
    content = path.read_bytes()
    if damage == "of another study":
        compare(bed.document(ONLY | {"drops": 200, "snr_db": 3.0}), execution=Execution(out=out))
        others = [one for one in (out / "chunks").rglob(path.name) if one != path]
        content = others[0].read_bytes()
    elif damage == "misnamed":
        content = path.with_name("points-0-1-drops-0-100.npz").read_bytes()
    changed = content[:-50] + bytes([content[-50] ^ 1]) + content[-49:]
    path.write_bytes({"truncated": content[:-9], "another byte": changed, "empty": b""}.get(damage, content))
    before = bed.count()
    found = compare(document, execution=Execution(out=out)).dataset
    assert bed.count() - before == 100
    assert bits(found) == bits(expected)


def test_it_stops_at_the_drop_at_which_a_study_with_drops_does(variant, tmp_path):
    changes = {"allocators": ["exact"], "precoders": ["mrt"], "drops": 5000, "until": "8 % of the mean"}
    expected = compare(variant(changes)).dataset.sizes["drop"]
    for folder in (None, tmp_path):
        found = compare(variant(changes | ONLY), execution=Execution(out=folder))
        assert found.dataset.attrs["drops"] == expected
        assert f"reached after {expected} of at most 5000 drops" in str(found)
    alone = compare(variant(changes | ONLY | {"until": "50 %", "drops": expected})).dataset
    assert alone.attrs["drops"] == 100


@pytest.mark.parametrize("seed", range(6))
def test_segments_do_not_depend_on_the_order_in_which_chunks_come(seed):
    generator = random.Random(seed)
    stop = generator.randrange(1, 4000)
    edges = sorted({0, stop, *(generator.randrange(stop + 1) for _ in range(20))})
    chunks = [Chunk(points=range(1), drops=range(a, b)) for a, b in pairwise(edges)]
    parts = [part for chunk in chunks for part in cut_chunk(chunk)]
    assert sum(len(part.drops) for part in parts) == stop
    assert all(part.drops.stop <= segment_of(part.drops.start).stop for part in parts)
    generator.shuffle(parts)
    store = TallyStore(None)
    for part in parts:
        store.add(_Tally(part), stop)
    chosen = store.choose(stop)
    assert [one.chunk.drops.start for one in chosen] == [0, *(one.chunk.drops.stop for one in chosen[:-1])]
    assert chosen[-1].chunk.drops.stop == stop
    for one in chosen[:-1]:
        whole = segment_of(one.chunk.drops.start)
        if whole.stop <= stop:
            assert one.chunk.drops == whole


class _Tally:
    """Statistics without numbers."""

    unfinished = False

    def __init__(self, chunk):
        self.chunk = chunk

    def __add__(self, other):
        assert self.chunk.drops.stop == other.chunk.drops.start
        drops = range(self.chunk.drops.start, other.chunk.drops.stop)
        return _Tally(Chunk(points=self.chunk.points, drops=drops))


def test_segments_are_blocks_and_the_numbers_of_drops_after_which_the_precision_is_looked_at():
    starts, drop = [], 0
    while drop < 3_000_000:
        starts.append(drop)
        drop = segment_of(drop).stop
    looks = [100 * 2**number for number in range(15)]
    assert starts == sorted({0, *(one for one in looks if one < 3_000_000), 1_000_000, 2_000_000})
    for drop in (0, 99, 100, 999_999, 1_000_000, 1_638_399, 1_638_400):
        assert drop in segment_of(drop)


def test_few_drops_and_none_that_is_solved(variant):
    changes = {"allocators": ["exact"], "precoders": ["mrt"], "sensing.crlb_limit_db": -200, "drops": 2}
    none = compare(variant(changes | ONLY))
    close(none.table(), compare(variant(changes)).table())
    assert "infeasible" in str(none)
    assert none.statistics()["outage"].tolist() == [1.0]
    one = compare(variant(changes | ONLY | {"drops": 1, "sensing": {}}))
    close(one.table(), compare(variant(changes | {"drops": 1, "sensing": {}})).table())


def test_named_quantities_have_quantiles_and_others_say_how(variant):
    document = {"allocators": ["exact", "equal_com"], "precoders": ["mrt"], "drops": 30}
    some = compare(variant(document | ONLY | {"keep": ["rho", "iterations"]}))
    whole = compare(variant(document))
    for name in ("rho", "iterations"):
        close(some.statistics(name), whole.statistics(name))
    assert "communication_power" not in some.dataset
    with pytest.raises(isacfw.InputError, match=r"quantity must be .* got 'max_violation'; name it in keep"):
        some.statistics("max_violation")
    with pytest.raises(isacfw.InputError, match="kept statistics alone"):
        some.paired(quantity="rho")
    with pytest.raises(isacfw.InputError, match="reference must be exact or equal_com, got 'exac'"):
        some.paired("exac")
    with pytest.raises(isacfw.InputError, match="quantity must be a number of each row"):
        some.statistics("rates")


@pytest.mark.parametrize("kind", ["cdf", "box", "difference", "convergence", "time"])
def test_figures_of_drops_say_in_one_line_that_there_are_none(only, kind):
    with pytest.raises(isacfw.InputError, match=r"kind must be 'mean'.*kept statistics alone") as raised:
        only.plot(kind)
    assert "\n" not in str(raised.value)


def test_fronts_and_figure_parts_need_drops(variant, tmp_path, capsys):
    with pytest.raises(isacfw.InputError, match="summary_only must be false for a front"):
        isacfw.pareto(variant(ONLY), points=3)
    assert main(["figure", "nguyen2025-fig3", "--set", "summary_only=true", "--out", str(tmp_path)]) == 2
    assert "summary_only must be false for the figure nguyen2025-fig3" in capsys.readouterr().err


@pytest.mark.slow
def test_what_is_shown_and_exported_of_them(whole, only, tmp_path):
    figures = [comparison.plot(x="snr_db") for comparison in (only, whole)]
    assert set(figures[0]) == set(figures[1])
    for name, figure in figures[0].items():
        for axes, other in zip(figure.axes, figures[1][name].axes, strict=True):
            for line, same in zip(axes.lines, other.lines, strict=True):
                np.testing.assert_allclose(line.get_ydata(), same.get_ydata(), rtol=1e-12)
    assert {"sum_rate", "crlb"} <= set(only.plot(x="allocator"))
    record = only.records()[0]
    assert (record["precoder"], record["allocator"], record["snr_db"], record["drops"]) == (
        "mrt",
        "exact",
        0,
        DROPS,
    )
    assert {"sum_rate_mean", "sum_rate_q05", "rho_max", "status", "feasible"} <= set(record)
    assert "rho_q05" not in record
    assert json.loads(only.to_json())[0] == record
    assert only.difference(only).same
    assert not only.difference(whole).same
    for ending in ("tex", "md", "csv", "mat"):
        assert only.export(tmp_path / f"table.{ending}").stat().st_size
    assert f"{DROPS} drops" in only._repr_html_()
    text = only.report(tmp_path / "report.html", others=[whole]).read_text(encoding="utf-8")
    assert "Distribution over the drops: the study kept statistics alone (summary_only), and no drops" in text


def test_the_command_line_has_them(tmp_path, capsys):
    arguments = [
        "compare",
        "nguyen2025",
        "--allocators",
        "exact,equal_com",
        "--precoders",
        "mrt",
        "--drops",
        "120",
    ]
    assert main([*arguments, "--set", "summary_only=true", "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "120 drops" in printed
    names = {path.name for path in tmp_path.iterdir()}
    assert {"results.nc", "results.csv", "scenario.toml", "sum_rate.png", "chunks"} <= names
    assert main(["show", str(tmp_path)]) == 0
    assert capsys.readouterr().out == printed
    assert main(["show", str(tmp_path), "--table", "statistics", "--below", "8"]) == 0
    assert "outage" in capsys.readouterr().out
    assert main(["show", str(tmp_path), "--table", "paired", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["drops"] == 120
    assert main(["show", str(tmp_path), "--out", str(tmp_path / "figures"), "--kind", "cdf"]) == 2
    assert "kept statistics alone" in capsys.readouterr().err
    assert main(["compare", str(tmp_path / "results.nc"), "--drops", "130", "--out", str(tmp_path)]) == 0


def _change(name, value):
    def change(file):
        file[name][...] = value

    return change


def _without(name):
    return lambda file: file.__delitem__(name)


def _attribute(name, value):
    return lambda file: file.attrs.__setitem__(name, value)


CHANGED = {
    "places beyond the buckets": _change("sketch_first", 10**9),
    "negative sizes": _change("sketch_size", -1),
    "negative counts": _change("sketch_counts", -1),
    "unknown buckets": _change("sketch_buckets", 2**40),
    "other statistics": _change("statistic", b"mean"),
    "other statuses": _change("status_name", b"optimal"),
    "unknown quantities": _change("sketched", b"nothing"),
    "no times": _without("seconds"),
    "no counts": _without("status_count"),
    "no pairs": _without("paired"),
    "too many drops": _attribute("drops", 10**6),
    "no number of drops": _attribute("drops", "many"),
    "another accuracy": _attribute("accuracy", 1),
}


@pytest.fixture(scope="module")
def written(shared_bed, tmp_path_factory):
    """Return a file of statistics."""
    folder = tmp_path_factory.mktemp("written")
    document = shared_bed.document(ONLY | {"allocators": ["probe", "equal_com"]})
    compare(document, execution=Execution(out=folder)).dataset.close()
    return folder / "results.nc"


@pytest.mark.parametrize("name", CHANGED)
def test_files_of_others_are_checked(written, tmp_path, name):
    path = tmp_path / "results.nc"
    path.write_bytes(written.read_bytes())
    Comparison.load(path).dataset.close()
    with h5py.File(path, "r+") as file:
        CHANGED[name](file)
    with pytest.raises(isacfw.InputError) as raised:
        Comparison.load(path)
    assert "\n" not in str(raised.value)
