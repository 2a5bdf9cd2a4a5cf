"""Results on their way between processes: nothing of them is lost, and little is sent."""

from __future__ import annotations

import pickle
import subprocess
import sys

import attrs
import numpy as np

import isacfw
from isacfw.config.load import to_loaded
from isacfw.results.chunk import Chunk, ChunkResult
from isacfw.results.packing import pack_result, unpack_result
from isacfw.study.reduce import reduce_result
from isacfw.study.solve import solve_chunk
from isacfw.study.spec import specify


def solved(document, drops=6):
    loaded = to_loaded(document)
    spec = specify(loaded.scenario, loaded.host)
    return spec, solve_chunk(spec, loaded.host, Chunk(points=range(1), drops=range(drops)))


def test_an_unpacked_result_is_the_packed_one(bed):
    bed.told("misbehave")
    document = bed.document({"allocators": ["probe", "exact", "sca"], "time_limit_s": 1.0})
    _, result = solved(document)
    assert {*result.values["status"].ravel()} >= {"optimal", "locally_optimal", "failed", "feasible"}
    found = unpack_result(pack_result(result))
    for name in ("chunk", "warnings", "batches"):
        assert getattr(found, name) == getattr(result, name)
    np.testing.assert_array_equal(found.users, result.users)
    assert [*found.values] == [*result.values]
    for name, value in result.values.items():
        assert found.values[name].dtype == value.dtype
        np.testing.assert_array_equal(found.values[name], value, strict=True)
    assert all(type(one) is str for name in ("status", "message") for one in found.values[name].ravel())


def test_statistics_are_packed_as_they_are(variant):
    spec, result = solved(variant({"summary_only": True, "allocators": ["exact"]}))
    tally = reduce_result(spec, result)
    assert pickle.dumps(unpack_result(pack_result(tally))) == pickle.dumps(tally)


def test_strings_that_are_all_alike_are_sent_once(variant):
    _, few = solved(variant({"allocators": ["exact"], "precoders": ["mrt"]}), drops=10)
    _, many = solved(variant({"allocators": ["exact"], "precoders": ["mrt"]}), drops=1010)
    numbers = [sum(one.nbytes for one in own.values.values() if one.dtype != object) for own in (few, many)]
    packed = [len(pack_result(own)) for own in (few, many)]
    assert packed[1] - packed[0] < numbers[1] - numbers[0] + 200


def test_numbers_that_are_the_same_in_all_drops_are_sent_once_and_keep_their_bits():
    chunk = Chunk(points=range(1), drops=range(1000))
    same, zeros = np.full((1, 2, 1, 1000), np.nan), np.zeros((1, 2, 1, 1000))
    same[:, 1] = 1 / 3
    zeros[..., 500] = -0.0
    values = {"same": same, "zeros": zeros, "status": np.full((1, 2, 1, 1000), "optimal", dtype=object)}
    content = pack_result(ChunkResult(chunk=chunk, users=np.array([2]), values=values, warnings=()))
    assert len(content) < zeros.nbytes + 1500
    found = unpack_result(content)
    for name in ("same", "zeros"):
        np.testing.assert_array_equal(found.values[name].view(np.int64), values[name].view(np.int64))


def test_a_worker_reads_no_metadata_of_installed_packages():
    program = (
        "import importlib.metadata as metadata, isacfw\n"
        "metadata.packages_distributions = None\n"
        "scenario = isacfw.load_scenario('nguyen2025').scenario\n"
        "print(scenario.channel.provider(), type(scenario).__module__, isacfw.SumRate().provider())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["isacfw", "isacfw.scenario.scenario", "isacfw"]


def test_a_part_of_others_is_of_its_distribution():
    @attrs.frozen(kw_only=True)
    class Other(isacfw.Metric):
        name = "other"

        def evaluate(self, problem, allocation):
            return {}

    Other.__module__ = "numpy.linalg"
    assert Other.provider() == "numpy"
