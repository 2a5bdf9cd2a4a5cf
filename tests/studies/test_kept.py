"""What a study keeps: some variables, in single precision."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import isacfw
from isacfw import Comparison, Execution, compare

CHANGES = {
    "precoders": ["mrt", "zf"],
    "allocators": ["exact", "equal_com", "equal_cs"],
    "metrics": ["detection"],
    "drops": 9,
    "sweep": {"snr_db": [0.0, 10.0]},
}
NEEDED = {
    "status",
    "feasible",
    "message",
    "max_violation",
    "bound",
    "sum_rate",
    "crlb_azimuth_db",
    "crlb_elevation_db",
    "margin_sensing",
    "iterations",
    "seconds",
}
FIXED = {"crlb_azimuth_limit_db", "crlb_elevation_limit_db", "users"}


def rounded(dataset):
    """Return a data set whose results are rounded after the study."""
    found = dataset.load().copy()
    for name, one in found.data_vars.items():
        if one.dtype == np.float64 and "drop" in one.dims:
            found[name] = one.astype(np.float32)
    return found


@pytest.mark.parametrize("out", [None, "out"])
def test_single_precision_is_that_of_rounded_results(variant, tmp_path, same, out):
    whole = compare(variant(CHANGES)).dataset
    folder = None if out is None else tmp_path / out
    document = variant(CHANGES | {"precision": "float32"})
    found = compare(document, execution=Execution(out=folder)).dataset.load()
    assert found["rates"].dtype == np.float32
    expected = rounded(whole).assign_attrs(scenario=found.attrs["scenario"])
    same(found, expected)
    assert 'precision = "float32"' in found.attrs["scenario"]
    first, second = (Comparison(dataset=one).table() for one in (found, whole))
    for name in ("sum_rate", "sum_rate_ci95", "crlb_azimuth_db"):
        np.testing.assert_allclose(first[name], second[name], rtol=1e-6)
    assert list(first["status"]) == list(second["status"])


@pytest.mark.parametrize("keep", [[], ["rates"], ["echo_energy_db", "objective_history", "sum_rate"]])
def test_only_named_variables_are_kept_besides_those_of_tables(variant, tmp_path, same, keep, chunk_size):
    whole = compare(variant(CHANGES)).dataset
    document = variant(CHANGES | {"keep": keep})
    chunk_size(2)
    found = compare(document, execution=Execution(out=tmp_path)).dataset.load()
    assert set(found.data_vars) == NEEDED | FIXED | set(keep)
    same(found, compare(document).dataset)
    for name in NEEDED - {"seconds"} | set(keep):
        assert found[name].variable.identical(whole[name].variable), name
    assert set(Comparison.load(tmp_path).dataset.data_vars) == set(found.data_vars)
    if not keep:
        Comparison(dataset=found).save(tmp_path / "saved")
    found = found.assign(whole[["detection_probability", "echo_energy_db"]])
    columns = [name for name in Comparison(dataset=found).table().columns if not name.startswith("seconds")]
    tables = [Comparison(dataset=one).table()[columns] for one in (found, whole)]
    assert tables[0].equals(tables[1])


def test_chunks_of_a_study_that_keeps_little_are_small_and_are_resumed(bed, tmp_path, same, chunk_size):
    document = bed.document({"keep": [], "precision": "float32", "drops": 5})
    chunk_size(2)
    compare(document, execution=Execution(out=tmp_path))
    before = bed.count()
    more = document | {"drops": 8}
    found = compare(more, execution=Execution(out=tmp_path)).dataset
    assert bed.count() == before + 3
    same(found, compare(more).dataset)
    with ThreadPoolExecutor(2) as executor:
        same(compare(more, execution=Execution(executor=executor)).dataset, found)


def test_rows_are_retried_in_single_precision(bed, tmp_path, same):
    document = bed.document({"keep": ["rates"], "precision": "float32", "drops": 16, "time_limit_s": 1.0})
    bed.told("misbehave")
    first = compare(document, execution=Execution(out=tmp_path)).dataset.load()
    assert "failed" in first["status"].to_numpy()
    bed.told("")
    found = compare(document, execution=Execution(out=tmp_path)).dataset
    same(found, compare(document).dataset)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"keep": ["sum_rat"]}, r"keep\[0\] must be a variable of the results \(.*\), got 'sum_rat'.*sum_rate"),
        ({"keep": "sum_rate"}, "keep must be a list, got 'sum_rate'"),
        ({"keep": [3]}, r"keep\[0\] must be a .*string, got 3"),
        ({"precision": "float16"}, r"precision must be .*'float64'.*'float32', got 'float16'"),
        ({"summary_only": "yes"}, "summary_only must be true or false, got 'yes'"),
        ({"summary_only": True, "precision": "float32"}, "precision cannot be combined with summary_only"),
        ({"summary_only": True, "keep": ["rates"]}, r"keep\[0\] must have one number in each row"),
        ({"sweep": {"precision": ["float32"]}}, "precision"),
    ],
)
def test_invalid_keys_are_one_line(variant, changes, text):
    with pytest.raises(isacfw.InputError, match=text) as raised:
        compare(variant(changes))
    assert "\n" not in str(raised.value)


@pytest.mark.usefixtures("no_figures")
def test_the_command_line_sets_them(tmp_path, capsys):
    from isacfw.cli.main import main

    arguments = ["compare", "nguyen2025", "--allocators", "exact", "--drops", "3", "--out", str(tmp_path)]
    assert main([*arguments, "--set", 'keep=["rho"]', "--set", "precision=float32"]) == 0
    dataset = Comparison.load(tmp_path).dataset
    assert dataset["rho"].dtype == np.float32
    assert "rates" not in dataset
    assert main([*arguments, "--set", 'keep=["rh"]']) == 2
    assert "got 'rh'; did you mean 'rho'?" in capsys.readouterr().err
