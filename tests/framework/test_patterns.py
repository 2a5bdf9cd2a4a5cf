"""Radiation patterns and eigenvalues: against simulated weights, integrals over the sphere, and known values."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

import isacfw
from isacfw import Direction
from isacfw.scenario.cuts import cuts_of
from isacfw.scenario.geometry import array_views, cell_map, target_places
from isacfw.scenario.radiation import radiation_of
from isacfw.sensing.beam_pattern import beam_gains
from isacfw.signal.eigenvalues import correlation_spectrum
from isacfw.signal.pattern import BLOCKS, DropScene, gains_of_weights, precoder_gains, sampled_gains
from isacfw_plugins.arrays.circular import Circular
from isacfw_plugins.arrays.ula import ULA
from isacfw_plugins.arrays.upa import UPA
from isacfw_plugins.beams.difference import Difference
from isacfw_plugins.beams.projected import Projected
from isacfw_plugins.channels.correlated import Correlated
from isacfw_plugins.channels.rayleigh import Rayleigh
from isacfw_plugins.channels.rician import Rician
from isacfw_plugins.channels.tr38901 import TR38901
from isacfw_plugins.precoders.mrt import MRT
from isacfw_plugins.precoders.zf import ZF

CORRELATED = {"kind": "correlated", "users": 3, "spread_deg": 12.0, "base_station_height_m": 25.0}


@pytest.fixture
def drop_scene(variant):
    """Return a function that gives the scenario of a variation and the scene of its first drop."""

    def make(changes=None, *, draws=400, drop=0):
        scenario = isacfw.load_scenario(variant(changes)).scenario
        return scenario, DropScene(scene=scenario.scene(scenario.statistics([drop])), draws=draws)

    return make


def sphere(points=96):
    """Return directions and weights of a rule for the mean over the sphere."""
    cosines, weights = np.polynomial.legendre.leggauss(points)
    azimuths = np.linspace(-180, 180, 2 * points, endpoint=False)
    directions = [
        Direction(azimuth_deg=azimuth, elevation_deg=float(np.degrees(np.arccos(cosine))))
        for cosine in cosines
        for azimuth in azimuths
    ]
    return directions, np.repeat(weights / 2, len(azimuths)) / len(azimuths)


@pytest.mark.parametrize("axis", ["horizontal", "vertical"])
def test_a_line_at_half_a_wavelength_has_a_mean_gain_of_one(axis):
    generator = np.random.default_rng(1)
    weights = generator.normal(size=(7, 3, 2)) + 1j * generator.normal(size=(7, 3, 2))
    directions, rule = sphere(24)
    gains = gains_of_weights(ULA(elements=7, axis=axis), directions, weights)
    np.testing.assert_allclose(rule @ gains, 1, rtol=1e-10)


@pytest.mark.parametrize("array", [UPA(horizontal=3, vertical=4), Circular(elements=8, plane="horizontal")])
def test_the_mean_gain_over_the_sphere_is_that_of_the_elements_correlation(array):
    """An element's field overlaps with another's by sinc of their distance, whatever their places."""
    generator = np.random.default_rng(2)
    weights = generator.normal(size=(array.n_elements, 2)) + 1j * generator.normal(size=(array.n_elements, 2))
    positions = array.centred_positions()
    overlap = np.sinc(np.linalg.norm(positions[:, None] - positions, axis=-1))
    expected = np.einsum("nb,nm,mb->b", weights.conj(), overlap, weights).real / (np.abs(weights) ** 2).sum(
        axis=0
    )
    directions, rule = sphere(32)
    np.testing.assert_allclose(
        rule @ gains_of_weights(array, directions, weights[..., None]), expected, rtol=1e-9
    )


def test_a_steered_beam_has_the_gain_n_at_its_target_and_no_more_elsewhere(drop_scene):
    scenario, drop = drop_scene()
    cut = cuts_of(scenario, drop.scene.statistics)[0]
    gains = beam_gains(isacfw.Steered(), drop, cut.directions)
    assert gains.draws is None
    assert cut.angles_deg[gains.values[:, 0].argmax()] == 20.0
    np.testing.assert_allclose(gains.values.max(), 16, rtol=1e-12)
    np.testing.assert_array_equal(gains.total_error(np.ones(1)), 0)


def test_waveforms_of_a_stream_add_up():
    array, direction = ULA(elements=2), Direction(azimuth_deg=0, elevation_deg=90)
    weights = np.array([[[1.0, 0.0]], [[1.0, 2.0]]], dtype=complex)  # a^H w = 2 and 2, powers 2 and 4
    np.testing.assert_allclose(gains_of_weights(array, [direction], weights), 8 / 6)


def within(found, error, expected, most=4):
    assert (np.abs(found - expected) <= most * error + 1e-9 * np.abs(expected)).all()


@pytest.mark.parametrize(
    "channel",
    [
        {"kind": "rayleigh", "users": 3},
        CORRELATED,
        {"kind": "rician", "users": 3, "k_factor_db": 3.0, "base_station_height_m": 25.0},
    ],
)
def test_closed_forms_of_precoders_agree_with_drawn_weights(drop_scene, channel):
    _, drop = drop_scene({"channel": channel}, draws=4000)
    directions = [Direction(azimuth_deg=a, elevation_deg=e) for a in (-50.0, 0.0, 20.0) for e in (50.0, 92.0)]
    exact, drawn = precoder_gains(MRT(), drop, directions), sampled_gains(MRT(), drop, directions)
    assert exact.draws is None
    assert drawn.draws == 4000
    shares = np.array([0.2, 0.5, 0.3])
    error = drawn.total_error(shares)
    assert (error < 0.1 * exact.total(shares)).all()
    within(drawn.total(shares), error, exact.total(shares))
    for one in np.eye(3):
        within(drawn.total(one), drawn.total_error(one), exact.total(one))


def test_standard_errors_of_sampled_gains_are_those_of_repeated_draws(drop_scene):
    _, drop = drop_scene({"channel": CORRELATED}, draws=200)
    direction, shares = [Direction(azimuth_deg=10, elevation_deg=90)], np.full(3, 1 / 3)
    found = []
    for seed in range(60):
        statistics = drop.scene.statistics
        other = attrs.evolve(statistics, fading=attrs.evolve(statistics.fading, seed=seed))
        again = attrs.evolve(drop, scene=attrs.evolve(drop.scene, statistics=other))
        gains = sampled_gains(MRT(), again, direction)
        found.append((gains.total(shares)[0], gains.total_error(shares)[0]))
    values, errors = np.array(found).T
    # The standard deviation of 60 numbers has a relative error of about 9 %.
    assert errors.mean() == pytest.approx(values.std(ddof=1), rel=0.36)


def test_zero_forcing_on_correlated_fading_is_sampled(drop_scene):
    _, drop = drop_scene({"channel": CORRELATED}, draws=41)
    gains = precoder_gains(ZF(), drop, [Direction(azimuth_deg=0, elevation_deg=90)])
    assert gains.draws == 3 * BLOCKS
    assert gains.values.shape == (1, 3)
    statistics = drop.scene.statistics
    _, estimates = statistics.fading.channel.draw(
        drop.own.statistics, drop.own.array, gains.draws, statistics.fading.simulation_generator(0)
    )
    assert estimates.shape == (60, 16, 3)
    assert (gains.values > 0).all()


def test_a_projected_beam_agrees_with_its_closed_form(drop_scene):
    scenario, drop = drop_scene(draws=4000)
    found = beam_gains(Projected(), drop, [target.direction for target in scenario.sensed])
    forms = scenario.beam_statistics(Projected(), drop.scene.statistics).forms
    assert found.draws == 4000
    within(found.total(np.ones(1)), found.total_error(np.ones(1)), forms[0, 0, 0, 0].real)


def test_a_difference_beam_has_a_null_at_its_target(drop_scene):
    scenario, drop = drop_scene()
    gains = beam_gains(Difference(sum_share=0.0), drop, [target.direction for target in scenario.sensed])
    assert gains.values.max() < 1e-20


def test_weights_that_depend_on_the_targets_are_not_those_for_other_targets(drop_scene):
    """A closed form that is asked for signals elsewhere must not follow the target there."""

    @attrs.frozen(kw_only=True)
    class Avoiding(isacfw.Precoder):
        """MRT with a null at the first target."""

        name = "avoiding"

        def weights(self, scene, estimates):
            steering = scene.basis[:, :1]
            return estimates - steering @ (steering.conj().T @ estimates) / scene.antennas

        def link_statistics(self, scene):
            return isacfw.LinkStatistics(
                signal_gain=np.ones((1, 3)),
                interference_gain=np.ones((1, 3)),
                weight_power=np.ones((1, 3)),
                forms=np.zeros((1, 3, 3 * len(scene.targets), 3 * len(scene.targets)), dtype=complex),
            )

    scenario, drop = drop_scene(draws=40)
    aside = Direction(azimuth_deg=-40, elevation_deg=90)
    gains = precoder_gains(Avoiding(), drop, [scenario.sensed[0].direction, aside])
    assert gains.draws == 40
    assert gains.values[0].max() < 1e-20
    assert gains.values[1].min() > 0.2


def test_parts_that_do_not_exist_are_skipped_and_the_rest_is_drawn(drop_scene):
    scenario, drop = drop_scene(
        {"channel.users": 20, "channel.pilot_length": 30, "beams": ["steered", "projected"]}, draws=20
    )
    found = radiation_of(scenario, drop)
    assert [(curve.label, curve.kind) for curve in found.curves] == [("mrt", "precoder"), ("steered", "beam")]
    assert len(found.skipped) == 2
    assert "zero forcing needs more transmit antennas" in found.skipped[0]
    assert "a projected beam needs more transmit antennas" in found.skipped[1]


@attrs.frozen(kw_only=True)
class Faulty(isacfw.Precoder):
    """A precoder whose moments fail."""

    name = "faulty"

    def weights(self, estimates):
        return estimates

    def link_statistics(self, scene):
        raise ArithmeticError("no moments")


@attrs.frozen(kw_only=True)
class Trusting(Faulty):
    """A precoder that relies on a source of fading."""

    name = "trusting"

    def link_statistics(self, scene):
        assert scene.statistics.fading.accuracy > 0
        return isacfw.Precoder.link_statistics(self, scene)


def test_moments_that_fail_are_not_sampled_instead(drop_scene):
    scenario, drop = drop_scene()
    direction = scenario.target.direction
    with pytest.raises(isacfw.PluginError, match=r"precoder faulty.* raised ArithmeticError: no moments"):
        precoder_gains(Faulty(), drop, [direction])
    assert precoder_gains(Trusting(), drop, [direction]).draws == drop.draws


def test_users_signals_are_shown_one_by_one_for_a_single_precoder(drop_scene):
    scenario, drop = drop_scene({"channel": CORRELATED, "precoders": ["mrt"]})
    curves = radiation_of(scenario, drop).curves
    assert [curve.kind for curve in curves] == ["user"] * 3 + ["precoder", "beam"]
    for cut in range(3):
        each = [curve.gains[cut] for curve in curves[:3]]
        np.testing.assert_allclose(np.mean(each, axis=0), curves[3].gains[cut])
    assert {curve.kind for curve in radiation_of(*drop_scene({"precoders": ["mrt"]})).curves} == {
        "precoder",
        "beam",
    }


def test_allocated_patterns_are_those_of_the_shares(drop_scene):
    scenario, drop = drop_scene({"precoders": ["mrt"], "beams": ["steered", "designed"]})
    (allocator, *_) = scenario.allocators
    found = radiation_of(scenario, drop, allocator=allocator)
    assert found.shares == "shares of the power found by exact"
    problem = scenario.problem(scenario.precoders[0], drop.scene.statistics)
    allocation = allocator.allocate(problem)
    users, sensing = allocation.communication[0].sum(), allocation.sensing[0]
    assert found.curves[0].label == f"mrt, steered: {users:.0%} users, {sensing:.0%} sensing"
    assert 0.01 < sensing < 0.99
    # Users' signals are isotropic, and the beam has the gain N at the target.
    at_target = found.curves[0].gains[0][found.cuts[0].angles_deg == 20.0]
    np.testing.assert_allclose(at_target, users + 16 * sensing, rtol=1e-9)
    assert found.curves[1].label.startswith("mrt, designed: ")


@pytest.mark.parametrize("objective", ["least_power", "least_crlb"])
def test_a_designed_beam_for_given_users_is_drawn_with_an_allocator(drop_scene, objective):
    changes = {
        "precoders": ["mrt"],
        "snr_db": 25.0,
        "sensing.crlb_limit_db": -47.0,
        "beams": ["designed"],
        "objective": objective,
        "requirements": {"service": {"kind": "user_rate", "minimum": 0.05}},
    }
    scenario, drop = drop_scene(changes)
    assert "depends on the users" in radiation_of(scenario, drop).skipped[0]
    found = radiation_of(scenario, drop, allocator=scenario.allocators[0])
    assert not found.skipped
    assert found.curves[0].gains[0].max() > 1


def test_an_allocator_without_answer_is_reported(drop_scene):
    scenario, drop = drop_scene({"sensing.crlb_limit_db": -90.0, "precoders": ["mrt"]})
    found = radiation_of(scenario, drop, allocator=scenario.allocators[0])
    assert not found.curves
    assert "exact: the CRLB limits are infeasible" in found.skipped[0]


def test_cuts_go_through_all_targets_and_the_users(drop_scene):
    targets = [{"azimuth_deg": a, "elevation_deg": e} for a, e in ((20.0, 50.0), (-30.0, 50.0), (20.0, 90.0))]
    scenario, drop = drop_scene({"target": ..., "targets": targets, "channel": CORRELATED})
    found = cuts_of(scenario, drop.scene.statistics)
    median = round(float(np.median(found[-1].users_deg)), 1)
    assert [(cut.varied, cut.fixed_deg) for cut in found] == [
        ("azimuth", 50.0),
        ("azimuth", 90.0),
        ("azimuth", median),
        ("elevation", 20.0),
        ("elevation", -30.0),
    ]
    assert 90 < median < 100
    assert found[0].targets == (("target 1", 20.0), ("target 2", -30.0))
    for cut in found:
        assert {angle for _, angle in cut.targets} <= set(cut.angles_deg.tolist())
        own = [direction.azimuth_deg for direction in cut.directions]
        assert own == (cut.angles_deg.tolist() if cut.varied == "azimuth" else [cut.fixed_deg] * len(own))
    assert found[0].angles_deg[[0, -1]].tolist() == [-90, 90]


def test_whole_turns_are_drawn_where_they_differ(drop_scene):
    circular = {"kind": "circular", "elements": 16}
    known = {"azimuth_deg": 20.0, "elevation_deg": -60.0, "known": ["elevation"]}
    for changes in ({"transmit_array": circular}, {"target": {"azimuth_deg": 120.0, "elevation_deg": 60.0}}):
        found = cuts_of(*_scene_and_statistics(drop_scene(changes)))
        assert found[0].angles_deg[[0, -1]].tolist() == [-180, 180]
    found = cuts_of(*_scene_and_statistics(drop_scene({"target": known})))
    assert found[1].angles_deg[[0, -1]].tolist() == [-180, 180]


def _scene_and_statistics(pair):
    scenario, drop = pair
    return scenario, drop.scene.statistics


def test_marks_of_users_are_their_directions(drop_scene):
    channel = CORRELATED | {"azimuths_deg": [-40.0, 5.0, 55.0], "distances_m": [100.0, 400.0, 900.0]}
    scenario, drop = drop_scene({"channel": channel})
    found = cuts_of(scenario, drop.scene.statistics)
    np.testing.assert_allclose(found[0].users_deg, [-40, 5, 55])
    np.testing.assert_allclose(found[-1].users_deg, 90 + np.degrees(np.arctan(23.5 / np.array([100, 400, 900]))))


@pytest.mark.parametrize(
    "channel",
    [
        {"kind": "rayleigh", "users": 3},
        CORRELATED,
        {"kind": "correlated", "users": 3, "scattering": "exponential"},
        {"kind": "rician", "users": 3, "k_factor_db": 6.0, "scattering": "gaussian"},
    ],
)
def test_eigenvalues_add_up_to_n_beta(drop_scene, channel):
    _, drop = drop_scene({"channel": channel})
    found = correlation_spectrum(drop)
    assert found.draws is None
    np.testing.assert_allclose(found.values.sum(axis=-1), 16 * drop.scene.statistics.beta[0], rtol=1e-9)
    assert (np.diff(found.values, axis=-1) <= 1e-12 * found.values.max()).all()
    np.testing.assert_allclose((10 ** (found.relative_db / 10)).mean(axis=-1), 1, rtol=1e-9)


def test_the_largest_eigenvalue_of_a_line_of_sight_is_that_of_its_mean(drop_scene):
    """Independent scattering of power β/(1 + κ) per antenna, and a mean of power N β κ/(1 + κ)."""
    channel = {"kind": "rician", "users": 3, "k_factor_db": 10 * np.log10(3), "scattering": "independent"}
    _, drop = drop_scene({"channel": channel})
    found = correlation_spectrum(drop).values / drop.scene.statistics.beta[0][:, None]
    np.testing.assert_allclose(found[:, 0], 16 * 3 / 4 + 1 / 4, rtol=1e-9)
    np.testing.assert_allclose(found[:, 1:], 1 / 4, rtol=1e-9)


@attrs.frozen(kw_only=True)
class TwoPowers(isacfw.Channel):
    """Half of the antennas have three times the power of the others; no covariance is given."""

    name = "two_powers"

    def statistics(self, drops, array):
        return isacfw.ChannelStatistics(
            beta=np.full((1, 2), 2.0), xi=np.full((1, 2), 2.0), epsilon=np.full((1, 2), 0.0), prelog=0.9
        )

    def draw(self, statistics, array, draws, generator):
        found = isacfw.complex_normal((draws, array.n_elements, 2), generator)
        found *= np.where(np.arange(array.n_elements) % 2, 1.0, np.sqrt(3))[:, None]
        return found, found


def test_unknown_covariances_are_sampled(drop_scene):
    scenario, _ = drop_scene()
    scenario = attrs.evolve(scenario, channel=TwoPowers())
    drop = DropScene(scene=scenario.scene(scenario.statistics([0])), draws=20_000)
    found = correlation_spectrum(drop)
    assert found.draws == 20_000
    np.testing.assert_allclose(found.values, np.repeat([[3.0] * 8 + [1.0] * 8], 2, axis=0), rtol=0.1)
    assert found.values.sum() == pytest.approx(2 * 16 * 2, rel=0.02)


def test_too_large_matrices_are_refused(drop_scene, monkeypatch):
    monkeypatch.setattr("isacfw.signal.eigenvalues.MOST_OPERATIONS", 2 * 16**3)
    _, drop = drop_scene({"channel": CORRELATED})
    found = correlation_spectrum(drop)
    assert (found.values.shape, found.users) == ((2, 16), 3)
    monkeypatch.setattr("isacfw.signal.eigenvalues.MOST_OPERATIONS", 16**3 - 1)
    with pytest.raises(isacfw.IncompatibleError, match="order 16"):
        correlation_spectrum(drop)


def test_views_of_arrays(drop_scene):
    upright = {"kind": "circular", "elements": 6, "plane": "upright"}
    scenario, _ = drop_scene({"receive_array": upright})
    first, second = array_views(scenario)
    assert (first.across, first.up, first.unit) == ("horizontal", "vertical", "half wavelengths")
    assert first.title == "transmit array: upa, 16 elements"
    assert (second.across, second.up) == ("horizontal", "vertical")
    level = attrs.evolve(scenario, receive_array=Circular(elements=6, plane="horizontal"))
    assert [(view.across, view.up) for view in array_views(level)[1:]] == [("horizontal", "normal")]


@pytest.mark.parametrize(
    ("positions", "planes"),
    [
        ([[0, 0, 0], [0, 1, 1]], [("normal", "vertical")]),
        ([[0, 0, 0], [1, 1, 1], [1, 0, 2]], [("horizontal", "vertical"), ("horizontal", "normal")]),
        ([[2, 3]], [("horizontal", "vertical")]),
    ],
)
def test_views_of_a_user_s_own_array(drop_scene, positions, planes):
    @attrs.frozen(kw_only=True)
    class Own(isacfw.Array):
        """Elements at given places."""

        name = "own"

        def positions(self):
            return np.array(positions, dtype=float)

    scenario = attrs.evolve(drop_scene()[0], transmit_array=Own())
    views = [view for view in array_views(scenario) if view.title.startswith("transmit")]
    assert [(view.across, view.up) for view in views] == planes
    assert views[0].title.endswith("1 element" if len(positions) == 1 else f"{len(positions)} elements")


def test_arrays_with_a_link_budget_are_in_metres(drop_scene):
    budget = {"carrier_hz": 3e9, "bandwidth_hz": 1e7, "transmit_power_dbm": 40.0, "pilot_power_dbm": 20.0}
    scenario, _ = drop_scene({"snr_db": ..., "link_budget": budget})
    (view, _) = array_views(scenario)
    assert view.unit == "m"
    assert np.ptp(view.points[:, 0]) == pytest.approx(3 * 299_792_458 / 3e9 / 2)


def test_cells_have_the_users_of_the_drop(drop_scene):
    scenario, drop = drop_scene({"channel": CORRELATED, "drops": 4}, drop=2)
    cell = cell_map(scenario, drop.scene.statistics, 2)
    every = scenario.statistics().positions[..., [0, 2]]
    np.testing.assert_array_equal(cell.users, every[2])
    np.testing.assert_array_equal(cell.others, every[[0, 1, 3]])
    assert cell.missing == ""
    distances = np.hypot(*np.moveaxis(every, -1, 0))
    assert (distances >= cell.region.inner_m).all()
    assert (distances <= cell.region.outer_m).all()
    azimuths = np.degrees(np.arctan2(every[..., 0], every[..., 1]))
    assert (np.abs(azimuths) <= cell.region.sector_deg / 2).all()


def test_rayleigh_users_have_no_positions(drop_scene):
    scenario, drop = drop_scene()
    cell = cell_map(scenario, drop.scene.statistics, 0)
    assert cell.users is None
    assert cell.missing == "users have no positions, since channel rayleigh has only large-scale fading"
    assert (cell.region.inner_m, cell.region.outer_m, cell.region.sector_deg) == (100, 1000, 360)


def test_regions_of_channels_with_given_users():
    assert Rayleigh(large_scale_fading=(1.0, 2.0)).user_region() is None
    assert Correlated(users=2, large_scale_fading=(1.0, 2.0)).user_region() is None
    given = {"azimuths_deg": (0.0, 10.0), "distances_m": (150.0, 400.0)}
    assert Rician(**given).user_region() is None
    assert Rician(distances_m=(150.0, 400.0), sector_deg=60).user_region() == isacfw.UserRegion(
        inner_m=150, outer_m=400, sector_deg=60
    )
    assert Rician(azimuths_deg=(0.0, 10.0)).user_region() == isacfw.UserRegion(inner_m=100, outer_m=1000)
    assert TR38901(users=2, carrier_hz=1e9, scale_db=0.0).user_region() == isacfw.UserRegion(
        inner_m=35, outer_m=250, sector_deg=120
    )
    with pytest.raises(isacfw.InputError, match="outer_m must be"):
        isacfw.UserRegion(inner_m=0, outer_m=0)


def test_targets_are_at_their_distance_or_have_a_direction_alone(drop_scene):
    targets = [
        {"azimuth_deg": 90.0, "elevation_deg": 30.0, "distance_m": 200.0},
        {"azimuth_deg": -30.0, "elevation_deg": 90.0},
        {"azimuth_deg": 10.0, "elevation_deg": 0.0},
    ]
    receive = {"kind": "upa", "horizontal": 3, "vertical": 3}
    scenario, _ = drop_scene({"target": targets[0], "receive_array": receive})
    (place,) = target_places(scenario)
    assert place.label == "target: azimuth 90°, elevation 30°, 200 m"
    assert place.distance_m == pytest.approx(100)
    np.testing.assert_allclose(place.direction, [1, 0], atol=1e-12)
    scenario, _ = drop_scene({"target": ..., "targets": targets[:2]})
    assert target_places(scenario)[1].distance_m is None
    np.testing.assert_allclose(target_places(scenario)[1].direction, [-0.5, np.sqrt(3) / 2])
    scenario, _ = drop_scene({"target": targets[2]})
    assert target_places(scenario)[0].direction is None
