"""How a study is cut: everything once, and the same bits whatever the pieces."""

from __future__ import annotations

import types
from typing import ClassVar, final

import attrs
import numpy as np
import pytest

from isacfw import Execution, PluginHost, Steered, SteeringBeam, compare
from isacfw.config.structure import structure
from isacfw.results.chunk import Chunk
from isacfw.study import plan as chunk
from isacfw.study.plan import plan_chunks

HOST = PluginHost(discover=False)
FADING = [0.5, 2.0, 0.1]
CASES = {
    "random fading": {"precoders": ["mrt", "zf"], "allocators": ["exact", "equal_com", "equal_cs"]},
    "given fading": {
        "channel": {"kind": "rayleigh", "large_scale_fading": FADING},
        "precoders": ["mrt", "zf"],
        "allocators": ["exact", "sca"],
    },
    "solvers with and without a history": {
        "precoders": ["zf"],
        "allocators": ["sca", "ipopt", {"kind": "sca", "label": "log", "surrogate": "logarithmic"}, "exact"],
        "drops": 4,
    },
    "shared pilots": {
        "channel.users": 5,
        "channel.pilot_length": 2,
        "channel.estimates": "physical",
        "precoders": ["mrt", "zf"],
        "allocators": ["exact", "sca", "equal_com"],
        "sampling_accuracy": 0.1,
        "sensing": {},
        "drops": 8,
    },
    "sampled moments": {
        "precoders": ["rzf", "mrt"],
        "allocators": ["equal_cs", "sca"],
        "sampling_accuracy": 0.1,
        "drops": 4,
    },
    "sampled moments of given fading": {
        "channel": {"kind": "rayleigh", "large_scale_fading": FADING},
        "precoders": ["rzf"],
        "allocators": ["equal_com"],
        "sampling_accuracy": 0.1,
        "sweep": {"snr_db": [0, 10]},
    },
    "simulated metrics": {
        "precoders": ["mrt", "zf"],
        "allocators": ["exact", "equal_com"],
        "metrics": [{"kind": "rate_distribution", "draws": 20}, {"kind": "crlb_distribution", "draws": 30}],
        "sweep": {"channel.users": [3, 2], "sensing.crlb_limit_db": [-30, -60]},
        "drops": 8,
    },
    "a sweep of the number of users": {
        "sweep": {"channel.users": [2, 5, 1, 3]},
        "precoders": ["mrt", "zf"],
        "allocators": ["exact", "sca"],
        "drops": 8,
    },
    "a sweep over two keys, in part infeasible": {
        "sweep": {"sensing.crlb_limit_db": [-30, -60], "transmit_array.horizontal": [2, 1, 4]},
        "transmit_array.vertical": 3,
        "precoders": ["zf", "mrt"],
        "allocators": ["exact", "equal_cs"],
        "drops": 8,
    },
}
SIZES = [
    (1, 64),
    pytest.param((2, 64), marks=pytest.mark.nightly),
    pytest.param((7, 64), marks=pytest.mark.nightly),
    pytest.param((2, 1), marks=pytest.mark.slow),
    (7, 2),
    pytest.param((100, 1), marks=pytest.mark.nightly),
]


@pytest.fixture(scope="module")
def in_one():
    """Keep the results of a case that is solved as one chunk."""
    return {}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]} drops and {size[1]} points")
@pytest.mark.parametrize("case", CASES)
def test_results_are_the_same_bits_whatever_the_chunks(case, size, in_one, variant, chunk_size, same):
    scenario = structure(variant({"drops": 9} | CASES[case]), HOST)
    if case not in in_one:
        chunk_size(10**6, 64)
        assert len(plan_chunks(scenario)) == 1
        in_one[case] = compare(scenario, execution=Execution(host=HOST)).dataset
    drops, points = size
    chunk_size(drops, min(points, points_of(scenario)))
    assert len(plan_chunks(scenario)) == -(-scenario.drops // drops) * -(-points_of(scenario) // points)
    same(compare(scenario, execution=Execution(host=HOST)).dataset, in_one[case])
    assert np.isfinite(in_one[case]["sum_rate"]).any()
    assert in_one[case].sizes["iteration"] > 0 or "sca" not in CASES[case]["allocators"]


@pytest.mark.slow
def test_results_of_many_drops_are_the_same_bits_at_the_size_that_is_usual(variant, chunk_size, same):
    scenario = structure(variant({"drops": 140, "allocators": ["exact", "sca"], "precoders": ["mrt"]}), HOST)
    assert len(plan_chunks(scenario)) == 2
    usual = compare(scenario, execution=Execution(host=HOST)).dataset
    chunk_size(10**6, 64)
    same(compare(scenario, execution=Execution(host=HOST)).dataset, usual)


def study(generator, *, fast=True):
    """Return a stand-in for a scenario with random numbers of points and drops."""
    sweep = {f"key{axis}": range(generator.integers(1, 14)) for axis in range(generator.integers(0, 4))}
    allocator = types.SimpleNamespace(vectorized=fast)
    return types.SimpleNamespace(
        sweep=sweep,
        drops=int(generator.integers(1, [4, 80, 600][generator.integers(3)])),
        allocators=(allocator,),
        precoders=(HOST.find("precoder", "mrt").cls(),),
        compared_beams=(Steered(),),
        metrics=(),
    )


def points_of(scenario):
    return int(np.prod([len(values) for values in scenario.sweep.values()], dtype=int))


def covered(scenario, chunks):
    """Return how often each point and drop occurs in chunks."""
    times = np.zeros((points_of(scenario), scenario.drops), dtype=int)
    for one in chunks:
        times[one.points.start : one.points.stop, one.drops.start : one.drops.stop] += 1
    return times


@pytest.mark.parametrize("seed", range(40))
def test_every_point_and_drop_is_planned_once(seed, chunk_size):
    generator = np.random.default_rng(seed)
    if seed % 3 == 0:
        chunk_size(int(generator.integers(1, 40)), int(generator.integers(1, 30)))
    scenario = study(generator, fast=seed % 2 == 0)
    chunks = plan_chunks(scenario)
    assert (covered(scenario, chunks) == 1).all()
    most = chunk.PROBLEMS_TOGETHER if seed % 2 == 0 else chunk.PROBLEMS_IN_A_LOOP
    for one in chunks:
        assert len(one.points) <= chunk.POINTS_TOGETHER
        assert len(one.drops) == 1 or len(one.points) * len(one.drops) <= most


@pytest.mark.parametrize("seed", range(40))
def test_what_is_done_is_not_planned_again_and_what_is_not_is_planned_once(seed, chunk_size):
    generator = np.random.default_rng(100 + seed)
    scenario = study(generator)
    chunk_size(int(generator.integers(1, 40)), 64)
    done = []
    for one in plan_chunks(scenario):  # Ragged pieces of each chunk, some beyond the drops that are asked for.
        if generator.random() < 0.5:
            start = int(generator.integers(one.drops.start, one.drops.stop))
            stop = int(generator.integers(start, one.drops.stop + 1))
            if one.drops.stop == scenario.drops and generator.random() < 0.5:
                stop += 5
            done += [Chunk(points=one.points, drops=range(start, stop))] * bool(stop > start)
    generator.shuffle(done)
    chunk_size(int(generator.integers(1, 90)), 64)
    times = covered(scenario, [*done, *plan_chunks(scenario, done)])
    assert (times == 1).all()
    assert plan_chunks(scenario, plan_chunks(scenario)) == []


def test_what_overlaps_leaves_no_gap():
    generator = np.random.default_rng(5)
    for _ in range(100):
        scenario = study(generator)
        scenario.sweep = {"key": range(3)}
        starts = generator.integers(0, scenario.drops, size=5)
        lengths = generator.integers(1, 60, size=5)
        done = [Chunk(points=range(3), drops=range(a, a + b)) for a, b in zip(starts, lengths, strict=True)]
        first, rest = covered(scenario, done), covered(scenario, plan_chunks(scenario, done))
        np.testing.assert_array_equal(rest, first == 0)


@pytest.mark.parametrize("elevations_deg", [[60.0, 90.0], [90.0, 60.0]])
def test_streams_are_counted_at_all_points_that_share_a_channel(elevations_deg):
    """A circle that lies flat sees one cosine of a target at its height, and two of others."""
    scenario = structure(
        {
            "snr_db": 10.0,
            "transmit_array": {"kind": "circular", "elements": 6},
            "receive_array": {"kind": "upa", "horizontal": 3, "vertical": 3},
            "channel": {"kind": "rayleigh", "large_scale_fading": FADING},
            "target": {"azimuth_deg": 10.0, "elevation_deg": 60.0},
            "precoders": ["mrt"],
            "beams": ["difference"],
            "allocators": ["equal_cs"],
            "sweep": {"target.elevation_deg": elevations_deg},
        },
        HOST,
    )
    powers = (
        compare(scenario, execution=Execution(host=HOST))
        .dataset["stream_powers"]
        .squeeze(["precoder", "allocator", "drop"])
    )
    np.testing.assert_array_equal(np.isfinite(powers.sel({"target.elevation_deg": 60.0})), [True, True])
    np.testing.assert_array_equal(np.isfinite(powers.sel({"target.elevation_deg": 90.0})), [True, False])


@final
@attrs.frozen(kw_only=True)
class Slanted(SteeringBeam):
    """A steering vector and its derivative, the more of it the higher the power."""

    name: ClassVar[str] = "slanted"

    def directions(self, scene):
        return scene.beams

    def coefficients(self, scene):
        return np.array([1, scene.power / 100, 0], dtype=np.complex128).reshape(3, 1, 1)


def test_steering_beam_that_looks_at_the_power_is_taken_anew_at_every_power(variant):
    scenario = structure(variant({"drops": 1, "precoders": ["mrt"], "allocators": ["equal_cs"]}), HOST)
    scenario = attrs.evolve(scenario, beams=[Slanted()], sweep={"snr_db": [0.0, 20.0]})
    swept = compare(scenario, execution=Execution(host=HOST)).dataset["crlb_azimuth_db"]
    for power_db in (0.0, 20.0):
        alone = compare(
            attrs.evolve(scenario, sweep={}, snr_db=power_db), execution=Execution(host=HOST)
        ).dataset["crlb_azimuth_db"]
        np.testing.assert_array_equal(swept.sel(snr_db=power_db).values, alone.values)
