"""Statistics over the drops, differences on the same drops, and studies that stop at a precision."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import isacfw
from isacfw.cli.main import main
from isacfw.report.precision import is_precise
from isacfw.report.statistics import paired_differences

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def found():
    return isacfw.compare("nguyen2025", allocators=["exact", "equal_com", "equal_cs"], drops=60)


def test_statistics_are_those_of_numpy(found):
    frame = found.statistics(below=10)
    for precoder, allocator in frame.index:
        place = {"precoder": precoder, "allocator": allocator}
        own = found.dataset.sel(place)
        rates = own["sum_rate"].to_numpy()
        row = frame.loc[(precoder, allocator)]
        assert row["mean"] == pytest.approx(rates.mean(), rel=1e-12)
        assert [row["q05"], row["median"], row["q95"]] == np.quantile(rates, [0.05, 0.5, 0.95]).tolist()
        assert row["outage"] == np.mean(rates < 10)


def test_outage_counts_infeasible_drops_and_large_values_of_what_should_be_small():
    limits = ["sensing.crlb_limit_db = -45", "snr_db = 0"]
    none = isacfw.compare(isacfw.load_scenario("nguyen2025", overrides=limits), allocators=["exact"], drops=4)
    frame = none.statistics()
    assert (frame["outage"] == 1).all()
    assert (frame["answered"] == 0).all()
    assert frame["median"].isna().all()
    some = isacfw.compare("nguyen2025", allocators=["exact"], drops=4)
    assert (some.statistics("crlb_azimuth_db", below=-50)["outage"] == 1).all()
    assert (some.statistics("crlb_azimuth_db", below=-20)["outage"] == 0).all()


def test_paired_differences_are_those_of_a_paired_test(found):
    frame = found.paired("equal_com")
    assert set(frame.index.get_level_values("allocator")) == {"exact", "equal_cs"}
    for precoder, allocator in frame.index:
        rates = found.dataset["sum_rate"].sel(precoder=precoder)
        own, base = (rates.sel(allocator=name).to_numpy() for name in (allocator, "equal_com"))
        low, high = stats.ttest_rel(own, base).confidence_interval(0.95)
        row = frame.loc[(precoder, allocator)]
        assert row["difference"] - row["ci95"] == pytest.approx(low)
        assert row["difference"] + row["ci95"] == pytest.approx(high)
        assert row["difference_percent"] == pytest.approx(100 * row["difference"] / base.mean())


def test_a_difference_of_a_thousandth_shows_with_a_hundred_drops():
    found = isacfw.compare("nguyen2025", allocators=["exact", "equal_com"], drops=100).dataset
    rates = found["sum_rate"].copy()
    noise = 1 + 1e-3 + 1e-3 * np.random.default_rng(1).standard_normal(100)
    rates[:, 1] = rates[:, 0] * noise
    frame = paired_differences(found.assign(sum_rate=rates))
    assert (frame["difference_percent"] - frame["ci95_percent"] > 0).all()
    assert frame["difference_percent"].to_numpy() == pytest.approx(0.1, rel=0.3)


COVERAGE = runpy.run_path(str(ROOT / "examples" / "paired_intervals.py"))


def test_paired_intervals_cover_the_difference():
    found = COVERAGE["coverage"](100, many=20_000)
    assert len(found) == 7
    for pair, (_, share) in found.items():
        assert share == pytest.approx(0.95, abs=0.065), pair


@pytest.mark.nightly
def test_paired_intervals_cover_the_difference_in_a_thousand_studies(capsys):
    COVERAGE["main"]()
    printed = capsys.readouterr().out
    shares = [float(share) for share in re.findall(r"([\d.]+) %", printed)]
    assert len(shares) == 7
    assert shares == pytest.approx([95.0] * 7, abs=1.5)
    assert printed in (ROOT / "docs" / "studies.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "key"),
    [({"quantity": "sum_rat"}, "quantity"), ({"quantity": "rates"}, "quantity"), ({"below": "x"}, "below")],
)
def test_invalid_options_of_statistics_are_named(found, options, key):
    with pytest.raises(isacfw.InputError) as raised:
        found.statistics(**options)
    assert raised.value.key == key


def test_a_difference_needs_a_known_reference_and_two_allocators(found):
    with pytest.raises(isacfw.InputError, match=r"reference must be exact or .* got 'exac'"):
        found.paired("exac")
    alone = isacfw.compare("nguyen2025", allocators=["exact"], drops=2)
    with pytest.raises(isacfw.InputError, match="reference needs two allocators"):
        alone.paired()


UNTIL = {"allocators": ["exact"], "precoders": ["mrt"], "drops": 5000, "until": "6 % of the mean"}


def test_a_study_stops_at_its_precision(variant, same):
    found = isacfw.compare(variant(UNTIL)).dataset
    drops = found.sizes["drop"]
    assert 100 < drops < 5000
    assert is_precise(found, 0.06)
    whole = isacfw.compare(variant(UNTIL | {"until": "0.01 %", "drops": drops})).dataset
    assert not is_precise(whole.isel({"drop": slice(drops // 2)}), 0.06)
    assert np.array_equal(found["sum_rate"], whole["sum_rate"])
    table = str(isacfw.Comparison(dataset=found))
    assert f"until 6 % of the mean: reached after {drops} of at most 5000 drops" in table
    assert "not reached within" in str(isacfw.Comparison(dataset=whole))


def test_where_a_study_stops_depends_on_no_division(variant, chunk_size, tmp_path, same):
    expected = isacfw.compare(variant(UNTIL)).dataset
    chunk_size(170)
    more = isacfw.compare(variant(UNTIL | {"until": "4 %"}), execution=isacfw.Execution(out=tmp_path)).dataset
    assert more.sizes["drop"] > expected.sizes["drop"]
    more.close()
    again = isacfw.compare(variant(UNTIL), execution=isacfw.Execution(out=tmp_path)).dataset.load()
    assert again.sizes["drop"] == expected.sizes["drop"]
    assert np.array_equal(again["sum_rate"], expected["sum_rate"])
    workers = isacfw.compare(variant(UNTIL), execution=isacfw.Execution(workers=2)).dataset
    same(workers, expected)


def test_nothing_is_solved_again_at_the_next_look(bed):
    scenario = bed.document({"until": "0.001 %", "drops": 250})
    isacfw.compare(scenario)
    assert bed.count() == 250


@pytest.mark.parametrize("value", ["1", "0 %", "60 %", "1 % of it", 1, "-1 %"])
def test_a_precision_is_a_share_of_the_mean(variant, value):
    with pytest.raises(isacfw.InputError, match="until must be"):
        isacfw.load_scenario(variant({"until": value}))


@pytest.mark.usefixtures("no_figures")
def test_the_command_line_has_them(tmp_path, capsys):
    arguments = ["compare", "nguyen2025", "--allocators", "exact,equal_com", "--precoders", "mrt"]
    assert main([*arguments, "--drops", "3000", "--until", "8 %", "--out", str(tmp_path)]) == 0
    assert "reached after" in capsys.readouterr().out
    assert main(["show", str(tmp_path), "--table", "paired", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["reference"] == "exact"
    assert main(["show", str(tmp_path), "--table", "statistics", "--below", "5"]) == 0
    assert "outage" in capsys.readouterr().out
    assert main(["show", str(tmp_path), "--below", "5"]) == 2
    assert main(["show", str(tmp_path), "--table", "statistics", "--reference", "exact"]) == 2
