"""Results files of anyone: no traceback, no memory, no content of another file, no plugin."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import h5py
import hostile_results
import numpy as np
import pytest

import isacfw
from isacfw.base.global_heaps import check_heaps
from isacfw.base.hdf5 import hdf5_file

DOCUMENT = Path(__file__).with_name("base.toml")
ROOM = 1_500_000_000


@pytest.fixture(scope="module", params=["file", pytest.param("memory", marks=pytest.mark.slow)])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with results, written chunk by chunk or at once, and files that no command may open."""
    folder = tmp_path_factory.mktemp("hostile")
    out = isacfw.Execution(out=folder) if request.param == "file" else None
    loaded = isacfw.load_scenario(DOCUMENT, overrides=["sweep.snr_db = [5, 8]"])
    isacfw.compare(loaded, execution=out).save(folder)
    (folder / "secret.txt").write_text(hostile_results.SECRET * 50)
    (folder / "other.nc").write_bytes((folder / "results.nc").read_bytes())
    (folder / "evil.py").write_text(f"open({str(folder / 'RAN')!r}, 'w').close()\n")
    return folder


def outcomes(folder: Path, first: int, last: int) -> list[dict[str, Any]]:
    script = str(Path(hostile_results.__file__))
    numbers = [str(first), str(last), str(ROOM)]
    done = subprocess.run(
        [sys.executable, script, str(folder / "results.nc"), str(folder), *numbers],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-300:] + done.stderr[-500:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def assert_harmless(folder: Path, first: int, last: int) -> None:
    tried = outcomes(folder, first, last)
    wrong = [(one["number"], one["name"], one["command"], one["wrong"]) for one in tried if one.get("wrong")]
    assert not wrong, wrong[:3]
    assert not (folder / "RAN").exists()
    assert sum(one.get("status") == 2 for one in tried) > (last - first) / 3


def test_malformed_results_are_one_line(base: Path) -> None:
    assert_harmless(base, 0, 8)


def test_a_heap_with_an_object_of_no_bytes_is_refused(base: Path, tmp_path: Path) -> None:
    """HDF5 itself would read it for ever, so another process tries it."""
    content = bytearray((base / "results.nc").read_bytes())
    heap = content.index(b"GCOL")
    content[heap + 16 : heap + 16 + 512] = bytes(512)
    path = tmp_path / "results.nc"
    path.write_bytes(content)
    command = [sys.executable, "-m", "isacfw", "show", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("got: it has a heap with a damaged object\n")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("ending", [b"", b"\0" * 15], ids=["full", "too short for another object"])
def test_heaps_of_files_are_read_to_their_ends(ending: bytes) -> None:
    objects = struct.pack("<HHIQ5s3x", 1, 1, 0, 5, b"hello") + ending
    free = struct.pack("<HHIQ16x", 0, 0, 0, 32)
    for content in (objects, objects[:24] + free, free):
        heap = struct.pack("<4sB3xQ", b"GCOL", 1, 16 + len(content)) + content
        check_heaps(BytesIO(b"\0" * 2**20 + heap + b"rest"), [])
        check_heaps(BytesIO(b"\0" * (2**20 - 3) + heap), [(0, 5)])
        with pytest.raises(ValueError, match="goes on beyond its end"):
            check_heaps(BytesIO(heap[:-1]), [])
        damaged = heap[:24] + struct.pack("<Q", 2**64 - 1) + heap[32:]
        with pytest.raises(ValueError, match="damaged object"):
            check_heaps(BytesIO(damaged), [])
        check_heaps(BytesIO(damaged), [(0, len(damaged))])


def test_values_beyond_the_end_of_a_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "values.h5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset("values", data=np.arange(100.0), chunks=(100,))
        place = struct.pack("<Q", data.id.get_chunk_info(0).byte_offset)
    with hdf5_file(path) as file:
        assert list(file) == ["values"]
    content = path.read_bytes()
    changed = content.replace(place, struct.pack("<Q", 2**40))
    assert changed != content
    path.write_bytes(changed)
    with pytest.raises(isacfw.InputError, match="/values has values beyond the end"), hdf5_file(path):
        pass


def test_data_of_another_length_than_their_axis_are_refused(base: Path, tmp_path: Path, cli: Any) -> None:
    """The library reads as many entries as there are, and states the length of the axis as theirs."""
    path = tmp_path / "results.nc"
    path.write_bytes((base / "results.nc").read_bytes())
    with h5py.File(path, "r+", locking=False) as file:
        former = file["sum_rate"]
        scales, attributes = [axis[0] for axis in former.dims], dict(former.attrs)
        del file["sum_rate"]
        changed = file.create_dataset("sum_rate", data=np.ones((*former.shape[:-1], 5)))
        for axis, scale in zip(changed.dims, scales, strict=True):
            axis.attach_scale(scale)
        for name, value in attributes.items():
            if name not in changed.attrs:
                changed.attrs[name] = value
    status, printed, error = cli("diff", path, base / "results.nc")
    assert (status, printed) == (2, "")
    assert error.endswith("got: /sum_rate must have 2 entries along drop, got 5\n")


@pytest.mark.nightly
def test_hundreds_of_malformed_results_are_one_line(base: Path) -> None:
    assert_harmless(base, 8, 400)


@pytest.mark.nightly
def test_each_structural_change_loads_or_is_refused(base: Path, tmp_path: Path) -> None:
    path = tmp_path / "mutant.nc"
    refused = 0
    for number in range(3 * len(hostile_results.STRUCTURAL)):
        hostile_results.mutate(base / "results.nc", number, path, base)
        try:
            isacfw.Comparison.load(path).records()
        except isacfw.InputError:
            refused += 1
        path.unlink()
    assert refused > len(hostile_results.STRUCTURAL)


def test_no_plugin_of_a_results_file_runs_without_consent(base: Path, tmp_path: Path, cli: Any) -> None:
    import h5py

    path, plugin = tmp_path / "results.nc", base / "evil.py"
    path.write_bytes((base / "results.nc").read_bytes())
    with h5py.File(path, "r+", locking=False) as file:
        text = file.attrs["scenario"]
        file.attrs["scenario"] = text.replace("plugins = []", f'plugins = ["{plugin}"]')
    for command in ("compare", "figure", "plot"):
        status, out, err = cli(command, str(path))
        assert (status, out) == (2, "")
        consent = f"allow it with --plugin {plugin}, or all with --trust"
        assert err == f"isacfw: {path} would run the plugin {plugin}: {consent}\n"
    for arguments in (["show", path], ["export", path, tmp_path / "x.md"], ["diff", path, path]):
        assert cli(*map(str, arguments))[0] == 0
    assert cli("report", str(path), "-o", str(tmp_path / "x.html"))[0] == 0
    assert not (base / "RAN").exists()
    # With consent it runs, and offers nothing.
    assert "implements no hook" in cli("compare", str(path), "--trust")[2]
    assert (base / "RAN").exists()
    (base / "RAN").unlink()


PLUGIN = """
import attrs, isacfw

@attrs.frozen(kw_only=True)
class Mine(isacfw.Metric):
    '''A metric.'''
    name = "mine"
    quantities = (isacfw.Quantity(name={name!r}),)
    def evaluate(self, problem, allocation):
        return {{{name!r}: allocation.sum_rate}}

@isacfw.hookimpl
def register_metrics():
    return [Mine]
"""


@pytest.mark.parametrize("inside", [True, False])
def test_a_scenario_file_runs_plugins_of_its_folder_only(inside: bool, tmp_path: Path, cli: Any) -> None:
    home = tmp_path / "home"
    home.mkdir()
    plugin = (home if inside else tmp_path) / "mine.py"
    plugin.write_text(PLUGIN.format(name="mine"))
    # A link does not make a file one of the folder.
    if not inside:
        (home / "mine.py").symlink_to(plugin)
    scenario = home / "scenario.toml"
    scenario.write_text('plugins = ["mine.py"]\nmetrics = ["mine"]\n' + DOCUMENT.read_text())
    status, _, err = cli("compare", str(scenario))
    if inside:
        assert status == 0
        assert err == f"isacfw: plugin {plugin} is loaded, which {scenario} names\n"
        return
    assert status == 2
    assert f"would run the plugin {home / 'mine.py'}, which is not in its folder and not installed" in err
    assert cli("compare", str(scenario), "--trust")[0] == 0
    assert cli("compare", str(scenario), "--plugin", str(plugin))[0] == 0


@pytest.mark.usefixtures("no_figures")
@pytest.mark.parametrize("name", ["a/b", "../x", "a\0b", "x" * 300, "", " x"])
def test_names_of_quantities_are_those_of_variables(name: str, tmp_path: Path, cli: Any) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text(PLUGIN.format(name=name))
    arguments = ["compare", str(DOCUMENT), "--set", 'metrics=["mine"]', "--plugin", str(plugin)]
    status, _, err = cli(*arguments, "--out", str(tmp_path / "out"))
    assert status == 0
    assert err.startswith("isacfw: ")
    assert "must report quantities whose names are identifiers" in err.splitlines()[0]


@pytest.mark.skipif(not hasattr(os, "SEEK_DATA"), reason="the system does not say where holes are")
def test_numbers_in_one_piece_are_refused_only_if_the_file_has_a_hole_instead(tmp_path: Path) -> None:
    path = tmp_path / "numbers.nc"
    with h5py.File(path, "w") as file:
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        plan.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        space = h5py.h5s.create_simple((2**27,))
        offset = h5py.h5d.create(file.id, b"much", h5py.h5t.IEEE_F64LE, space, plan).get_offset()
    refusal = pytest.raises(isacfw.InputError, match=r"declares \d+ bytes, of which only \d+ are in the file")
    with refusal, isacfw.hdf5_file(path):
        pass
    with path.open("r+b") as raw:
        raw.seek(offset)
        raw.write(b"1" * 2**25)
    with isacfw.hdf5_file(path) as file:
        assert file["much"].shape == (2**27,)
