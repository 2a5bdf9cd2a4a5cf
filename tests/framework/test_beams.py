"""Beams and targets in comparisons, what beams report on channels that are only drawn, and what is refused."""

from __future__ import annotations

import csv
import json
from typing import ClassVar, final

import attrs
import numpy as np
import pytest
from channels import Gaussian, LineOfSight, scene, with_fading
from numerics import scattered

import isacfw
from isacfw import (
    Beam,
    ComplexArray,
    Execution,
    IncompatibleError,
    InputError,
    PluginError,
    Scene,
    Shares,
    Steered,
    compare,
)
from isacfw.config.structure import structure
from isacfw.report.comparison import Comparison
from isacfw_plugins.beams.difference import Difference
from isacfw_plugins.beams.joined import Joined
from isacfw_plugins.beams.projected import Projected
from isacfw_plugins.beams.rzf import RZFBeam
from isacfw_plugins.channels.rayleigh import Rayleigh
from isacfw_plugins.precoders.mrt import MRT

TWO = [
    {"azimuth_deg": 20.0, "elevation_deg": 60.0, "reflection_amplitude": 0.3},
    {"azimuth_deg": -35.0, "elevation_deg": 80.0, "reflection_amplitude": 0.2, "reflection_phase_deg": 40.0},
]
TARGETS = {"target": ..., "targets": TWO}
PLAIN = {"allocators": ["equal_com", "equal_cs"], "sensing.crlb_limit_db": -20.0}


@final
@attrs.frozen(kw_only=True)
class Fixed(isacfw.Allocator):
    """Three tenths of the power to the users, the rest to the streams, most to the first."""

    name: ClassVar[str] = "fixed"
    vectorized: ClassVar[bool] = True

    def solve(self, problem: isacfw.PowerAllocationProblem) -> Shares:
        weights = np.arange(problem.streams, 0.0, -1)
        return Shares(
            communication=np.full((*problem.batch_shape, problem.users), 0.3 / problem.users),
            sensing=np.broadcast_to(0.7 * weights / weights.sum(), (*problem.batch_shape, problem.streams)),
        )


@pytest.fixture(scope="module")
def run(variant, host_with):
    """Return a function that compares the allocators of a variation of the small scenario."""
    host = host_with()

    def of(changes=None, out=None, **options) -> Comparison:
        execution = Execution(host=host, out=out)
        return compare(structure(variant(PLAIN | (changes or {})), host), **options, execution=execution)

    return of


# Comparisons


def test_one_beam_has_no_axis(run):
    for changes in ({}, {"beams": ["steered"]}, {"beams": ["difference"]}, {"beams": []}):
        comparison = run(changes)
        assert comparison.dataset["sum_rate"].dims == ("precoder", "allocator", "drop")
        assert all("beam" not in record for record in comparison.records())
        assert comparison.table().index.names == ["precoder", "allocator"]


def test_no_beam_is_the_steered_one(run):
    first, second = (
        [{**record, "seconds": None} for record in run(changes).records()]
        for changes in ({}, {"beams": ["steered"]})
    )
    assert first == second


BEAMS = {"beams": ["steered", {"kind": "difference", "sum_share": 0.2, "label": "tilted"}, "projected"]}


def test_several_beams_are_an_axis_of_everything(run):
    comparison = run(BEAMS | {"sweep": {"snr_db": [0.0, 10.0]}})
    dataset = comparison.dataset
    assert dataset["sum_rate"].dims == ("precoder", "beam", "allocator", "snr_db", "drop")
    assert dataset["beam"].to_numpy().tolist() == ["steered", "tilted", "projected"]
    records = comparison.records()
    assert list(records[0])[:5] == ["precoder", "beam", "allocator", "drop", "snr_db"]
    assert len(records) == 2 * 3 * 2 * 2 * 2
    for record in records:
        place = {key: record[key] for key in ("precoder", "beam", "allocator", "snr_db", "drop")}
        assert dataset["sum_rate"].sel(place).item() == record["sum_rate"]
        assert np.isfinite(record["sum_rate"])
    table = comparison.table()
    assert table.index.names == ["snr_db", "precoder", "beam", "allocator"]
    assert len(table) == 2 * 2 * 3 * 2
    text = str(comparison)
    for title in ("mrt, steered", "mrt, tilted", "zf, projected"):
        assert title in text


def test_each_beam_alone_gives_the_same_rows(run):
    together = run(BEAMS)
    for beam in ("steered", "tilted", "projected"):
        alone = run(BEAMS, beams=[beam]).records()
        rows = [dict(record) for record in together.records() if record["beam"] == beam]
        assert len(rows) == len(alone) == 8
        for row, record in zip(rows, alone, strict=True):
            del row["beam"]
            # Streams are padded to the most of any beam.
            row.pop("stream_powers", None), record.pop("stream_powers", None)
            assert row | {"seconds": None} == record | {"seconds": None}


def test_beams_survive_the_way_to_files_and_back(run, tmp_path):
    comparison = run(BEAMS)
    files = comparison.save(tmp_path)
    loaded = Comparison.load(tmp_path / "results.nc")
    assert loaded.records() == comparison.records()
    assert str(loaded) == str(comparison)
    assert {"sum_rate.png", "crlb.png"} <= {path.name for path in files}
    with (tmp_path / "results.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["beam"] for row in rows] == [record["beam"] for record in comparison.records()]
    for row, record in zip(rows, comparison.records(), strict=True):
        assert json.loads(row["stream_powers"]) == record["stream_powers"]
    again = compare(tmp_path / "scenario.toml")
    assert [record["sum_rate"] for record in again.records()] == [
        record["sum_rate"] for record in comparison.records()
    ]
    loaded.dataset.close()


def test_a_study_in_a_folder_has_the_axis_too(run, tmp_path):
    written, plain = run(BEAMS, out=tmp_path / "out"), run(BEAMS)
    for found, expected in zip(written.records(), plain.records(), strict=True):
        assert found | {"seconds": None} == expected | {"seconds": None}
    written.dataset.close()


def test_figures_have_a_line_for_each_precoder_and_beam(run):
    figures = run(BEAMS | {"sweep": {"snr_db": [0.0, 10.0]}}).plot()
    assert set(figures) == {"sum_rate", "crlb"}
    labels = {
        text.get_text()
        for figure in figures.values()
        for legend in [*figure.legends, *(axes.get_legend() for axes in figure.axes)]
        if legend is not None
        for text in legend.get_texts()
    }
    titles = {axes.get_title() for figure in figures.values() for axes in figure.axes}
    for name in ("mrt, steered", "zf, tilted"):
        assert any(name in one for one in labels | titles), (labels, titles)


def test_stream_powers_are_those_of_the_streams(run):
    comparison = run(
        {"beams": ["steered", "difference"], "allocators": ["equal_com"]}, allocators=[Fixed()], precoders=["mrt"]
    )
    assert comparison.dataset["stream_powers"].dims == ("precoder", "beam", "allocator", "drop", "stream")
    for record in comparison.records():
        expected = [7.0] if record["beam"] == "steered" else [14 / 3, 7 / 3]
        assert record["stream_powers"] == pytest.approx(expected, rel=1e-12)
        assert record["sensing_power"] == pytest.approx(7.0, rel=1e-12)
    assert "stream_powers" not in run().records()[0]
    assert "stream" not in run().dataset.dims


def test_exact_shares_the_sensing_power_between_streams_that_differ(run):
    changes = {"beams": ["steered", "difference"], "allocators": ["exact", "equal_com", "ipopt"]}
    rows = run(changes).records()
    for row in (row for row in rows if row["allocator"] == "exact"):
        same = [other for other in rows if all(other[key] == row[key] for key in ("precoder", "beam", "drop"))]
        best = max(other["sum_rate"] for other in same)
        assert row["status"] == "optimal"
        assert row["sum_rate"] == pytest.approx(best, rel=1e-6)


# Targets


def test_records_name_the_angles_of_each_target(run):
    comparison = run(TARGETS | {"sensing.crlb_limit_db": -15.0})
    record = comparison.records()[0]
    names = [key for key in record if key.startswith("crlb_")]
    assert names == ["crlb_azimuth_1_db", "crlb_elevation_1_db", "crlb_azimuth_2_db", "crlb_elevation_2_db"]
    keys = list(record)
    assert keys.index(names[-1]) == keys.index("communication_power") - 1
    assert {f"root_{name.removesuffix('_db')}_deg" for name in names} <= set(record)
    limits = {str(name) for name in comparison.dataset.data_vars if str(name).endswith("_limit_db")}
    assert limits == {name.replace("_db", "_limit_db") for name in names}
    assert "worst CRLB" in " ".join(str(comparison).split())
    assert set(comparison.plot()) == {"sum_rate", "crlb"}


def test_limits_of_a_target_are_its_own_or_those_of_all(run):
    targets = [dict(TWO[0], crlb_limit_db=-5.0), dict(TWO[1], azimuth_crlb_limit_db=-7.0)]
    dataset = run({"target": ..., "targets": targets, "sensing.crlb_limit_db": -15.0}).dataset
    limits = [
        dataset[f"crlb_{name}_limit_db"].item()
        for name in ("azimuth_1", "elevation_1", "azimuth_2", "elevation_2")
    ]
    assert limits == pytest.approx([-5.0, -5.0, -7.0, -15.0], rel=1e-12)


def test_one_target_in_the_list_is_as_one_by_itself(run, variant):
    target = variant()["target"]
    first, second = (
        [{**record, "seconds": None} for record in run(changes).records()]
        for changes in ({}, {"target": ..., "targets": [target]})
    )
    assert first == second


def test_target_and_targets_together_are_refused(run):
    with pytest.raises(InputError, match=r"^targets cannot be combined with target"):
        run({"targets": TWO})
    with pytest.raises(InputError, match=r"^target must be given"):
        run({"target": ...})
    with pytest.raises(InputError, match=r"^targets\[1\] must not be in the same direction as targets\[0\]"):
        run({"target": ..., "targets": [TWO[0], TWO[0]]})


def test_a_steered_beam_has_a_stream_per_target(run):
    records = run(TARGETS, allocators=[Fixed()]).records()
    for record in records:
        assert record["stream_powers"] == pytest.approx([14 / 3, 7 / 3], rel=1e-12)


# A sweep of which one point couples


def test_exact_solves_the_point_that_does_not_couple(run):
    comparison = run(
        {
            "channel.users": 5,
            "channel.pilot_length": 2,
            "precoders": ["mrt"],
            "allocators": ["exact", "equal_com"],
            "sweep": {"channel.estimates": ["independent", "physical"]},
        }
    )
    status = comparison.dataset["status"].sel({"precoder": "mrt"})
    solved = status.sel({"channel.estimates": "independent", "allocator": "exact"}).to_numpy()
    assert set(solved) == {"optimal"}
    skipped = {"channel.estimates": "physical", "allocator": "exact"}
    assert set(status.sel(skipped).to_numpy()) == {"skipped"}
    messages = comparison.dataset["message"].sel({"precoder": "mrt"}).sel(skipped).to_numpy()
    assert all("interference that is common to all users" in message for message in messages)
    others = status.sel({"allocator": "equal_com"}).to_numpy()
    assert set(others.flat) == {"feasible"}
    # Alone, the point has the same numbers.
    alone = run(
        {"channel.users": 5, "channel.pilot_length": 2, "precoders": ["mrt"], "allocators": ["exact"]}
    ).dataset["sum_rate"]
    both = comparison.dataset["sum_rate"].sel({"channel.estimates": "independent", "allocator": "exact"})
    np.testing.assert_array_equal(both.to_numpy().ravel(), alone.to_numpy().ravel())


# Input


@pytest.mark.parametrize(
    ("entry", "key", "words"),
    [
        ("stered", "beams[0]", "steered"),
        ({"kind": "diference"}, "beams[0].kind", "difference"),
        ({"kind": "projected", "of": "stered"}, "beams[0].of", "steered"),
        ({"kind": "joined", "beams": ["steered", "rfz"]}, "beams[0].beams[1]", "rzf"),
        ({"kind": "joined", "beams": []}, "beams[0].beams", "empty"),
        ({"kind": "joined"}, "beams[0].beams", ""),
        ({"kind": "difference", "sum_share": 1.0}, "beams[0].sum_share", "less than 1"),
        ({"kind": "rzf", "regularization": 0}, "beams[0].regularization", "greater than 0, got 0"),
        ({"kind": "steered", "direction_deg": [[1.0, 2.0]]}, "beams[0].direction_deg", "directions_deg"),
        ({"kind": "steered", "directions_deg": []}, "beams[0].directions_deg", "must be a nonempty list"),
        (
            {"kind": "steered", "directions_deg": [10.0, 20.0]},
            "beams[0].directions_deg[0]",
            "must be a list, got 10.0",
        ),
        (
            {"kind": "steered", "directions_deg": [[10.0, 20.0], [10.0]]},
            "beams[0].directions_deg[1]",
            "must be [azimuth, elevation] in degrees",
        ),
        (
            {"kind": "difference", "directions_deg": [[10.0, 200.0]]},
            "beams[0].directions_deg[0]",
            "elevation_deg must be a finite number at least -180 and at most 180, got 200.0",
        ),
        ({"kind": "steered", "directions_deg": [["a", 2.0]]}, "beams[0].directions_deg[0][0]", "got 'a'"),
        ({"kind": "steered", "directions_deg": "north"}, "beams[0].directions_deg", "got 'north'"),
        ({"kind": "steered", "directions_deg": [[float("nan"), 2.0]]}, "beams[0].directions_deg[0]", "finite"),
    ],
    ids=str,
)
def test_a_wrong_beam_is_one_line_that_names_the_key(entry, key, words, variant, host_with):
    with pytest.raises(InputError) as caught:
        structure(variant({"beams": [entry]}), host_with())
    assert caught.value.key == key
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "directions_deg must be a nonempty list"),
        ("north", "directions_deg must be a nonempty list, got 'north'"),
        (3.0, "directions_deg must be a nonempty list, got 3.0"),
        ([10.0, 20.0], "directions_deg[0] must be [azimuth, elevation] in degrees, got 10.0"),
        (
            [(1.0, 2.0), (1.0, 2.0, 3.0)],
            "directions_deg[1] must be [azimuth, elevation] in degrees, got (1.0, 2.0, 3.0)",
        ),
        ([("a", 2.0)], "directions_deg[0] must be [azimuth, elevation] in degrees: azimuth_deg must be"),
        ([(0.0, 181.0)], "directions_deg[0] must be [azimuth, elevation] in degrees: elevation_deg must be"),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", [Steered, Difference])
def test_wrong_directions_are_refused_in_python_too(kind, value, message):
    with pytest.raises(InputError) as caught:
        kind(directions_deg=value)
    assert str(caught.value).startswith(message)
    assert kind(directions_deg=np.array([[1.0, 2.0]])) == kind(directions_deg=[(1, 2)])


def test_two_beams_of_a_kind_are_told_apart_by_their_options(run):
    found = run({"beams": [{"kind": "difference", "sum_share": 0.1}, {"kind": "difference", "sum_share": 0.4}]})
    assert found.dataset["beam"].to_numpy().tolist() == ["difference(sum_share=0.1)", "difference(sum_share=0.4)"]
    with pytest.raises(InputError, match=r"^beams\[1\]"):
        run({"beams": ["steered", "steered"]})


def test_beams_of_an_unknown_name_are_refused_in_compare(run):
    with pytest.raises(InputError, match=r"^beams.*did you mean 'steered'"):
        run(beams=["stered"])


def test_a_projection_that_does_not_exist_is_a_skipped_row(run):
    rows = run(
        {"transmit_array": {"kind": "ula", "elements": 3}, "beams": ["projected"], "precoders": ["mrt"]}
    ).records()
    assert {row["status"] for row in rows} == {"skipped"}
    assert all("a projected beam needs more transmit antennas than users" in row["message"] for row in rows)


# Sampled moments

ARRAY = scattered(np.random.default_rng(21), 8)
DIRECTIONS = (
    isacfw.Direction(azimuth_deg=20.0, elevation_deg=70.0),
    isacfw.Direction(azimuth_deg=-30.0, elevation_deg=95.0),
)
STEERING = {
    "steered": Steered(),
    "elsewhere": Steered(directions_deg=((18.0, 80.0),)),
    "difference": Difference(),
    "difference and sum": Difference(sum_share=0.25),
}
ON_LINES = LineOfSight(azimuths_deg=(-30.0, 18.0, 50.0))


@pytest.mark.parametrize("beam", STEERING.values(), ids=STEERING)
def test_interference_on_channels_that_are_only_drawn_is_sampled(beam):
    """The same channels with and without means and covariances in their statistics."""
    told, drawn = (Gaussian(k_factor=1.5, correlation=0.6, told=told) for told in (True, False))
    claim = beam.beam_statistics(scene(with_fading(told, ARRAY), ARRAY, targets=DIRECTIONS))
    found = beam.beam_statistics(scene(with_fading(drawn, ARRAY, seed=5), ARRAY, targets=DIRECTIONS))
    assert claim.standard_error is None
    assert found.standard_error is not None
    error = found.standard_error.stream_interference
    assert (np.abs(found.stream_interference - claim.stream_interference) < 4 * error).all()
    assert (error < 0.02 * claim.stream_interference.max()).all()
    # What does not depend on the channel is not sampled.
    np.testing.assert_array_equal(found.weight_power, claim.weight_power)
    np.testing.assert_array_equal(found.forms, claim.forms)


@pytest.mark.parametrize("beam", STEERING.values(), ids=STEERING)
def test_interference_on_lines_of_random_phase(beam):
    """0.45 of the power, half of what is estimated, comes from a direction; the rest is isotropic."""
    found = beam.beam_statistics(scene(with_fading(ON_LINES, ARRAY, seed=6), ARRAY, targets=DIRECTIONS))
    here = scene(with_fading(ON_LINES, ARRAY), ARRAY, targets=DIRECTIONS)
    weights = beam.weights(here, np.empty(0, dtype=np.complex128))
    powers = (np.abs(weights) ** 2).sum(axis=(0, 2))
    for user, (beta, azimuth) in enumerate(zip(ON_LINES.fading, ON_LINES.azimuths_deg, strict=True)):
        wave = ARRAY.steering_vector(isacfw.Direction(azimuth_deg=azimuth, elevation_deg=80.0))
        line = (np.abs(np.einsum("n,nsr->sr", wave.conj(), weights)) ** 2).sum(axis=-1) / powers
        expected = beta * (0.55 + 0.45 * line)
        error = found.standard_error.stream_interference[0, user]
        assert (np.abs(found.stream_interference[0, user] - expected) < 4 * error).all()


@pytest.mark.parametrize("of", [Steered(), Difference(sum_share=0.2)], ids=["steered", "difference"])
@pytest.mark.parametrize("kind", [Projected, RZFBeam])
def test_closed_forms_on_isotropic_fading_agree_with_sampled_moments(kind, of):
    channel = Rayleigh(large_scale_fading=[1.0, 0.6, 0.3], pilot_length=4, pilot_snr_db=0.0)
    beam = kind(of=of)
    here = scene(with_fading(channel, ARRAY, seed=7), ARRAY, targets=DIRECTIONS)
    claim, found = beam.beam_statistics(here), Beam.beam_statistics(beam, here)
    own = claim.standard_error
    for name in ("stream_interference", "weight_power", "forms"):
        value, expected, error = (np.asarray(getattr(one, name)) for one in (found, claim, found.standard_error))
        spread = np.abs(error) if own is None else np.hypot(np.abs(error), np.abs(getattr(own, name)))
        assert (np.abs(value - expected) <= 4 * spread).all(), name
    # The beam is changed by more than its error.
    original = of.beam_statistics(here)
    assert np.abs(claim.forms - original.forms).max() > 10 * np.abs(found.standard_error.forms).max()


def test_collinear_estimates_are_projected_on_their_span():
    channel = Rayleigh(large_scale_fading=[1.0, 0.6, 0.3], pilot_length=2, pilot_snr_db=0.0, estimates="physical")
    here = scene(with_fading(channel, ARRAY, seed=8), ARRAY, targets=DIRECTIONS)
    claim, found = Projected().beam_statistics(here), Beam.beam_statistics(Projected(), here)
    np.testing.assert_allclose(claim.weight_power, 8 * (8 - 2) / 8 * np.ones((1, 2)), rtol=1e-12)
    for name in ("stream_interference", "weight_power", "forms"):
        value, expected, error = (np.asarray(getattr(one, name)) for one in (found, claim, found.standard_error))
        assert (np.abs(value - expected) <= 4 * np.abs(error)).all(), name


def test_streams_of_joined_beams_are_those_of_its_members():
    here = scene(with_fading(ON_LINES, ARRAY, seed=9, accuracy=0.03), ARRAY, targets=DIRECTIONS)
    members = (
        Steered(directions_deg=((5.0, 80.0),)),
        Projected(of=Difference()),
        Joined(beams=[Difference(sum_share=0.3)]),
    )
    joined = Joined(beams=members).beam_statistics(here)
    alone = [member.beam_statistics(here) for member in members]
    assert joined.streams == sum(one.streams for one in alone) == 9
    for name, axis in (("stream_interference", -1), ("weight_power", -1), ("forms", 1)):
        expected = np.concatenate([getattr(one, name) for one in alone], axis=axis)
        np.testing.assert_allclose(getattr(joined, name), expected, rtol=1e-12, atol=1e-12)
    generator = np.random.default_rng(10)
    estimates = generator.standard_normal((4, 8, 3)) + 1j * generator.standard_normal((4, 8, 3))
    assert Joined(beams=members).weights(here, estimates).shape == (4, 8, 9, 2)


# Beams that break their contract


def beam_class(weights):
    body = {"name": "odd", "weights": weights, "__module__": __name__}
    return attrs.frozen(kw_only=True)(type("Odd", (Beam,), body))


WEIGHTS = {
    "of wrong shape": (lambda self, scene, estimates: estimates[:, :-1], "must return weights of shape"),
    "NaN": (lambda self, scene, estimates: estimates * np.nan, "must return finite weights"),
    "nothing": (lambda self, scene, estimates: None, ""),
    "zero": (lambda self, scene, estimates: 0 * estimates[..., :1], "without"),
    "raised": (lambda self, scene, estimates: [][1], "raised IndexError: list index out of range"),
    "writes": (lambda self, scene, estimates: estimates.__imul__(2), "read-only"),
}


@pytest.mark.parametrize("case", WEIGHTS)
def test_a_beam_that_breaks_the_contract_costs_its_own_rows(case, run):
    weights, words = WEIGHTS[case]
    found = run({"drops": 1, "precoders": ["mrt"]}, beams=["steered", beam_class(weights)()])
    for row in found.records():
        if row["beam"] == "steered":
            assert row["status"] == "feasible"
        else:
            assert row["status"] == "failed"
            assert row["message"].startswith("beam odd of test_beams "), row["message"]
            assert words in row["message"]
            assert "\n" not in row["message"]


def test_a_beam_of_its_own_needs_its_weights_alone(run):
    def toward_the_first_user(self, scene: Scene, estimates: ComplexArray) -> ComplexArray:
        return estimates[..., :1]

    part = beam_class(toward_the_first_user)()
    found = run(
        {"sampling_accuracy": 0.05, "drops": 1, "precoders": ["mrt"]}, beams=[part], allocators=["equal_cs"]
    )
    (record,) = found.records()
    assert record["status"] in ("feasible", "infeasible")
    # Nobody is disturbed by it as much as the first user.
    host_scenario = structure_of(found)
    interference = host_scenario.beam_statistics(part, host_scenario.statistics()).stream_interference[0, :, 0]
    assert np.argmax(interference / host_scenario.statistics().beta[0]) == 0


def structure_of(found: Comparison) -> isacfw.Scenario:
    """Return the scenario of a comparison without its beams, which only this file knows."""
    import tomllib

    document = tomllib.loads(found.dataset.attrs["scenario"])
    document.pop("beams")
    return isacfw.load_scenario(document).scenario


@pytest.mark.slow
def test_moments_of_a_beam_that_do_not_exist_are_a_reason(run):
    def inverse(self, scene: Scene, estimates: ComplexArray) -> ComplexArray:
        return estimates[..., :1] / np.abs(estimates[:, :1, :1]) ** 2

    one = isacfw.load_scenario("nguyen2025").scenario
    one = attrs.evolve(one, drops=1, sampling_accuracy=0.05)
    with pytest.raises(
        IncompatibleError, match=r"moments of odd reached an accuracy of .*sampling_accuracy is too strict"
    ):
        one.beam_statistics(beam_class(inverse)(), one.statistics())


def test_statistics_of_a_beam_are_checked(variant, host_with):
    one = structure(variant(), host_with())

    @final
    @attrs.frozen(kw_only=True)
    class Given(Beam):
        name: ClassVar[str] = "given"
        change: dict[str, object]

        def weights(self, scene: Scene, estimates: ComplexArray) -> ComplexArray:
            raise NotImplementedError

        def beam_statistics(self, scene: Scene) -> isacfw.BeamStatistics:
            return attrs.evolve(Steered().beam_statistics(scene), **self.change)

    for change, words in (
        ({"interference": np.ones((2, 4))}, r"interference of shape \(\.\.\., 3\), got \(2, 4\)"),
        ({"interference": -np.ones((2, 3))}, "interference with finite, nonnegative entries"),
        ({"forms": np.full((1, 1, 3, 3), np.nan)}, "forms with finite"),
        ({"forms": np.ones((1, 1, 6, 6))}, r"forms of shape \(\.\.\., 1, 3, 3\), got \(1, 1, 6, 6\)"),
        ({"forms": np.ones(3)}, r"forms of shape \(\.\.\., S, 3T, 3T\), got \(3,\)"),
        ({"weight_power": np.ones((1, 2))}, r"weight_power of shape \(\.\.\., 1\)"),
        ({"coupling": np.ones((1, 3, 2))}, r"coupling of shape \(\.\.\., 3, 1\)"),
    ):
        with pytest.raises(PluginError, match=f"beam given of test_beams must return {words}") as caught:
            one.beam_statistics(Given(change=change), one.statistics())
        assert "\n" not in str(caught.value)


def test_maximum_ratio_on_isotropic_fading_is_told_apart_from_what_it_was(run):
    """Exact still solves mrt with a steered beam; nothing was sampled for it."""
    one = isacfw.load_scenario("nguyen2025").scenario
    statistics = one.statistics([0])
    link, beam = one.link_statistics(MRT(), statistics), one.beam_statistics(Steered(), statistics)
    assert link.forms is None
    assert link.standard_error is None
    assert beam.standard_error is None
    np.testing.assert_array_equal(beam.interference, statistics.beta)
    problem = one.problem(MRT(), statistics)[0]
    assert problem.fisher_users is None
    assert problem.fisher_streams is None
    assert not problem.coupled
