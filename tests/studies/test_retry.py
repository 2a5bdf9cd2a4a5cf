"""Rows that failed or ran into their time limit are tried again by the next run into the same folder."""

from __future__ import annotations

import numpy as np
import pytest

from isacfw import Execution, compare, load_scenario

CHANGES = {
    "drops": 16,
    "time_limit_s": 1.0,
    "sweep": {"snr_db": [10.0, 20.0]},
    "allocators": ["probe", "equal_com"],
}


def run(bed, out, changes=None, **options):
    loaded = load_scenario(bed.scenario(CHANGES | (changes or {})))
    return compare(loaded, execution=Execution(out=out, **options)).dataset.load()


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_rows_that_failed_are_tried_again_and_no_others(bed, out, tmp_path, same, workers):
    bed.told("misbehave")
    changes = {"time_limit_s": 2.0, "drops": 8}
    first = run(bed, out, changes, workers=workers)
    status = first["status"].to_numpy()
    unfinished = int(((status == "failed") | (status == "timed_out")).sum())
    assert {"failed", "timed_out"} <= set(status.ravel()), status
    before = bed.count()
    bed.told("")
    calls: list[tuple[int, int]] = []
    second = run(bed, out, changes, workers=workers, progress=lambda *numbers: calls.append(numbers))
    assert bed.count() - before == unfinished
    assert calls[-1] == (first["status"].size, first["status"].size)
    same(second, run(bed, tmp_path / "fresh", changes, workers=workers))
    before = bed.count()
    run(bed, out, changes, workers=workers)
    assert bed.count() == before


def test_rows_that_fail_again_keep_their_status_and_all_others_their_values(bed, out, same):
    bed.told("misbehave")
    changes = {"time_limit_s": 1.0, "drops": 8}
    first = run(bed, out, changes)
    calls = bed.count()
    second = run(bed, out, changes)
    assert 0 < bed.count() - calls < calls
    same(second, first)


def test_rows_beyond_the_requested_drops_wait_and_none_is_lost(bed, out, same):
    bed.told("misbehave")
    whole = run(bed, out, {"drops": 12})
    bed.told("")
    calls = bed.count()
    few = run(bed, out, {"drops": 6})
    status = whole["status"].to_numpy()[:, 0, :, :6]
    assert bed.count() - calls == int(np.isin(status, ["failed", "timed_out"]).sum())
    assert not np.isin(few["status"].to_numpy(), ["failed", "timed_out"]).any()
    calls = bed.count()
    run(bed, out, {"drops": 12})
    status = whole["status"].to_numpy()[:, 0, :, 6:]
    assert bed.count() - calls == int(np.isin(status, ["failed", "timed_out"]).sum())
