"""What a sweep costs: points are built once, and what points share is computed once."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import isacfw
from isacfw.results.layout import blocks_of_points
from isacfw.scenario.points import SweepPoints
from isacfw.sensing.fisher import EchoModel
from isacfw.sensing.target import Sensing


def run(variant, side, **options):
    sweep = {
        "snr_db": np.linspace(0, 20, side).tolist(),
        "sensing.crlb_limit_db": np.linspace(-45, -20, side).tolist(),
    }
    document = variant({"sweep": sweep, "allocators": ["exact"], "precoders": ["mrt", "zf"], "drops": 2})
    return isacfw.compare(document, execution=isacfw.Execution(**options))


@pytest.fixture
def counts(monkeypatch):
    """Return how often points, requirements on sensing, and echo models are made."""
    found = Counter()

    def count(cls, name):
        original = getattr(cls, name)

        def counting(self, *arguments, **options):
            found[cls.__name__] += 1
            return original(self, *arguments, **options)

        monkeypatch.setattr(cls, name, counting)

    count(SweepPoints, "_build")
    count(Sensing, "__init__")
    count(EchoModel, "__init__")
    return found


@pytest.mark.parametrize("kept", [False, True])
def test_points_are_built_as_often_however_many_chunks_there_are(variant, counts, chunk_size, tmp_path, kept):
    made = []
    for points in (36, 9, 2):
        chunk_size(1, points)
        counts.clear()
        run(variant, 6, out=tmp_path / str(points) if kept else None)
        made.append(dict(counts))
    assert made[0] == made[1] == made[2]
    assert made[0]["SweepPoints"] == 36


def test_what_points_share_is_made_once_for_each_value(variant, counts):
    run(variant, 4)
    few = dict(counts)
    counts.clear()
    run(variant, 12)
    assert counts["SweepPoints"] == 9 * few["SweepPoints"] == 144
    assert counts["Sensing"] - few["Sensing"] == 12 - 4
    assert counts["EchoModel"] == few["EchoModel"]


def test_a_worker_builds_the_points_of_its_chunks_alone(variant, counts):
    import pickle

    from isacfw.config.load import to_loaded
    from isacfw.results.chunk import Chunk
    from isacfw.study.solve import solve_chunk
    from isacfw.study.spec import specify

    sweep = {"snr_db": [0.0, 5.0, 10.0], "sensing.crlb_limit_db": [-30.0, -20.0]}
    loaded = to_loaded(variant({"sweep": sweep, "allocators": ["exact"], "precoders": ["mrt"]}))
    packed = pickle.dumps(specify(loaded.scenario, loaded.host))
    counts.clear()
    solve_chunk(pickle.loads(packed), loaded.host, Chunk(drops=range(1), points=range(2, 4)))
    assert counts["SweepPoints"] == 2


def test_a_point_is_what_all_changes_at_once_give(variant):
    sweep = [{"snr_db": [0.0, 5.0], "sensing.frame_length": [20, 40]}, {"sensing.crlb_limit_db": [-30.0, -20.0]}]
    scenario = isacfw.load_scenario(variant({"sweep": sweep})).scenario
    for values, point in scenario.points():
        whole = scenario.with_values(values)
        assert point == whole
        assert np.array_equal(point.constraints(3).crlb_limit, whole.constraints(3).crlb_limit)
        assert np.array_equal(point.echo_model.weights, whole.echo_model.weights)


@pytest.mark.parametrize("shape", [(), (7,), (3, 4), (2, 3, 2)])
def test_ranges_of_points_are_written_as_blocks(shape):
    size = int(np.prod(shape))
    for start in range(size):
        for stop in range(start + 1, size + 1):
            written = np.full(shape, -1)
            blocks = list(blocks_of_points(range(start, stop), shape))
            for points, block in blocks:
                part = written[block]
                written[block] = np.arange(points.start, points.stop).reshape(part.shape)
            expected = [number if start <= number < stop else -1 for number in range(size)]
            assert written.ravel().tolist() == expected
            assert len(blocks) <= max(1, 2 * len(shape) - 1)
