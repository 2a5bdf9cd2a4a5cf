"""Closed forms of the uplink against drawn channels and simulated OFDM frames, within 4 standard errors."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import isacfw
from isacfw import FloatArray, InputError
from isacfw.simulation import Simulated, UplinkReception

BASE = {
    "link": "uplink",
    "uplink": {"user_snr_db": 12.0, "radar_snr_db": 18.0, "subcarriers": 12, "symbols": 7},
    "precoders": ["mrt", "zf", "osic"],
    "allocators": ["exact"],
    "receive_array": {"kind": "upa", "horizontal": 4, "vertical": 3},
    "targets": [
        {"azimuth_deg": 10.0, "elevation_deg": 80.0, "reflection_amplitude": 0.3},
        {
            "azimuth_deg": -40.0,
            "elevation_deg": 100.0,
            "reflection_amplitude": 0.15,
            "reflection_phase_deg": 70.0,
        },
    ],
    "sensing_noise": {"self_interference_db": -18.0},
}
FADING = {"kind": "rayleigh", "large_scale_fading": [0.5, 0.9, 0.1, 0.25], "pilot_snr_db": -3.0}
X, Q = np.array([1.0, 0.7, 0.9, 0.5]), 0.6


@cache
def reception(precoder: int, estimates: str) -> UplinkReception:
    content = {**BASE, "channel": {**FADING, "estimates": estimates}}
    scenario = isacfw.load_scenario(content).scenario
    return UplinkReception.of(scenario, scenario.precoders[precoder], 0, X, Q)


def require_agreement(found: Simulated, expected: FloatArray) -> None:
    assert (np.abs(found.value - expected) <= 4 * found.standard_error).all(), (found, expected)
    assert (found.standard_error < 0.1 * np.abs(expected)).all()


@pytest.mark.parametrize("estimates", ["independent", "perfect"])
@pytest.mark.parametrize("precoder", [0, 1, 2], ids=["mrt", "zf", "osic"])
def test_sinr_of_drawn_channels(precoder: int, estimates: str) -> None:
    own = reception(precoder, estimates)
    found = own.sinr(4000, np.random.default_rng(1))
    require_agreement(found, own.problem.sinr(X, Q))


def test_without_cancellation_osic_would_be_worse() -> None:
    own = reception(2, "independent")
    found = own.sinr(4000, np.random.default_rng(1)).value
    plain = reception(1, "independent").sinr(4000, np.random.default_rng(1)).value
    last = int(np.argmin(own.scene.statistics.xi))
    assert found[last] > 1.2 * plain[last]


@pytest.mark.parametrize("estimates", ["independent", "perfect"])
def test_error_and_image_of_simulated_frames(estimates: str) -> None:
    own = reception(0, estimates)
    found = own.radar(120, np.random.default_rng(2))
    require_agreement(found.nmse, own.problem.radar_nmse(X, Q))
    require_agreement(found.image_sinr, own.problem.image_sinr(X, Q))


def test_peaks_are_where_the_targets_are() -> None:
    own = reception(0, "perfect")
    generator = np.random.default_rng(3)
    received, estimates, sent = own._received(generator)
    measured = (received - np.einsum("nk,kcm->ncm", estimates, sent.users)) / sent.radar
    for steering, amplitude in zip(own._steering().T, np.abs(own.reflections), strict=True):
        image, exact = (
            np.abs(np.fft.fft(np.fft.ifft(np.tensordot(steering.conj(), one, 1), axis=0) * 12, axis=1))
            for one in (measured, sent.channel)
        )
        assert np.argmax(image) == np.argmax(exact)
        power = float(own.problem.radar_power) * Q
        assert exact.max() == pytest.approx(12 * 12 * 7 * np.sqrt(power) * amplitude)


def test_a_radar_that_is_silent_has_no_image() -> None:
    with pytest.raises(InputError, match="sensing must be greater than 0"):
        UplinkReception.of(*_given(), X, 0.0).radar(2, np.random.default_rng(0))


def _given() -> tuple[isacfw.Scenario, isacfw.Precoder, int]:
    scenario = isacfw.load_scenario({**BASE, "channel": FADING}).scenario
    return scenario, scenario.precoders[0], 0
