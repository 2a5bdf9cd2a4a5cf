"""Beamformers on drawn channels: means and standard errors, pairing, tables, files, and invalid input."""

from __future__ import annotations

import re

import attrs
import numpy as np
import pytest
import xarray

import isacfw
from isacfw import BeamformingProblem, Beams, ExtendedTarget, InputError
from isacfw.report.drawn import mean_and_error
from isacfw.study.figure import make_figure
from isacfw_plugins.beamformers.crb_beams import CrbBeams
from isacfw_plugins.beamformers.fixed_beams import FixedBeams


@attrs.frozen(kw_only=True)
class Fails(isacfw.Beamformer):
    """Raises on channels with a large first entry."""

    name = "fails"

    def solve(self, problem):
        if problem.channels[0, 0].real > 0:
            raise RuntimeError("too large")
        return FixedBeams().solve(problem)


@pytest.fixture(scope="module")
def found():
    return isacfw.beamform("liu2022", ["crb_beams", "fixed_beams"], sinr_db=[0.0, 15.0], draws=5)


def test_everything_has_a_place(found):
    data = found.dataset
    assert dict(data.sizes) == {"beamformer": 2, "sinr_db": 2, "drop": 1, "draw": 5}
    assert data.attrs["title"] == "liu2022: 5 draws of 1 drop, seed 1"
    assert (data["status"].sel(beamformer="crb_beams") == "optimal").all()
    assert (data["crb"].sel(beamformer="crb_beams") <= data["crb"].sel(beamformer="fixed_beams")).all()
    assert data["feasible"].all()
    assert not found.failed


def test_records_are_means_with_standard_errors(found):
    records = found.records()
    assert [(one["sinr_db"], one["beamformer"]) for one in records] == [
        (0.0, "crb_beams"),
        (0.0, "fixed_beams"),
        (15.0, "crb_beams"),
        (15.0, "fixed_beams"),
    ]
    data = found.dataset
    for one in records:
        own = data.sel(beamformer=one["beamformer"], sinr_db=one["sinr_db"])
        crb = own["crb"].to_numpy()[0]
        assert one["crb"] == pytest.approx(crb.mean())
        assert one["crb_standard_error"] == pytest.approx(crb.std(ddof=1) / np.sqrt(5))
        root = np.degrees(np.sqrt(crb))
        assert one["root_crb_deg"] == pytest.approx(root.mean())
        assert one["root_crb_deg_standard_error"] == pytest.approx(root.std(ddof=1) / np.sqrt(5))
        bound = data["bound"].max("beamformer").sel(sinr_db=one["sinr_db"]).to_numpy()[0]
        assert one["excess"] == pytest.approx((crb / bound - 1).mean())
        assert one["gap"] == own["gap"].max()
        assert (one["solved"], one["channels"], one["messages"]) == (5, 5, [])


def test_means_over_drops_have_errors_of_the_means_of_drops():
    values = np.array([[1.0, 3.0], [5.0, np.nan], [9.0, 9.0]])
    mean, error = mean_and_error(values)
    assert mean == pytest.approx((2 + 5 + 9) / 3)
    assert error == pytest.approx(np.std([2, 5, 9], ddof=1) / np.sqrt(3))
    assert np.isnan(mean_and_error(np.full((2, 2), np.nan))).all()
    single, unknown = mean_and_error(np.array([[4.0]]))
    assert single == 4
    assert np.isnan(unknown)


def test_channels_are_those_of_the_seed_and_the_drop(found):
    fewer = isacfw.beamform("liu2022", [CrbBeams(label="mine")], sinr_db=[15.0], draws=2)
    own = found.dataset.sel(beamformer="crb_beams", sinr_db=15.0)
    np.testing.assert_array_equal(fewer.dataset["crb"].to_numpy()[0, 0, 0], own["crb"].to_numpy()[0, :2])
    two = isacfw.load_scenario("liu2022", overrides=["drops = 2"])
    both = isacfw.beamform(two, sinr_db=[15.0], draws=2).dataset["crb"].to_numpy()[0, 0]
    np.testing.assert_array_equal(both[0], own["crb"].to_numpy()[0, :2])
    assert len(np.unique(both)) == 4
    other = isacfw.load_scenario("liu2022", overrides=["seed = 2"])
    assert isacfw.beamform(other, sinr_db=[15.0]).dataset["crb"].item() not in both


def test_the_table_says_what_it_shows(found):
    lines = found.table().splitlines()
    assert lines[0] == "liu2022: 5 draws of 1 drop, seed 1"
    assert " ".join(lines[2].split()) == "SINR ≥ dB beamformer root CRB ° ± s.e. excess % gap solved median time"
    assert lines[4].split()[:2] == ["0", "crb_beams"]
    assert lines[4].split()[4:8] == ["0", "≤", "1e-6", "5/5"]
    assert "†" not in found.table()


def test_an_extended_target_has_its_own_crb():
    found = isacfw.beamform("liu2022", sinr_db=[0.0], draws=2, extended=True)
    (record,) = found.records()
    assert record["crb"] == pytest.approx(20 * 16**2 / 30 / 1000, rel=1e-3)
    assert "root_crb_deg" not in record
    assert "root CRB" not in found.table()


def test_a_failure_costs_its_own_channels_only():
    generator = np.random.default_rng(0)
    channels = generator.standard_normal((6, 8, 2)) + 1j * generator.standard_normal((6, 8, 2))
    problem = BeamformingProblem(
        channels=channels, power=100.0, sinr=2.0, sensed=ExtendedTarget(receive_antennas=8)
    )
    found = isacfw.beamform(problem, [Fails(), "fixed_beams"])
    large = channels[:, 0, 0].real > 0
    assert 0 < large.sum() < 6
    status = found.dataset["status"].to_numpy()
    assert ((status[0, 0, 0] == "failed") == large).all()
    assert np.isin(status[1], ["feasible", "optimal"]).all()
    first, second = found.records()
    assert first["solved"] == 6 - large.sum()
    assert np.isnan(first["excess"])
    assert second["excess"] > 0
    assert first["sinr_db"] == pytest.approx(10 * np.log10(2))
    assert found.failed
    assert "raised RuntimeError: too large" in found.table()
    assert "† mean over solved channels only" in found.table()


def test_a_single_channel_is_a_batch_of_one():
    channels = np.eye(4)[:, :2]
    problem = BeamformingProblem(
        channels=channels, power=9.0, sinr=[1.0, 2.0], sensed=ExtendedTarget(receive_antennas=4)
    )
    calls = []
    found = isacfw.beamform(problem, progress=lambda done, total: calls.append((done, total)))
    assert dict(found.dataset.sizes) == {"beamformer": 1, "sinr_db": 1, "drop": 1, "draw": 1}
    assert np.isnan(found.dataset["sinr_db"].item())
    assert calls == [(1, 1)]


def test_results_are_saved(found, tmp_path):
    files = found.save(tmp_path / "folder")
    assert [path.name for path in files] == [f"beamforming.{one}" for one in ("nc", "csv", "png", "pdf")]
    with xarray.open_dataset(files[0], engine="h5netcdf") as data:
        np.testing.assert_array_equal(data["crb"], found.dataset["crb"])
    lines = files[1].read_text().splitlines()
    assert len(lines) == 5
    assert lines[0].startswith("beamformer,sinr_db,channels,solved,crb,crb_standard_error")
    assert files[2].stat().st_size > 1000


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sinr_db": None}, "sinr_db must be given for a scenario"),
        ({"sinr_db": []}, r"sinr_db must be a nonempty list of numbers from -300 to 300, got \[\]"),
        ({"sinr_db": 3.0}, "sinr_db must be a nonempty list of numbers from -300 to 300, got 3.0"),
        ({"sinr_db": ["high"]}, r"sinr_db must be a nonempty list of numbers from -300 to 300, got \['high'\]"),
        ({"sinr_db": [1e3]}, r"sinr_db must be a nonempty list of numbers from -300 to 300, got \[1000.0\]"),
        ({"draws": 0}, "draws must be an integer from 1 to 1000000, got 0"),
        ({"draws": 1.5}, "draws must be an integer from 1 to 1000000, got 1.5"),
        ({"beamformers": "crb_beams"}, "beamformers must be a list, got the string 'crb_beams'"),
        ({"beamformers": []}, r"beamformers must be a nonempty list, got \[\]"),
        ({"beamformers": ["crb_beam"]}, "beamformers must name a known beamformer, got 'crb_beam'; did you mean"),
        ({"beamformers": [3]}, r"beamformers\[0\] must be a beamformer or a name, got 3"),
        (
            {"beamformers": ["crb_beams", CrbBeams()]},
            "beamformers must have different labels, got crb_beams, crb",
        ),
    ],
)
def test_invalid_input_is_refused_in_one_line(options, words):
    with pytest.raises(InputError, match=f"^{words}"):
        isacfw.beamform(**({"source": "liu2022", "sinr_db": [10.0]} | options))


def test_scenarios_that_do_not_fit_are_refused_in_one_line():
    swept = isacfw.load_scenario("liu2022", overrides=["sweep.snr_db = [10.0, 20.0]"])
    words = "^sweep must have no path but those of requirements for beamforming, got snr_db$"
    with pytest.raises(InputError, match=words):
        isacfw.beamform(swept, sinr_db=[0.0])
    noisy = isacfw.load_scenario("liu2022", overrides=["sensing_noise.self_interference_db = -20"])
    with pytest.raises(InputError, match=r"^sensing_noise must be left out for an extended target$"):
        isacfw.beamform(noisy, sinr_db=[0.0], extended=True)
    louder = isacfw.beamform(noisy, sinr_db=[0.0]).dataset["crb"].item()
    quiet = isacfw.beamform("liu2022", sinr_db=[0.0]).dataset["crb"].item()
    assert louder == pytest.approx(11 * quiet, rel=1e-9)


def test_a_sweep_over_requirements_does_not_count():
    plain = isacfw.load_scenario("liu2022", overrides=["requirements.service={kind='user_rate', minimum=1.0}"])
    swept = attrs.evolve(plain.scenario, sweep={"requirements.service.minimum": (0.5, 1.0)})
    found, own = (isacfw.beamform(one, ["fixed_beams"], sinr_db=[0.0]).dataset for one in (swept, plain))
    np.testing.assert_array_equal(found["crb"], own["crb"])


@pytest.mark.slow
def test_the_figure_draws_means_over_channels():
    steps = []
    data, figures = make_figure(
        isacfw.load_scenario("liu2022"), isacfw.compare, 3, lambda *one: steps.append(one)
    )
    assert steps[-1] == (4, 4)
    assert {data[name].attrs["units"] for name in ("point_crb", "point_bound")} == {"rad^2"}
    assert data["extended_crb"].attrs["units"] == ""
    best = data.sel(beamformer="crb_beams")
    assert (best["point_bound"] >= (1 - 1e-6) * best["point_crb"]).all()
    assert (best["extended_bound"] >= (1 - 1e-6) * best["extended_crb"]).all()
    own = isacfw.beamform("liu2022", sinr_db=[10.0], draws=3).dataset["crb"].to_numpy().ravel()
    np.testing.assert_array_equal(best["point_crb"].sel(users=4, sinr_db=10.0), own)
    first, second = figures[""].axes
    roots = 1e4 * np.degrees(np.sqrt(data["point_crb"])).transpose("users", "beamformer", "sinr_db", "channel")
    drawn = [
        line.get_ydata() for line in first.get_lines() if len(line.get_ydata()) == 5 and line.get_marker() == "o"
    ]
    np.testing.assert_allclose(drawn, roots.mean("channel").to_numpy().reshape(4, 5))
    levels = 10 * np.log10(data["extended_crb"].mean("channel")).transpose("users", "beamformer", "sinr_db")
    drawn = [line.get_ydata() for line in second.get_lines() if line.get_marker() == "o"]
    np.testing.assert_allclose(drawn, levels.to_numpy().reshape(4, 5))


def test_the_command_gives_the_same(found, cli, tmp_path):
    words = ("beamform", "--sinr-db", "0,15", "--draws", "5", "--out", str(tmp_path))
    status, out, err = cli(*words)
    assert status == 0
    assert [line.split()[:5] for line in out.splitlines()[4:6]] == [
        line.split()[:5] for line in found.table().splitlines()[4:6]
    ]
    assert err.count("wrote ") == 4


def test_a_failing_beamformer_is_the_exit_status(cli, tmp_path):
    plugin = tmp_path / "broken.py"
    plugin.write_text(
        "import attrs, isacfw\n\n"
        "@attrs.frozen(kw_only=True)\nclass Broken(isacfw.Beamformer):\n    '''Fails.'''\n    name = 'broken'\n"
        "    def solve(self, problem):\n        return None\n\n"
        "@isacfw.hookimpl\ndef register_beamformers():\n    return [Broken]\n"
    )
    status, out, _ = cli("beamform", "--plugin", str(plugin), "--beamformers", "broken", "--draws", "1")
    assert status == 1
    assert "broken of broken raised TypeError: it must return Beams, got None" in out
    assert cli("beamform", "--sinr-db", "high")[::2] == (
        2,
        "isacfw: --sinr-db must be numbers with commas between them, got 'high'\n",
    )


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda p: Beams(weights=p.channels[:, 0]), r"its weights have shape \(4,\), not \(4, 2\)"),
        (lambda p: Beams(weights=p.channels, sensing=np.ones(4)), r"its sensing beams have shape \(4,\), not"),
        (lambda p: Beams(weights=p.channels, rest=-1.0), "its rest of the power must be nonnegative, got -1.0"),
        (lambda p: Beams(weights=p.channels, status="good"), "its status must be one of optimal, .*, got 'good'"),
        (lambda p: Beams(weights=p.channels, multipliers=np.ones(3)), r"its multipliers have shape \(3,\), not"),
        (lambda p: 3, "it must return Beams, got 3"),
    ],
)
def test_an_answer_of_another_form_is_a_failure(answer, words):
    class Odd(isacfw.Beamformer):
        """Returns what it is told."""

        name = "odd"

        def solve(self, problem):
            return answer(problem)

    problem = BeamformingProblem(
        channels=np.eye(4)[:, :2], power=9.0, sinr=1.0, sensed=ExtendedTarget(receive_antennas=4)
    )
    found = Odd().beamform(problem)
    assert found.status == "failed"
    assert re.search(words, str(found.message))


def test_a_time_limit_stops_a_beamformer():
    class Slow(isacfw.Beamformer):
        """Never returns."""

        name = "slow"

        def solve(self, problem):
            while True:
                pass

    problem = BeamformingProblem(
        channels=np.eye(4)[:, :2], power=9.0, sinr=1.0, sensed=ExtendedTarget(receive_antennas=4)
    )
    found = Slow().beamform(problem, time_limit_s=0.05)
    assert found.status == "timed_out"
    assert "was stopped at its time limit of 0.05 s" in str(found.message)
